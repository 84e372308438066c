/* SPDX-License-Identifier: MIT */
/*
 * bind.c - choosing the layout that is true of a target.
 *
 * Candidates come from DWARF, from _Py_DebugOffsets and from the tables, best first. A candidate is believed
 * only if the target, read through it, makes sense: the interpreters close, type(type) is type, sizes agree
 * with the types' own, sys.hexversion is of the candidate's release, and the collector's lists close.
 */
#include "runtime/cpython/bind.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/collector.h"

enum {
	INTERPRETER_LIMIT = 100000,
	CANDIDATE_LIMIT = 32,
	SYS_SEARCH_LIMIT = 1 << 16, /* objects to look at for the module sys of 3.6 */
};

static void forget_interpreters(struct cpython *cpython)
{
	free(cpython->interpreters);
	cpython->interpreters = NULL;
	cpython->interpreter_count = 0;
}

__attribute__((format(printf, 1, 2))) static struct inspect_error *unfit(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text AUTO_FREE = NULL;
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text = NULL;
		return &inspect_error_no_memory;
	}
	return inspect_error_create(INSPECT_ERROR_LAYOUT, "%s", text);
}

/* ---- validation ---- */

static struct inspect_error *add_interpreter(struct cpython *cpython, uint64_t address, int64_t id)
{
	struct cpython_interpreter *grown =
		reallocarray(cpython->interpreters, cpython->interpreter_count + 1, sizeof(*grown));
	if (!grown)
		return &inspect_error_no_memory;
	cpython->interpreters = grown;
	grown[cpython->interpreter_count++] = (struct cpython_interpreter){ .address = address, .id = id };
	return NULL;
}

static int compare_interpreters(const void *a, const void *b)
{
	const struct cpython_interpreter *left = a, *right = b;
	return left->id < right->id ? -1 : left->id > right->id;
}

/* The first interpreter of the chain, 0 if there is none or it is not known. */
static bool first_interpreter(struct cpython *cpython, uint64_t *address_ret)
{
	const struct layout *layout = &cpython->layout;
	if (cpython->runtime_address)
		return read_pointer(cpython, cpython->runtime_address, layout->runtime_interpreters_head, address_ret);
	uint64_t thread;
	if (cpython->statics.interpreters_head)
		return read_pointer(cpython, cpython->statics.interpreters_head, 0, address_ret);
	/* NULL while no thread has the interpreter lock: then the interpreter is found nowhere, but the
	 * collector, which all interpreters of 3.6 share, is. */
	read_pointer(cpython, cpython->statics.current_thread, 0, &thread);
	read_pointer(cpython, thread, layout->thread_interpreter, address_ret);
	return true;
}

static struct inspect_error *read_interpreters(struct cpython *cpython)
{
	const struct layout *layout = &cpython->layout;
	uint64_t address;
	if (!first_interpreter(cpython, &address))
		return unfit("the list of interpreters cannot be read");
	if (!address && cpython->runtime_address)
		return inspect_error_create(INSPECT_ERROR_NO_RUNTIME,
					    "CPython is there but has no interpreter: it was not started yet, or had ended");
	if (!address)
		return add_interpreter(cpython, 0, 0);
	while (address) {
		int64_t id = (int64_t)cpython->interpreter_count;
		if (layout->interpreter_id != LAYOUT_ABSENT &&
		    (!read_ssize(cpython, address, layout->interpreter_id, &id) || id < 0 || id >> 32))
			return unfit("the interpreter at 0x%" PRIx64 " has no sensible id", address);
		if (cpython->interpreter_count >= INTERPRETER_LIMIT)
			return unfit("the list of interpreters does not end");
		struct inspect_error *error = add_interpreter(cpython, address, id);
		if (error)
			return error;
		if (!read_pointer(cpython, address, layout->interpreter_next, &address))
			return unfit("the list of interpreters cannot be read");
	}
	if (layout->interpreter_id == LAYOUT_ABSENT) /* 3.6: the newest first; the main one is number 0 */
		for (size_t i = 0; i < cpython->interpreter_count; i++)
			cpython->interpreters[i].id = (int64_t)(cpython->interpreter_count - 1 - i);
	qsort(cpython->interpreters, cpython->interpreter_count, sizeof(*cpython->interpreters), compare_interpreters);
	return NULL;
}

/* Every list of the collectors of all interpreters is linked with its first member in both directions. */
static struct inspect_error *check_lists(struct cpython *cpython)
{
	for (size_t i = 0; i < collector_count(cpython); i++) {
		struct collector_places places;
		collector_places(cpython, i, &places);
		int32_t collecting;
		if (places.list_count == 0 ||
		    (places.collecting && (!read_int32(cpython, places.collecting, 0, &collecting) ||
					   (collecting != 0 && collecting != 1))))
			return unfit("the collector's state cannot be read");
		for (unsigned int j = 0; j < places.list_count; j++) {
			uint64_t head = places.lists[j].head, next, previous, beyond, back;
			if (!gc_head_read(cpython, head, &next, &previous) || !next || !previous ||
			    (next == head) != (previous == head))
				return unfit("the list of generation %u is none", places.lists[j].generation);
			/* The rest may be damaged or in the middle of a change: one end is enough. */
			bool front = gc_head_read(cpython, next, &beyond, &back) && back == head;
			bool end = gc_head_read(cpython, previous, &beyond, &back) && beyond == head;
			if (!front && !end)
				return unfit("the list of generation %u does not close", places.lists[j].generation);
		}
	}
	return NULL;
}

/* The dict of the module sys in a generation of 3.6, where no interpreter may be known. */
static uint64_t search_sysdict(struct cpython *cpython)
{
	const struct layout *layout = &cpython->layout;
	struct collector_places places;
	collector_places(cpython, 0, &places);
	for (unsigned int i = places.list_count; i-- > 0;) {
		uint64_t head = places.lists[i].head, node, previous;
		bool readable = gc_head_read(cpython, head, &node, &previous);
		for (int count = 0; readable && node != head && count < SYS_SEARCH_LIMIT; count++) {
			uint64_t object = node + (uint64_t)layout->size_of_gc_head, name, dict;
			if (read_pointer(cpython, object, layout->module_name, &name) &&
			    cpython_str_equals(cpython, name, "sys") &&
			    read_pointer(cpython, object, layout->module_dict, &dict) &&
			    cpython_dict_get(cpython, dict, "hexversion"))
				return dict;
			readable = gc_head_read(cpython, node, &node, &previous);
		}
	}
	return 0;
}

/* The basic size that the type at @address gives for itself is @expected. */
static bool basicsize_is(struct cpython *cpython, uint64_t type, int32_t expected)
{
	int64_t basicsize;
	return read_ssize(cpython, type, cpython->layout.type_basicsize, &basicsize) && basicsize == expected;
}

static struct inspect_error *check_types(struct cpython *cpython, uint64_t sysdict)
{
	const struct layout *layout = &cpython->layout;
	uint64_t dict_type, type_type, type_of_type, text_type = 0, key, value;
	if (!read_pointer(cpython, sysdict, layout->object_type, &dict_type) ||
	    !read_pointer(cpython, dict_type, layout->object_type, &type_type) ||
	    !read_pointer(cpython, type_type, layout->object_type, &type_of_type) || type_of_type != type_type)
		return unfit("the type of types is not its own type");
	if (!basicsize_is(cpython, type_type, layout->size_of_heaptype))
		return unfit("type objects have another size");
	if (!cpython_is_type(cpython, dict_type))
		return unfit("type objects have other flags");
	struct dict_iterator iterator;
	if (dict_iterator_init(&iterator, cpython, sysdict) && dict_iterator_next(&iterator, &key, &value))
		read_pointer(cpython, key, layout->object_type, &text_type);
	if (!basicsize_is(cpython, text_type, layout->size_of_str))
		return unfit("str objects have another size");
	cpython->type_type = type_type;
	cpython_settle_static_types(cpython, type_type, dict_type);
	return NULL;
}

/* Checks sys.hexversion (Python/sysmodule.c) against the candidate's release and believes it. */
static struct inspect_error *check_version(struct cpython *cpython, uint64_t sysdict)
{
	uint64_t object = cpython_dict_get(cpython, sysdict, "hexversion");
	int32_t version;
	if (!object || !read_int32(cpython, object, cpython->layout.int_digits, &version) ||
	    (uint32_t)version >> 24 != 3)
		return unfit("sys.hexversion cannot be read");
	if ((uint32_t)version >> 16 != cpython->version >> 16)
		return unfit("sys.hexversion is 0x%x", (unsigned int)version);
	cpython->version = (uint32_t)version;
	cpython->debug = cpython_dict_get(cpython, sysdict, "gettotalrefcount") != 0;
	cpython->trace_refs = cpython_dict_get(cpython, sysdict, "getobjects") != 0;
	return NULL;
}

static struct inspect_error *validate(struct cpython *cpython)
{
	forget_interpreters(cpython);
	uint64_t sysdict = 0;
	struct inspect_error *error = read_interpreters(cpython);
	if (!error && cpython->interpreters[0].address &&
	    !read_pointer(cpython, cpython->interpreters[0].address, cpython->layout.interpreter_sysdict, &sysdict))
		error = unfit("the interpreter at 0x%" PRIx64 " cannot be read", cpython->interpreters[0].address);
	if (!error)
		error = check_lists(cpython);
	if (!error && !sysdict && !cpython->runtime_address)
		sysdict = search_sysdict(cpython);
	if (!error && !sysdict)
		error = unfit("the interpreter has no sys.__dict__");
	if (!error)
		error = check_types(cpython, sysdict);
	if (!error)
		error = check_version(cpython, sysdict);
	return error;
}

/* ---- candidates ---- */

/* What the search for a layout has come to. */
struct search {
	struct cpython *cpython;
	uint32_t hint; /* the version, as far as it is known before anything is bound; 0: it is not */
	bool has_offsets;
	struct layout offsets;       /* what _Py_DebugOffsets say, the rest absent */
	bool has_dwarf;
	struct layout dwarf;
	struct inspect_error *reason; /* why the first candidate failed */
};

/* Tries @layout as one of @version. True if it is now bound (or memory ran out: see *error_ret). */
static bool try_layout(struct search *search, const struct layout *layout, uint32_t version, const char *source,
		       const char *addition, struct inspect_error **error_ret)
{
	struct cpython *cpython = search->cpython;
	cpython->layout = *layout;
	cpython->version = version;
	struct inspect_error *error = validate(cpython);
	if (error && inspect_error_kind(error) != INSPECT_ERROR_NO_MEMORY) {
		if (search->reason)
			inspect_error_destroy(error);
		else
			search->reason = inspect_error_prefix(error, "%s%s", source, addition);
		return false;
	}
	free(cpython->layout_source);
	cpython->layout_source = NULL;
	if (!error && asprintf(&cpython->layout_source, "%s%s", source, addition) < 0)
		error = &inspect_error_no_memory;
	*error_ret = error;
	return true;
}

/* Puts the fields that @over knows over those of @layout. */
static void overlay(struct layout *layout, const struct layout *over)
{
	for (unsigned int i = 0; i < layout_field_count; i++) {
		int32_t value = *layout_at((struct layout *)over, i);
		if (value != LAYOUT_ABSENT)
			*layout_at(layout, i) = value;
	}
}

static bool try_table(struct search *search, const struct layout_table *table, struct inspect_error **error_ret)
{
	struct layout layout, overlaid;
	layout_table_read(table, &layout);
	if (search->has_offsets) {
		overlaid = layout;
		overlay(&overlaid, &search->offsets);
		if (try_layout(search, &overlaid, search->hint, table->source, " and _Py_DebugOffsets", error_ret))
			return true;
	}
	return try_layout(search, &layout, search->hint ? search->hint : table->version, table->source, "", error_ret);
}

/* Tries the DWARF of the image itself, completed from the nearest table. */
static bool try_dwarf(struct search *search, uint32_t version, const struct layout_table *nearest,
		      struct inspect_error **error_ret)
{
	struct layout layout = search->dwarf;
	if (nearest) {
		struct layout table;
		layout_table_read(nearest, &table);
		layout_complete(&layout, &table);
	}
	return try_layout(search, &layout, version, "DWARF", "", error_ret);
}

static bool try_release(struct search *search, uint32_t version, struct inspect_error **error_ret)
{
	static const enum layout_flavour flavours[] = { LAYOUT_RELEASE, LAYOUT_DEBUG };
	for (size_t i = 0; i < 2; i++) {
		const struct layout_table *tables[CANDIDATE_LIMIT];
		unsigned int count = layout_candidates(version, flavours[i], search->cpython->target->machine, tables,
						       CANDIDATE_LIMIT);
		if (search->has_dwarf && try_dwarf(search, version, count ? tables[0] : NULL, error_ret))
			return true;
		for (unsigned int j = 0; j < count; j++)
			if (try_table(search, tables[j], error_ret))
				return true;
	}
	return false;
}

/* The oldest and newest minor version for which a table is compiled in. */
enum { OLDEST_MINOR = 6, NEWEST_MINOR = 15 };

static bool try_all(struct search *search, struct inspect_error **error_ret)
{
	if (search->hint)
		return try_release(search, search->hint, error_ret);
	/* Without Py_Version (3.11) and _Py_DebugOffsets (3.13): 3.6 has no _PyRuntime, 3.7 to 3.10 have. */
	if (!search->cpython->runtime_address)
		return try_release(search, py_version(3, OLDEST_MINOR), error_ret);
	for (unsigned int minor = OLDEST_MINOR + 1; minor <= NEWEST_MINOR; minor++)
		if (try_release(search, py_version(3, minor), error_ret))
			return true;
	return false;
}

/* ---- what is known beforehand ---- */

static struct inspect_error *look_for_hints(struct search *search)
{
	struct cpython *cpython = search->cpython;
	bool free_threaded = false;
	struct inspect_error *error = NULL;
	layout_init(&search->offsets);
	if (cpython->runtime_address)
		error = layout_from_debug_offsets(cpython->target, cpython->runtime_address, &search->offsets,
						  &search->hint, &free_threaded);
	if (error && inspect_error_kind(error) == INSPECT_ERROR_NO_MEMORY)
		return error;
	search->has_offsets = !error && search->hint;
	inspect_error_destroy(error);
	if (free_threaded)
		return inspect_error_create(INSPECT_ERROR_LAYOUT,
					    "this is a free-threaded build of CPython %u.%u, which keeps no lists of its objects: "
					    "libinspect reads builds with the global interpreter lock only",
					    search->hint >> 24, search->hint >> 16 & 0xff);
	if (!cpython->image)
		return NULL;

	uint64_t address;
	uint32_t version;
	error = image_symbol(cpython->target, cpython->image, "Py_Version", &address, NULL);
	if (!error && address) {
		error = target_read_u32(cpython->target, address, &version);
		if (!error && version >> 24 == 3)
			search->hint = version;
	}
	inspect_error_destroy(error); /* the version can be found in other ways */

	unsigned int found;
	error = layout_from_dwarf(cpython->image, cpython->target, &search->dwarf, &found);
	search->has_dwarf = !error && found;
	inspect_error_destroy(error); /* damaged debug information is as good as none */
	return NULL;
}

static struct inspect_error *no_layout(struct search *search)
{
	const struct cpython *cpython = search->cpython;
	if (search->reason && inspect_error_kind(search->reason) == INSPECT_ERROR_NO_RUNTIME) {
		struct inspect_error *error = search->reason;
		search->reason = NULL;
		return error;
	}
	char build_id[2 * sizeof(cpython->image->build_id) + 1] = "";
	if (cpython->image)
		image_build_id_text(cpython->image, build_id);
	char version[32] = "of an unknown version";
	if (search->hint)
		snprintf(version, sizeof(version), "%u.%u.%u", search->hint >> 24, search->hint >> 16 & 0xff,
			 search->hint >> 8 & 0xff);
	bool newer = search->hint >> 16 > py_version(3, NEWEST_MINOR) >> 16;
	return inspect_error_create(INSPECT_ERROR_LAYOUT,
				    "CPython %s is in %s (build-id %s), but no layout fits it: %s%s%s. Install the debug "
				    "symbols of exactly this build (python3-dbg, debuginfo) and try again",
				    version, cpython->image ? cpython->image->path : "the target's memory",
				    build_id[0] ? build_id : "unknown",
				    search->reason ? inspect_error_message(search->reason) : "none is known for it",
				    newer ? "; the newest known is " : "", newer ? "3.15" : "");
}

struct inspect_error *bind_layout(struct cpython *cpython)
{
	struct search search = { .cpython = cpython };
	struct inspect_error *error = look_for_hints(&search);
	if (error)
		return error;
	bool bound = try_all(&search, &error);
	if (bound && !error && !search.hint) {
		/* The exact version is known only now: another table may be nearer to it. */
		search.hint = cpython->version;
		bound = try_release(&search, search.hint, &error);
	}
	if (!bound)
		error = no_layout(&search);
	inspect_error_destroy(search.reason);
	return error;
}
