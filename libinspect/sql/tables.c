/* SPDX-License-Identifier: MIT */
/*
 * tables.c - the tables that there are.
 */
#include "sql/vtab.h"

static const struct sql_table *const tables[] = {
	&sql_objects, &sql_types, &sql_refs, &sql_roots, &sql_components, &sql_strings, &sql_threads, &sql_schema,
};

const struct sql_table *sql_table_at(size_t index)
{
	return index < sizeof(tables) / sizeof(*tables) ? tables[index] : NULL;
}

const struct sql_table *sql_any_table(const struct sql_database *database, size_t index)
{
	const size_t own = sizeof(tables) / sizeof(*tables);
	if (index < own)
		return tables[index];
	return index - own < database->verb_table_count ? sql_verb_table(database->verb_tables[index - own]) : NULL;
}
