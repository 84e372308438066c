/* SPDX-License-Identifier: MIT */
/*
 * references_frames.c - what frames and generators hold: local variables, cells and the stack.
 *
 * A frame that runs keeps the height of its stack in a register or on the C stack: up to 3.9 f_stacktop is NULL then,
 * in 3.10 f_stackdepth and in 3.11 to 3.13 stacktop negative; tp_traverse then passes over the stack (from 3.11 on over
 * the variables, too). All the stack has room for is taken as guessed then: what is above its top is out of date. From
 * 3.14 on stackpointer is written before each call of C code.
 */
#include "runtime/cpython/frames.h"

/* More than this nobody's code has (a function that is 1 GiB long): the bound for damaged ones. */
static const int64_t slots_limit = 1 << 24;

/* The lowest bits of a reference on the stack: internal/pycore_stackref.h, 3.14. */
enum {
	STACKREF_TAGS = 3,
	STACKREF_COUNTED = 0,
	STACKREF_BORROWED = 1, /* or of an immortal object; alone: NULL */
};

/* co_localspluskinds: internal/pycore_code.h, 3.11 */
enum { FAST_CELL = 0x40, FAST_FREE = 0x80 };

/* ---- the variables' names ---- */

/* What the code object says about the variables of its frames; each kind follows the one before it. */
struct variables {
	struct names {
		uint64_t items; /* address of the first name */
		int64_t count;
		const char *text;
	} names[3];
	uint64_t kinds; /* address of a byte for each, or 0 */
};

static void read_names(struct visit *visit, uint64_t code, int32_t offset, const char *text, struct names *names)
{
	uint64_t tuple;
	names->text = text;
	if (!visit_pointer(visit, code, offset, &tuple) ||
	    !visit_ssize(visit, tuple, visit->layout->var_size, &names->count) || names->count < 0 ||
	    names->count > slots_limit)
		names->count = 0;
	names->items = tuple + (uint64_t)visit->layout->tuple_items;
}

static void read_variables(struct visit *visit, uint64_t code, struct variables *variables)
{
	const struct layout *layout = visit->layout;
	uint64_t kinds;
	*variables = (struct variables){ 0 };
	if (layout->code_localsplusnames == LAYOUT_ABSENT) {
		read_names(visit, code, layout->code_varnames, "local", &variables->names[0]);
		read_names(visit, code, layout->code_cellvars, "cell", &variables->names[1]);
		read_names(visit, code, layout->code_freevars, "free", &variables->names[2]);
		return;
	}
	read_names(visit, code, layout->code_localsplusnames, "local", &variables->names[0]);
	if (layout->bytes_data != LAYOUT_ABSENT && visit_pointer(visit, code, layout->code_localspluskinds, &kinds))
		variables->kinds = kinds + (uint64_t)layout->bytes_data;
}

/* What slot @slot is called, of which the first @variable_count are variables. */
static struct runtime_label slot_label(struct visit *visit, const struct variables *variables, int64_t slot,
				       int64_t variable_count)
{
	if (slot >= variable_count)
		return (struct runtime_label){ .kind = RUNTIME_LABEL_INDEX, .value = (uint64_t)(slot - variable_count), .text = "stack" };
	int64_t number = slot;
	for (size_t i = 0; i < 3; number -= variables->names[i++].count) {
		const struct names *names = &variables->names[i];
		uint64_t name;
		uint8_t kind = 0;
		if (number >= names->count)
			continue;
		if (variables->kinds)
			visit_byte(visit, variables->kinds + (uint64_t)slot, 0, &kind);
		if (!visit_pointer(visit, names->items + (uint64_t)number * sizeof(name), 0, &name))
			break;
		return (struct runtime_label){
			.kind = RUNTIME_LABEL_ATTRIBUTE,
			.value = name,
			.text = kind & FAST_FREE ? "free" : kind & FAST_CELL ? "cell" : names->text,
		};
	}
	return (struct runtime_label){ .kind = RUNTIME_LABEL_INDEX, .value = (uint64_t)slot, .text = "local" };
}

/* ---- variables and stack ---- */

/* The words of a frame that are its variables and then its stack. */
struct slots {
	uint64_t address, code;
	int64_t variables; /* so many are variables */
	int64_t used;      /* so many are in use: variables, and the stack as far as its height is known */
	int64_t limit;     /* so many there are */
	unsigned int flags; /* of those in use */
};

/* Emits what is in @slot. */
static void emit_slot(struct visit *visit, const struct slots *slots, int64_t slot, uint64_t word,
		      const struct variables *variables)
{
	unsigned int flags = slots->flags;
	if (slot >= slots->used)
		flags = RUNTIME_UNVISITED | RUNTIME_GUESSED;
	if (cpython_at_least(visit->cpython, 3, 14)) {
		unsigned int tag = word & STACKREF_TAGS;
		if (tag > STACKREF_BORROWED)
			return; /* a small number, or a pointer that is no object's */
		flags |= tag == STACKREF_BORROWED ? RUNTIME_UNCOUNTED : 0;
		word &= ~(uint64_t)STACKREF_TAGS;
	}
	if (!word || (word % sizeof(uint64_t) && flags & RUNTIME_GUESSED))
		return;
	struct runtime_label label = { 0 };
	if (visit->references->labelled)
		label = slot_label(visit, variables, slot, slots->variables);
	visit_word(visit, slots->address + (uint64_t)slot * sizeof(uint64_t));
	visit_emit(visit, word, flags, label.kind, label.value, label.text);
}

static void emit_slots(struct visit *visit, const struct slots *slots)
{
	enum { CHUNK = 64 };
	struct variables variables;
	uint64_t buffer[CHUNK];
	if (slots->limit < 0 || slots->used > slots->limit || slots->limit > slots_limit) {
		visit->damaged = true;
		return;
	}
	if (visit->references->labelled)
		read_variables(visit, slots->code, &variables);
	for (int64_t i = 0; i < slots->limit && !visit->no_memory;) {
		int64_t part = slots->limit - i < CHUNK ? slots->limit - i : CHUNK;
		const char *words = visit_bytes(visit, slots->address + (uint64_t)i * sizeof(uint64_t),
						(size_t)part * sizeof(uint64_t), buffer);
		if (!words)
			return;
		memcpy(buffer, words, (size_t)part * sizeof(uint64_t));
		for (int64_t j = 0; j < part; j++)
			emit_slot(visit, slots, i + j, buffer[j], &variables);
		i += part;
	}
}

static bool read_stacksize(struct visit *visit, uint64_t code, int64_t *stacksize_ret)
{
	int32_t stacksize;
	if (!visit_int(visit, code, visit->layout->code_stacksize, &stacksize))
		return false;
	*stacksize_ret = stacksize;
	visit->damaged |= stacksize < 0;
	return stacksize >= 0;
}

/* ---- frame objects up to 3.10: Objects/frameobject.c, frame_traverse() ---- */

static bool frame_is_running(struct visit *visit)
{
	enum { FRAME_EXECUTING = 0 }; /* f_state, 3.10: Include/cpython/frameobject.h */
	uint8_t state;
	if (visit->layout->frame_state != LAYOUT_ABSENT)
		return visit_byte(visit, visit->address, visit->layout->frame_state, &state) && state == FRAME_EXECUTING;
	return visit_byte(visit, visit->address, visit->layout->frame_executing, &state) && state;
}

/* How many values are on the stack at @stack; -1: unknown. */
static int64_t frame_stack_height(struct visit *visit, uint64_t stack)
{
	uint64_t top;
	int32_t depth;
	if (visit->layout->frame_stackdepth != LAYOUT_ABSENT)
		return visit_int(visit, visit->address, visit->layout->frame_stackdepth, &depth) ? depth : -1;
	if (!visit_pointer(visit, visit->address, visit->layout->frame_stacktop, &top) || !top)
		return -1;
	int64_t height = (int64_t)(top - stack) / (int64_t)sizeof(uint64_t);
	visit->damaged |= height < 0;
	return height;
}

static void old_frame_references(struct visit *visit)
{
	const struct layout *layout = visit->layout;
	uint64_t stack;
	int64_t stacksize;
	struct slots slots = { .address = visit->address + (uint64_t)layout->frame_localsplus };
	if (!visit_pointer(visit, visit->address, layout->frame_code, &slots.code) ||
	    !visit_pointer(visit, visit->address, layout->frame_valuestack, &stack) ||
	    !read_stacksize(visit, slots.code, &stacksize))
		return;
	slots.variables = (int64_t)(stack - slots.address) / (int64_t)sizeof(uint64_t);
	int64_t height = frame_stack_height(visit, stack);
	slots.used = slots.limit = slots.variables + (height > 0 ? height : 0);
	if (height > stacksize)
		visit->damaged = true;
	else if (height < 0 && frame_is_running(visit))
		slots.limit += stacksize;
	if (slots.variables < 0)
		visit->damaged = true;
	else
		emit_slots(visit, &slots);
}

/* ---- interpreter frames: Python/frame.c, _PyFrame_Traverse() ---- */

/* Reads the slots of the frame at @frame: up to 3.13 stacktop counts them, from 3.14 on stackpointer is their end. */
static bool read_slots(struct visit *visit, uint64_t frame, struct slots *slots)
{
	const struct layout *layout = visit->layout;
	int32_t variables, top = -1;
	int64_t stacksize;
	uint64_t pointer;
	slots->code = interpreter_frame_code(visit, frame);
	slots->address = frame + (uint64_t)layout->interpreter_frame_localsplus;
	if (!slots->code || !visit_int(visit, slots->code, layout->code_nlocalsplus, &variables) ||
	    !read_stacksize(visit, slots->code, &stacksize))
		return false;
	slots->variables = variables;
	slots->limit = variables + stacksize;
	slots->used = -1;
	if (layout->interpreter_frame_stackpointer != LAYOUT_ABSENT) {
		if (visit_pointer(visit, frame, layout->interpreter_frame_stackpointer, &pointer) && pointer)
			slots->used = (int64_t)(pointer - slots->address) / (int64_t)sizeof(uint64_t);
		visit->damaged |= pointer && pointer < slots->address;
	} else if (visit_int(visit, frame, layout->interpreter_frame_stacktop, &top) && top >= 0) {
		slots->used = top;
	}
	if (slots->used >= 0) {
		slots->limit = slots->used <= slots->limit ? slots->used : -1;
	} else {
		slots->used = slots->variables;
		slots->flags = RUNTIME_UNVISITED;
	}
	return !visit->damaged;
}

/* Emits a reference that is tagged from 3.14 on; *@target_ret (may be NULL): to what. */
static void visit_tagged(struct visit *visit, uint64_t address, int32_t offset, unsigned int flags, const char *text)
{
	uint64_t word;
	if (!visit_pointer(visit, address, offset, &word))
		return;
	if (cpython_at_least(visit->cpython, 3, 14)) {
		flags |= (word & STACKREF_TAGS) == STACKREF_BORROWED ? RUNTIME_UNCOUNTED : 0;
		word &= ~(uint64_t)STACKREF_TAGS;
	}
	visit_emit(visit, word, flags, RUNTIME_LABEL_TEXT, 0, text);
}

uint64_t interpreter_frame_code(struct visit *visit, uint64_t frame)
{
	uint64_t code;
	if (!visit_pointer(visit, frame, visit->layout->interpreter_frame_code, &code))
		return 0;
	return code & ~(uint64_t)STACKREF_TAGS;
}

const struct frame_labels frame_object_labels = { "frame object", ".f_code", ".f_locals" };

void visit_interpreter_frame(struct visit *visit, uint64_t frame, const struct frame_labels *labels)
{
	const struct layout *layout = visit->layout;
	struct slots slots = { 0 };
	visit_member(visit, frame, layout->interpreter_frame_object, 0, labels->object);
	visit_member(visit, frame, layout->interpreter_frame_locals, 0, labels->locals);
	visit_tagged(visit, frame, layout->interpreter_frame_function, 0, "function");
	visit_tagged(visit, frame, layout->interpreter_frame_code, 0, labels->code);
	if (read_slots(visit, frame, &slots))
		emit_slots(visit, &slots);
}

void frame_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	const struct layout *layout = visit->layout;
	uint64_t frame;
	uint8_t owner;
	if (layout->frame_frame == LAYOUT_ABSENT)
		old_frame_references(visit);
	else if (visit_pointer(visit, visit->address, layout->frame_frame, &frame) &&
		 visit_byte(visit, frame, layout->interpreter_frame_owner, &owner) &&
		 owner == FRAME_OWNED_BY_FRAME_OBJECT)
		visit_interpreter_frame(visit, frame, &frame_object_labels);
}

/* ---- generators: Objects/genobject.c, gen_traverse() ---- */

static void visit_own_frame(struct visit *visit, const struct frame_labels *labels)
{
	const struct layout *layout = visit->layout;
	const struct cpython *cpython = visit->cpython;
	const uint8_t cleared = cpython_at_least(cpython, 3, 15) ? 5 : 4; /* FRAME_CLEARED: internal/pycore_frame.h */
	uint8_t state;
	if (layout->generator_frame == LAYOUT_ABSENT ||
	    !visit_byte(visit, visit->address, layout->generator_frame_state, &state))
		return;
	uint64_t frame = visit->address + (uint64_t)layout->generator_frame;
	if (state != cleared)
		visit_interpreter_frame(visit, frame, labels);
	else if (cpython_at_least(cpython, 3, 12)) /* the code stays, and is visited since 3.14 */
		visit_tagged(visit, frame, layout->interpreter_frame_code,
			     cpython_at_least(cpython, 3, 14) ? 0 : RUNTIME_UNVISITED, labels->code);
}

void generator_frame_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	static const struct frame_labels labels = { ".gi_frame", ".gi_code", "locals" };
	visit_own_frame(visit, &labels);
}

void coroutine_frame_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	static const struct frame_labels labels = { ".cr_frame", ".cr_code", "locals" };
	visit_own_frame(visit, &labels);
}

void async_generator_frame_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	static const struct frame_labels labels = { ".ag_frame", ".ag_code", "locals" };
	visit_own_frame(visit, &labels);
}
