/* SPDX-License-Identifier: MIT */
/*
 * size.c - sys.getsizeof() from outside.
 *
 * sys.getsizeof(o) is type(o).__sizeof__(o) and what lies before the object in memory (_PySys_GetSizeOf() in
 * Python/sysmodule.c). Most types inherit object.__sizeof__; each __sizeof__ of CPython's own C types has
 * its rule here, named after that type. Offsets that this build of CPython is not known to have make a size
 * a basic one.
 */
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/cpython.h"
#include "runtime/cpython/str.h"

/* An object whose size is being found. */
struct sizing {
	struct cpython *cpython;
	const struct layout *layout;
	const struct cpython_type *type;
	uint64_t address;
	bool absent; /* an offset is not known */
};

enum { POINTER_SIZE = 8, SSIZE_SIZE = 8 };

/* No object is larger: the addresses that a program can have on x86-64 and aarch64 without special
 * requests. */
enum { ADDRESS_BITS = 47 };
static const uint64_t size_limit = UINT64_C(1) << ADDRESS_BITS;

/* ---- reading ---- */

/* A pointer, Py_ssize_t or size_t. */
static bool read_word(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	sizing->absent |= offset == LAYOUT_ABSENT;
	return read_pointer(sizing->cpython, address, offset, value_ret);
}

/* An int. */
static bool read_int(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	int32_t value;
	sizing->absent |= offset == LAYOUT_ABSENT;
	bool readable = read_int32(sizing->cpython, address, offset, &value);
	*value_ret = (uint64_t)(int64_t)value;
	return readable;
}

/* An unsigned char. */
static bool read_byte(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	uint8_t value;
	sizing->absent |= offset == LAYOUT_ABSENT;
	bool readable = read_uint8(sizing->cpython, address, offset, &value);
	*value_ret = value;
	return readable;
}

/* Is the size or offset @number known? */
static bool known(struct sizing *sizing, int32_t number)
{
	sizing->absent |= number == LAYOUT_ABSENT;
	return number != LAYOUT_ABSENT;
}

/* The ob_size of the object at @address. */
static bool read_var_size(struct sizing *sizing, uint64_t address, uint64_t *value_ret)
{
	return read_word(sizing, address, sizing->layout->var_size, value_ret);
}

/* strlen() + 1 of the C string at @address; 0 where there is no string. */
static bool read_string_size(struct sizing *sizing, uint64_t address, uint64_t *size_ret)
{
	enum { CHUNK = 4096, STRING_LIMIT = 1 << 26 };
	char buffer[CHUNK];
	*size_ret = 0;
	if (!address)
		return true;
	for (uint64_t start = address; start - address < STRING_LIMIT;) {
		uint64_t size = CHUNK - start % CHUNK;
		const char *bytes = target_map(sizing->cpython->target, start, size);
		if (!bytes) {
			struct inspect_error *error INSPECT_ERROR_AUTO =
				target_read(sizing->cpython->target, start, buffer, size);
			if (error)
				return false;
			bytes = buffer;
		}
		const char *end = memchr(bytes, 0, size);
		if (end) {
			*size_ret = start - address + (uint64_t)(end - bytes) + 1;
			return true;
		}
		start += size;
	}
	return false;
}

/* ---- object, and types that only add one array ---- */

static bool generic_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t items = 0;
	if (sizing->type->itemsize && !read_var_size(sizing, sizing->address, &items))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + items * (uint64_t)sizing->type->itemsize;
	return true;
}

/* The basic size and an array of @count_offset's items of @item_size bytes. */
static bool array_of(struct sizing *sizing, int32_t count_offset, uint64_t item_size, uint64_t *size_ret)
{
	uint64_t count;
	if (!read_word(sizing, sizing->address, count_offset, &count))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + count * item_size;
	return true;
}

static bool list_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->list_allocated, POINTER_SIZE, size_ret);
}

static bool combinations_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->combinations_r, SSIZE_SIZE, size_ret);
}

static bool combinations_with_replacement_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->combinations_with_replacement_r, SSIZE_SIZE, size_ret);
}

static bool product_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t pools, count;
	if (!read_word(sizing, sizing->address, sizing->layout->product_pools, &pools) ||
	    !read_var_size(sizing, pools, &count))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + count * SSIZE_SIZE;
	return true;
}

static bool permutations_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t pool, count;
	if (!array_of(sizing, sizing->layout->permutations_r, SSIZE_SIZE, size_ret) ||
	    !read_word(sizing, sizing->address, sizing->layout->permutations_pool, &pool) ||
	    !read_var_size(sizing, pool, &count))
		return false;
	*size_ret += count * SSIZE_SIZE;
	return true;
}

static bool array_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t descriptor, item_size;
	return read_word(sizing, sizing->address, sizing->layout->array_descriptor, &descriptor) &&
	       read_int(sizing, descriptor, sizing->layout->array_descriptor_itemsize, &item_size) &&
	       array_of(sizing, sizing->layout->array_allocated, item_size, size_ret);
}

/* Since 3.15 the bytes are in a bytes object of their own, whose header counts: Objects/bytearrayobject.c */
static bool bytearray_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t basic = (uint64_t)sizing->type->basicsize;
	if (!array_of(sizing, sizing->layout->bytearray_alloc, 1, size_ret))
		return false;
	if (cpython_at_least(sizing->cpython, 3, 15) && *size_ret != basic) {
		if (!known(sizing, sizing->layout->bytes_data))
			return false;
		*size_ret += (uint64_t)sizing->layout->bytes_data + 1;
	}
	return true;
}

static bool deque_size(struct sizing *sizing, uint64_t *size_ret)
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

static bool set_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t mask, table;
	if (!known(sizing, layout->size_of_set_entry) || !known(sizing, layout->set_smalltable) ||
	    !read_word(sizing, sizing->address, layout->set_mask, &mask) ||
	    !read_word(sizing, sizing->address, layout->set_table, &table))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize;
	if (table != sizing->address + (uint64_t)layout->set_smalltable)
		*size_ret += (mask + 1) * (uint64_t)layout->size_of_set_entry;
	return true;
}

/* ---- int ---- */

/* From 3.12 on lv_tag has the number of digits above three bits of sign and flags (cpython/longintrepr.h);
 * before, ob_size has it, negative for negative numbers, and up to 3.10 zero counts none. */
static bool int_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	enum { DIGIT_SIZE = 4, NON_SIZE_BITS = 3 };
	uint64_t digits;
	if (layout->int_tag != LAYOUT_ABSENT) {
		if (!read_word(sizing, sizing->address, layout->int_tag, &digits))
			return false;
		digits >>= NON_SIZE_BITS;
	} else {
		if (!read_var_size(sizing, sizing->address, &digits))
			return false;
		if ((int64_t)digits < 0)
			digits = -digits;
	}
	if (!digits && cpython_at_least(sizing->cpython, 3, 11))
		digits = 1;
	if (!known(sizing, layout->int_digits))
		return false;
	/* what subclasses add counts since 3.13 */
	uint64_t basic = cpython_at_least(sizing->cpython, 3, 13) ? (uint64_t)sizing->type->basicsize :
								      (uint64_t)layout->int_digits;
	*size_ret = basic + digits * DIGIT_SIZE;
	return true;
}

/* ---- str ---- */

static bool str_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	struct cpython_str str;
	if (!known(sizing, layout->str_state) || !known(sizing, layout->size_of_str) ||
	    !cpython_str_open(sizing->cpython, sizing->address, &str))
		return false;

	*size_ret = str.compact ? str.data - sizing->address : (uint64_t)layout->size_of_str;
	if (str.ready && str.data)
		*size_ret += ((uint64_t)str.length + 1) * str.kind;

	uint64_t wstr = 0, wstr_length = (uint64_t)str.length;
	bool has_wstr = layout->str_wstr != LAYOUT_ABSENT;
	if (has_wstr && !read_word(sizing, sizing->address, layout->str_wstr, &wstr))
		return false;
	if (wstr && (!str.ready || wstr != str.data)) {
		if (!(str.compact && str.ascii) &&
		    !read_word(sizing, sizing->address, layout->str_wstr_length, &wstr_length))
			return false;
		*size_ret += (wstr_length + 1) * sizeof(uint32_t);
	}
	if (str.compact && str.ascii)
		return true;

	uint64_t utf8, utf8_length;
	if (!read_word(sizing, sizing->address, layout->str_utf8, &utf8) ||
	    !read_word(sizing, sizing->address, layout->str_utf8_length, &utf8_length))
		return false;
	if (utf8 && utf8 != str.data)
		*size_ret += utf8_length + 1;
	return true;
}

/* ---- dict and its kin ---- */

/* USABLE_FRACTION() of Objects/dictobject.c */
static uint64_t usable_fraction(uint64_t slots)
{
	return (slots << 1) / 3;
}

/* DK_IXSIZE(): bytes of one index, 3.6 … 3.10 */
static uint64_t index_width(uint64_t slots)
{
	return slots <= 0xff ? 1 : slots <= 0xffff ? 2 : slots <= 0xffffffff ? 4 : 8;
}

static bool read_keys_slots(struct sizing *sizing, uint64_t keys, uint64_t *slots_ret)
{
	const struct layout *layout = sizing->layout;
	if (layout->dict_keys_log2_size == LAYOUT_ABSENT)
		return read_word(sizing, keys, layout->dict_keys_size, slots_ret) && *slots_ret < size_limit;
	uint64_t log2_size;
	if (!read_byte(sizing, keys, layout->dict_keys_log2_size, &log2_size) || log2_size >= ADDRESS_BITS)
		return false;
	*slots_ret = UINT64_C(1) << log2_size;
	return true;
}

/* _PyDict_KeysSize() */
static bool keys_size(struct sizing *sizing, uint64_t keys, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t slots;
	if (!known(sizing, layout->dict_keys_indices) || !known(sizing, layout->size_of_dict_entry) ||
	    !read_keys_slots(sizing, keys, &slots))
		return false;

	uint64_t entry_size = (uint64_t)layout->size_of_dict_entry;
	uint64_t index_size = slots * index_width(slots);
	if (layout->dict_keys_kind != LAYOUT_ABSENT) {
		uint64_t kind, log2_bytes;
		if (!known(sizing, layout->size_of_dict_unicode_entry) ||
		    !read_byte(sizing, keys, layout->dict_keys_kind, &kind) ||
		    !read_byte(sizing, keys, layout->dict_keys_log2_index_bytes, &log2_bytes) ||
		    log2_bytes >= ADDRESS_BITS)
			return false;
		if (kind != 0) /* not DICT_KEYS_GENERAL */
			entry_size = (uint64_t)layout->size_of_dict_unicode_entry;
		index_size = UINT64_C(1) << log2_bytes;
	}
	*size_ret = (uint64_t)layout->dict_keys_indices + index_size + usable_fraction(slots) * entry_size;
	return true;
}

/* How many values the split table with @keys has room for: shared_keys_usable_size() since 3.11. */
static bool read_values_count(struct sizing *sizing, uint64_t keys, uint64_t *count_ret)
{
	uint64_t entries, usable;
	if (!cpython_at_least(sizing->cpython, 3, 11)) {
		if (!read_keys_slots(sizing, keys, count_ret))
			return false;
		*count_ret = usable_fraction(*count_ret);
		return true;
	}
	if (!read_word(sizing, keys, sizing->layout->dict_keys_nentries, &entries) ||
	    !read_word(sizing, keys, sizing->layout->dict_keys_usable, &usable))
		return false;
	*count_ret = entries + usable;
	return true;
}

static bool dict_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t keys, values, references;
	if (!read_word(sizing, sizing->address, layout->dict_keys, &keys) ||
	    !read_word(sizing, sizing->address, layout->dict_values, &values) ||
	    !read_word(sizing, keys, layout->dict_keys_refcnt, &references))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize;
	if (values) {
		uint64_t count;
		if (!read_values_count(sizing, keys, &count))
			return false;
		*size_ret += count * POINTER_SIZE;
	}
	if (references == 1) { /* shared keys count with their type */
		uint64_t size;
		if (!keys_size(sizing, keys, &size))
			return false;
		*size_ret += size;
	}
	return true;
}

static bool ordered_dict_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t fast_nodes, first, used;
	if (!known(sizing, layout->size_of_odict_node) || !dict_size(sizing, size_ret) ||
	    !read_word(sizing, sizing->address, layout->odict_fast_nodes_size, &fast_nodes) ||
	    !read_word(sizing, sizing->address, layout->odict_first, &first) ||
	    !read_word(sizing, sizing->address, layout->dict_used, &used))
		return false;
	*size_ret += fast_nodes * POINTER_SIZE;
	if (first)
		*size_ret += used * (uint64_t)layout->size_of_odict_node;
	return true;
}

/* ---- type ---- */

static bool type_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t flags, keys, size = 0;
	if (!known(sizing, layout->size_of_type) || !known(sizing, layout->size_of_heaptype) ||
	    !read_word(sizing, sizing->address, layout->type_flags, &flags))
		return false;
	if (!(flags & TPFLAGS_HEAPTYPE)) {
		*size_ret = (uint64_t)layout->size_of_type;
		return true;
	}
	if (!read_word(sizing, sizing->address, layout->heaptype_cached_keys, &keys) ||
	    (keys && !keys_size(sizing, keys, &size)))
		return false;
	*size_ret = (uint64_t)layout->size_of_heaptype + size;
	return true;
}

/* ---- code, frames, generators ---- */

/* 3.6 counts the pointers alone. */
static bool code_extra_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t extra, count;
	*size_ret = 0;
	if (!known(sizing, layout->size_of_code_extra) ||
	    !read_word(sizing, sizing->address, layout->code_extra, &extra))
		return false;
	if (!extra)
		return true;
	if (!read_word(sizing, extra, layout->code_extra_size, &count))
		return false;
	*size_ret = count * POINTER_SIZE;
	if (cpython_at_least(sizing->cpython, 3, 7))
		*size_ret += (uint64_t)layout->size_of_code_extra - POINTER_SIZE;
	return true;
}

/* 3.6 … 3.10: the table that maps cells to arguments */
static bool code_cells_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t cell2arg, cellvars, count;
	*size_ret = 0;
	if (!read_word(sizing, sizing->address, layout->code_cell2arg, &cell2arg) ||
	    !read_word(sizing, sizing->address, layout->code_cellvars, &cellvars))
		return false;
	if (!cell2arg || !cellvars)
		return true;
	if (!read_var_size(sizing, cellvars, &count))
		return false;
	*size_ret = count * SSIZE_SIZE;
	return true;
}

/* 3.8 … 3.10: the cache of hot code, and a byte for each of its two-byte instructions */
static bool code_opcache_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t cache, count, bytecode, bytes;
	*size_ret = 0;
	if (layout->code_opcache == LAYOUT_ABSENT)
		return true;
	if (!known(sizing, layout->size_of_opcache) ||
	    !read_word(sizing, sizing->address, layout->code_opcache, &cache))
		return false;
	if (!cache)
		return true;
	if (!read_byte(sizing, sizing->address, layout->code_opcache_size, &count) ||
	    !read_word(sizing, sizing->address, layout->code_bytecode, &bytecode) ||
	    !read_var_size(sizing, bytecode, &bytes))
		return false;
	*size_ret = bytes / 2 + count * (uint64_t)layout->size_of_opcache;
	return true;
}

static bool code_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t basic, extra, cells, opcache;
	if (!generic_size(sizing, &basic) || !code_extra_size(sizing, &extra))
		return false;
	*size_ret = basic + extra;
	if (cpython_at_least(sizing->cpython, 3, 11)) {
		*size_ret = ((basic + POINTER_SIZE - 1) & -(uint64_t)POINTER_SIZE) + extra;
		return true;
	}
	if (!code_cells_size(sizing, &cells) || !code_opcache_size(sizing, &opcache))
		return false;
	*size_ret += cells + opcache;
	return true;
}

/* Bytes of the local variables and the stack that the code object at @code wants, 3.11 on. */
static bool code_slots_size(struct sizing *sizing, uint64_t code, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t locals, stack, size;
	if (!cpython_at_least(sizing->cpython, 3, 12)) {
		if (!read_int(sizing, code, layout->code_nlocalsplus, &locals) ||
		    !read_int(sizing, code, layout->code_stacksize, &stack))
			return false;
		*size_ret = (locals + stack) * POINTER_SIZE;
		return true;
	}
	/* _PyFrame_NumSlotsForCodeObject(): internal/pycore_frame.h, 3.14 pycore_interpframe.h */
	if (!known(sizing, layout->size_of_interpreter_frame) ||
	    !read_int(sizing, code, layout->code_framesize, &size))
		return false;
	uint64_t header = ((uint64_t)layout->size_of_interpreter_frame - 1) / POINTER_SIZE;
	*size_ret = (size - header) * POINTER_SIZE;
	return true;
}

/* The code object of the _PyInterpreterFrame at @frame. Since 3.14 the low bits of the pointer are tags. */
static bool read_frame_code(struct sizing *sizing, uint64_t frame, uint64_t *code_ret)
{
	if (!read_word(sizing, frame, sizing->layout->interpreter_frame_code, code_ret))
		return false;
	*code_ret &= ~UINT64_C(3);
	return true;
}

/* An object that has a _PyInterpreterFrame of @code at @offset, and ends with it. */
static bool embedded_frame_size(struct sizing *sizing, int32_t offset, uint64_t code, uint64_t *size_ret)
{
	uint64_t slots;
	int32_t locals = sizing->layout->interpreter_frame_localsplus;
	if (!known(sizing, offset) || !known(sizing, locals) || !code_slots_size(sizing, code, &slots))
		return false;
	*size_ret = (uint64_t)offset + (uint64_t)locals + slots;
	return true;
}

/* 3.6 … 3.10 */
static bool old_frame_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t code, cellvars, freevars, stack, locals, cells, frees;
	if (!known(sizing, layout->size_of_frame) ||
	    !read_word(sizing, sizing->address, layout->frame_code, &code) ||
	    !read_word(sizing, code, layout->code_cellvars, &cellvars) ||
	    !read_word(sizing, code, layout->code_freevars, &freevars) ||
	    !read_int(sizing, code, layout->code_stacksize, &stack) ||
	    !read_int(sizing, code, layout->code_nlocals, &locals) ||
	    !read_var_size(sizing, cellvars, &cells) || !read_var_size(sizing, freevars, &frees))
		return false;
	*size_ret = (uint64_t)layout->size_of_frame + (stack + locals + cells + frees - 1) * POINTER_SIZE;
	return true;
}

static bool frame_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t frame, code;
	if (!cpython_at_least(sizing->cpython, 3, 11))
		return old_frame_size(sizing, size_ret);
	return read_word(sizing, sizing->address, sizing->layout->frame_frame, &frame) &&
	       read_frame_code(sizing, frame, &code) &&
	       embedded_frame_size(sizing, sizing->layout->frame_frame_data, code, size_ret);
}

static bool generator_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	uint64_t code, frame = sizing->address + (uint64_t)layout->generator_frame;
	if (!known(sizing, layout->generator_frame))
		return false;
	bool readable = layout->generator_code != LAYOUT_ABSENT ?
				read_word(sizing, sizing->address, layout->generator_code, &code) :
				read_frame_code(sizing, frame, &code);
	return readable && embedded_frame_size(sizing, layout->generator_frame, code, size_ret);
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

static bool bytesio_size(struct sizing *sizing, uint64_t *size_ret)
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

static bool buffered_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t buffer, size;
	if (!read_word(sizing, sizing->address, sizing->layout->buffered_buffer, &buffer) ||
	    !read_word(sizing, sizing->address, sizing->layout->buffered_buffer_size, &size))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + (buffer ? size : 0);
	return true;
}

/* ---- other modules of the standard library ---- */

/* The array of format codes ends with one without a definition, and has no more than there are values. */
static bool struct_size(struct sizing *sizing, uint64_t *size_ret)
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

static bool pickler_size(struct sizing *sizing, uint64_t *size_ret)
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

static bool unpickler_size(struct sizing *sizing, uint64_t *size_ret)
{
	return shifted_unpickler_size(sizing, 0, size_ret);
}

/* 3.13.15 and 3.14.7 have two members more. The layout may be that of a release on the other side. */
enum { UNPICKLER_NEW_MEMBERS = 2 * SSIZE_SIZE };

static bool older_unpickler_size(struct sizing *sizing, uint64_t *size_ret)
{
	return shifted_unpickler_size(sizing, -UNPICKLER_NEW_MEMBERS, size_ret);
}

static bool newer_unpickler_size(struct sizing *sizing, uint64_t *size_ret)
{
	return shifted_unpickler_size(sizing, UNPICKLER_NEW_MEMBERS, size_ret);
}

/* 3.15 */
static bool simple_queue_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->simple_queue_capacity, POINTER_SIZE, size_ret);
}

static bool element_size(struct sizing *sizing, uint64_t *size_ret)
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
static bool decimal_size(struct sizing *sizing, uint64_t *size_ret)
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

static bool stgdict_size(struct sizing *sizing, uint64_t *size_ret)
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
static bool ctypes_type_size(struct sizing *sizing, uint64_t *size_ret)
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
static bool st_size(struct sizing *sizing, uint64_t *size_ret)
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

/* ---- which rule ---- */

/* The types of CPython that have a __sizeof__, by tp_name: 3.6 … 3.15. Where the layout knows the size of
 * the type's struct, the type's tp_basicsize must be it, or else the layout is that of another release: so
 * many bytes larger as `difference` says. */
struct rule {
	const char *provider;
	bool (*size)(struct sizing *sizing, uint64_t *size_ret);
	size_t struct_size; /* where in struct layout; 0: not compared */
	int32_t difference;
};

#define STRUCT(name) offsetof(struct layout, size_of_##name)

static const struct rule rules[] = {
	[SIZE_GENERIC] = { "object", generic_size, 0, 0 },
	[SIZE_UNKNOWN] = { "", generic_size, 0, 0 },
	{ "int", int_size, 0, 0 },
	{ "str", str_size, STRUCT(str), 0 },
	{ "bytearray", bytearray_size, STRUCT(bytearray), 0 },
	{ "list", list_size, STRUCT(list), 0 },
	{ "dict", dict_size, STRUCT(dict), 0 },
	{ "frozendict", dict_size, 0, 0 },
	{ "set", set_size, STRUCT(set), 0 },
	{ "frozenset", set_size, STRUCT(set), 0 },
	{ "type", type_size, STRUCT(heaptype), 0 },
	{ "code", code_size, 0, 0 },
	{ "frame", frame_size, 0, 0 },
	{ "generator", generator_size, 0, 0 },
	{ "coroutine", generator_size, 0, 0 },
	{ "async_generator", generator_size, 0, 0 },
	{ "collections.OrderedDict", ordered_dict_size, 0, 0 },
	{ "collections.deque", deque_size, STRUCT(deque), 0 },
	{ "itertools.product", product_size, STRUCT(product), 0 },
	{ "itertools.combinations", combinations_size, STRUCT(combinations), 0 },
	{ "itertools.combinations_with_replacement", combinations_with_replacement_size,
	  STRUCT(combinations_with_replacement), 0 },
	{ "itertools.permutations", permutations_size, STRUCT(permutations), 0 },
	{ "_io.BytesIO", bytesio_size, STRUCT(bytesio), 0 },
	{ "_io.BufferedReader", buffered_size, STRUCT(buffered), 0 },
	{ "_io.BufferedWriter", buffered_size, STRUCT(buffered), 0 },
	{ "_io.BufferedRandom", buffered_size, STRUCT(buffered), 0 },
	{ "array.array", array_size, STRUCT(array), 0 },
	{ "Struct", struct_size, STRUCT(struct), 0 },
	{ "_struct.Struct", struct_size, STRUCT(struct), 0 },
	{ "_pickle.Pickler", pickler_size, STRUCT(pickler), 0 },
	{ "_pickle.Unpickler", unpickler_size, STRUCT(unpickler), 0 },
	{ "_pickle.Unpickler", older_unpickler_size, STRUCT(unpickler), -UNPICKLER_NEW_MEMBERS },
	{ "_pickle.Unpickler", newer_unpickler_size, STRUCT(unpickler), UNPICKLER_NEW_MEMBERS },
	{ "_queue.SimpleQueue", simple_queue_size, STRUCT(simple_queue), 0 },
	{ "xml.etree.ElementTree.Element", element_size, STRUCT(element), 0 },
	{ "decimal.Decimal", decimal_size, STRUCT(decimal), 0 },
	{ "StgDict", stgdict_size, STRUCT(stgdict), 0 },
	{ "_ctypes.CType_Type", ctypes_type_size, 0, 0 },
	{ "parser.st", st_size, STRUCT(st), 0 },
};

#undef STRUCT

/* Is @rule for the type @provider, whose tp_name is @name? */
static bool rule_fits(struct cpython *cpython, const struct rule *rule, uint64_t provider, const char *name)
{
	if (strcmp(rule->provider, name) != 0)
		return false;
	int32_t size;
	memcpy(&size, (const char *)&cpython->layout + rule->struct_size, sizeof(size));
	if (!rule->struct_size || size == LAYOUT_ABSENT)
		return rule->difference == 0;
	int64_t basicsize;
	return read_ssize(cpython, provider, cpython->layout.type_basicsize, &basicsize) &&
	       basicsize == size + rule->difference;
}

static char *read_type_name(struct cpython *cpython, uint64_t type)
{
	enum { NAME_LIMIT = 256 };
	uint64_t address;
	char *name = NULL;
	if (!read_pointer(cpython, type, cpython->layout.type_name, &address))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, address, NAME_LIMIT, &name);
	return name;
}

/* The rule for the method @method, called __sizeof__. Methods of C types are method_descriptor objects,
 * which say whose they are; anything else is Python code. */
static uint8_t rule_of_method(struct cpython *cpython, uint64_t method)
{
	uint64_t method_type, provider;
	if (!read_pointer(cpython, method, cpython->layout.object_type, &method_type))
		return SIZE_UNKNOWN;
	char *method_type_name AUTO_FREE = read_type_name(cpython, method_type);
	if (!method_type_name || strcmp(method_type_name, "method_descriptor") != 0 ||
	    !read_pointer(cpython, method, cpython->layout.descriptor_type, &provider))
		return SIZE_UNKNOWN;
	char *provider_name AUTO_FREE = read_type_name(cpython, provider);
	if (!provider_name)
		return SIZE_UNKNOWN;
	for (uint8_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rule_fits(cpython, &rules[i], provider, provider_name))
			return i;
	return SIZE_UNKNOWN;
}

/* The rule for @class if it has a __sizeof__ of its own, else -1. */
static int rule_of_class(struct cpython *cpython, uint64_t class)
{
	uint64_t method = cpython_dict_get(cpython, cpython_type_dict(cpython, class), "__sizeof__");
	return method ? rule_of_method(cpython, method) : -1;
}

uint8_t cpython_size_rule(struct cpython *cpython, uint64_t type)
{
	enum { DEPTH_LIMIT = 100 };
	uint64_t classes, class = type;
	int rule = -1;
	int64_t length = cpython_mro(cpython, type, &classes);
	for (int64_t i = 0; i < length && rule < 0; i++) {
		if (!read_pointer(cpython, classes + (uint64_t)i * POINTER_SIZE, 0, &class))
			return SIZE_UNKNOWN;
		rule = rule_of_class(cpython, class);
	}
	if (length > 0)
		return rule < 0 ? SIZE_UNKNOWN : (uint8_t)rule;

	/* A C type that nobody has asked for anything yet has no MRO, only bases, and no base means object:
	 * sys.getsizeof() calls PyType_Ready() first. */
	for (int depth = 0; class && depth < DEPTH_LIMIT; depth++) {
		rule = rule_of_class(cpython, class);
		if (rule >= 0)
			return (uint8_t)rule;
		if (!read_pointer(cpython, class, cpython->layout.type_base, &class))
			return SIZE_UNKNOWN;
	}
	return class ? SIZE_UNKNOWN : SIZE_GENERIC;
}

/* ---- before the object ---- */

uint32_t cpython_preheader(struct cpython *cpython, uint64_t flags)
{
	uint32_t size = 0;
	if ((flags & TPFLAGS_HAVE_GC) && cpython->layout.size_of_gc_head != LAYOUT_ABSENT)
		size += (uint32_t)cpython->layout.size_of_gc_head;

	/* _PyType_PreHeaderSize(): internal/pycore_object.h */
	uint64_t managed = 0;
	if (cpython_at_least(cpython, 3, 12))
		managed = TPFLAGS_MANAGED_DICT | TPFLAGS_MANAGED_WEAKREF;
	else if (cpython_at_least(cpython, 3, 11))
		managed = TPFLAGS_MANAGED_DICT;
	if (flags & managed)
		size += 2 * POINTER_SIZE;
	return size;
}

/* Types that are not on the heap have nothing before them. 3.11 and 3.12 count it all the same, and since
 * 3.13 only those of the type `type` are looked at. */
static bool read_preheader(struct sizing *sizing, uint64_t *size_ret)
{
	struct cpython *cpython = sizing->cpython;
	uint64_t flags;
	*size_ret = sizing->type->preheader;
	if (!(sizing->type->flags & TPFLAGS_TYPE_SUBCLASS))
		return true;
	if (cpython_at_least(cpython, 3, 11) && !cpython_at_least(cpython, 3, 13))
		return true;
	if (cpython_at_least(cpython, 3, 13) && sizing->type->address != cpython->type_type)
		return true;
	if (!read_word(sizing, sizing->address, sizing->layout->type_flags, &flags))
		return false;
	if (!(flags & TPFLAGS_HEAPTYPE))
		*size_ret = 0;
	return true;
}

bool cpython_size(struct cpython *cpython, const struct cpython_type *type, uint64_t address,
		  uint64_t *size_ret, bool *basic_ret)
{
	struct sizing sizing = { cpython, &cpython->layout, type, address, false };
	uint64_t size, preheader;
	bool known_size = rules[type->size_rule].size(&sizing, &size);
	*basic_ret = type->size_rule == SIZE_UNKNOWN || sizing.absent;
	if (!known_size && (!sizing.absent || !generic_size(&sizing, &size)))
		return false;
	if (!read_preheader(&sizing, &preheader))
		return false;
	*size_ret = size + preheader;
	return *size_ret < size_limit;
}
