/* SPDX-License-Identifier: MIT */
/*
 * references_scan.c - the references of objects whose types nobody has described: extension modules' types.
 *
 * What a type says about itself is exact: members that are objects (tp_members), and where its objects have their
 * __dict__. Every other word of the struct, and of the items behind it, is a reference if there is an object where it
 * points, unless other objects of the type have numbers there (see struct scan_statistics). What such an object
 * keeps behind a pointer of its own (an array, a struct of the library that it wraps) is not seen.
 * The getset table says nothing: what a getter reads is up to its code.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "runtime/cpython/scan.h"
#include "runtime/cpython/traverse_code.h"

/* T_OBJECT and T_OBJECT_EX of Include/structmember.h (Py_T_OBJECT_EX of descrobject.h, 3.12) */
enum { MEMBER_OBJECT = 6, MEMBER_OBJECT_EX = 16 };

enum { WORD = sizeof(uint64_t) };

void scan_set_budget(struct cpython *cpython)
{
	enum { TIMES = 16 }; /* that a graph may ask for the same objects */
	const struct inspect_target *target = cpython->target;
	uint64_t size = target->segment_count ? 0 : UINT64_C(1) << 30;
	for (size_t i = 0; i < target->segment_count; i++)
		if (target->segments[i].data && target->segments[i].writable)
			size += target->segments[i].end - target->segments[i].start;
	cpython->scan_budget = size < INT64_MAX / TIMES ? (int64_t)size * TIMES : INT64_MAX;
}

/* ---- binding --------------------------------------------------------------------------------------- */

/* What a class says about its objects' memory. */
struct extent {
	uint64_t flags, traverse;
	int64_t basicsize, itemsize, dict, weaklist; /* offsets; 0: none */
};

static bool read_extent(struct cpython *cpython, uint64_t class, struct extent *extent)
{
	const struct layout *layout = &cpython->layout;
	*extent = (struct extent){ .basicsize = layout->size_of_object };
	if (!class)
		return true;
	read_pointer(cpython, class, layout->type_traverse, &extent->traverse);
	read_ssize(cpython, class, layout->type_dictoffset, &extent->dict);
	read_ssize(cpython, class, layout->type_weaklistoffset, &extent->weaklist);
	return read_pointer(cpython, class, layout->type_flags, &extent->flags) &&
	       read_ssize(cpython, class, layout->type_basicsize, &extent->basicsize) &&
	       read_ssize(cpython, class, layout->type_itemsize, &extent->itemsize) && extent->basicsize > 0 &&
	       extent->basicsize < INT32_MAX && extent->itemsize >= 0 && extent->itemsize < INT32_MAX;
}

/* What stands for a word that is known to be no reference, or given by another step. */
static void no_references(struct visit *visit __attribute__((unused)),
			  const struct reference_step *step __attribute__((unused)))
{
}

/* What a class adds to its base. */
struct part {
	int64_t begin, end; /* of its own struct */
	bool visited;       /* may its traverse function visit any of it? */
};

static unsigned int flags_at(struct binding *binding, const struct part *part, int64_t offset)
{
	return part->visited && binding_may_visit(binding, offset) ? 0 : RUNTIME_UNVISITED;
}

/* Those of all that is at @offset or behind it: items. */
static unsigned int flags_from(struct binding *binding, const struct part *part, int64_t offset)
{
	unsigned int flags = flags_at(binding, part, offset);
	while (flags && (offset += WORD) < TRAVERSE_WORDS * WORD)
		flags = flags_at(binding, part, offset);
	return flags;
}

static void bind_pointer(struct binding *binding, int64_t offset, unsigned int flags, const char *text, uint64_t name)
{
	binding_add(binding, &(struct reference_step){
		.kind = STEP_POINTER,
		.flags = flags,
		.label = text ? RUNTIME_LABEL_TEXT : RUNTIME_LABEL_MEMBER,
		.offset = (int32_t)offset,
		.text = text,
		.value = name,
	});
}

static void bind_nothing(struct binding *binding, int32_t offset)
{
	binding_add(binding, &(struct reference_step){
		.kind = STEP_FUNCTION, .function = no_references, .offset = offset });
}

/* Is the pointer at @offset one of @part? */
static bool is_in(const struct part *part, int64_t offset)
{
	return offset % WORD == 0 && offset >= part->begin && offset <= part->end - WORD;
}

/* Adds the members of @class that are objects. Two may be one pointer by two names. */
static void bind_members(struct binding *binding, struct cpython *cpython, uint64_t class, const struct part *part)
{
	enum { MEMBERS_LIMIT = 1000 };
	const struct layout *layout = &cpython->layout;
	uint64_t member, name;
	int32_t type;
	int64_t offset;
	if (!read_pointer(cpython, class, layout->type_members, &member) || !member ||
	    layout->size_of_member == LAYOUT_ABSENT)
		return;
	for (int i = 0; i < MEMBERS_LIMIT; i++, member += (uint64_t)layout->size_of_member) {
		if (!read_pointer(cpython, member, layout->member_name, &name) || !name)
			return;
		if (!read_int32(cpython, member, layout->member_type, &type) ||
		    !read_ssize(cpython, member, layout->member_offset, &offset))
			return;
		if ((type == MEMBER_OBJECT || type == MEMBER_OBJECT_EX) && is_in(part, offset) &&
		    !binding_has_pointer(binding, (int32_t)offset))
			bind_pointer(binding, offset, flags_at(binding, part, offset), NULL, name);
	}
}

/* Functions that Cython makes pretend to be builtin ones, with themselves as m_self, without counting it
 * (__Pyx_CyFunction_Init() of Cython/Utility/CythonFunction.c). */
static void bind_cython_function(struct binding *binding, struct cpython *cpython, uint64_t class)
{
	static const char *const names[] = { "cython_function_or_method", "fused_cython_function" };
	uint64_t address;
	char *name AUTO_FREE = NULL;
	if (!read_pointer(cpython, class, cpython->layout.type_name, &address))
		return;
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read_string(cpython->target, address, 256, &name);
	if (error)
		return;
	const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name; /* Cython 3: "_cython_3_0_8.…" */
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(last, names[i]) == 0)
			bind_nothing(binding, cpython->layout.builtin_self);
}

static visit_fn scan_struct, scan_items;

static void bind_scan(struct binding *binding, visit_fn *function, unsigned int flags, int64_t begin, int64_t end,
		      int64_t itemsize)
{
	binding_add(binding, &(struct reference_step){
		.kind = STEP_FUNCTION,
		.flags = flags | RUNTIME_GUESSED,
		.function = function,
		.offset = (int32_t)begin,
		.count = (int32_t)end,
		.value = (uint64_t)itemsize,
	});
}

/* Adds scans of the words of @part: one for each run of them that are visited alike. */
static void bind_words(struct binding *binding, const struct part *part)
{
	int64_t begin = part->begin, offset;
	for (; begin + WORD <= part->end; begin = offset) {
		unsigned int flags = flags_at(binding, part, begin);
		for (offset = begin + WORD; offset + WORD <= part->end && flags_at(binding, part, offset) == flags;)
			offset = offset < TRAVERSE_WORDS * WORD ? offset + WORD : part->end; /* behind are all alike */
		bind_scan(binding, scan_struct, flags, begin, offset, 0);
	}
}

/* Has the struct that of its base at its beginning? C types may have others (_io.BytesIO); then their __dict__ or weak
 * references are elsewhere. */
static bool extends_base(const struct extent *own, const struct extent *inherited)
{
	return (inherited->dict <= 0 || own->dict == inherited->dict) &&
	       (inherited->weaklist <= 0 || own->weaklist == inherited->weaklist);
}

bool scan_bind(struct binding *binding, struct cpython *cpython, uint64_t class, uint64_t *base)
{
	struct extent own, inherited;
	if (!read_extent(cpython, class, &own) || !read_extent(cpython, *base, &inherited))
		return false;
	if (!extends_base(&own, &inherited)) {
		*base = 0;
		read_extent(cpython, 0, &inherited);
	}
	struct part part = { .begin = (inherited.basicsize + WORD - 1) / WORD * WORD, .end = own.basicsize };
	bool has_items = own.itemsize && !inherited.itemsize;
	if (has_items && part.begin < cpython->layout.size_of_var)
		part.begin = cpython->layout.size_of_var;
	/* The items of the base begin where its struct ends; those of metatypes are no objects. */
	if (inherited.itemsize && !(own.flags & TPFLAGS_TYPE_SUBCLASS))
		part.end = part.begin;
	/* A traverse function that is its own visits what it has, one that is its base's cannot know of it. */
	part.visited = own.flags & TPFLAGS_HAVE_GC && own.traverse && own.traverse != inherited.traverse;
	if (own.flags & ~inherited.flags & TPFLAGS_MANAGED_DICT)
		binding_add(binding, &(struct reference_step){
			.kind = STEP_FUNCTION,
			.flags = part.visited ? 0 : RUNTIME_UNVISITED,
			.function = managed_dict_references,
		});
	if (part.begin + WORD > part.end && !has_items)
		return false;
	bind_members(binding, cpython, class, &part);
	if (is_in(&part, own.dict) && !binding_has_pointer(binding, (int32_t)own.dict))
		bind_pointer(binding, own.dict, flags_at(binding, &part, own.dict), ".__dict__", 0);
	if (is_in(&part, own.weaklist))
		bind_nothing(binding, (int32_t)own.weaklist);
	bind_cython_function(binding, cpython, class);
	bind_words(binding, &part);
	if (has_items)
		bind_scan(binding, scan_items, flags_from(binding, &part, part.end), 0, part.end, own.itemsize);
	return true;
}

/* ---- learning -------------------------------------------------------------------------------------- */

/* What stands in the words of a type's objects. A word that is an object's address in some of them and a number in others is
 * no reference in any: what looks like one is a number that happens to be an address, or was left over in memory that nobody
 * has written to (the iterators of numpy have arrays for 32 dimensions). So is one that reference counts speak against. Addresses
 * of other things than objects say nothing: one word may be either (a union). This is counted while the objects are found, and
 * used from scan_settle() on; what scan_refute() adds makes the guesses fewer. */
struct scan_statistics {
	size_t count; /* of words */
	struct {
		uint32_t objects, numbers; /* in how many objects this is what stands there; numbers: or no reference */
	} words[];
};

/* Is the word number @i no reference? Few numbers are no evidence: the objects that have them may be damaged. */
static bool is_refuted(const struct scan_statistics *statistics, size_t i)
{
	enum { OBJECTS_PER_NUMBER = 16 };
	return (uint64_t)statistics->words[i].numbers * OBJECTS_PER_NUMBER > statistics->words[i].objects;
}

/* Is @word no address in the target? */
static bool is_number(struct cpython *cpython, uint64_t word)
{
	return word % WORD || (!target_map(cpython->target, word, WORD) && !target_is_lost(cpython->target, word));
}

bool scan_make_statistics(struct cpython *cpython, struct cpython_type *type)
{
	/* of an object, and of all statistics: a damaged heap may have any number of types */
	enum { SIZE_LIMIT = 1 << 16, STATISTICS_LIMIT = 1 << 26 };
	if (!type->scanned || type->basicsize > SIZE_LIMIT)
		return true;
	size_t count = (size_t)type->basicsize / WORD;
	size_t size = sizeof(*type->statistics) + count * sizeof(type->statistics->words[0]);
	if (cpython->scan_statistics_size + size > STATISTICS_LIMIT)
		return true;
	type->statistics = calloc(1, size);
	if (!type->statistics)
		return false;
	type->statistics->count = count;
	cpython->scan_statistics_size += size;
	return true;
}

void scan_learn(struct cpython *cpython)
{
	for (uint32_t i = 0; i < cpython->runtime.type_count; i++) {
		struct scan_statistics *statistics = cpython_type_at(cpython, i)->statistics;
		if (statistics)
			memset(statistics->words, 0, statistics->count * sizeof(statistics->words[0]));
	}
	cpython->scan_settled = false;
}

void scan_settle(struct runtime *runtime)
{
	((struct cpython *)runtime)->scan_settled = true;
}

bool scan_refute(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t word)
{
	struct scan_statistics *statistics = cpython_type_at((struct cpython *)runtime, type)->statistics;
	uint64_t i = (word - address) / WORD;
	if (!statistics || i >= statistics->count)
		return false;
	if (statistics->words[i].numbers < UINT32_MAX)
		statistics->words[i].numbers++;
	return is_refuted(statistics, i);
}

/* Is the @word at @offset of the object a reference? */
static bool is_reference(const struct visit *visit, uint64_t offset, uint64_t word)
{
	struct cpython *cpython = visit->cpython;
	struct scan_statistics *statistics = visit->type->statistics;
	size_t i = offset / WORD;
	if (!word)
		return false;
	if (!statistics || i >= statistics->count)
		return cpython_is_object(cpython, word);
	if (cpython->scan_settled)
		return !is_refuted(statistics, i) && cpython_is_object(cpython, word);
	bool object = cpython_is_object(cpython, word);
	if (object)
		__atomic_fetch_add(&statistics->words[i].objects, 1, __ATOMIC_RELAXED);
	else if (is_number(cpython, word))
		__atomic_fetch_add(&statistics->words[i].numbers, 1, __ATOMIC_RELAXED);
	return object;
}

/* ---- visiting -------------------------------------------------------------------------------------- */

/* Is the word at @offset of the object known by another step? */
static bool is_known(const struct cpython_type *type, uint64_t offset)
{
	for (size_t i = 0; i < type->step_count; i++) {
		const struct reference_step *step = &type->steps[i];
		if ((step->kind == STEP_POINTER || step->function == no_references) && (uint64_t)step->offset == offset)
			return true;
	}
	return false;
}

/* Emits the references among the words of the object from @begin to @end. */
static void scan_words(struct visit *visit, const struct reference_step *step, uint64_t begin, uint64_t end)
{
	enum { CHUNK = 512 };
	uint64_t buffer[CHUNK];
	for (uint64_t offset = begin; offset + WORD <= end;) {
		uint64_t size = (end - offset) / WORD * WORD;
		size = size < sizeof(buffer) ? size : sizeof(buffer);
		const char *words = visit_bytes(visit, visit->address + offset, size, buffer);
		if (!words)
			return;
		for (uint64_t i = 0; i < size; i += WORD) {
			uint64_t word;
			memcpy(&word, words + i, sizeof(word));
			visit_word(visit, visit->address + offset + i);
			if (is_reference(visit, offset + i, word) && !is_known(visit->type, offset + i))
				visit_emit(visit, word, step->flags, RUNTIME_LABEL_OFFSET, offset + i, NULL);
		}
		offset += size;
	}
}

/* May the items of one more object be looked at, @size bytes of them? Real objects do not overlap: all of them together are
 * not larger than the memory. Damaged ones may each claim all of it. */
static bool within_budget(struct cpython *cpython, uint64_t size)
{
	enum { SMALL = 4096 };
	return size <= SMALL || __atomic_sub_fetch(&cpython->scan_budget, (int64_t)size, __ATOMIC_RELAXED) >= 0;
}

void scan_state(struct visit *visit, uint64_t address, int64_t size, unsigned int flags)
{
	static const struct cpython_type nothing_known;
	const struct reference_step step = { .flags = (uint8_t)(flags | RUNTIME_GUESSED) };
	struct visit state = *visit;
	if (!within_budget(visit->cpython, (uint64_t)size)) {
		visit->damaged = true;
		return;
	}
	state.address = address;
	state.bytes = NULL;
	state.type = &nothing_known;
	scan_words(&state, &step, 0, (uint64_t)size);
	visit->damaged |= state.damaged;
	visit->no_memory |= state.no_memory;
}

/* The step: the struct's words from step->offset to step->count. */
static void scan_struct(struct visit *visit, const struct reference_step *step)
{
	scan_words(visit, step, (uint64_t)step->offset, (uint64_t)step->count);
}

/* The step: ob_size items of step->value bytes, from step->count on. */
static void scan_items(struct visit *visit, const struct reference_step *step)
{
	const int64_t limit = INT64_C(1) << 43;
	int64_t count;
	if (!visit_ssize(visit, visit->address, visit->layout->var_size, &count))
		return;
	count = count < 0 ? -count : count;
	if (count < 0 || count > limit / (int64_t)step->value) {
		visit->damaged = true;
		return;
	}
	uint64_t begin = ((uint64_t)step->count + WORD - 1) / WORD * WORD;
	uint64_t end = (uint64_t)step->count + (uint64_t)count * step->value;
	if (begin >= end)
		return;
	if (target_has(visit->cpython->target, visit->address + begin, end - begin) &&
	    within_budget(visit->cpython, end - begin))
		scan_words(visit, step, begin, end);
	else
		visit->damaged = true;
}
