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

/* From PY_VERSION_HEX to 0x030d: 3.13. */
enum { FEATURE_RELEASE_SHIFT = 16 };

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

bool layout_fields_of(uint32_t version, bool *fields_ret)
{
	uint32_t oldest = UINT32_MAX, newest = 0;
	memset(fields_ret, 0, layout_field_count * sizeof(*fields_ret));
	for (unsigned int i = 0; i < layout_table_count; i++) {
		const struct layout_table *table = &layout_tables[i];
		if (table->version >> FEATURE_RELEASE_SHIFT != version >> FEATURE_RELEASE_SHIFT)
			continue;
		struct layout layout;
		layout_table_read(table, &layout);
		for (unsigned int j = 0; j < layout_field_count; j++)
			fields_ret[j] |= *layout_at(&layout, j) != LAYOUT_ABSENT;
		oldest = table->version < oldest ? table->version : oldest;
		newest = table->last_version > newest ? table->last_version : newest;
	}
	return version >= oldest && version <= newest;
}

static int compare_types(const void *a, const void *b)
{
	return strcmp(layout_fields[*(const uint16_t *)a].types, layout_fields[*(const uint16_t *)b].types);
}

void layout_complete(struct layout *layout, const struct layout *other)
{
	uint16_t order[layout_field_count]; /* fields of the same types are neighbours in it */
	for (unsigned int i = 0; i < layout_field_count; i++)
		order[i] = (uint16_t)i;
	qsort(order, layout_field_count, sizeof(order[0]), compare_types);
	for (unsigned int start = 0, end; start < layout_field_count; start = end) {
		bool known = false;
		for (end = start; end < layout_field_count && !compare_types(&order[start], &order[end]); end++)
			known |= *layout_at(layout, order[end]) != LAYOUT_ABSENT;
		for (unsigned int i = start; i < end && !known; i++)
			*layout_at(layout, order[i]) = *layout_at((struct layout *)other, order[i]);
	}
}
