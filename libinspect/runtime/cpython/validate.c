/* SPDX-License-Identifier: MIT */
/*
 * validate.c - is a layout true of a target?
 *
 * It is believed only if the target, read through it, makes sense: the interpreters close, type(type) is type,
 * sizes agree with the types' own, sys.hexversion is of the candidate's release, the collector's lists close, and
 * the containers in them are what containers must be.
 */
#include "runtime/cpython/validate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/collector.h"

enum {
	INTERPRETER_LIMIT = 100000,
	SYS_SEARCH_LIMIT = 1 << 16, /* objects to look at for the module sys of 3.6 */
	SAMPLE_SIZE = 4096,         /* objects of each list to look at closely */
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

/* ---- interpreters, collectors, types, version ---- */

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

/* How many interpreters of 3.6 follow each other from @address on; 0: there is none. They are recognised by sys.modules,
 * which their sysdict has, too. */
static unsigned int count_interpreters(struct cpython *cpython, uint64_t address)
{
	const struct layout *layout = &cpython->layout;
	unsigned int count = 0;
	for (; address && count < INTERPRETER_LIMIT; count++) {
		uint64_t sysdict, modules, sys_type, modules_type;
		if (address % sizeof(uint64_t) || !target_has(cpython->target, address, (uint64_t)layout->size_of_interpreter) ||
		    !read_pointer(cpython, address, layout->interpreter_sysdict, &sysdict) || !sysdict ||
		    !read_pointer(cpython, address, layout->interpreter_modules, &modules) || !modules ||
		    !target_has(cpython->target, sysdict, (uint64_t)layout->size_of_dict) ||
		    !target_has(cpython->target, modules, (uint64_t)layout->size_of_dict) ||
		    !read_pointer(cpython, sysdict, layout->object_type, &sys_type) ||
		    !read_pointer(cpython, modules, layout->object_type, &modules_type) || sys_type != modules_type ||
		    cpython_dict_get(cpython, sysdict, "modules") != modules ||
		    !read_pointer(cpython, address, layout->interpreter_next, &address))
			return 0;
	}
	return count;
}

/* The newest interpreter of a 3.6 without a symbol table: what the static variables interp_head and autoInterpreterState of
 * Python/pystate.c point at. */
static uint64_t search_interpreters(struct cpython *cpython)
{
	uint64_t start, end, word, found = 0;
	unsigned int most = 0;
	for (size_t i = 0; cpython->image && image_data(cpython->image, i, &start, &end); i++) {
		for (uint64_t address = (start + 7) & -UINT64_C(8); address < end; address += sizeof(word)) {
			if (!target_has(cpython->target, address, sizeof(word)) ||
			    !read_pointer(cpython, address, 0, &word) || !word || word == found)
				continue;
			unsigned int count = count_interpreters(cpython, word);
			found = count > most ? word : found;
			most = count > most ? count : most;
		}
	}
	return found;
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
	/* NULL while no thread has the interpreter lock */
	read_pointer(cpython, cpython->statics.current_thread, 0, &thread);
	read_pointer(cpython, thread, layout->thread_interpreter, address_ret);
	uint64_t newest = search_interpreters(cpython);
	*address_ret = newest ? newest : *address_ret;
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

/* The list is linked with its first or last member. A collection that is going on leaves one whose backward links hold
 * something else, and may have set one of the head's own links and not yet the other. */
static struct inspect_error *check_list(struct cpython *cpython, const struct gc_list *list, bool collecting)
{
	uint64_t head = list->head, next, previous, beyond, back;
	if (!gc_head_read(cpython, head, &next, &previous) || !next || !previous ||
	    (!collecting && (next == head) != (previous == head)))
		return unfit("the list of generation %u is none", list->generation);
	bool leads_on = gc_head_read(cpython, next, &beyond, &back) && beyond;
	bool front = leads_on && back == head;
	bool end = gc_head_read(cpython, previous, &beyond, &back) && beyond == head;
	/* The rest may be damaged, cut off or in the middle of a change: one end is enough. */
	bool lost = target_is_lost(cpython->target, next) || target_is_lost(cpython->target, previous);
	if (!front && !end && !lost && !(collecting && leads_on))
		return unfit("the list of generation %u does not close", list->generation);
	return NULL;
}

static struct inspect_error *check_lists(struct cpython *cpython)
{
	for (size_t i = 0; i < collector_count(cpython); i++) {
		struct collector_places places;
		collector_places(cpython, i, &places);
		int32_t collecting = 0;
		if (places.list_count == 0 ||
		    (places.collecting && (!read_int32(cpython, places.collecting, 0, &collecting) ||
					   (collecting != 0 && collecting != 1))))
			return unfit("the collector's state cannot be read");
		for (unsigned int j = 0; j < places.list_count; j++) {
			struct inspect_error *error = check_list(cpython, &places.lists[j], collecting);
			if (error)
				return error;
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
	if (!basicsize_is(cpython, dict_type, layout->size_of_dict))
		return unfit("dict objects have another size");
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

/* ---- the containers ---- */

/* How many objects of one kind were looked at, and how many of them make no sense. A damaged heap has some of
 * these; a wrong layout makes most of them so. */
struct tally {
	const char *kind;
	unsigned int count, bad;
};

enum { TALLY_DICT, TALLY_LIST, TALLY_TUPLE, TALLY_TYPE, TALLY_COUNT };

static bool dict_makes_sense(struct cpython *cpython, uint64_t dict)
{
	struct dict_iterator iterator;
	int64_t used;
	uint64_t key, value, type;
	if (!dict_iterator_init(&iterator, cpython, dict) ||
	    !read_ssize(cpython, dict, cpython->layout.dict_used, &used) || used < 0 || used > iterator.count)
		return false;
	return !used || (dict_iterator_next(&iterator, &key, &value) &&
			 read_pointer(cpython, key, cpython->layout.object_type, &type) && cpython_is_type(cpython, type));
}

static bool list_makes_sense(struct cpython *cpython, uint64_t list)
{
	const struct layout *layout = &cpython->layout;
	int64_t size, allocated;
	uint64_t items, item;
	return read_ssize(cpython, list, layout->var_size, &size) &&
	       read_ssize(cpython, list, layout->list_allocated, &allocated) && size >= 0 && size <= allocated &&
	       read_pointer(cpython, list, layout->list_items, &items) &&
	       (!allocated || read_pointer(cpython, items, 0, &item));
}

static bool tuple_makes_sense(struct cpython *cpython, uint64_t tuple)
{
	const struct layout *layout = &cpython->layout;
	int64_t size;
	uint64_t item, type;
	return read_ssize(cpython, tuple, layout->var_size, &size) && size >= 0 &&
	       (!size || (read_pointer(cpython, tuple, layout->tuple_items, &item) &&
			  (!item || (read_pointer(cpython, item, layout->object_type, &type) &&
				     cpython_is_type(cpython, type)))));
}

static bool type_makes_sense(struct cpython *cpython, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t qualname;
	int64_t length;
	return read_pointer(cpython, type, layout->heaptype_qualname, &qualname) &&
	       read_ssize(cpython, qualname, layout->str_length, &length) && length > 0 && length < INT32_MAX;
}

static void look_at(struct cpython *cpython, uint64_t object, struct tally *tallies)
{
	static const struct {
		uint32_t flag;
		bool (*makes_sense)(struct cpython *cpython, uint64_t object);
	} kinds[TALLY_COUNT] = {
		[TALLY_DICT] = { TPFLAGS_DICT_SUBCLASS, dict_makes_sense },
		[TALLY_LIST] = { TPFLAGS_LIST_SUBCLASS, list_makes_sense },
		[TALLY_TUPLE] = { TPFLAGS_TUPLE_SUBCLASS, tuple_makes_sense },
		[TALLY_TYPE] = { TPFLAGS_TYPE_SUBCLASS, type_makes_sense },
	};
	uint64_t type, flags;
	if (!read_pointer(cpython, object, cpython->layout.object_type, &type) || !cpython_is_type(cpython, type) ||
	    !read_pointer(cpython, type, cpython->layout.type_flags, &flags))
		return;
	for (unsigned int i = 0; i < TALLY_COUNT; i++) {
		if (!(flags & kinds[i].flag))
			continue;
		tallies[i].count++;
		tallies[i].bad += !kinds[i].makes_sense(cpython, object);
	}
}

/* Looks at the first objects of a list. In the middle of a collection, or damaged, it may lead into another one, and in a
 * circle there, past a head that is no object: that is not to be counted again and again (Brent's algorithm). */
static void look_at_list(struct cpython *cpython, uint64_t head, struct tally *tallies)
{
	uint64_t node, previous, landmark = head;
	bool readable = gc_head_read(cpython, head, &node, &previous);
	for (unsigned int count = 0; readable && node != head && node != landmark && count < SAMPLE_SIZE; count++) {
		look_at(cpython, node + (uint64_t)cpython->layout.size_of_gc_head, tallies);
		landmark = count & (count + 1) ? landmark : node;
		readable = gc_head_read(cpython, node, &node, &previous);
	}
}

static struct inspect_error *check_containers(struct cpython *cpython)
{
	struct tally tallies[TALLY_COUNT] = { { "dict", 0, 0 }, { "list", 0, 0 }, { "tuple", 0, 0 }, { "type", 0, 0 } };
	struct collector_places places;
	collector_places(cpython, 0, &places);
	for (unsigned int i = 0; i < places.list_count; i++)
		look_at_list(cpython, places.lists[i].head, tallies);
	for (unsigned int i = 0; i < TALLY_COUNT; i++)
		if (tallies[i].bad > tallies[i].count / 2)
			return unfit("%u of %u %s objects make no sense", tallies[i].bad, tallies[i].count, tallies[i].kind);
	return NULL;
}

/* ---- all of it ---- */

struct inspect_error *validate_layout(struct cpython *cpython)
{
	forget_interpreters(cpython);
	cpython->lost_address = 0;
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
	if (!error)
		error = check_containers(cpython);
	return error;
}
