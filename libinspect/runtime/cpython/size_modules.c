/* SPDX-License-Identifier: MIT */
/*
 * size_modules.c - the __sizeof__ of the types of the standard library's C modules: Modules/.
 */
#include "runtime/cpython/size.h"

/* ---- itertools, array, collections ---- */

bool combinations_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->combinations_r, SSIZE_SIZE, size_ret);
}

bool combinations_with_replacement_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->combinations_with_replacement_r, SSIZE_SIZE, size_ret);
}

bool product_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t pools, count;
	if (!read_word(sizing, sizing->address, sizing->layout->product_pools, &pools) ||
	    !read_var_size(sizing, pools, &count))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + count * SSIZE_SIZE;
	return true;
}

bool permutations_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t pool, count;
	if (!array_of(sizing, sizing->layout->permutations_r, SSIZE_SIZE, size_ret) ||
	    !read_word(sizing, sizing->address, sizing->layout->permutations_pool, &pool) ||
	    !read_var_size(sizing, pool, &count))
		return false;
	*size_ret += count * SSIZE_SIZE;
	return true;
}

bool array_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t descriptor, item_size;
	return read_word(sizing, sizing->address, sizing->layout->array_descriptor, &descriptor) &&
	       read_int(sizing, descriptor, sizing->layout->array_descriptor_itemsize, &item_size) &&
	       array_of(sizing, sizing->layout->array_allocated, item_size, size_ret);
}

bool deque_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t left, count;
	if (!known(sizing, layout->size_of_deque_block) ||
	    !read_word(sizing, sizing->address, layout->deque_leftindex, &left) ||
	    !read_var_size(sizing, sizing->address, &count))
		return false;
	uint64_t block_size = (uint64_t)layout->size_of_deque_block;
	uint64_t block_length = (block_size - 2 * POINTER_SIZE) / POINTER_SIZE; /* but for the two links */
	uint64_t blocks = (left + count + block_length - 1) / block_length;
	*size_ret = (uint64_t)sizing->type->basicsize + blocks * block_size;
	return true;
}

/* ---- _io ---- */

/* sys.getsizeof() of the bytes object at @address. */
static bool bytes_object_size(struct sizing *sizing, uint64_t address, uint64_t *size_ret)
{
	uint64_t length;
	if (!known(sizing, sizing->layout->bytes_data) || !read_var_size(sizing, address, &length))
		return false;
	*size_ret = (uint64_t)sizing->layout->bytes_data + 1 + length;
	return true;
}

/* Has the object at @address one reference? The upper half is something else since 3.12. */
static bool read_unique(struct sizing *sizing, uint64_t address, bool *unique_ret)
{
	uint64_t references;
	if (!read_word(sizing, address, sizing->layout->object_refcnt, &references))
		return false;
	*unique_ret = (cpython_at_least(sizing->cpython, 3, 12) ? (uint32_t)references : references) == 1;
	return true;
}

bool bytesio_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t buffer, size = 0;
	bool unique;
	*size_ret = (uint64_t)sizing->type->basicsize;
	if (!read_word(sizing, sizing->address, sizing->layout->bytesio_buffer, &buffer))
		return false;
	if (!buffer)
		return true;
	if (!read_unique(sizing, buffer, &unique) || (unique && !bytes_object_size(sizing, buffer, &size)))
		return false;
	*size_ret += size;
	return true;
}

bool buffered_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t buffer, size;
	if (!read_word(sizing, sizing->address, sizing->layout->buffered_buffer, &buffer) ||
	    !read_word(sizing, sizing->address, sizing->layout->buffered_buffer_size, &size))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + (buffer ? size : 0);
	return true;
}

/* ---- other modules ---- */

/* The array of format codes ends with one without a definition, and has no more than there are values. */
bool struct_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	enum { STRUCT_CODES_LIMIT = 1 << 20 };
	uint64_t codes, limit, definition;
	if (!known(sizing, layout->size_of_struct_code) ||
	    !read_word(sizing, sizing->address, layout->struct_length, &limit) ||
	    !read_word(sizing, sizing->address, layout->struct_codes, &codes))
		return false;
	if (limit > STRUCT_CODES_LIMIT)
		limit = STRUCT_CODES_LIMIT;
	uint64_t step = (uint64_t)layout->size_of_struct_code;
	for (uint64_t i = 0; i <= limit; i++) {
		if (!read_word(sizing, codes + i * step, layout->struct_code_definition, &definition))
			return false;
		if (!definition) {
			*size_ret = (uint64_t)sizing->type->basicsize + (i + 1) * step;
			return true;
		}
	}
	return false;
}

bool pickler_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t memo, output, allocated, size;
	if (!known(sizing, layout->size_of_pickler_memo) ||
	    !known(sizing, layout->size_of_pickler_memo_entry) ||
	    !read_word(sizing, sizing->address, layout->pickler_memo, &memo) ||
	    !read_word(sizing, sizing->address, layout->pickler_output_buffer, &output))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize;
	if (memo) {
		if (!read_word(sizing, memo, layout->pickler_memo_allocated, &allocated))
			return false;
		*size_ret += (uint64_t)layout->size_of_pickler_memo +
			     allocated * (uint64_t)layout->size_of_pickler_memo_entry;
	}
	if (output) {
		if (!bytes_object_size(sizing, output, &size))
			return false;
		*size_ret += size;
	}
	return true;
}

/* @shift: how much further than the layout says the members behind input_line are. */
static bool shifted_unpickler_size(struct sizing *sizing, int32_t shift, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	if (!known(sizing, layout->unpickler_marks) || !known(sizing, layout->unpickler_encoding))
		return false;
	const struct {
		int32_t pointer, count; /* of an array of words */
	} arrays[] = {
		{ layout->unpickler_memo, layout->unpickler_memo_size },
		{ layout->unpickler_marks + shift, layout->unpickler_marks_size + shift },
	};
	const int32_t strings[] = { layout->unpickler_input_line, layout->unpickler_encoding + shift,
				    layout->unpickler_errors + shift };

	uint64_t pointer, size;
	*size_ret = (uint64_t)sizing->type->basicsize;
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		if (!read_word(sizing, sizing->address, arrays[i].pointer, &pointer) ||
		    !read_word(sizing, sizing->address, arrays[i].count, &size))
			return false;
		*size_ret += pointer ? size * POINTER_SIZE : 0;
	}
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (!read_word(sizing, sizing->address, strings[i], &pointer) ||
		    !read_string_size(sizing, pointer, &size))
			return false;
		*size_ret += size;
	}
	return true;
}

bool unpickler_size(struct sizing *sizing, uint64_t *size_ret)
{
	return shifted_unpickler_size(sizing, 0, size_ret);
}

bool older_unpickler_size(struct sizing *sizing, uint64_t *size_ret)
{
	return shifted_unpickler_size(sizing, -UNPICKLER_NEW_MEMBERS, size_ret);
}

bool newer_unpickler_size(struct sizing *sizing, uint64_t *size_ret)
{
	return shifted_unpickler_size(sizing, UNPICKLER_NEW_MEMBERS, size_ret);
}

/* 3.15 */
bool simple_queue_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->simple_queue_capacity, POINTER_SIZE, size_ret);
}

bool element_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t extra, children, allocated;
	*size_ret = (uint64_t)sizing->type->basicsize;
	if (!known(sizing, layout->size_of_element_extra) ||
	    !known(sizing, layout->element_extra_static_children) ||
	    !read_word(sizing, sizing->address, layout->element_extra, &extra))
		return false;
	if (!extra)
		return true;
	if (!read_word(sizing, extra, layout->element_extra_children, &children) ||
	    !read_word(sizing, extra, layout->element_extra_allocated, &allocated))
		return false;
	*size_ret += (uint64_t)layout->size_of_element_extra;
	if (children != extra + (uint64_t)layout->element_extra_static_children)
		*size_ret += allocated * POINTER_SIZE;
	return true;
}

/* Words count that neither are in the object itself nor belong to another: mpd_isdynamic_data() of
 * libmpdec. */
bool decimal_size(struct sizing *sizing, uint64_t *size_ret)
{
	enum { WORD_SIZE = 8, STATIC_DATA = 0x20, SHARED_DATA = 0x40, CONST_DATA = 0x80 };
	uint64_t flags;
	if (!read_byte(sizing, sizing->address, sizing->layout->decimal_flags, &flags))
		return false;
	if (!(flags & (STATIC_DATA | SHARED_DATA | CONST_DATA)))
		return array_of(sizing, sizing->layout->decimal_allocated, WORD_SIZE, size_ret);
	*size_ret = (uint64_t)sizing->type->basicsize;
	return true;
}

/* What ctypes keeps of a type at @info: a StgDictObject (up to 3.12) or a StgInfo. */
static bool stginfo_size(struct sizing *sizing, uint64_t info, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t format, dimensions, elements, length;
	if (!read_word(sizing, info, layout->stginfo_format, &format) ||
	    !read_int(sizing, info, layout->stginfo_ndim, &dimensions) ||
	    !read_word(sizing, info, layout->stginfo_elements, &elements) ||
	    !read_word(sizing, info, layout->stginfo_length, &length) ||
	    !read_string_size(sizing, format, size_ret))
		return false;
	*size_ret += dimensions * SSIZE_SIZE;
	if (elements)
		*size_ret += (length + 1) * POINTER_SIZE;
	return true;
}

bool stgdict_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t dict, info;
	if (!known(sizing, layout->size_of_stgdict) || !known(sizing, layout->size_of_dict) ||
	    !dict_size(sizing, &dict) || !stginfo_size(sizing, sizing->address, &info))
		return false;
	*size_ret = dict + (uint64_t)(layout->size_of_stgdict - layout->size_of_dict) + info;
	return true;
}

/* 3.13 on: a StgInfo lies behind the PyHeapTypeObject, where PyObject_GetTypeData() finds it. */
bool ctypes_type_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	enum { ALIGNMENT = 16 }; /* _Alignof(max_align_t) */
	uint64_t initialized, size = 0;
	if (!known(sizing, layout->size_of_heaptype) || !generic_size(sizing, size_ret))
		return false;
	uint64_t info = sizing->address +
			(((uint64_t)layout->size_of_heaptype + ALIGNMENT - 1) & -(uint64_t)ALIGNMENT);
	if (!read_int(sizing, info, layout->stginfo_initialized, &initialized) ||
	    (initialized && !stginfo_size(sizing, info, &size)))
		return false;
	*size_ret += size;
	return true;
}

/* The children of the parser's node at @node: sizeofchildren() of Parser/node.c. @budget bounds the nodes
 * of one tree. */
static bool node_children_size(struct sizing *sizing, uint64_t node, unsigned int depth, uint64_t *budget,
			       uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	enum { DEPTH_LIMIT = 10000 };
	uint64_t count, children, text, text_size;
	if (depth > DEPTH_LIMIT || !*budget || !read_int(sizing, node, layout->node_child_count, &count) ||
	    !read_word(sizing, node, layout->node_children, &children) ||
	    !read_word(sizing, node, layout->node_text, &text) || !read_string_size(sizing, text, &text_size))
		return false;
	--*budget;
	*size_ret += text_size;
	if (!children)
		return true;

	uint64_t allocated = count;
	if (count > 128)
		for (allocated = 256; allocated < count && allocated < size_limit;)
			allocated <<= 1;
	else if (count > 1)
		allocated = (count + 3) & ~UINT64_C(3);
	*size_ret += allocated * (uint64_t)layout->size_of_node;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t child = children + i * (uint64_t)layout->size_of_node;
		if (!node_children_size(sizing, child, depth + 1, budget, size_ret))
			return false;
	}
	return true;
}

/* parser.st of 3.6 … 3.9 */
bool st_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t node, budget = UINT64_C(1) << 22;
	if (!known(sizing, sizing->layout->size_of_node) ||
	    !read_word(sizing, sizing->address, sizing->layout->st_node, &node))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize;
	if (!node)
		return true;
	*size_ret += (uint64_t)sizing->layout->size_of_node;
	return node_children_size(sizing, node, 0, &budget, size_ret);
}
