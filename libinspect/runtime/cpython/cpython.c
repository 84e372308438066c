/* SPDX-License-Identifier: MIT */
/*
 * cpython.c - the CPython adapter: what runtime.h asks of it.
 */
#include "runtime/cpython/cpython.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/allowance.h"
#include "runtime/cpython/bind.h"
#include "runtime/cpython/collector.h"
#include "runtime/cpython/find.h"
#include "runtime/cpython/memory.h"
#include "runtime/cpython/names.h"
#include "runtime/cpython/references.h"
#include "runtime/cpython/roots.h"
#include "runtime/cpython/traits.h"
#include "runtime/cpython/scan.h"
#include "runtime/cpython/verify.h"

/* gc_refs of 3.6 and 3.7, shifted right by one: Include/objimpl.h */
enum { GC_REFS_UNTRACKED = -2, GC_REFS_REACHABLE = -3, GC_REFS_TENTATIVELY_UNREACHABLE = -4 };
/* Flags in the links of 3.8 and later: internal/pycore_gc.h */
enum {
	GC_PREV_FINALIZED = 1 << 0,
	GC_PREV_COLLECTING = 1 << 1,
	GC_NEXT_UNREACHABLE = 1 << 0,
	GC_NEXT_UNREACHABLE_3_14 = 1 << 1, /* of 3.14.0 to 3.14.4 */
};

/* ---- attaching ---- */

static void cpython_detach(struct runtime *runtime)
{
	struct cpython *cpython = (struct cpython *)runtime;
	for (size_t i = 0; i < runtime->collector_count; i++)
		free(runtime->collectors[i].debug_text);
	free(runtime->collectors);
	for (size_t i = 0; i < runtime->type_count; i++)
		free(runtime->types[i].name);
	free(runtime->types);
	notes_deinit(&runtime->notes);
	free(cpython->layout_source);
	free(cpython->interpreters);
	cpython_memory_destroy(cpython);
	cpython_types_deinit(cpython);
	cpython_names_destroy(cpython);
	free(cpython);
}

extern const struct runtime_operations cpython_operations;

/* Makes an adapter of the CPython at @place, or says why that is none. */
static struct inspect_error *attach_place(struct inspect_target *target, const struct runtime_place *place,
					  struct cpython **cpython_ret)
{
	struct cpython *cpython = calloc(1, sizeof(*cpython));
	if (!cpython)
		return &inspect_error_no_memory;
	cpython->runtime.operations = &cpython_operations;
	cpython->runtime.target = cpython->target = target;
	cpython->runtime.redacted = target->redacted;
	cpython->image = place->image;
	cpython->runtime_address = place->runtime;
	cpython->statics = place->statics;
	if (!cpython_types_init(cpython)) {
		cpython_detach(&cpython->runtime);
		return &inspect_error_no_memory;
	}
	scan_set_budget(cpython);
	struct inspect_error *error = bind_layout(cpython);
	if (!error) {
		cpython_find_interned(cpython);
		error = collectors_read(cpython);
		cpython_find_fixes(cpython);
		cpython_find_dict_lookup(cpython);
		cpython_find_subtype_traverse(cpython);
	}
	if (!error)
		error = cpython_find_names(cpython);
	if (!error && place->image && place->image->state == IMAGE_UNVERIFIED)
		error = notes_add(&cpython->runtime.notes, !place->image->alike, "%s is taken for the file that ran: it %s",
				  place->image->file, place->image->problem);
	if (error)
		cpython_detach(&cpython->runtime);
	else
		*cpython_ret = cpython;
	return error;
}

/* Of two reasons why there is no runtime to read, keeps the more telling one. */
static struct inspect_error *worse(struct inspect_error *error, struct inspect_error *other)
{
	if (!error || !other)
		return error ? error : other;
	bool other_tells_more = inspect_error_kind(error) == INSPECT_ERROR_NO_RUNTIME;
	inspect_error_destroy(other_tells_more ? error : other);
	return other_tells_more ? other : error;
}

static struct inspect_error *cpython_attach(struct inspect_target *target, struct runtime **runtime_ret)
{
	struct runtime_places places = { 0 };
	struct cpython *cpython = NULL;
	struct inspect_error *error = find_runtimes(target, &places);
	if (!error) {
		for (size_t i = 0; i < places.count && !cpython; i++)
			error = worse(error, attach_place(target, &places.items[i], &cpython));
	}
	runtime_places_deinit(&places);
	if (cpython) {
		inspect_error_destroy(error);
		error = NULL;
		*runtime_ret = &cpython->runtime;
	}
	return error;
}

/* ---- facts ---- */

static const char *release_level(uint32_t version)
{
	switch (version >> 4 & 0xf) {
	case 0xa:
		return "a";
	case 0xb:
		return "b";
	case 0xc:
		return "rc";
	default:
		return "";
	}
}

static struct inspect_error *describe_version(struct cpython *cpython, struct runtime_facts *facts)
{
	uint32_t version = cpython->version;
	const char *level = release_level(version);
	struct inspect_error *error = runtime_fact_add(facts, "runtime", "CPython");
	if (!error && *level)
		error = runtime_fact_add(facts, "version", "%u.%u.%u%s%u", version >> 24, version >> 16 & 0xff,
					 version >> 8 & 0xff, level, version & 0xf);
	else if (!error)
		error = runtime_fact_add(facts, "version", "%u.%u.%u", version >> 24, version >> 16 & 0xff,
					 version >> 8 & 0xff);
	if (!error)
		error = runtime_fact_add(facts, "build", "%s%s", cpython->debug ? "debug" : "release",
					 cpython->trace_refs ? ", Py_TRACE_REFS" : "");
	return error;
}

static struct inspect_error *describe_image(struct cpython *cpython, struct runtime_facts *facts)
{
	struct target_image *image = cpython->image;
	if (!image)
		return NULL;
	char build_id[2 * sizeof(image->build_id) + 1];
	image_build_id_text(image, build_id);
	struct inspect_error *error = runtime_fact_add(facts, "python_image", "%s", image->path);
	if (!error && build_id[0])
		error = runtime_fact_add(facts, "build_id", "%s", build_id);
	return error;
}

static struct inspect_error *cpython_describe(struct runtime *runtime, struct runtime_facts *facts)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct inspect_error *error = describe_version(cpython, facts);
	if (!error)
		error = describe_image(cpython, facts);
	if (!error)
		error = runtime_fact_add(facts, "layout", "%s", cpython->layout_source);
	if (!error)
		error = runtime_fact_add(facts, "interpreters", "%zu", cpython->interpreter_count);
	return error;
}

/* ---- objects ---- */

/* Bytes of an object that every question about it begins with. */
struct object_header {
	uint64_t type;
	int64_t refcount;
	bool immortal;
};

/* Python 3.12 and 3.13: a 64-bit count whose lower half is negative for immortals; 3.14 and later: a 32-bit
 * count, flags behind it: _Py_IsImmortal() of Include/refcount.h. */
static void interpret_refcount(const struct cpython *cpython, uint64_t word, struct object_header *header)
{
	bool counts_32_bits = cpython_at_least(cpython, 3, 14);
	header->refcount = counts_32_bits ? (int64_t)(uint32_t)word : (int64_t)word;
	header->immortal = cpython_at_least(cpython, 3, 12) ? (int32_t)word < 0 : cpython_is_frozen_count(cpython, word);
}

static bool read_header(struct cpython *cpython, uint64_t address, struct object_header *header)
{
	uint64_t word;
	if (!read_pointer(cpython, address, cpython->layout.object_refcnt, &word) ||
	    !read_pointer(cpython, address, cpython->layout.object_type, &header->type))
		return false;
	interpret_refcount(cpython, word, header);
	return true;
}

/* What the PyGC_Head before the tracked object at @address says, as enum runtime_object_flag; *@tracked_ret is
 * whether the collector knows the object. */
static uint8_t read_gc_flags(struct cpython *cpython, uint64_t address, bool *tracked_ret)
{
	const struct layout *layout = &cpython->layout;
	uint64_t head = address - (uint64_t)layout->size_of_gc_head;
	uint8_t flags = 0;
	if (layout->gc_head_refs != LAYOUT_ABSENT) { /* 3.6 and 3.7 */
		int64_t word;
		*tracked_ret = read_ssize(cpython, head, layout->gc_head_refs, &word) && word >> 1 != GC_REFS_UNTRACKED;
		flags |= word & 1 ? RUNTIME_FINALIZED : 0;
		flags |= *tracked_ret && word >> 1 >= 0 ? RUNTIME_COLLECTING : 0;
		flags |= word >> 1 == GC_REFS_TENTATIVELY_UNREACHABLE ? RUNTIME_UNREACHABLE : 0;
		return flags;
	}
	uint64_t next, previous;
	*tracked_ret = read_pointer(cpython, head, layout->gc_head_next, &next) && next &&
		       read_pointer(cpython, head, layout->gc_head_prev, &previous);
	if (!*tracked_ret)
		return 0;
	flags |= previous & GC_PREV_FINALIZED ? RUNTIME_FINALIZED : 0;
	flags |= previous & GC_PREV_COLLECTING ? RUNTIME_COLLECTING : 0;
	/* 3.14.0 to 3.14.4 have the old generation's space in the lowest bit: NEXT_MASK_UNREACHABLE, Python/gc.c */
	bool has_spaces = layout->gc_young != LAYOUT_ABSENT;
	flags |= next & (has_spaces ? GC_NEXT_UNREACHABLE_3_14 : GC_NEXT_UNREACHABLE) ? RUNTIME_UNREACHABLE : 0;
	return flags;
}

/* Has the object at @address of @type a PyGC_Head? PyObject_IS_GC() of Include/internal/pycore_object.h: the
 * type has Py_TPFLAGS_HAVE_GC and its tp_is_gc, if any, agrees; only `type` has one: heap types have a head. */
bool cpython_has_gc_head(struct cpython *cpython, const struct cpython_type *type, uint64_t address)
{
	uint64_t flags;
	if (!(type->flags & TPFLAGS_HAVE_GC))
		return false;
	bool is_type = type->flags & TPFLAGS_TYPE_SUBCLASS;
	return !is_type || (read_pointer(cpython, address, cpython->layout.type_flags, &flags) &&
			    flags & TPFLAGS_HEAPTYPE);
}

/* Can it be the gc_refs, as shifted, of a tracked object with @refcount? 3.6 and 3.7: Modules/gcmodule.c. */
static bool is_gc_refs(int64_t refs, int64_t refcount)
{
	return refs == GC_REFS_REACHABLE || refs == GC_REFS_TENTATIVELY_UNREACHABLE || (refs >= 0 && refs <= refcount);
}

bool cpython_is_tracked(struct cpython *cpython, uint64_t address, bool dying)
{
	struct object_header header;
	bool tracked = false;
	int64_t word;
	bool is_object = dying ? cpython_is_object_or_dying(cpython, address) : cpython_is_object(cpython, address);
	if (!is_object || !read_header(cpython, address, &header))
		return false;
	struct cpython_type *type = cpython_type(cpython, header.type);
	if (!type || !cpython_has_gc_head(cpython, type, address))
		return false;
	read_gc_flags(cpython, address, &tracked);
	if (!tracked || cpython->layout.gc_head_refs == LAYOUT_ABSENT)
		return tracked;
	uint64_t head = address - (uint64_t)cpython->layout.size_of_gc_head;
	return read_ssize(cpython, head, cpython->layout.gc_head_refs, &word) && is_gc_refs(word >> 1, header.refcount);
}

/* Fills row @i of @columns for the object at @address. *@type is the type met last, NULL at first. */
static struct inspect_error *examine_one(struct cpython *cpython, uint64_t address, size_t i,
					 const struct runtime_columns *columns, struct cpython_type **type)
{
	struct object_header header = { 0 };
	bool readable = read_header(cpython, address, &header);
	if (!*type || header.type != (*type)->address)
		*type = cpython_type(cpython, header.type);
	if (!*type)
		return &inspect_error_no_memory;

	bool tracked = false, basic = false;
	uint64_t size = 0;
	uint8_t flags = cpython_has_gc_head(cpython, *type, address) ? read_gc_flags(cpython, address, &tracked) : 0;
	if (!readable || (*type)->damaged ||
	    (columns->size && !cpython_size(cpython, *type, address, &size, &basic)))
		flags |= RUNTIME_DAMAGED;
	flags |= tracked ? RUNTIME_TRACKED : 0;
	flags |= basic ? RUNTIME_SIZE_BASIC : 0;
	flags |= header.immortal ? RUNTIME_IMMORTAL : 0;
	flags |= (*type)->scanned ? RUNTIME_SCANNED : 0;
	if (columns->type)
		columns->type[i] = (*type)->index;
	if (columns->size)
		columns->size[i] = size;
	if (columns->refcount)
		columns->refcount[i] = header.refcount;
	if (columns->flags)
		columns->flags[i] = flags;
	return NULL;
}

static struct inspect_error *cpython_examine(struct runtime *runtime, const uint64_t *addresses, size_t count,
					     const struct runtime_columns *columns)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct cpython_type *type = NULL;
	enum { AHEAD = 12 };
	for (size_t i = 0; i < count; i++) {
		if (count - i > AHEAD)
			read_ahead(cpython, addresses[i + AHEAD]);
		struct inspect_error *error = examine_one(cpython, addresses[i], i, columns, &type);
		if (error)
			return error;
	}
	return NULL;
}

static char *gc_flags_text(uint8_t flags)
{
	char text[64] = "";
	if (flags & RUNTIME_FINALIZED)
		strcat(text, "|finalized");
	if (flags & RUNTIME_COLLECTING)
		strcat(text, "|collecting");
	if (flags & RUNTIME_UNREACHABLE)
		strcat(text, "|unreachable");
	return strdup(text[0] ? text + 1 : text);
}

static struct inspect_error *cpython_object(struct runtime *runtime, uint64_t address,
					    struct runtime_object *object_ret)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct object_header header = { 0 };
	if (!read_header(cpython, address, &header))
		return inspect_error_prefix(cpython_unreadable(cpython, address, "the object's header"),
					    "there is no object at 0x%" PRIx64, address);
	struct cpython_type *type = cpython_type(cpython, header.type);
	if (!type)
		return &inspect_error_no_memory;
	if (type->damaged || address % sizeof(uint64_t))
		return inspect_error_create(INSPECT_ERROR_CORRUPT,
					    "there is no object at 0x%" PRIx64 ": what would be its type, 0x%" PRIx64
					    ", is no type. Give the address that id() or `objects` shows",
					    address, header.type);
	*object_ret = (struct runtime_object){
		.address = address,
		.type_address = type->address,
		.type = strdup(runtime->types[type->index].name),
		.refcount = header.refcount,
		.immortal = header.immortal,
	};
	if (!cpython_size(cpython, type, address, &object_ret->size, &object_ret->size_basic)) {
		runtime_object_deinit(object_ret);
		return cpython_unreadable(cpython, address, "the object");
	}
	uint8_t flags = 0;
	if (cpython_has_gc_head(cpython, type, address))
		flags = read_gc_flags(cpython, address, &object_ret->tracked);
	object_ret->gc_flags = gc_flags_text(flags);
	object_ret->value = cpython_value(cpython, type, address);
	if (object_ret->type && object_ret->gc_flags && object_ret->value)
		return NULL;
	runtime_object_deinit(object_ret);
	return &inspect_error_no_memory;
}

static uint64_t preheader(struct runtime *runtime, uint32_t type_index)
{
	return cpython_type_at((struct cpython *)runtime, type_index)->preheader;
}

const struct runtime_operations cpython_operations = {
	.name = "cpython",
	.attach = cpython_attach,
	.detach = cpython_detach,
	.describe = cpython_describe,
	.walk = collectors_walk,
	.examine = cpython_examine,
	.references = cpython_references,
	.settle = scan_settle,
	.refute = scan_refute,
	.roots = cpython_roots,
	.traits = cpython_traits,
	.weakref = cpython_weakref,
	.label = cpython_label,
	.object = cpython_object,
	.text = cpython_text,
	.threads = cpython_threads,
	.verify = &cpython_verify_operations,
	.allowance = cpython_allowance,
	.memory = cpython_memory_at,
	.spare = cpython_is_spare,
	.allocated = cpython_allocated,
	.preheader = preheader,
};
