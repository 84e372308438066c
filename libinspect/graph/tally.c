/* SPDX-License-Identifier: MIT */
/*
 * tally.c - counting objects by type. Each worker of discovery.c has a tally of its own; in the end they are joined.
 */
#include "graph/tally.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for the types with indices below @count. */
static bool reserve_rows(struct tally *tally, size_t count)
{
	if (count <= tally->count)
		return true;
	struct tally_row *rows = reallocarray(tally->rows, count, sizeof(*rows));
	if (!rows)
		return false;
	memset(rows + tally->count, 0, (count - tally->count) * sizeof(*rows));
	tally->rows = rows;
	tally->count = count;
	return true;
}

bool tally_add(struct tally *tally, const struct tally_batch *batch)
{
	uint32_t last = 0;
	for (size_t i = 0; i < batch->count; i++)
		last = batch->types[i] > last ? batch->types[i] : last;
	if (last >= tally->count && !reserve_rows(tally, 2 * ((size_t)last + 1)))
		return false;
	for (size_t i = 0; i < batch->count; i++) {
		struct tally_row *row = &tally->rows[batch->types[i]];
		if (batch->flags[i] & RUNTIME_DAMAGED)
			continue;
		row->count++;
		row->bytes += batch->sizes[i];
		row->tracked += (batch->flags[i] & RUNTIME_TRACKED) != 0;
		row->basic += (batch->flags[i] & RUNTIME_SIZE_BASIC) != 0;
	}
	return true;
}

bool tally_join(struct tally *tally, const struct tally *other)
{
	if (!reserve_rows(tally, other->count))
		return false;
	for (size_t i = 0; i < other->count; i++) {
		tally->rows[i].count += other->rows[i].count;
		tally->rows[i].bytes += other->rows[i].bytes;
		tally->rows[i].tracked += other->rows[i].tracked;
		tally->rows[i].basic += other->rows[i].basic;
	}
	return true;
}

void tally_deinit(struct tally *tally)
{
	free(tally->rows);
	*tally = (struct tally){ 0 };
}
