/* SPDX-License-Identifier: MIT */
/*
 * references.c - binding types to the steps by which their objects are visited, and visiting.
 */
#include "runtime/cpython/references.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/names.h"
#include "runtime/cpython/scan.h"
#include "runtime/cpython/traverse_code.h"
#include "runtime/label.h"

/* ---- reading for functions ------------------------------------------------------------------------- */

bool visit_pointer(struct visit *visit, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	visit_word(visit, address + (uint64_t)(int64_t)offset);
	bool readable = read_pointer(visit->cpython, address, offset, value_ret);
	visit->damaged |= !readable && offset != LAYOUT_ABSENT;
	return readable;
}

bool visit_ssize(struct visit *visit, uint64_t address, int32_t offset, int64_t *value_ret)
{
	bool readable = read_ssize(visit->cpython, address, offset, value_ret);
	visit->damaged |= !readable && offset != LAYOUT_ABSENT;
	return readable;
}

bool visit_int(struct visit *visit, uint64_t address, int32_t offset, int32_t *value_ret)
{
	bool readable = read_int32(visit->cpython, address, offset, value_ret);
	visit->damaged |= !readable && offset != LAYOUT_ABSENT;
	return readable;
}

bool visit_byte(struct visit *visit, uint64_t address, int32_t offset, uint8_t *value_ret)
{
	bool readable = read_uint8(visit->cpython, address, offset, value_ret);
	visit->damaged |= !readable && offset != LAYOUT_ABSENT;
	return readable;
}

const void *visit_bytes(struct visit *visit, uint64_t address, size_t size, void *buffer)
{
	const void *bytes = target_map(visit->cpython->target, address, size);
	if (bytes)
		return bytes;
	if (read_field_slow(visit->cpython, address, buffer, size))
		return buffer;
	visit->damaged = true;
	return NULL;
}

void visit_member(struct visit *visit, uint64_t address, int32_t offset, unsigned int flags, const char *text)
{
	uint64_t target;
	if (visit_pointer(visit, address, offset, &target))
		visit_emit(visit, target, flags, RUNTIME_LABEL_TEXT, 0, text);
}

void visit_array(struct visit *visit, uint64_t address, int64_t count, unsigned int flags,
		 enum runtime_label_kind kind, const char *text)
{
	enum { CHUNK = 512 };
	uint64_t buffer[CHUNK];
	const int64_t limit = INT64_C(1) << 43;
	if (count < 0 || count > limit) {
		visit->damaged = true;
		return;
	}
	const char *all = target_map(visit->cpython->target, address, (uint64_t)count * sizeof(uint64_t));
	for (int64_t i = 0; i < count && !visit->no_memory;) {
		int64_t part = all ? count : count - i < CHUNK ? count - i : CHUNK;
		const char *words = all;
		if (!all)
			words = visit_bytes(visit, address + (uint64_t)i * sizeof(uint64_t),
					    (size_t)part * sizeof(uint64_t), buffer);
		if (!words || !visit_look(visit, (uint64_t)part))
			return;
		for (int64_t j = 0; j < part && !visit->no_memory; j++) {
			uint64_t target;
			memcpy(&target, words + (uint64_t)j * sizeof(target), sizeof(target));
			visit_word(visit, address + (uint64_t)(i + j) * sizeof(target));
			visit_emit(visit, target, flags, kind, kind == RUNTIME_LABEL_INDEX ? (uint64_t)(i + j) : 0, text);
		}
		i += part;
	}
}

/* ---- what references.def says ---------------------------------------------------------------------- */

/* A step whose offsets are places in struct layout; 0 is none (object_refcnt is nobody's). */
struct described_step {
	enum step_kind kind;
	unsigned int flags;
	enum runtime_label_kind label;
	size_t offset, count;
	const char *text;
	visit_fn *function;
	bool extends; /* the base's steps follow */
	bool last;
};

#define PLACE(name) offsetof(struct layout, name)
#define V(major, minor) ((major) << 24 | (minor) << 16)
#define UNVISITED_BEFORE(major, minor) (V(major, minor) | RUNTIME_UNVISITED)
#define UNCOUNTED_BEFORE(major, minor) (V(major, minor) | RUNTIME_UNCOUNTED)
#define UNVISITED_WITHOUT(fix) ((fix) << 8 | RUNTIME_UNVISITED)

#define STRUCT(name, types) static const struct described_step name##_steps[] = {
#define LAID_OUT(name) static const struct described_step name##_steps[] = {
#define UNSIZED(name) static const struct described_step name##_steps[] = {
#define REFERENCE(name, types, members, label, flags) \
	{ STEP_POINTER, flags, RUNTIME_LABEL_TEXT, PLACE(name), 0, label, NULL, false, false },
#define MEMBER(name, label, flags) { STEP_POINTER, flags, RUNTIME_LABEL_TEXT, PLACE(name), 0, label, NULL, false, false },
#define ITEMS(name, flags) { STEP_ITEMS, flags, RUNTIME_LABEL_INDEX, PLACE(name), 0, NULL, NULL, false, false },
#define ARRAY(name, count, flags) \
	{ STEP_ARRAY, flags, RUNTIME_LABEL_INDEX, PLACE(name), PLACE(count), NULL, NULL, false, false },
#define FUNCTION(name) { STEP_FUNCTION, 0, RUNTIME_LABEL_NONE, 0, 0, NULL, name##_references, false, false },
#define EXTENDS() { .extends = true, .last = true },
#define END_STRUCT(name) { .last = true } };
#include "runtime/cpython/references.def"

/* Where struct layout has the size of each described struct. */
enum described_size {
#define STRUCT(name, types) name##_size = PLACE(size_of_##name),
#define LAID_OUT(name) name##_size = PLACE(size_of_##name),
#define UNSIZED(name) name##_size = 0,
#include "runtime/cpython/references.def"
};

struct described_type {
	const char *name; /* tp_name */
	const struct described_step *steps; /* NULL: it refers to nothing */
	size_t size;      /* where struct layout has the size of its struct; 0: it is not compared */
	uint32_t first, last; /* versions; 0: all */
};

static const struct described_type described_types[] = {
#define TYPE(type, name, first, last) { type, name##_steps, name##_size, first, last },
#define PLAIN(type) { type, NULL, 0, 0, 0 },
#include "runtime/cpython/references.def"
};

/* States of modules, by m_name; the size is the m_size. */
static const struct described_type described_modules[] = {
#define MODULE(module, name, first, last) { module, name##_steps, name##_size, first, last },
#include "runtime/cpython/references.def"
	{ "", NULL, 0, 0, 0 },
};

/* Types of C whose tp_traverse passes over the type. */
static const struct described_type unvisited_types[] = {
#define UNVISITED_TYPE(type, first, last) { type, NULL, 0, first, last },
#include "runtime/cpython/references.def"
	{ "", NULL, 0, 0, 0 },
};

/* Types of C on the heap whose objects do not hold them. */
static const struct described_type borrowed_types[] = {
#define BORROWED_TYPE(type, first, last) { type, NULL, 0, first, last },
#include "runtime/cpython/references.def"
	{ "", NULL, 0, 0, 0 },
};

static bool in_versions(const struct cpython *cpython, const struct described_type *described)
{
	return cpython->version >= described->first && (!described->last || cpython->version < described->last);
}

static int32_t layout_value(const struct cpython *cpython, size_t place)
{
	int32_t value;
	memcpy(&value, (const char *)&cpython->layout + place, sizeof(value));
	return value;
}

/* ---- binding --------------------------------------------------------------------------------------- */

/* A type whose steps are being found: it and then its bases. */
struct binding {
	struct cpython *cpython;
	struct cpython_type *type;
	size_t capacity;
	bool no_memory;
	uint64_t class, traverse; /* the first C class on the way, and its tp_traverse, which visits the objects; 0: none */
	bool has_code;
	struct traverse_code code; /* of @traverse */
};

void binding_add(struct binding *binding, const struct reference_step *step)
{
	struct cpython_type *type = binding->type;
	if (!array_reserve(type->steps, type->step_count, binding->capacity))
		binding->no_memory = true;
	else
		type->steps[type->step_count++] = *step;
}

bool binding_has_pointer(const struct binding *binding, int32_t offset)
{
	for (size_t i = 0; i < binding->type->step_count; i++)
		if (binding->type->steps[i].kind == STEP_POINTER && binding->type->steps[i].offset == offset)
			return true;
	return false;
}

bool binding_may_visit(struct binding *binding, int64_t offset)
{
	if (!binding->traverse)
		return false;
	if (!binding->has_code)
		traverse_code_read(binding->cpython, binding->type->address, binding->class, binding->traverse,
				   &binding->code);
	binding->has_code = true;
	return traverse_code_visits(&binding->code, offset);
}

/* What the binding asks of a class on the way from the type to `object`. */
struct class {
	uint64_t address, base, traverse, flags;
	int64_t basicsize, itemsize;
	char name[256]; /* tp_name, "" if it cannot be read */
};

static void read_class_name(struct cpython *cpython, struct class *class)
{
	uint64_t address;
	char *name AUTO_FREE = NULL;
	class->name[0] = '\0';
	if (!read_pointer(cpython, class->address, cpython->layout.type_name, &address))
		return;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, address, sizeof(class->name) - 1, &name);
	if (!error)
		strcpy(class->name, name);
}

static bool read_class(struct cpython *cpython, uint64_t address, struct class *class)
{
	const struct layout *layout = &cpython->layout;
	class->address = address;
	if (!read_pointer(cpython, address, layout->type_base, &class->base) ||
	    !read_pointer(cpython, address, layout->type_flags, &class->flags) ||
	    !read_ssize(cpython, address, layout->type_basicsize, &class->basicsize) ||
	    !read_ssize(cpython, address, layout->type_itemsize, &class->itemsize))
		return false;
	read_pointer(cpython, address, layout->type_traverse, &class->traverse);
	read_class_name(cpython, class);
	return true;
}

static bool size_fits(const struct cpython *cpython, const struct described_type *described, const struct class *class)
{
	int32_t size = described->size ? layout_value(cpython, described->size) : LAYOUT_ABSENT;
	if (size == LAYOUT_ABSENT)
		return true;
	/* what has items ends before the first of them, and the struct is padded: PyCodeObject */
	int64_t with_item = (class->basicsize + class->itemsize + 7) & -INT64_C(8);
	return class->basicsize == size || (class->itemsize && class->basicsize <= size && with_item >= size);
}

/* Is @class another's than CPython's although it is called as if it were a builtin? Every module that Cython made has types
 * of its own called "generator", "coroutine" and "async_generator". */
static bool is_foreign(const struct cpython *cpython, const struct class *class)
{
	if (class->flags & TPFLAGS_HEAPTYPE || strchr(class->name, '.') || !cpython->image)
		return false;
	const struct target_image *image = target_image_at(cpython->target, class->address);
	return image && image != cpython->image && !strstr(image->path, "/lib-dynload/");
}

static const struct described_type *find_description(const struct cpython *cpython, const struct class *class)
{
	if (is_foreign(cpython, class))
		return NULL;
	for (size_t i = 0; i < sizeof(described_types) / sizeof(*described_types); i++) {
		const struct described_type *described = &described_types[i];
		if (strcmp(described->name, class->name) == 0 && in_versions(cpython, described) &&
		    size_fits(cpython, described, class))
			return described;
	}
	return NULL;
}

/* Is @class in @types, whose last one has no name? */
static bool is_listed(const struct cpython *cpython, const struct described_type *types, const struct class *class)
{
	for (; *types->name; types++)
		if (strcmp(types->name, class->name) == 0 && in_versions(cpython, types))
			return true;
	return false;
}

/* The flags of @from in this version: see UNVISITED_BEFORE, UNCOUNTED_BEFORE and UNVISITED_WITHOUT. */
static unsigned int step_flags(const struct cpython *cpython, const struct described_step *from)
{
	uint32_t since = from->flags & ~UINT32_C(0xffff);
	enum cpython_fix fix = from->flags >> 8 & 0xff;
	unsigned int flags = from->flags & 0xff;
	bool mended = (since && cpython->version >= since) || (fix && cpython_has_fix(cpython, fix));
	return mended ? flags & ~(unsigned int)(RUNTIME_UNVISITED | RUNTIME_UNCOUNTED) : flags;
}

/* What @from is in the layout. False if that knows the offsets not. */
static bool lay_out_step(const struct cpython *cpython, const struct described_step *from, struct reference_step *step)
{
	*step = (struct reference_step){
		.kind = from->kind,
		.flags = step_flags(cpython, from),
		.label = from->label,
		.text = from->text,
		.function = from->function,
		.offset = from->offset ? layout_value(cpython, from->offset) : 0,
		.count = from->count ? layout_value(cpython, from->count) : 0,
	};
	return step->offset != LAYOUT_ABSENT && step->count != LAYOUT_ABSENT;
}

/* Adds the steps of @described, which @class is. False if the layout knows none of the offsets that they need.
 * *@extends_ret is whether those of its base follow. */
static bool add_described(struct binding *binding, const struct class *class, const struct described_type *described,
			  bool *extends_ret)
{
	bool any = !described->steps, wanted = false;
	/* the traverse function of a class of Python's calls this one even where this type's own objects have none */
	bool visited = binding->type->flags & TPFLAGS_HAVE_GC && class->traverse;
	const struct described_step *from = described->steps;
	for (; from && !from->last; from++) {
		struct reference_step step;
		wanted = true;
		if (!lay_out_step(binding->cpython, from, &step))
			continue;
		any = true;
		step.flags |= visited ? 0 : RUNTIME_UNVISITED;
		binding_add(binding, &step);
	}
	*extends_ret = from && from->extends;
	return any || !wanted;
}

/* A class made by Python code (Objects/typeobject.c, type_new): its tp_traverse is subtype_traverse; one that has
 * none adds no room to its base. */
static bool is_python_class(struct cpython *cpython, const struct class *class)
{
	struct class base;
	if (!(class->flags & TPFLAGS_HEAPTYPE))
		return false;
	if (class->flags & TPFLAGS_HAVE_GC)
		return class->traverse == cpython->subtype_traverse;
	return !class->traverse && class->base && read_class(cpython, class->base, &base) &&
	       base.basicsize == class->basicsize;
}

/* Adds what the objects of @class have, and lets *@address_ret be the class to go on with, 0 for none. */
static void bind_class(struct binding *binding, const struct class *class, uint64_t *address_ret)
{
	struct cpython *cpython = binding->cpython;
	bool extends;
	struct class base;
	const struct described_type *described = find_description(cpython, class);
	if (described && add_described(binding, class, described, &extends)) {
		*address_ret = extends ? class->base : 0;
	} else if (class->itemsize && class->base && read_class(cpython, class->base, &base) &&
		   structseq_bind(binding, cpython, class->address, class->traverse == base.traverse)) {
		*address_ret = 0;
	} else {
		/* C types that nobody described, and those that add nothing to their base */
		*address_ret = class->base;
		if (scan_bind(binding, cpython, class->address, address_ret))
			binding->type->scanned = true;
	}
}

/* What subtype_traverse() visits before it calls the traverse function of the first base that is written in C, which
 * becomes *@class. */
static void bind_python_classes(struct binding *binding, struct class *class)
{
	enum { DEPTH_LIMIT = 1000 };
	struct cpython *cpython = binding->cpython;
	int64_t own_dict = 0, dict = 0;
	read_ssize(cpython, class->address, cpython->layout.type_dictoffset, &own_dict);
	for (int depth = 0; depth < DEPTH_LIMIT && is_python_class(cpython, class); depth++) {
		instance_bind_slots(binding, cpython, class->address, binding->type->basicsize);
		if (!class->base || !read_class(cpython, class->base, class))
			break;
	}
	read_ssize(cpython, class->address, cpython->layout.type_dictoffset, &dict);
	if (own_dict != dict)
		instance_bind_dict(binding, binding->type, own_dict);
}

/* Does the traverse function of the C type @class visit the type? Since 3.9 (bpo-40217) that of a type on the heap does,
 * but not one that it has from a static type. */
static bool traverse_visits_type(struct cpython *cpython, struct class class)
{
	enum { DEPTH_LIMIT = 1000 };
	if (!cpython_at_least(cpython, 3, 9) || is_listed(cpython, unvisited_types, &class))
		return false;
	for (int depth = 0; depth < DEPTH_LIMIT; depth++) {
		struct class base;
		if (!(class.flags & TPFLAGS_HEAPTYPE))
			return false;
		if (!class.base || !read_class(cpython, class.base, &base) || base.traverse != class.traverse)
			return true;
		class = base;
	}
	return true;
}

/* Objects hold their type if it is on the heap: those of C types since 3.8 (bpo-35810). For classes, subtype_traverse()
 * visits it, but since 3.9 only if the C type @base, whose traverse function it calls, is not on the heap itself. */
static void bind_type(struct binding *binding, const struct class *base)
{
	const struct cpython_type *type = binding->type;
	bool is_class = type->address != base->address, base_on_heap = base->flags & TPFLAGS_HEAPTYPE;
	bool visited = traverse_visits_type(binding->cpython, *base);
	if (is_class && (!cpython_at_least(binding->cpython, 3, 9) || !base_on_heap || !base->traverse))
		visited = true;
	if (!(type->flags & TPFLAGS_HAVE_GC))
		visited = false;
	if ((type->flags & TPFLAGS_HEAPTYPE) && !is_listed(binding->cpython, borrowed_types, base))
		binding_add(binding, &(struct reference_step){
			.kind = STEP_TYPE,
			.flags = visited ? 0 : RUNTIME_UNVISITED,
			.label = RUNTIME_LABEL_TEXT,
			.text = ".__class__",
		});
}

/* The first pointer at whose end visiting an object finds more of its references. */
static int32_t find_ahead(const struct cpython *cpython, const struct cpython_type *type)
{
	for (size_t i = 0; i < type->step_count; i++) {
		const struct reference_step *step = &type->steps[i];
		if (step->kind == STEP_ARRAY)
			return step->offset;
		if (step->function == dict_references)
			return cpython->layout.dict_keys;
		if (step->function == set_references)
			return cpython->layout.set_table;
		if (step->function == managed_dict_references)
			return managed_values_offset(cpython);
	}
	return LAYOUT_ABSENT;
}

bool cpython_bind_references(struct cpython *cpython, struct cpython_type *type)
{
	enum { DEPTH_LIMIT = 1000 };
	struct binding binding = { .cpython = cpython, .type = type };
	struct class class;
	type->ahead = LAYOUT_ABSENT;
	if (!read_class(cpython, type->address, &class))
		return true;
	bind_python_classes(&binding, &class);
	const struct class base = class;
	binding.class = class.address;
	binding.traverse = class.traverse;
	for (int depth = 0; depth < DEPTH_LIMIT; depth++) {
		uint64_t address;
		bind_class(&binding, &class, &address);
		if (!address || !read_class(cpython, address, &class))
			break;
	}
	bind_type(&binding, &base);
	type->ahead = find_ahead(cpython, type);
	return !binding.no_memory;
}

/* ---- visiting -------------------------------------------------------------------------------------- */

/* Reads the word at @offset of the object: most are where the object's bytes can be had in one piece. */
static inline bool read_own(struct visit *visit, int32_t offset, uint64_t *word_ret)
{
	if (visit->bytes && offset >= 0 && (size_t)offset + sizeof(*word_ret) <= visit->size) {
		visit_word(visit, visit->address + (uint64_t)offset);
		memcpy(word_ret, visit->bytes + offset, sizeof(*word_ret));
		return true;
	}
	return visit_pointer(visit, visit->address, offset, word_ret);
}

static inline void take_step(struct visit *visit, const struct reference_step *step)
{
	uint64_t target;
	int64_t count;
	switch (step->kind) {
	case STEP_POINTER:
		if (read_own(visit, step->offset, &target))
			visit_emit(visit, target, step->flags, step->label, step->value, step->text);
		break;
	case STEP_ITEMS:
		if (visit_ssize(visit, visit->address, visit->layout->var_size, &count))
			visit_array(visit, visit->address + (uint64_t)step->offset, count, step->flags, step->label,
				    step->text);
		break;
	case STEP_ARRAY:
		if (visit_ssize(visit, visit->address, step->count, &count) && count &&
		    read_own(visit, step->offset, &target))
			visit_array(visit, target, count, step->flags, step->label, step->text);
		break;
	case STEP_FUNCTION:
		step->function(visit, step);
		break;
	case STEP_TYPE:
		visit_word(visit, visit->address + (uint64_t)visit->layout->object_type);
		visit_emit(visit, visit->type->address, step->flags, step->label, step->value, step->text);
		break;
	}
}

bool visit_module_state(struct visit *visit, const char *name, int64_t size, uint64_t state, unsigned int flags)
{
	struct cpython *cpython = visit->cpython;
	const struct visit module = *visit;
	const struct described_type *described = described_modules;
	for (; *described->name; described++)
		if (strcmp(described->name, name) == 0 && in_versions(cpython, described) &&
		    size == layout_value(cpython, described->size))
			break;
	visit->address = state;
	visit->bytes = NULL;
	for (const struct described_step *from = described->steps; from && !from->last; from++) {
		struct reference_step step;
		if (!lay_out_step(cpython, from, &step))
			continue;
		step.flags |= flags;
		take_step(visit, &step);
	}
	visit->address = module.address;
	visit->bytes = module.bytes;
	return described->steps;
}

/* Fetches what visiting one of the objects after the one at hand will want: first its own bytes, then what it points to. */
static void fetch_ahead(struct cpython *cpython, const uint64_t *addresses, const uint32_t *types, size_t left)
{
	enum { NEAR = 6, FAR = 12 };
	uint64_t pointer;
	if (left > FAR)
		read_ahead(cpython, addresses[FAR]);
	if (left <= NEAR || !cpython->target->segment_count)
		return;
	int32_t ahead = cpython_type_at(cpython, types[NEAR])->ahead;
	const void *bytes = ahead == LAYOUT_ABSENT ? NULL :
						     target_map(cpython->target, addresses[NEAR] + (uint64_t)(int64_t)ahead,
								sizeof(pointer));
	if (!bytes)
		return;
	memcpy(&pointer, bytes, sizeof(pointer));
	if (pointer)
		read_ahead(cpython, pointer);
}

/* Tools/scripts/deepfreeze.py of 3.11 makes objects without counting what they refer to. */
static bool is_frozen(struct visit *visit)
{
	uint64_t refcount;
	return read_own(visit, visit->layout->object_refcnt, &refcount) &&
	       cpython_is_frozen_count(visit->cpython, refcount);
}

struct inspect_error *cpython_references(struct runtime *runtime, const uint64_t *addresses, const uint32_t *types,
					 size_t count, struct runtime_references *references, size_t *ends,
					 size_t *damaged_ret)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct visit visit = { .cpython = cpython, .layout = &cpython->layout, .references = references };
	bool may_be_frozen = cpython_at_least(cpython, 3, 11) && !cpython_at_least(cpython, 3, 12);
	for (size_t i = 0; i < count; i++) {
		fetch_ahead(cpython, addresses + i, types + i, count - i);
		visit.type = cpython_type_at(cpython, types[i]);
		if (ends)
			ends[i] = references->drained + references->count;
		if (!visit.type->step_count) /* numbers, str, bytes: half of many heaps */
			continue;
		visit.address = addresses[i];
		visit.size = (size_t)visit.type->basicsize;
		visit.bytes = target_map(cpython->target, visit.address, visit.size);
		visit.damaged = false;
		visit.frozen = may_be_frozen && is_frozen(&visit);
		for (size_t j = 0; j < visit.type->step_count; j++)
			take_step(&visit, &visit.type->steps[j]);
		if (visit.no_memory)
			return &inspect_error_no_memory;
		*damaged_ret += visit.damaged;
		if (ends)
			ends[i] = references->drained + references->count;
	}
	return NULL;
}

enum { LABEL_NAME_LIMIT = 100 };

/* ---- labels ---------------------------------------------------------------------------------------- */

/* What a name or a key at @address is as text: for the caller to free. */
static char *describe(struct runtime *runtime, uint64_t address, bool bare)
{
	struct cpython *cpython = (struct cpython *)runtime;
	if (bare && !names_has_object(cpython, address))
		return strdup("…");
	if (bare) {
		char *name = cpython_str_text(cpython, address, LABEL_NAME_LIMIT, NULL);
		if (name)
			return name;
	}
	return cpython_key(cpython, address);
}

/* The name of a slot of a class: names_show() knows more of them than runtime_label_text(). */
static char *redacted_member(struct cpython *cpython, const struct runtime_label *label)
{
	char *name AUTO_FREE = NULL, *text;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, label->value, LABEL_NAME_LIMIT, &name);
	char *shown AUTO_FREE = name ? names_show(cpython, name) : strdup("?");
	return shown && asprintf(&text, ".%s", shown) >= 0 ? text : NULL;
}

char *cpython_label(struct runtime *runtime, const struct runtime_label *label)
{
	bool on_heap = label->kind == RUNTIME_LABEL_MEMBER && !target_is_program(runtime->target, label->value);
	if (runtime->redacted && on_heap)
		return redacted_member((struct cpython *)runtime, label);
	return runtime_label_text(runtime, label, describe);
}
