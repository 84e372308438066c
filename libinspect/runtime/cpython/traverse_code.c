/* SPDX-License-Identifier: MIT */
/*
 * traverse_code.c - an abstract interpreter for the machine code of tp_traverse functions.
 *
 * It follows all paths from the function's entry, with what is known of each register and of each word of the
 * stack (struct value), and joins paths where they meet. Functions that are given the object or what it holds are
 * followed. It gives up, which is always right, as soon as
 *   - an address is used that may lie in the object, but not at a known offset: an array in the object;
 *   - something is loaded through a pointer that the object holds: that may point back into the object, as that of
 *     a container does whose first elements are kept in itself;
 *   - the object's address, or the stack's, or what the object holds, goes where it is not followed: to memory, to
 *     an unknown function, to a register of another kind;
 *   - there is an instruction that a traverse function does not need.
 * What stands at a known address is read in the target: how a function of another library or of a base is found.
 * Pointers that come from elsewhere are taken not to lead to the object.
 */
#include "runtime/cpython/traverse_code.h"

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#include <stdlib.h>

#include "base/array.h"

enum {
	WORD = sizeof(uint64_t),
	REGISTERS = 16,
	STACK_WORDS = 32,              /* of each function's stack that are known */
	INSTRUCTION_LIMIT = 1 << 13,   /* for one type */
	TARGET_INSTRUCTION_LIMIT = 1 << 21, /* for all of them */
	JUNCTION_LIMIT = 256,          /* of a function and its callers: also how deep calls are followed */
	CLASS_LIMIT = 100,             /* of bases */
	INSTRUCTION_SIZE = 16,
};

/* ---- values ---------------------------------------------------------------------------------------- */

enum kind {
	OTHER,    /* nothing that leads to the object */
	CONSTANT, /* the number .number */
	VISIT,    /* the function that tp_traverse is to call */
	ARGUMENT, /* what it is to give to it */
	OBJECT,   /* the address of the object, and .number bytes more */
	FRAME,    /* the address on the stack that the function returns to, and .number bytes more */
	MEMBER,   /* what a word of the object holds */
	DOUBT,    /* any of these */
};

struct value {
	enum kind kind;
	int64_t number;
};

static const struct value other = { OTHER, 0 }, doubt = { DOUBT, 0 };

static struct value constant(uint64_t number)
{
	return (struct value){ CONSTANT, (int64_t)number };
}

static bool is(struct value value, enum kind kind, int64_t number)
{
	return value.kind == kind && value.number == number;
}

/* Does it lead neither to the object nor to the stack? */
static bool is_harmless(struct value value)
{
	return value.kind <= ARGUMENT;
}

/* What is either @a or @b, or made of both. */
static struct value join(struct value a, struct value b)
{
	if (is(a, b.kind, b.number))
		return a;
	if (is_harmless(a) && is_harmless(b))
		return other;
	if ((is_harmless(a) || a.kind == MEMBER) && (is_harmless(b) || b.kind == MEMBER))
		return (struct value){ MEMBER, 0 };
	return doubt;
}

static struct value combine(struct value a, struct value b)
{
	struct value joined = join(a, b);
	return joined.kind == MEMBER ? joined : is_harmless(joined) ? other : doubt;
}

static struct value plus(struct value value, uint64_t number)
{
	if (value.kind == CONSTANT || value.kind == OBJECT || value.kind == FRAME)
		return (struct value){ value.kind, (int64_t)((uint64_t)value.number + number) };
	return number ? combine(value, other) : value;
}

static struct value sum(struct value a, struct value b)
{
	if (b.kind == CONSTANT)
		return plus(a, (uint64_t)b.number);
	return a.kind == CONSTANT ? plus(b, (uint64_t)a.number) : combine(a, b);
}

/* The lower half of it or less. */
static struct value part_of(struct value value)
{
	return is_harmless(value) || value.kind == MEMBER ? other : doubt;
}

/* ---- what is known before an instruction ----------------------------------------------------------- */

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* Sets of registers: a bit for each. System V ABI for AMD64, 3.2.1 and 3.2.3 */
enum {
	ALL_REGISTERS = 0xffff & ~(1 << RSP),
	KEPT_REGISTERS = 1 << RBX | 1 << RBP | 1 << R12 | 1 << R13 | 1 << R14 | 1 << R15, /* by the function called */
	ARGUMENT_REGISTERS = 1 << RDI | 1 << RSI | 1 << RDX | 1 << RCX | 1 << R8 | 1 << R9,
};

enum zero_flag { ZERO_UNKNOWN, ZERO, NOT_ZERO };

struct state {
	struct value registers[REGISTERS];
	struct value stack[STACK_WORDS]; /* at FRAME - 8, FRAME - 16, ... */
	enum zero_flag zero;
};

/* Where paths meet: before the instruction at @address of the function that is being followed. */
struct junction {
	uint64_t address;
	struct state state;
	bool pending; /* it is to be followed from here */
};

struct analysis {
	struct cpython *cpython;
	uint64_t type, class, function;
	struct traverse_code *code;
	csh capstone;
	cs_insn *instruction;
	size_t instructions; /* that have been read */
	struct junction *junctions; /* those of a function behind those of its callers */
	size_t count, capacity;
	bool gave_up;
};

/* One call of a function. */
struct call {
	size_t junctions; /* where its own begin */
	bool returns;
	struct state exit; /* when it returns */
};

static struct value give_up(struct analysis *analysis)
{
	analysis->gave_up = true;
	return doubt;
}

static bool join_into(struct value *value, struct value from)
{
	const struct value before = *value;
	*value = join(before, from);
	return !is(*value, before.kind, before.number);
}

/* Lets @state be what is known where @state and @from meet. Returns whether that is less than before. */
static bool join_states(struct state *state, const struct state *from)
{
	bool changed = state->zero != from->zero && state->zero != ZERO_UNKNOWN;
	for (int i = 0; i < REGISTERS; i++)
		changed |= join_into(&state->registers[i], from->registers[i]);
	for (int i = 0; i < STACK_WORDS; i++)
		changed |= join_into(&state->stack[i], from->stack[i]);
	if (state->zero != from->zero)
		state->zero = ZERO_UNKNOWN;
	return changed;
}

static struct junction *find_junction(const struct analysis *analysis, const struct call *call, uint64_t address)
{
	for (size_t i = call->junctions; i < analysis->count; i++)
		if (analysis->junctions[i].address == address)
			return &analysis->junctions[i];
	return NULL;
}

/* A path comes to @address. */
static void arrive(struct analysis *analysis, const struct call *call, uint64_t address, const struct state *state)
{
	struct junction *junction = find_junction(analysis, call, address);
	if (junction) {
		junction->pending |= join_states(&junction->state, state);
	} else if (analysis->count == JUNCTION_LIMIT ||
		   !array_reserve(analysis->junctions, analysis->count, analysis->capacity)) {
		give_up(analysis);
	} else {
		junction = &analysis->junctions[analysis->count++];
		*junction = (struct junction){ .address = address, .pending = true };
		junction->state = *state;
	}
}

static void leave(struct call *call, const struct state *state)
{
	if (call->returns)
		join_states(&call->exit, state);
	else
		call->exit = *state;
	call->returns = true;
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static bool read_target(struct analysis *analysis, uint64_t address, void *buffer, size_t size)
{
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read(analysis->cpython->target, address, buffer, size);
	return !error;
}

/* The @size bytes at @offset of the object may be visited. */
static void mark(struct analysis *analysis, int64_t offset, int64_t size)
{
	if (offset >= TRAVERSE_WORDS * WORD || size > TRAVERSE_WORDS * WORD) {
		give_up(analysis);
		return;
	}
	int64_t end = (offset + size + WORD - 1) / WORD;
	for (int64_t word = (offset < 0 ? 0 : offset) / WORD; word < end && word < TRAVERSE_WORDS; word++)
		analysis->code->words[word / 64] |= UINT64_C(1) << word % 64;
}

/* The word of @state's stack at @address, or NULL if it is none that is known of. */
static struct value *stack_word(struct state *state, struct value address)
{
	uint64_t below = 0 - (uint64_t)address.number;
	return below % WORD == 0 && below && below <= STACK_WORDS * WORD ? &state->stack[below / WORD - 1] : NULL;
}

static struct value load_from_stack(struct state *state, struct value address, unsigned int size)
{
	struct value whole = plus(address, 0 - ((uint64_t)address.number & (WORD - 1)));
	struct value *word = stack_word(state, whole);
	if (!word || address.number - whole.number + size > WORD)
		return doubt;
	return size == WORD ? *word : part_of(*word);
}

static struct value load(struct analysis *analysis, struct state *state, struct value address, unsigned int size)
{
	uint64_t word;
	if (size > WORD || address.kind == MEMBER || address.kind == DOUBT)
		return give_up(analysis);
	if (address.kind == FRAME)
		return load_from_stack(state, address, size);
	if (address.kind == OBJECT)
		mark(analysis, address.number, size);
	if (size < WORD)
		return other;
	if (address.kind == OBJECT)
		return address.number == analysis->cpython->layout.object_type ? constant(analysis->type) :
										 (struct value){ MEMBER, 0 };
	if (address.kind == CONSTANT && read_target(analysis, (uint64_t)address.number, &word, sizeof(word)))
		return constant(word);
	return other;
}

/* Nothing but the stack is written to: what was read elsewhere would not be true any more. */
static void store(struct analysis *analysis, struct state *state, struct value address, unsigned int size,
		  struct value value)
{
	struct value whole = plus(address, 0 - ((uint64_t)address.number & (WORD - 1)));
	struct value *word = address.kind == FRAME ? stack_word(state, whole) : NULL;
	if (address.kind != FRAME || size > WORD || address.number - whole.number + size > WORD ||
	    (!word && !is_harmless(value)))
		give_up(analysis);
	else if (word)
		*word = size == WORD ? value : part_of(combine(*word, value));
}

/* ---- operands -------------------------------------------------------------------------------------- */

/* The number of the general register that @id is or is a part of; *@size_ret becomes 8, 4 or less. -1 for others. */
static int find_register(unsigned int id, unsigned int *size_ret)
{
	static const struct { uint16_t whole, half, quarter, byte, second; } registers[REGISTERS] = {
		{ X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH },
		{ X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH },
		{ X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH },
		{ X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH },
		{ X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, 0 },
		{ X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, 0 },
		{ X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, 0 },
		{ X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, 0 },
		{ X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, 0 },
		{ X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, 0 },
		{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, 0 },
		{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, 0 },
		{ X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, 0 },
		{ X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, 0 },
		{ X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, 0 },
		{ X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, 0 },
	};
	for (int i = 0; id && i < REGISTERS; i++) {
		*size_ret = id == registers[i].whole ? 8 : id == registers[i].half ? 4 : 1;
		if (*size_ret > 1 || id == registers[i].quarter || id == registers[i].byte || id == registers[i].second)
			return i;
	}
	return -1;
}

static struct value read_register(struct analysis *analysis, const struct state *state, unsigned int id)
{
	unsigned int size;
	int number = find_register(id, &size);
	if (number < 0)
		return give_up(analysis);
	return size == WORD ? state->registers[number] : part_of(state->registers[number]);
}

static void write_register(struct analysis *analysis, struct state *state, unsigned int id, struct value value)
{
	unsigned int size;
	int number = find_register(id, &size);
	if (number < 0) {
		give_up(analysis);
		return;
	}
	struct value *to = &state->registers[number];
	if (size == WORD)
		*to = value;
	else if (size == WORD / 2) /* clears the rest */
		*to = value.kind == CONSTANT ? constant((uint32_t)value.number) : part_of(value);
	else
		*to = part_of(combine(*to, value));
}

static struct value address_of(struct analysis *analysis, const struct state *state, const cs_x86_op *operand)
{
	const x86_op_mem *memory = &operand->mem;
	struct value address = constant((uint64_t)memory->disp);
	if (memory->base == X86_REG_RIP)
		address = plus(address, analysis->instruction->address + analysis->instruction->size);
	else if (memory->base)
		address = sum(read_register(analysis, state, memory->base), address);
	if (memory->index) {
		struct value index = read_register(analysis, state, memory->index);
		if (index.kind == CONSTANT)
			index.number = (int64_t)((uint64_t)index.number * (uint64_t)memory->scale);
		else if (memory->scale != 1)
			index = combine(index, other);
		address = sum(address, index);
	}
	/* a thread's own memory */
	return memory->segment == X86_REG_FS || memory->segment == X86_REG_GS ? combine(address, other) : address;
}

static struct value read_operand(struct analysis *analysis, struct state *state, const cs_x86_op *operand)
{
	switch ((int)operand->type) {
	case X86_OP_REG:
		return read_register(analysis, state, operand->reg);
	case X86_OP_IMM:
		return constant((uint64_t)operand->imm);
	case X86_OP_MEM:
		return load(analysis, state, address_of(analysis, state, operand), operand->size);
	default:
		return give_up(analysis);
	}
}

static void write_operand(struct analysis *analysis, struct state *state, const cs_x86_op *operand, struct value value)
{
	if (operand->type == X86_OP_REG)
		write_register(analysis, state, operand->reg, value);
	else if (operand->type == X86_OP_MEM)
		store(analysis, state, address_of(analysis, state, operand), operand->size, value);
	else
		give_up(analysis);
}

/* ---- calls ----------------------------------------------------------------------------------------- */

static bool follow(struct analysis *analysis, uint64_t address, struct state *state);

/* After a call of a function that is not followed. One of the same library may be known to leave a register alone. */
static void clobber(struct state *state, bool is_visit)
{
	for (int i = 0; i < REGISTERS; i++)
		if ((ALL_REGISTERS & ~KEPT_REGISTERS) >> i & 1)
			state->registers[i] = is_visit || is_harmless(state->registers[i]) ? other : doubt;
	state->zero = ZERO_UNKNOWN;
}

/* Does one of the @registers, or of the words from @begin on the stack on, lead to the object or to the stack? */
static bool has_object(const struct state *state, unsigned int registers, int64_t begin)
{
	for (int i = 0; i < REGISTERS; i++)
		if (registers >> i & 1 && !is_harmless(state->registers[i]))
			return true;
	for (int i = 0; i < STACK_WORDS; i++)
		if (-WORD * (i + 1) >= begin && !is_harmless(state->stack[i]))
			return true;
	return false;
}

/* Is the function that is called now given the object, or what leads to it? */
static bool gives_object(const struct state *state)
{
	struct value top = state->registers[RSP];
	return top.kind != FRAME || has_object(state, ARGUMENT_REGISTERS, top.number);
}

/* Is @function called as a tp_traverse of the object, and that of a base of its class? All that such a function can
 * know of is the base's struct, whose size becomes *@size_ret. PyObject_VisitManagedDict() is called alike, and looks
 * at what is before the struct and behind it. */
static bool is_base_traverse(struct analysis *analysis, const struct state *state, uint64_t function, int64_t *size_ret)
{
	struct cpython *cpython = analysis->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t class = analysis->class, traverse;
	if (function == analysis->function || !is(state->registers[RDI], OBJECT, 0) ||
	    state->registers[RSI].kind != VISIT || state->registers[RDX].kind != ARGUMENT)
		return false;
	*size_ret = 0;
	if (function == cpython->visit_managed_dict)
		return true;
	for (int i = 0; i < CLASS_LIMIT && read_pointer(cpython, class, layout->type_base, &class); i++)
		if (read_pointer(cpython, class, layout->type_traverse, &traverse) && traverse == function)
			return read_ssize(cpython, class, layout->type_basicsize, size_ret) && *size_ret > 0;
	return false;
}

/* Calls @target. Returns whether the call returns. */
static bool call_function(struct analysis *analysis, struct value target, struct state *state)
{
	int64_t size;
	if (target.kind == VISIT || !gives_object(state)) {
		clobber(state, target.kind == VISIT);
		return true;
	}
	if (target.kind != CONSTANT) {
		give_up(analysis);
		return false;
	}
	const struct state before = *state;
	uint64_t address = (uint64_t)target.number;
	bool is_base = is_base_traverse(analysis, state, address, &size);
	bool returns = follow(analysis, address, state);
	if (analysis->gave_up && is_base) {
		analysis->gave_up = false;
		mark(analysis, 0, size);
		*state = before;
		clobber(state, true);
		return true;
	}
	return returns;
}

/* Jumps to @target, within the function or as its last call. */
static void jump(struct analysis *analysis, struct call *call, struct value target, struct state *state)
{
	int64_t size;
	bool is_last = is(state->registers[RSP], FRAME, 0);
	bool is_call = target.kind == VISIT || !has_object(state, ALL_REGISTERS, INT64_MIN) ||
		       (target.kind == CONSTANT && is_base_traverse(analysis, state, (uint64_t)target.number, &size));
	if (is_last && is_call) {
		if (call_function(analysis, target, state))
			leave(call, state);
	} else if (target.kind == CONSTANT) {
		arrive(analysis, call, (uint64_t)target.number, state);
	} else {
		give_up(analysis);
	}
}

/* ---- instructions ---------------------------------------------------------------------------------- */

static void push(struct analysis *analysis, struct state *state, struct value value)
{
	state->registers[RSP] = plus(state->registers[RSP], 0 - (uint64_t)WORD);
	store(analysis, state, state->registers[RSP], WORD, value);
}

static struct value pop(struct analysis *analysis, struct state *state)
{
	struct value value = load(analysis, state, state->registers[RSP], WORD);
	state->registers[RSP] = plus(state->registers[RSP], WORD);
	return value;
}

/* What an instruction that calculates makes of its operands. */
static struct value calculate(struct analysis *analysis, struct state *state, const cs_x86 *x86)
{
	const cs_x86_op *operands = x86->operands;
	unsigned int id = analysis->instruction->id;
	bool same = x86->op_count == 2 && operands[0].type == X86_OP_REG && operands[1].type == X86_OP_REG &&
		    operands[0].reg == operands[1].reg;
	if ((id == X86_INS_XOR || id == X86_INS_SUB) && same)
		return constant(0);
	struct value value = read_operand(analysis, state, &operands[0]);
	struct value second = x86->op_count > 1 ? read_operand(analysis, state, &operands[1]) : constant(1);
	if (id == X86_INS_ADD || id == X86_INS_INC)
		return sum(value, second);
	if ((id == X86_INS_SUB || id == X86_INS_DEC) && second.kind == CONSTANT)
		return plus(value, 0 - (uint64_t)second.number);
	return combine(value, second);
}

/* What `test` or `cmp` finds out. */
static enum zero_flag compare(struct analysis *analysis, struct state *state, const cs_x86_op *operands)
{
	struct value a = read_operand(analysis, state, &operands[0]), b = read_operand(analysis, state, &operands[1]);
	if (a.kind != CONSTANT || b.kind != CONSTANT || operands[0].size != WORD)
		return ZERO_UNKNOWN;
	bool zero = analysis->instruction->id == X86_INS_TEST ? !(a.number & b.number) : a.number == b.number;
	return zero ? ZERO : NOT_ZERO;
}

/* A conditional jump. Returns whether what follows it is reached. */
static bool branch(struct analysis *analysis, const struct call *call, uint64_t target, const struct state *state)
{
	unsigned int id = analysis->instruction->id;
	bool decided = state->zero != ZERO_UNKNOWN && (id == X86_INS_JE || id == X86_INS_JNE);
	bool taken = (state->zero == ZERO) == (id == X86_INS_JE);
	if (!decided || taken)
		arrive(analysis, call, target, state);
	return !decided || !taken;
}

/* Lets @state be what is known after the instruction. Returns whether the next one is reached from it. */
static bool interpret(struct analysis *analysis, struct call *call, struct state *state)
{
	const cs_x86 *x86 = &analysis->instruction->detail->x86;
	const cs_x86_op *operands = x86->operands;
	struct value *registers = state->registers;
	switch (analysis->instruction->id) {
	case X86_INS_NOP: case X86_INS_ENDBR64:
		return true;
	case X86_INS_MOV: case X86_INS_MOVABS: case X86_INS_MOVZX: case X86_INS_MOVSX: case X86_INS_MOVSXD:
		write_operand(analysis, state, &operands[0], read_operand(analysis, state, &operands[1]));
		return true;
	case X86_INS_LEA:
		write_operand(analysis, state, &operands[0], address_of(analysis, state, &operands[1]));
		return true;
	case X86_INS_PUSH:
		push(analysis, state, read_operand(analysis, state, &operands[0]));
		return true;
	case X86_INS_POP:
		write_operand(analysis, state, &operands[0], pop(analysis, state));
		return true;
	case X86_INS_LEAVE:
		registers[RSP] = registers[RBP];
		registers[RBP] = pop(analysis, state);
		return true;
	case X86_INS_TEST: case X86_INS_CMP:
		state->zero = compare(analysis, state, operands);
		return true;
	case X86_INS_ADD: case X86_INS_SUB: case X86_INS_INC: case X86_INS_DEC: case X86_INS_AND: case X86_INS_OR:
	case X86_INS_XOR: case X86_INS_SHL: case X86_INS_SHR: case X86_INS_SAR: case X86_INS_NEG: case X86_INS_NOT:
		state->zero = ZERO_UNKNOWN;
		write_operand(analysis, state, &operands[0], calculate(analysis, state, x86));
		return true;
	case X86_INS_CMOVA: case X86_INS_CMOVAE: case X86_INS_CMOVB: case X86_INS_CMOVBE: case X86_INS_CMOVE:
	case X86_INS_CMOVG: case X86_INS_CMOVGE: case X86_INS_CMOVL: case X86_INS_CMOVLE: case X86_INS_CMOVNE:
	case X86_INS_CMOVNO: case X86_INS_CMOVNP: case X86_INS_CMOVNS: case X86_INS_CMOVO: case X86_INS_CMOVP:
	case X86_INS_CMOVS:
		write_operand(analysis, state, &operands[0], join(read_operand(analysis, state, &operands[0]),
								  read_operand(analysis, state, &operands[1])));
		return true;
	case X86_INS_SETA: case X86_INS_SETAE: case X86_INS_SETB: case X86_INS_SETBE: case X86_INS_SETE:
	case X86_INS_SETG: case X86_INS_SETGE: case X86_INS_SETL: case X86_INS_SETLE: case X86_INS_SETNE:
	case X86_INS_SETNO: case X86_INS_SETNP: case X86_INS_SETNS: case X86_INS_SETO: case X86_INS_SETP:
	case X86_INS_SETS:
		write_operand(analysis, state, &operands[0], other);
		return true;
	case X86_INS_CDQE: case X86_INS_CWDE:
		registers[RAX] = part_of(registers[RAX]);
		return true;
	case X86_INS_CDQ: case X86_INS_CQO:
		registers[RDX] = part_of(registers[RAX]);
		return true;
	case X86_INS_JA: case X86_INS_JAE: case X86_INS_JB: case X86_INS_JBE: case X86_INS_JE: case X86_INS_JG:
	case X86_INS_JGE: case X86_INS_JL: case X86_INS_JLE: case X86_INS_JNE: case X86_INS_JNO: case X86_INS_JNP:
	case X86_INS_JNS: case X86_INS_JO: case X86_INS_JP: case X86_INS_JS:
		return branch(analysis, call, (uint64_t)operands[0].imm, state);
	case X86_INS_JMP:
		jump(analysis, call, read_operand(analysis, state, &operands[0]), state);
		return false;
	case X86_INS_CALL:
		return call_function(analysis, read_operand(analysis, state, &operands[0]), state);
	case X86_INS_RET:
		if (!is(registers[RSP], FRAME, 0))
			give_up(analysis);
		leave(call, state);
		return false;
	case X86_INS_UD2: case X86_INS_HLT: case X86_INS_INT3:
		return false;
	default:
		give_up(analysis);
		return false;
	}
}

/* Reads the instruction at *@address and moves that on. */
static bool decode(struct analysis *analysis, uint64_t *address)
{
	uint8_t bytes[INSTRUCTION_SIZE];
	const uint8_t *code = bytes;
	size_t size = sizeof(bytes);
	while (size && !read_target(analysis, *address, bytes, size))
		size /= 2; /* the memory ends soon */
	return analysis->instructions++ < INSTRUCTION_LIMIT &&
	       analysis->cpython->traverse_instructions++ < TARGET_INSTRUCTION_LIMIT &&
	       cs_disasm_iter(analysis->capstone, &code, &size, address, analysis->instruction);
}

/* Follows the path from the junction number @i to its end, or to where it meets another one. */
static void follow_path(struct analysis *analysis, struct call *call, size_t i)
{
	uint64_t address = analysis->junctions[i].address;
	struct state state = analysis->junctions[i].state;
	analysis->junctions[i].pending = false;
	do {
		if (!decode(analysis, &address))
			give_up(analysis);
		else if (!interpret(analysis, call, &state))
			return;
	} while (!analysis->gave_up && !find_junction(analysis, call, address));
	arrive(analysis, call, address, &state);
}

/* Follows all paths of the function at @address, which is called with @state. Returns whether any comes to its end; then
 * @state is what is known when it has returned. */
static bool follow(struct analysis *analysis, uint64_t address, struct state *state)
{
	struct call call = { .junctions = analysis->count };
	struct state entry = *state;
	for (int i = 0; i < REGISTERS; i++)
		if (entry.registers[i].kind == FRAME) /* another one */
			entry.registers[i] = doubt;
	entry.registers[RSP] = (struct value){ FRAME, 0 };
	for (int i = 0; i < STACK_WORDS; i++)
		entry.stack[i] = other;
	arrive(analysis, &call, address, &entry);
	for (size_t i = call.junctions; i < analysis->count && !analysis->gave_up; i++) {
		if (!analysis->junctions[i].pending)
			continue;
		follow_path(analysis, &call, i);
		i = call.junctions - 1; /* it may have changed any of them */
	}
	analysis->count = call.junctions;
	for (int i = 0; i < REGISTERS && call.returns; i++) {
		struct value value = call.exit.registers[i];
		if (KEPT_REGISTERS >> i & 1 && !is(value, entry.registers[i].kind, entry.registers[i].number))
			give_up(analysis); /* so it does not keep them */
		else if (!(KEPT_REGISTERS >> i & 1) && i != RSP)
			state->registers[i] = value.kind == FRAME ? doubt : value;
	}
	state->zero = ZERO_UNKNOWN;
	return call.returns;
}

void traverse_code_read(struct cpython *cpython, uint64_t type, uint64_t class, uint64_t function,
			struct traverse_code *code)
{
	struct analysis analysis = { .cpython = cpython, .type = type, .class = class, .function = function };
	struct state state = { .zero = ZERO_UNKNOWN };
	analysis.code = code;
	*code = (struct traverse_code){ .known = false };
	if (cpython->target->machine != EM_X86_64 || cs_open(CS_ARCH_X86, CS_MODE_64, &analysis.capstone) != CS_ERR_OK)
		return;
	cs_option(analysis.capstone, CS_OPT_DETAIL, CS_OPT_ON);
	analysis.instruction = cs_malloc(analysis.capstone);
	state.registers[RDI].kind = OBJECT;
	state.registers[RSI].kind = VISIT;
	state.registers[RDX].kind = ARGUMENT;
	if (analysis.instruction)
		code->known = follow(&analysis, function, &state) && !analysis.gave_up;
	if (analysis.instruction)
		cs_free(analysis.instruction, 1);
	cs_close(&analysis.capstone);
	free(analysis.junctions);
}

#else

void traverse_code_read(struct cpython *cpython __attribute__((unused)), uint64_t type __attribute__((unused)),
			uint64_t class __attribute__((unused)), uint64_t function __attribute__((unused)),
			struct traverse_code *code)
{
	*code = (struct traverse_code){ .known = false };
}

#endif
