/* SPDX-License-Identifier: MIT */
/*
 * type_order.h - the objects of a heap in the order of their types' names.
 */
#ifndef INSPECT_ANALYSIS_TYPE_ORDER_H
#define INSPECT_ANALYSIS_TYPE_ORDER_H

#include "graph/heap.h"

struct type_order {
	uint32_t *ids;      /* of all objects: by name of the type, those of a name ascending */
	const char **names; /* of types, each once, as strcmp() sorts them; the runtime's */
	uint32_t *starts;   /* where in ids the objects of each name begin; one more than there are names */
	uint32_t name_count;
};

/* Sorts the objects of @heap, whose columns are filled: O(objects + types). */
struct inspect_error *type_order_find(const struct heap *heap, struct type_order *order)
	__attribute__((warn_unused_result));
/* As strcmp() would compare @name with the @size bytes at @text, which may hold NULs: then they are no name. */
int compare_name(const char *name, const char *text, size_t size);
void type_order_deinit(struct type_order *order);

/* The objects of types called by the @size bytes at @name: ids[*@first_ret] up to, not including, ids[*@end_ret], as type_order_find()
 * sorted them. None if no object has such a type. */
void type_order_range(const struct type_order *order, const char *name, size_t size, uint32_t *first_ret,
		      uint32_t *end_ret);

#endif
