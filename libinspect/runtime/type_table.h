/* SPDX-License-Identifier: MIT */
/*
 * type_table.h - an adapter's types by address: looked up by many threads at once, read once each.
 */
#ifndef INSPECT_RUNTIME_TYPE_TABLE_H
#define INSPECT_RUNTIME_TYPE_TABLE_H

#include "runtime/runtime.h"

/* What the table wants to know of an adapter. Both are called with the table locked: they must not use it. */
struct type_operations {
	/* Reads the type at @address in memory of its own; it is going to be runtime->types[@index]. *@name_ret is its
	 * name, for the table to free. If there is no type at @address, *@damaged_ret is set and NULL returned. NULL
	 * without that: out of memory. All types that cannot be read are one called "?", so that a damaged heap cannot
	 * make millions of them: it is made once, with the address 0. */
	void *(*read)(struct runtime *runtime, uint64_t address, uint32_t index, char **name_ret, bool *damaged_ret);
	void (*destroy)(void *type);
};

struct type_table;

/* NULL when out of memory. */
struct type_table *type_table_create(const struct type_operations *operations);
void type_table_destroy(struct type_table *table);

/* The type at @address, read and added to @runtime->types on first use; NULL when out of memory. Valid until the table
 * is destroyed. */
void *type_table_find(struct type_table *table, struct runtime *runtime, uint64_t address);
/* The same if it has been read already, else NULL. */
void *type_table_known(const struct type_table *table, uint64_t address);
/* The type with @index among runtime->types. */
void *type_table_at(struct type_table *table, uint32_t index);

#endif
