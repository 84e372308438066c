/* SPDX-License-Identifier: MIT */
/*
 * type.c - types of the target, read once each: Include/cpython/object.h, Objects/typeobject.c.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>

#include "base/array.h"
#include "runtime/cpython/cpython.h"
#include "runtime/cpython/scan.h"

enum {
	TYPE_NAME_LIMIT = 4096, /* bytes of a tp_name, code points of a __module__ or __qualname__ */
	MRO_LIMIT = 10000,
	STATIC_TYPES_LIMIT = 10000,
	STATIC_TYPES_REACH = 2048, /* words by which their states may lie elsewhere than the layout says */
};

/* ---- what a type's structure says ---- */

bool cpython_is_type(struct cpython *cpython, uint64_t address)
{
	uint64_t metatype, flags;
	return read_pointer(cpython, address, cpython->layout.object_type, &metatype) &&
	       read_pointer(cpython, metatype, cpython->layout.type_flags, &flags) &&
	       (flags & TPFLAGS_TYPE_SUBCLASS);
}

/* Since 3.12 (internal/pycore_typeobject.h) tp_subclasses of such a type holds its index + 1 in the interpreter's array.
 * From 3.13 on extension modules' types have an array of their own, and only the state itself tells whose it is. */
uint64_t cpython_static_type_state(struct cpython *cpython, size_t number_of_interpreter, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t number, owner, interpreter = cpython->interpreters[number_of_interpreter].address;
	if (layout->interpreter_static_types == LAYOUT_ABSENT || !interpreter ||
	    !read_pointer(cpython, type, layout->type_subclasses, &number) || number == 0 || number > STATIC_TYPES_LIMIT)
		return 0;
	uint64_t offset = (number - 1) * (uint64_t)layout->size_of_static_type_state;
	uint64_t state = interpreter + (uint64_t)layout->interpreter_static_types + offset;
	if (layout->interpreter_extension_types == LAYOUT_ABSENT ||
	    (read_pointer(cpython, state, layout->static_type_type, &owner) && owner == type))
		return state;
	return interpreter + (uint64_t)layout->interpreter_extension_types + offset;
}

/* Would @type have its state in an array at @array? */
static bool has_static_type_state(struct cpython *cpython, uint64_t array, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t number, owner;
	return read_pointer(cpython, type, layout->type_subclasses, &number) && number > 0 &&
	       number <= STATIC_TYPES_LIMIT &&
	       read_pointer(cpython, array + (number - 1) * (uint64_t)layout->size_of_static_type_state,
			    layout->static_type_type, &owner) &&
	       owner == type;
}

void cpython_settle_static_types(struct cpython *cpython, uint64_t type_type, uint64_t dict_type)
{
	struct layout *layout = &cpython->layout;
	uint64_t interpreter = cpython->interpreters[0].address;
	if (layout->interpreter_static_types == LAYOUT_ABSENT || !interpreter)
		return;
	for (int32_t step = 0; step <= 2 * STATIC_TYPES_REACH; step++) {
		int32_t distance = (step + 1) / 2 * (int32_t)sizeof(uint64_t), shift = step % 2 ? distance : -distance;
		uint64_t array = interpreter + (uint64_t)layout->interpreter_static_types + (uint64_t)(int64_t)shift;
		if (!has_static_type_state(cpython, array, type_type) ||
		    !has_static_type_state(cpython, array, dict_type))
			continue;
		layout->interpreter_static_types += shift;
		if (layout->interpreter_extension_types != LAYOUT_ABSENT)
			layout->interpreter_extension_types += shift;
		return;
	}
	layout->interpreter_static_types = LAYOUT_ABSENT;
}

uint64_t cpython_type_dict(struct cpython *cpython, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t dict, flags;
	if (read_pointer(cpython, type, layout->type_flags, &flags) && (flags & TPFLAGS_STATIC_BUILTIN) &&
	    cpython_at_least(cpython, 3, 12)) {
		uint64_t state = cpython_static_type_state(cpython, 0, type);
		return read_pointer(cpython, state, layout->static_type_dict, &dict) ? dict : 0;
	}
	return read_pointer(cpython, type, layout->type_dict, &dict) ? dict : 0;
}

int64_t cpython_mro(struct cpython *cpython, uint64_t type, uint64_t *items_ret)
{
	uint64_t mro;
	int64_t length;
	if (!read_pointer(cpython, type, cpython->layout.type_mro, &mro) ||
	    !read_ssize(cpython, mro, cpython->layout.var_size, &length) || length < 0 || length > MRO_LIMIT)
		return 0;
	*items_ret = mro + (uint64_t)cpython->layout.tuple_items;
	return length;
}

/* ---- names ---- */

static char *c_name(struct cpython *cpython, uint64_t type)
{
	uint64_t address;
	char *name = NULL;
	if (!read_pointer(cpython, type, cpython->layout.type_name, &address))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, address, TYPE_NAME_LIMIT, &name);
	return name;
}

/* type_module() and type_qualname() of Objects/typeobject.c: a heap type keeps them as objects; a static type's
 * tp_name is "module.qualname", without a dot for builtins. */
char *cpython_type_name(struct cpython *cpython, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t flags, qualname_object;
	if (!read_pointer(cpython, type, layout->type_flags, &flags))
		return NULL;
	if (!(flags & TPFLAGS_HEAPTYPE))
		return c_name(cpython, type);

	char *qualname AUTO_FREE = NULL;
	if (read_pointer(cpython, type, layout->heaptype_qualname, &qualname_object))
		qualname = cpython_str_text(cpython, qualname_object, TYPE_NAME_LIMIT, NULL);
	if (!qualname)
		return c_name(cpython, type);
	uint64_t module_object = cpython_dict_get(cpython, cpython_type_dict(cpython, type), "__module__");
	char *module AUTO_FREE = module_object ? cpython_str_text(cpython, module_object, TYPE_NAME_LIMIT, NULL) : NULL;
	char *name;
	if (!module || strcmp(module, "builtins") == 0)
		return strdup(qualname);
	return asprintf(&name, "%s.%s", module, qualname) < 0 ? NULL : name;
}

/* ---- the table of types ---- */

enum {
	TYPES_PER_CHUNK = 1024,
	CHUNK_LIMIT = 4096,
	FIRST_INDEX_SIZE = 1024,
};

/* Index + 1 of types by their addresses: open addressing, a power of two in size, never full. */
struct type_index {
	size_t size;
	struct type_index *smaller; /* the one before it: somebody may still be looking through it */
	uint32_t places[];
};

/* Types have their places for good and are looked up by many threads at once; who adds one holds the lock. A type is
 * whole before an index leads to it. */
struct type_table {
	pthread_mutex_t lock;
	struct type_index *index;
	struct cpython_type *chunks[CHUNK_LIMIT];
	size_t count;
	struct cpython_type *damaged; /* the one type that stands for all that cannot be read, or NULL */
};

static uint64_t hash_address(uint64_t address)
{
	return (address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
}

struct cpython_type *cpython_type_at(struct cpython *cpython, uint32_t index)
{
	return &cpython->types->chunks[index / TYPES_PER_CHUNK][index % TYPES_PER_CHUNK];
}

/* The type at @address, or NULL; *@place_ret is then where it belongs in @index. */
static struct cpython_type *look_up(struct cpython *cpython, struct type_index *index, uint64_t address,
				    size_t *place_ret)
{
	size_t mask = index->size - 1;
	uint32_t number;
	size_t place = hash_address(address) & mask;
	for (; (number = __atomic_load_n(&index->places[place], __ATOMIC_ACQUIRE)); place = (place + 1) & mask) {
		struct cpython_type *type = cpython_type_at(cpython, number - 1);
		if (type->address == address)
			return type;
	}
	*place_ret = place;
	return NULL;
}

static struct type_index *index_create(size_t size, struct type_index *smaller)
{
	struct type_index *index = calloc(1, sizeof(*index) + size * sizeof(index->places[0]));
	if (!index)
		return NULL;
	index->size = size;
	index->smaller = smaller;
	return index;
}

/* Puts an index of twice the size in the place of the one there is. */
static bool index_grow(struct cpython *cpython)
{
	struct type_table *table = cpython->types;
	struct type_index *index = index_create(table->index->size * 2, table->index);
	if (!index)
		return false;
	for (size_t i = 0; i < table->count; i++) {
		struct cpython_type *type = cpython_type_at(cpython, (uint32_t)i);
		size_t place;
		if (type != table->damaged && !look_up(cpython, index, type->address, &place))
			index->places[place] = (uint32_t)i + 1;
	}
	__atomic_store_n(&table->index, index, __ATOMIC_RELEASE);
	return true;
}

bool cpython_types_init(struct cpython *cpython)
{
	struct type_table *table = calloc(1, sizeof(*table));
	if (!table)
		return false;
	table->index = index_create(FIRST_INDEX_SIZE, NULL);
	pthread_mutex_init(&table->lock, NULL);
	cpython->types = table;
	return table->index;
}

static void type_deinit(struct cpython_type *type)
{
	free(type->steps);
	free(type->statistics);
}

void cpython_types_deinit(struct cpython *cpython)
{
	struct type_table *table = cpython->types;
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		type_deinit(cpython_type_at(cpython, (uint32_t)i));
	for (size_t i = 0; i < CHUNK_LIMIT; i++)
		free(table->chunks[i]);
	for (struct type_index *index = table->index, *smaller; index; index = smaller) {
		smaller = index->smaller;
		free(index);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

static void read_type(struct cpython *cpython, struct cpython_type *type)
{
	const struct layout *layout = &cpython->layout;
	type->damaged = !cpython_is_type(cpython, type->address) ||
			!read_pointer(cpython, type->address, layout->type_flags, &type->flags) ||
			!read_ssize(cpython, type->address, layout->type_basicsize, &type->basicsize) ||
			!read_ssize(cpython, type->address, layout->type_itemsize, &type->itemsize) ||
			type->basicsize < 0 || type->itemsize < 0;
	if (type->damaged)
		return;
	type->preheader = cpython_preheader(cpython, type->flags);
	type->size_rule = cpython_size_rule(cpython, type->address);
}

/* Appends @type to the adapter's types and the runtime's; NULL when out of memory. Takes @name over. */
static struct cpython_type *append_type(struct cpython *cpython, struct cpython_type *type, char *name)
{
	struct type_table *table = cpython->types;
	struct runtime *runtime = &cpython->runtime;
	struct cpython_type **chunk = &table->chunks[table->count / TYPES_PER_CHUNK];
	if (name && !*chunk)
		*chunk = calloc(TYPES_PER_CHUNK, sizeof(**chunk));
	if (!name || !*chunk || !array_reserve(runtime->types, runtime->type_count, runtime->type_capacity)) {
		free(name);
		return NULL;
	}
	type->index = (uint32_t)table->count;
	runtime->types[runtime->type_count++] = (struct runtime_type){ .address = type->address, .name = name };
	struct cpython_type *added = cpython_type_at(cpython, (uint32_t)table->count++);
	*added = *type;
	return added;
}

/* All types that cannot be read are one, so that a damaged heap cannot make millions of them. */
static struct cpython_type *damaged_type(struct cpython *cpython)
{
	struct type_table *table = cpython->types;
	if (!table->damaged) {
		struct cpython_type type = { .damaged = true };
		table->damaged = append_type(cpython, &type, strdup("?"));
	}
	return table->damaged;
}

/* Reads the type at @address and adds it; NULL when out of memory. The lock is held. */
static struct cpython_type *add_type(struct cpython *cpython, uint64_t address)
{
	struct type_table *table = cpython->types;
	if (table->count * 2 >= table->index->size && !index_grow(cpython))
		return NULL;
	size_t place;
	struct cpython_type *added = look_up(cpython, table->index, address, &place);
	if (added)
		return added;
	struct cpython_type type = { .address = address };
	read_type(cpython, &type);
	bool full = table->count + 1 >= (size_t)CHUNK_LIMIT * TYPES_PER_CHUNK;
	if (type.damaged || full)
		return damaged_type(cpython);
	char *name = cpython_type_name(cpython, address);
	if (!name) {
		cpython->runtime.unnamed_types++;
		if (asprintf(&name, "<type at 0x%" PRIx64 ">", address) < 0)
			return NULL;
	}
	if (!cpython_bind_references(cpython, &type) || !scan_make_statistics(cpython, &type)) {
		type_deinit(&type);
		free(name);
		return NULL;
	}
	added = append_type(cpython, &type, name);
	if (added)
		__atomic_store_n(&table->index->places[place], (uint32_t)table->count, __ATOMIC_RELEASE);
	else
		type_deinit(&type);
	return added;
}

struct cpython_type *cpython_known_type(struct cpython *cpython, uint64_t address)
{
	size_t place;
	return look_up(cpython, __atomic_load_n(&cpython->types->index, __ATOMIC_ACQUIRE), address, &place);
}

struct cpython_type *cpython_type(struct cpython *cpython, uint64_t address)
{
	struct type_table *table = cpython->types;
	struct cpython_type *type = cpython_known_type(cpython, address);
	if (type)
		return type;
	pthread_mutex_lock(&table->lock);
	type = add_type(cpython, address);
	pthread_mutex_unlock(&table->lock);
	return type;
}
