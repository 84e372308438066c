/* SPDX-License-Identifier: MIT */
/*
 * dict.c - reading dict objects: Objects/dictobject.c, internal/pycore_dict.h.
 *
 * A dict's keys object is a header, a table of indices and an array of entries in insertion order. Only the
 * entries matter to a reader from outside.
 */
#include "runtime/cpython/cpython.h"

/* More items than this no namespace has: the bound of a search through a damaged one. */
static const int64_t namespace_limit = 1 << 20;

/* dk_kind: internal/pycore_dict.h, 3.11 */
enum { DICT_KEYS_GENERAL = 0 };

/* Bytes of one index in a table of @size slots: 3.6 to 3.10 derive it (DK_IXSIZE in Objects/dictobject.c). */
static uint64_t index_width(uint64_t size)
{
	return size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;
}

/* The head of a table of keys: its bytes in one piece, where they can be had so. */
struct keys_head {
	struct cpython *cpython;
	uint64_t address;
	const char *bytes; /* up to dk_indices, or NULL */
};

static inline bool read_head(const struct keys_head *head, int32_t offset, void *value, size_t size)
{
	if (head->bytes && offset >= 0 && offset + (int32_t)size <= head->cpython->layout.dict_keys_indices) {
		memcpy(value, head->bytes + offset, size);
		return true;
	}
	return read_field(head->cpython, head->address, offset, value, size);
}

/* The size in bytes of the table of indices and how many slots it has; false if it makes no sense. */
static bool read_index_size(const struct keys_head *head, uint64_t *bytes_ret, uint64_t *slots_ret)
{
	const struct layout *layout = &head->cpython->layout;
	if (layout->dict_keys_log2_size == LAYOUT_ABSENT) {
		int64_t slots;
		if (!read_head(head, layout->dict_keys_size, &slots, sizeof(slots)) || slots <= 0 || slots >> 40)
			return false;
		*slots_ret = (uint64_t)slots;
		*bytes_ret = *slots_ret * index_width(*slots_ret);
		return true;
	}
	uint8_t log2_size, log2_bytes;
	if (!read_head(head, layout->dict_keys_log2_size, &log2_size, sizeof(log2_size)) ||
	    !read_head(head, layout->dict_keys_log2_index_bytes, &log2_bytes, sizeof(log2_bytes)) ||
	    log2_size > 40 || log2_bytes > 43)
		return false;
	*slots_ret = UINT64_C(1) << log2_size;
	*bytes_ret = UINT64_C(1) << log2_bytes;
	return true;
}

bool dict_keys_read(struct cpython *cpython, uint64_t address, struct dict_keys *keys)
{
	const struct layout *layout = &cpython->layout;
	uint64_t index_bytes, slots;
	const struct keys_head head = {
		cpython, address,
		address && layout->dict_keys_indices > 0 ?
			target_map(cpython->target, address, (uint64_t)layout->dict_keys_indices) : NULL,
	};
	*keys = (struct dict_keys){ .address = address };
	if (!read_index_size(&head, &index_bytes, &slots) ||
	    !read_head(&head, layout->dict_keys_nentries, &keys->count, sizeof(keys->count)) || keys->count < 0 ||
	    (uint64_t)keys->count > slots * 2 / 3 || /* USABLE_FRACTION */
	    !read_head(&head, layout->dict_keys_refcnt, &keys->references, sizeof(keys->references)))
		return false;

	uint8_t kind = DICT_KEYS_GENERAL;
	uint64_t lookup;
	bool has_kind = layout->dict_keys_kind != LAYOUT_ABSENT;
	if (has_kind && !read_head(&head, layout->dict_keys_kind, &kind, sizeof(kind)))
		return false;
	bool general = kind == DICT_KEYS_GENERAL;
	keys->entry_size = (uint32_t)(general ? layout->size_of_dict_entry : layout->size_of_dict_unicode_entry);
	keys->key_offset = (uint32_t)(general ? layout->dict_entry_key : layout->dict_unicode_entry_key);
	keys->value_offset = (uint32_t)(general ? layout->dict_entry_value : layout->dict_unicode_entry_value);
	enum { ENTRY_LIMIT = 256 };
	if (keys->entry_size == 0 || keys->entry_size > ENTRY_LIMIT)
		return false; /* the layout does not know it */
	keys->entries = address + (uint64_t)layout->dict_keys_indices + index_bytes;
	keys->general = has_kind ? general : read_head(&head, layout->dict_keys_lookup, &lookup, sizeof(lookup)) &&
					     lookup == cpython->dict_general_lookup;
	return true;
}

void cpython_find_dict_lookup(struct cpython *cpython)
{
	uint64_t object, subclasses, keys, used;
	if (cpython->layout.dict_keys_kind == LAYOUT_ABSENT &&
	    read_pointer(cpython, cpython->type_type, cpython->layout.type_base, &object) &&
	    read_pointer(cpython, object, cpython->layout.type_subclasses, &subclasses) &&
	    read_pointer(cpython, subclasses, cpython->layout.dict_used, &used) && used &&
	    read_pointer(cpython, subclasses, cpython->layout.dict_keys, &keys))
		read_pointer(cpython, keys, cpython->layout.dict_keys_lookup, &cpython->dict_general_lookup);
}

bool dict_iterator_init(struct dict_iterator *iterator, struct cpython *cpython, uint64_t dict)
{
	const struct layout *layout = &cpython->layout;
	uint64_t address;
	struct dict_keys keys;
	*iterator = (struct dict_iterator){ .cpython = cpython };
	if (!read_pointer(cpython, dict, layout->dict_keys, &address) ||
	    !read_pointer(cpython, dict, layout->dict_values, &iterator->values) ||
	    !dict_keys_read(cpython, address, &keys))
		return false;
	iterator->entry_size = keys.entry_size;
	iterator->key_offset = keys.key_offset;
	iterator->value_offset = keys.value_offset;
	iterator->entries = keys.entries;
	if (iterator->values && layout->dict_values_array != LAYOUT_ABSENT)
		iterator->values += (uint64_t)layout->dict_values_array;
	iterator->count = keys.count;
	return true;
}

bool dict_iterator_next(struct dict_iterator *iterator, uint64_t *key_ret, uint64_t *value_ret)
{
	struct cpython *cpython = iterator->cpython;
	while (iterator->position < iterator->count) {
		uint64_t position = (uint64_t)iterator->position++;
		uint64_t entry = iterator->entries + position * iterator->entry_size;
		bool readable = read_pointer(cpython, entry, (int32_t)iterator->key_offset, key_ret);
		if (iterator->values)
			readable = readable && read_pointer(cpython, iterator->values + position * 8, 0, value_ret);
		else
			readable = readable && read_pointer(cpython, entry, (int32_t)iterator->value_offset, value_ret);
		if (!readable)
			break;
		if (*key_ret && *value_ret)
			return true;
	}
	iterator->position = iterator->count;
	return false;
}

uint64_t cpython_dict_get(struct cpython *cpython, uint64_t dict, const char *name)
{
	struct dict_iterator iterator;
	if (!dict_iterator_init(&iterator, cpython, dict) || iterator.count > namespace_limit)
		return 0;
	uint64_t key, value;
	while (dict_iterator_next(&iterator, &key, &value))
		if (cpython_str_equals(cpython, key, name))
			return value;
	return 0;
}
