/* SPDX-License-Identifier: MIT */
/*
 * tables.c - the tables that there are.
 */
#include "sql/vtab.h"

static const struct sql_table *const tables[] = {
	&sql_objects, &sql_types, &sql_refs,
};

const struct sql_table *sql_table_at(size_t index)
{
	return index < sizeof(tables) / sizeof(*tables) ? tables[index] : NULL;
}
