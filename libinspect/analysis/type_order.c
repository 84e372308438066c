/* SPDX-License-Identifier: MIT */
/*
 * type_order.c - a counting sort of objects by the names of their types.
 */
#include "analysis/type_order.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/histogram.h"
#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

static bool create(struct type_order *order, size_t objects, uint32_t name_count)
{
	order->name_count = name_count;
	order->ids = array_create_large(objects, sizeof(*order->ids));
	order->names = calloc((size_t)name_count + 1, sizeof(*order->names));
	order->starts = calloc((size_t)name_count + 2, sizeof(*order->starts));
	return order->ids && order->names && order->starts;
}

/* After this starts[place + 1] is where the objects of the place begin: sort() moves it to where they end. */
static void count(const struct heap *heap, const uint32_t *places, struct type_order *order)
{
	for (size_t id = 0; id < heap->count; id++)
		order->starts[places[heap->type[id]] + 1]++;
	uint32_t before = 0;
	for (uint32_t place = 1; place <= order->name_count; place++) {
		uint32_t objects = order->starts[place];
		order->starts[place] = before;
		before += objects;
	}
}

static struct inspect_error *sort(const struct heap *heap, const uint32_t *places, struct type_order *order)
{
	struct inspect_error *error = NULL;
	for (size_t id = 0; id < heap->count && !error; id++) {
		order->ids[order->starts[places[heap->type[id]] + 1]++] = (uint32_t)id;
		error = progress_each("sorting objects", id, heap->count);
	}
	return error;
}

struct inspect_error *type_order_find(const struct heap *heap, struct type_order *order)
{
	uint32_t *places AUTO_FREE = NULL;
	uint32_t name_count;
	*order = (struct type_order){ 0 };
	struct inspect_error *error = type_places(heap->runtime, &places, &name_count);
	if (error)
		return error;
	if (!create(order, heap->count, name_count)) {
		type_order_deinit(order);
		return &inspect_error_no_memory;
	}
	for (size_t type = 0; type < heap->runtime->type_count; type++)
		order->names[places[type]] = heap->runtime->types[type].name;
	count(heap, places, order);
	error = sort(heap, places, order);
	if (error)
		type_order_deinit(order);
	return error;
}

void type_order_deinit(struct type_order *order)
{
	free(order->ids);
	free(order->names);
	free(order->starts);
	*order = (struct type_order){ 0 };
}

int compare_name(const char *name, const char *text, size_t size)
{
	size_t name_size = strlen(name);
	int result = memcmp(name, text, name_size < size ? name_size : size);
	return result ? result : (name_size > size) - (name_size < size);
}

void type_order_range(const struct type_order *order, const char *name, size_t size, uint32_t *first_ret,
		      uint32_t *end_ret)
{
	uint32_t low = 0, high = order->name_count;
	*first_ret = *end_ret = 0;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int result = compare_name(order->names[middle], name, size);
		if (result == 0) {
			*first_ret = order->starts[middle];
			*end_ret = order->starts[middle + 1];
			return;
		}
		if (result < 0)
			low = middle + 1;
		else
			high = middle;
	}
}
