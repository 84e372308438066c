/* SPDX-License-Identifier: MIT */
/*
 * size_builtin.c - the __sizeof__ of the types that are built in: Objects/, and Python/ and Include/ as noted.
 */
#include "runtime/cpython/size.h"
#include "runtime/cpython/str.h"

/* ---- object, and types that only add one array ---- */

bool generic_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t items = 0;
	if (sizing->type->itemsize && !read_var_size(sizing, sizing->address, &items))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + items * (uint64_t)sizing->type->itemsize;
	return true;
}

/* The basic size and an array of @count_offset's items of @item_size bytes. */
bool array_of(struct sizing *sizing, int32_t count_offset, uint64_t item_size, uint64_t *size_ret)
{
	uint64_t count;
	if (!read_word(sizing, sizing->address, count_offset, &count))
		return false;
	*size_ret = (uint64_t)sizing->type->basicsize + count * item_size;
	return true;
}

bool list_size(struct sizing *sizing, uint64_t *size_ret)
{
	return array_of(sizing, sizing->layout->list_allocated, POINTER_SIZE, size_ret);
}

/* Since 3.15 the bytes are in a bytes object of their own, whose header counts: Objects/bytearrayobject.c */
bool bytearray_size(struct sizing *sizing, uint64_t *size_ret)
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

bool set_size(struct sizing *sizing, uint64_t *size_ret)
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
 * before, ob_size has it, negative for negative numbers. Zero counts a digit since 3.11.2 (gh-100637), and what
 * subclasses add counts since 3.12 (gh-101266). */
bool int_size(struct sizing *sizing, uint64_t *size_ret)
{
	const struct layout *layout = sizing->layout;
	enum { DIGIT_SIZE = 4, NON_SIZE_BITS = 3, ZERO_HAS_A_DIGIT = 0x030b02f0 };
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
	if (!digits && sizing->cpython->version >= ZERO_HAS_A_DIGIT)
		digits = 1;
	if (!known(sizing, layout->int_digits))
		return false;
	uint64_t basic = (uint64_t)layout->int_digits;
	if (cpython_at_least(sizing->cpython, 3, 12))
		basic = (uint64_t)sizing->type->basicsize;
	*size_ret = basic + digits * DIGIT_SIZE;
	return true;
}

/* ---- str ---- */

bool str_size(struct sizing *sizing, uint64_t *size_ret)
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

bool dict_size(struct sizing *sizing, uint64_t *size_ret)
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

bool ordered_dict_size(struct sizing *sizing, uint64_t *size_ret)
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

bool type_size(struct sizing *sizing, uint64_t *size_ret)
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

bool code_size(struct sizing *sizing, uint64_t *size_ret)
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

bool frame_size(struct sizing *sizing, uint64_t *size_ret)
{
	uint64_t frame, code;
	if (!cpython_at_least(sizing->cpython, 3, 11))
		return old_frame_size(sizing, size_ret);
	return read_word(sizing, sizing->address, sizing->layout->frame_frame, &frame) &&
	       read_frame_code(sizing, frame, &code) &&
	       embedded_frame_size(sizing, sizing->layout->frame_frame_data, code, size_ret);
}

bool generator_size(struct sizing *sizing, uint64_t *size_ret)
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
