/* SPDX-License-Identifier: MIT */
/*
 * verify_instances.c - the values of attributes that an instance has in itself: 3.13 and later,
 * struct _dictvalues of internal/pycore_dict.h.
 */
#include "runtime/cpython/verify.h"

enum { SHARED_KEYS_MAX = 30 };

void check_inline_values(struct inspected *object)
{
	struct verification *verification = object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t values = object->address + (uint64_t)object->type->basicsize;
	uint8_t valid, capacity, size, count = 0;
	if (!cpython_at_least(cpython, 3, 13) || layout->dict_values_array == LAYOUT_ABSENT ||
	    !read_uint8(cpython, values, layout->dict_values_valid, &valid) || !valid ||
	    !read_uint8(cpython, values, layout->dict_values_capacity, &capacity) ||
	    !read_uint8(cpython, values, layout->dict_values_size, &size))
		return;
	if (capacity > SHARED_KEYS_MAX || size > capacity) {
		found(verification, CONTAINERS, object->address, values + (uint64_t)layout->dict_values_capacity,
		      "it is said to have %u attributes in itself, and room for %u", size, capacity);
		return;
	}
	uint64_t first = values + (uint64_t)layout->dict_values_array;
	if (!check_room(object, first + (uint64_t)capacity * WORD_SIZE - object->address,
			values + (uint64_t)layout->dict_values_capacity))
		return;
	for (unsigned int i = 0; i < capacity; i++) {
		uint64_t value;
		count += read_pointer(cpython, first + i * WORD_SIZE, 0, &value) && value;
	}
	if (count != size)
		found(verification, CONTAINERS, object->address, values + (uint64_t)layout->dict_values_size,
		      "it is said to have %u attributes in itself, and has %u", size, count);
}
