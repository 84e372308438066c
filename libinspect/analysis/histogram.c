/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - counting a heap's objects by type, generation and collector.
 */
#include "analysis/histogram.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

static int compare_names(const void *a, const void *b, void *types)
{
	const struct runtime_type *all = types;
	return strcmp(all[*(const uint32_t *)a].name, all[*(const uint32_t *)b].name);
}

struct inspect_error *type_places(const struct runtime *runtime, uint32_t **places_ret, uint32_t *count_ret)
{
	size_t count = runtime->type_count;
	uint32_t *order AUTO_FREE = reallocarray(NULL, count + 1, sizeof(*order));
	uint32_t *places = reallocarray(NULL, count + 1, sizeof(*places));
	if (!order || !places) {
		free(places);
		return &inspect_error_no_memory;
	}
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), compare_names, runtime->types);
	uint32_t place = 0;
	for (size_t i = 0; i < count; i++) {
		if (i && compare_names(&order[i - 1], &order[i], runtime->types) != 0)
			place++;
		places[order[i]] = place;
	}
	*places_ret = places;
	*count_ret = count ? place + 1 : 0;
	return NULL;
}

/* Moves the rows that count anything to the front. */
static size_t drop_empty(struct histogram_row *rows, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (rows[i].count)
			rows[kept++] = rows[i];
	return kept;
}

struct inspect_error *histogram_build(const struct heap *heap, const struct heap_filter *filter,
				      bool by_generation, struct histogram *histogram)
{
	*histogram = (struct histogram){ 0 };
	uint32_t *places AUTO_FREE = NULL;
	uint32_t place_count = 0;
	struct inspect_error *error = type_places(heap->runtime, &places, &place_count);
	if (error)
		return error;
	size_t stride = by_generation ? HEAP_UNTRACKED + 1 : 1;
	size_t row_count = place_count * stride;
	struct histogram_row *rows = calloc(row_count + 1, sizeof(*rows));
	if (!rows)
		return &inspect_error_no_memory;
	for (size_t id = 0; id < heap->count && !progress_ends("counting objects", id, heap->count); id++) {
		if (!heap_filter_passes(filter, heap, id))
			continue;
		uint8_t generation = by_generation ? heap->generation[id] : 0;
		struct histogram_row *row = &rows[places[heap->type[id]] * stride + generation];
		row->type = heap_type_name(heap, id);
		row->generation = generation;
		row->count++;
		row->bytes = add_saturating(row->bytes, heap->size[id]);
		row->tracked += heap_is_tracked(heap, (uint32_t)id);
		row->basic += (heap->flags[id] & RUNTIME_SIZE_BASIC) != 0;
	}
	histogram->rows = rows;
	histogram->count = drop_empty(rows, row_count);
	error = progress_report("counting objects", heap->count, heap->count);
	if (error)
		histogram_deinit(histogram);
	return error;
}

struct inspect_error *histogram_of_tally(const struct runtime *runtime, const struct tally *tally,
					 struct histogram *histogram)
{
	*histogram = (struct histogram){ 0 };
	uint32_t *places AUTO_FREE = NULL;
	uint32_t place_count = 0;
	struct inspect_error *error = type_places(runtime, &places, &place_count);
	if (error)
		return error;
	struct histogram_row *rows = calloc(place_count + 1, sizeof(*rows));
	if (!rows)
		return &inspect_error_no_memory;
	for (size_t type = 0; type < tally->count && type < runtime->type_count; type++) {
		struct histogram_row *row = &rows[places[type]];
		row->type = runtime->types[type].name;
		row->count += tally->rows[type].count;
		row->bytes = add_saturating(row->bytes, tally->rows[type].bytes);
		row->tracked += tally->rows[type].tracked;
		row->basic += tally->rows[type].basic;
	}
	histogram->rows = rows;
	histogram->count = drop_empty(rows, place_count);
	return NULL;
}

void histogram_deinit(struct histogram *histogram)
{
	free(histogram->rows);
	*histogram = (struct histogram){ 0 };
}

void generations_sum(const struct heap *heap, struct generation_sum sums[][HEAP_GENERATIONS],
		     size_t collector_count)
{
	memset(sums, 0, collector_count * sizeof(*sums));
	for (size_t id = 0; id < heap->count; id++) {
		if (heap->collector[id] >= collector_count || !heap_is_tracked(heap, (uint32_t)id))
			continue;
		struct generation_sum *sum = &sums[heap->collector[id]][heap->generation[id]];
		sum->count++;
		sum->bytes = add_saturating(sum->bytes, heap->size[id]);
	}
}
