/* SPDX-License-Identifier: MIT */
/*
 * size.h - what the files share that know how large an object of CPython is.
 */
#ifndef INSPECT_CPYTHON_SIZE_H
#define INSPECT_CPYTHON_SIZE_H

#include "runtime/cpython/cpython.h"

/* An object whose size is being found. */
struct sizing {
	struct cpython *cpython;
	const struct layout *layout;
	const struct cpython_type *type;
	uint64_t address;
	bool absent; /* an offset is not known */
};

/* A __sizeof__: stores what it returns for the object in *@size_ret. False if it cannot be told: then
 * @sizing->absent says whether that is for want of an offset. */
typedef bool size_fn(struct sizing *sizing, uint64_t *size_ret);

enum { POINTER_SIZE = 8, SSIZE_SIZE = 8 };

/* No object is larger: the addresses that a program can have on x86-64 and aarch64 without special
 * requests. */
enum { ADDRESS_BITS = 47 };
static const uint64_t size_limit = UINT64_C(1) << ADDRESS_BITS;

/* ---- reading: false if the bytes are not there, or where they are is not known ---- */

/* A pointer, Py_ssize_t or size_t. */
bool read_word(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret);
/* An int. */
bool read_int(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret);
/* An unsigned char. */
bool read_byte(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret);
/* Is the size or offset @number known? */
bool known(struct sizing *sizing, int32_t number);
/* The ob_size of the object at @address. */
bool read_var_size(struct sizing *sizing, uint64_t address, uint64_t *value_ret);
/* strlen() + 1 of the C string at @address; 0 where there is no string. */
bool read_string_size(struct sizing *sizing, uint64_t address, uint64_t *size_ret);

/* ---- size_builtin.c ---- */

size_fn generic_size, int_size, str_size, bytearray_size, list_size, dict_size, set_size, type_size,
	code_size, frame_size, generator_size, ordered_dict_size;
/* The basic size and an array of @count_offset's items of @item_size bytes. */
bool array_of(struct sizing *sizing, int32_t count_offset, uint64_t item_size, uint64_t *size_ret);

/* ---- size_modules.c ---- */

size_fn deque_size, product_size, combinations_size, combinations_with_replacement_size,
	permutations_size, bytesio_size, buffered_size, array_size, struct_size, pickler_size,
	unpickler_size, older_unpickler_size, newer_unpickler_size, simple_queue_size, element_size,
	decimal_size, stgdict_size, ctypes_type_size, st_size;

/* 3.13.15 and 3.14.7 have two members more in Unpickler. The layout may be that of a release on the other
 * side. */
enum { UNPICKLER_NEW_MEMBERS = 2 * SSIZE_SIZE };

#endif
