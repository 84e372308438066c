/* SPDX-License-Identifier: MIT */
/*
 * layout.c - the list of fields, and choosing among the tables that are compiled in.
 */
#include "runtime/cpython/layout.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const struct layout_field layout_fields[] = {
#define FIELD(name, types, members) { #name, types, members },
#define SIZE(name, types) { "size_of_" #name, types, NULL },
#include "runtime/cpython/layout.def"
#undef FIELD
#undef SIZE
};

const unsigned int layout_field_count = sizeof(layout_fields) / sizeof(layout_fields[0]);

static_assert(sizeof(layout_fields) / sizeof(layout_fields[0]) == sizeof(struct layout) / sizeof(int32_t),
	      "struct layout and layout_fields[] come from the same list");

void layout_init(struct layout *layout)
{
	for (unsigned int i = 0; i < layout_field_count; i++)
		*layout_at(layout, i) = LAYOUT_ABSENT;
}

void layout_table_read(const struct layout_table *table, struct layout *layout)
{
	if (table->base < 0)
		layout_init(layout);
	else
		layout_table_read(&layout_tables[table->base], layout);
	for (unsigned int i = 0; i < table->change_count; i++)
		*layout_at(layout, table->changes[i].field) = table->changes[i].value;
}

/* How far @version is from the releases that @table was read from; the unit does not matter. */
static uint32_t distance(const struct layout_table *table, uint32_t version)
{
	if (version < table->version)
		return table->version - version;
	return version > table->last_version ? version - table->last_version : 0;
}

struct candidate_order {
	uint32_t version;
	uint16_t machine;
};

static int compare_candidates(const void *a, const void *b, void *context)
{
	const struct layout_table *left = *(const struct layout_table *const *)a;
	const struct layout_table *right = *(const struct layout_table *const *)b;
	const struct candidate_order *order = context;
	bool left_foreign = left->machine != order->machine, right_foreign = right->machine != order->machine;
	if (left_foreign != right_foreign)
		return left_foreign - right_foreign;
	uint32_t left_distance = distance(left, order->version);
	uint32_t right_distance = distance(right, order->version);
	if (left_distance != right_distance)
		return left_distance < right_distance ? -1 : 1;
	return left < right ? -1 : 1;
}

unsigned int layout_candidates(uint32_t version, enum layout_flavour flavour, uint16_t machine,
			       const struct layout_table **tables, unsigned int capacity)
{
	enum { FEATURE_RELEASE_SHIFT = 16 };
	const struct layout_table *found[layout_table_count];
	unsigned int count = 0;
	for (unsigned int i = 0; i < layout_table_count; i++) {
		const struct layout_table *table = &layout_tables[i];
		if (table->flavour == flavour &&
		    table->version >> FEATURE_RELEASE_SHIFT == version >> FEATURE_RELEASE_SHIFT)
			found[count++] = table;
	}
	struct candidate_order order = { version, machine };
	qsort_r(found, count, sizeof(found[0]), compare_candidates, &order);
	if (count > capacity)
		count = capacity;
	memcpy(tables, found, count * sizeof(found[0]));
	return count;
}

/* Does @layout know any field of the types of field number @first? */
static bool knows_type(const struct layout *layout, unsigned int first)
{
	for (unsigned int i = 0; i < layout_field_count; i++)
		if (!strcmp(layout_fields[i].types, layout_fields[first].types) &&
		    *layout_at((struct layout *)layout, i) != LAYOUT_ABSENT)
			return true;
	return false;
}

void layout_complete(struct layout *layout, const struct layout *other)
{
	const struct layout before = *layout;
	for (unsigned int i = 0; i < layout_field_count; i++)
		if (!knows_type(&before, i))
			*layout_at(layout, i) = *layout_at((struct layout *)other, i);
}
