/* SPDX-License-Identifier: MIT */
/*
 * type_table.c - open addressing; who adds a type holds the lock, who looks one up does not.
 *
 * A type is whole before a place leads to it. A table that is full makes way for one of twice the size, and stays
 * where it is for those who are still looking through it.
 */
#include "runtime/type_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum {
	TYPES_PER_CHUNK = 1024,
	CHUNK_LIMIT = 4096,
	FIRST_SIZE = 1024,
};

struct type_place {
	uint64_t address;
	void *type; /* NULL: the place is free */
};

/* A power of two of places, never full. */
struct type_places {
	size_t size;
	struct type_places *smaller; /* the one before it */
	struct type_place items[];
};

struct type_table {
	const struct type_operations *operations;
	pthread_mutex_t lock;
	struct type_places *places;
	void **chunks[CHUNK_LIMIT]; /* the types by their index; what is there once stays there */
	size_t count;
	void *damaged; /* the type that stands for all that cannot be read, or NULL */
};

static struct type_places *places_create(size_t size, struct type_places *smaller)
{
	struct type_places *places = calloc(1, sizeof(*places) + size * sizeof(places->items[0]));
	if (!places)
		return NULL;
	places->size = size;
	places->smaller = smaller;
	return places;
}

struct type_table *type_table_create(const struct type_operations *operations)
{
	struct type_table *table = calloc(1, sizeof(*table));
	struct type_places *places = places_create(FIRST_SIZE, NULL);
	if (!table || !places) {
		free(table);
		free(places);
		return NULL;
	}
	table->operations = operations;
	table->places = places;
	pthread_mutex_init(&table->lock, NULL);
	return table;
}

void type_table_destroy(struct type_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		table->operations->destroy(type_table_at(table, (uint32_t)i));
	for (size_t i = 0; i < CHUNK_LIMIT; i++)
		free(table->chunks[i]);
	for (struct type_places *places = table->places, *smaller; places; places = smaller) {
		smaller = places->smaller;
		free(places);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

void *type_table_at(struct type_table *table, uint32_t index)
{
	return table->chunks[index / TYPES_PER_CHUNK][index % TYPES_PER_CHUNK];
}

/* The place of @address, or the free one where it belongs. */
static struct type_place *look_up(struct type_places *places, uint64_t address, void **type_ret)
{
	size_t mask = places->size - 1;
	size_t i = ((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
	while ((*type_ret = __atomic_load_n(&places->items[i].type, __ATOMIC_ACQUIRE)) &&
	       places->items[i].address != address)
		i = (i + 1) & mask;
	return &places->items[i];
}

static void put(struct type_places *places, uint64_t address, void *type)
{
	void *found;
	struct type_place *place = look_up(places, address, &found);
	if (found)
		return;
	place->address = address;
	__atomic_store_n(&place->type, type, __ATOMIC_RELEASE);
}

static bool grow(struct type_table *table)
{
	struct type_places *old = table->places, *places = places_create(old->size * 2, old);
	if (!places)
		return false;
	for (size_t i = 0; i < old->size; i++)
		if (old->items[i].type)
			put(places, old->items[i].address, old->items[i].type);
	__atomic_store_n(&table->places, places, __ATOMIC_RELEASE);
	return true;
}

/* Appends to the types of the table and the runtime. False when out of memory. Takes @name over. */
static bool append(struct type_table *table, struct runtime *runtime, uint64_t address, void *type, char *name)
{
	void ***chunk = &table->chunks[table->count / TYPES_PER_CHUNK];
	if (!*chunk)
		*chunk = calloc(TYPES_PER_CHUNK, sizeof(**chunk));
	if (!name || !*chunk || !array_reserve(runtime->types, runtime->type_count, runtime->type_capacity)) {
		free(name);
		return false;
	}
	runtime->types[runtime->type_count++] = (struct runtime_type){ .address = address, .name = name };
	(*chunk)[table->count++ % TYPES_PER_CHUNK] = type;
	return true;
}

/* Reads the type at @address and appends it. */
static void *read_type(struct type_table *table, struct runtime *runtime, uint64_t address, bool *damaged_ret)
{
	char *name = NULL;
	void *type = table->operations->read(runtime, address, (uint32_t)table->count, &name, damaged_ret);
	if (type && append(table, runtime, address, type, name))
		return type;
	if (type)
		table->operations->destroy(type);
	return NULL;
}

static void *damaged_type(struct type_table *table, struct runtime *runtime)
{
	bool damaged;
	if (!table->damaged)
		table->damaged = read_type(table, runtime, 0, &damaged);
	return table->damaged;
}

/* The lock is held. */
static void *find_or_add(struct type_table *table, struct runtime *runtime, uint64_t address)
{
	void *type;
	look_up(table->places, address, &type);
	if (type)
		return type;
	if (table->count * 2 >= table->places->size && !grow(table))
		return NULL;
	bool full = table->count + 1 >= (size_t)CHUNK_LIMIT * TYPES_PER_CHUNK, damaged = !address || full;
	if (!damaged)
		type = read_type(table, runtime, address, &damaged);
	if (damaged)
		return damaged_type(table, runtime);
	if (type)
		put(table->places, address, type);
	return type;
}

void *type_table_known(const struct type_table *table, uint64_t address)
{
	void *type;
	look_up(__atomic_load_n(&table->places, __ATOMIC_ACQUIRE), address, &type);
	return type;
}

void *type_table_find(struct type_table *table, struct runtime *runtime, uint64_t address)
{
	void *type = type_table_known(table, address);
	if (type)
		return type;
	pthread_mutex_lock(&table->lock);
	type = find_or_add(table, runtime, address);
	pthread_mutex_unlock(&table->lock);
	return type;
}
