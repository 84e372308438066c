/* SPDX-License-Identifier: MIT */
/*
 * verify_dict.c - dicts and their tables of keys, and sets.
 *
 * A table of keys says how many entries it has (dk_nentries) and how many more there is room for (dk_usable); its indices
 * lead to each entry that is in use once, at a place that follows from the hash of its key: Objects/dictobject.c.
 */
#include "runtime/cpython/references.h"
#include "runtime/cpython/verify.h"

enum {
	DICT_UNUSED = -1, /* an index that leads nowhere */
	LOG2_LIMIT = 40,
	PERTURB_SHIFT = 5,
	STEPS_FACTOR = 64, /* looked at for each slot of a table */
};

/* ---- tables of keys --------------------------------------------------------------------------------- */

/* A table of keys that is looked at on behalf of the object at .owner. */
struct table_check {
	struct inspected *object;
	uint64_t address;
	uint64_t owner;
	struct dict_keys keys;
	int64_t slots, usable;
	unsigned int width; /* bytes of an index */
	uint64_t indices;
	bool split;         /* values are elsewhere */
	int64_t steps_left; /* through indices, so that no damage makes this slow; then hashes are not looked at any more */
};

#define table_found(table, offset, ...) \
	found((table)->object->verification, CONTAINERS, (table)->owner, (table)->address + (uint64_t)(offset), __VA_ARGS__)

static bool is_power_of_two(int64_t number)
{
	return number > 0 && (number & (number - 1)) == 0;
}

/* Bytes of an index, as log2: 3.11 and later keep what new_keys_object() computed. */
static unsigned int expected_log2_width(unsigned int log2_slots)
{
	return log2_slots >= 32 ? 3 : log2_slots >= 16 ? 2 : log2_slots >= 8 ? 1 : 0;
}

static bool read_slots(struct table_check *table)
{
	struct cpython *cpython = table->object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	if (layout->dict_keys_log2_size == LAYOUT_ABSENT) {
		if (!read_ssize(cpython, table->address, layout->dict_keys_size, &table->slots)) {
			table_found(table, 0, "its table of keys at 0x%" PRIx64 " cannot be read", table->address);
			return false;
		}
		if (!is_power_of_two(table->slots) || table->slots >> LOG2_LIMIT) {
			table_found(table, layout->dict_keys_size,
				    "its table of keys has %" PRId64 " slots: no power of two", table->slots);
			return false;
		}
		table->width = table->slots <= 0xff ? 1 : table->slots <= 0xffff ? 2 : table->slots <= 0xffffffff ? 4 : 8;
		return true;
	}
	uint8_t log2_slots, log2_bytes;
	if (!read_uint8(cpython, table->address, layout->dict_keys_log2_size, &log2_slots) ||
	    !read_uint8(cpython, table->address, layout->dict_keys_log2_index_bytes, &log2_bytes)) {
		table_found(table, 0, "its table of keys at 0x%" PRIx64 " cannot be read", table->address);
		return false;
	}
	bool empty = log2_slots == 0 && log2_bytes == 3; /* Py_EMPTY_KEYS */
	if (log2_slots > LOG2_LIMIT || (!empty && log2_bytes != log2_slots + expected_log2_width(log2_slots))) {
		table_found(table, layout->dict_keys_log2_size,
			    "its table of keys is said to have 2^%u slots in 2^%u bytes, which contradicts itself",
			    log2_slots, log2_bytes);
		return false;
	}
	table->slots = INT64_C(1) << log2_slots;
	table->width = empty ? 1 : 1u << (log2_bytes - log2_slots);
	return true;
}

/* What the head of the table says. False if the rest cannot be believed. */
static bool check_table_head(struct table_check *table)
{
	struct verification *verification = table->object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint8_t kind = 0;
	int64_t entries, references;
	if (!read_slots(table))
		return false;
	if (layout->dict_keys_kind != LAYOUT_ABSENT && read_uint8(cpython, table->address, layout->dict_keys_kind, &kind) &&
	    kind > 2) {
		table_found(table, layout->dict_keys_kind, "its table of keys is of kind %u, which there is not", kind);
		return false;
	}
	if (!read_ssize(cpython, table->address, layout->dict_keys_nentries, &entries) ||
	    !read_ssize(cpython, table->address, layout->dict_keys_usable, &table->usable) ||
	    !read_ssize(cpython, table->address, layout->dict_keys_refcnt, &references))
		return false;
	int64_t room = (table->slots << 1) / 3; /* USABLE_FRACTION */
	if (entries < 0 || table->usable < 0 || entries > room || table->usable > room || entries + table->usable > room) {
		bool usable = entries >= 0 && entries <= room;
		table_found(table, usable ? layout->dict_keys_usable : layout->dict_keys_nentries,
			    "its table of keys has %" PRId64 " entries and is said to have room for %" PRId64
			    " more; it has room for %" PRId64 " in all",
			    entries, table->usable, room);
		if (entries < 0 || entries > room)
			return false;
	}
	if (references <= 0 && references != INT64_MIN) /* _Py_DICT_IMMORTAL_INITIAL_REFCNT (3.13) */
		table_found(table, layout->dict_keys_refcnt, "its table of keys is held %" PRId64 " times", references);
	if (!dict_keys_read(cpython, table->address, &table->keys))
		return false;
	table->indices = table->address + (uint64_t)layout->dict_keys_indices;
	table->steps_left = table->slots * STEPS_FACTOR;
	if (!may_look(verification, (uint64_t)table->slots * 2))
		return false;
	uint64_t size = table->keys.entries - table->address + (uint64_t)entries * table->keys.entry_size;
	if (!target_has(cpython->target, table->address, size)) {
		table_found(table, 0, "its table of keys at 0x%" PRIx64 " has %" PRIu64 " bytes, which cannot be read",
			    table->address, size);
		return false;
	}
	return true;
}

/* The index in slot @slot. */
static int64_t read_index(const struct table_check *table, uint64_t slot)
{
	struct cpython *cpython = table->object->verification->cpython;
	uint64_t word = 0;
	const void *bytes = target_map(cpython->target, table->indices + slot * table->width, table->width);
	if (bytes)
		memcpy(&word, bytes, table->width);
	else
		read_field(cpython, table->indices + slot * table->width, 0, &word, table->width);
	unsigned int shift = 64 - 8 * table->width;
	return (int64_t)(word << shift) >> shift;
}

/* Is entry number @number where a key with @hash is looked for? */
static bool is_found_by(struct table_check *table, uint64_t hash, int64_t number)
{
	uint64_t mask = (uint64_t)table->slots - 1, perturb = hash, slot = hash & mask;
	while (table->steps_left-- > 0) {
		int64_t index = read_index(table, slot);
		if (index == number)
			return true;
		if (index == DICT_UNUSED)
			return false;
		perturb >>= PERTURB_SHIFT;
		slot = (slot * 5 + perturb + 1) & mask;
	}
	return true;
}

static bool is_indexed(struct table_check *table, int64_t number)
{
	table->steps_left -= table->slots;
	for (int64_t slot = 0; slot < table->slots; slot++)
		if (read_index(table, (uint64_t)slot) == number)
			return true;
	return false;
}

/* The hash that the str at @key keeps; false if it is no exact str, or has none yet. */
static bool str_hash(struct verification *verification, uint64_t key, int64_t *hash_ret)
{
	struct cpython *cpython = verification->cpython;
	uint64_t address;
	if (!read_pointer(cpython, key, cpython->layout.object_type, &address))
		return false;
	const struct cpython_type *type = cpython_known_type(cpython, address);
	return type && !type->damaged && (type->flags & TPFLAGS_UNICODE_SUBCLASS) && !(type->flags & TPFLAGS_HEAPTYPE) &&
	       read_ssize(cpython, key, cpython->layout.str_hash, hash_ret) && *hash_ret != -1;
}

/* The entry's key is not found by its hash: whose fault is it? */
static void blame_hash(struct table_check *table, uint64_t entry, uint64_t key, int64_t number, bool has_own, int64_t own,
		       int64_t hash)
{
	struct verification *verification = table->object->verification;
	const struct layout *layout = &verification->cpython->layout;
	if (!has_right_hash(verification, key))
		return; /* the str is what is damaged, and is told */
	if (has_own && own != hash && is_found_by(table, (uint64_t)hash, number))
		found(verification, CONTAINERS, table->owner, entry + (uint64_t)layout->dict_entry_hash,
		      "entry %" PRId64 " has another hash than its key, the str at 0x%" PRIx64, number, key);
	else if ((has_own && own != hash) || is_indexed(table, number))
		found(verification, CONTAINERS, key, key + (uint64_t)layout->str_hash,
		      "its hash 0x%" PRIx64 " is not the one that it was put into the dict at 0x%" PRIx64 " with",
		      (uint64_t)hash, table->owner);
	else
		found(verification, CONTAINERS, table->owner, table->indices,
		      "no index of its table of keys leads to entry %" PRId64 ", whose key is at 0x%" PRIx64, number, key);
}

/* Checks that entry @number is found by the hash of its key. */
static void check_hash(struct table_check *table, uint64_t entry, uint64_t key, int64_t number)
{
	struct verification *verification = table->object->verification;
	struct cpython *cpython = verification->cpython;
	int64_t own = 0, hash = 0;
	bool has_own = table->keys.entry_size == (uint32_t)cpython->layout.size_of_dict_entry &&
		       read_ssize(cpython, entry, cpython->layout.dict_entry_hash, &own);
	bool is_str = str_hash(verification, key, &hash);
	if ((!has_own && !is_str) || table->steps_left <= 0)
		return;
	if (has_own && own == -1 && !is_str) {
		found(verification, CONTAINERS, table->owner, entry + (uint64_t)cpython->layout.dict_entry_hash,
		      "entry %" PRId64 " has the hash -1, which no object has", number);
		return;
	}
	int64_t looked_for = has_own ? own : hash;
	if ((!is_str || !has_own || own == hash) && is_found_by(table, (uint64_t)looked_for, number))
		return;
	if (is_str)
		blame_hash(table, entry, key, number, has_own, own, hash);
	else
		found(verification, CONTAINERS, table->owner, entry,
		      "entry %" PRId64 " is not found by the hash that it has, 0x%" PRIx64, number, (uint64_t)own);
}

/* Goes through the entries; how many are in use. */
static int64_t check_entries(struct table_check *table)
{
	struct verification *verification = table->object->verification;
	struct cpython *cpython = verification->cpython;
	int64_t active = 0;
	for (int64_t i = 0; i < table->keys.count; i++) {
		uint64_t key, value, entry = table->keys.entries + (uint64_t)i * table->keys.entry_size;
		if (!read_pointer(cpython, entry, (int32_t)table->keys.key_offset, &key) ||
		    !read_pointer(cpython, entry, (int32_t)table->keys.value_offset, &value))
			return active;
		bool used = table->split ? key != 0 : value != 0;
		active += used;
		if (used && !key)
			found(verification, CONTAINERS, table->owner, entry + table->keys.key_offset,
			      "entry %" PRId64 " has a value and no key", i);
		else if (used)
			check_hash(table, entry, key, i);
	}
	return active;
}

/* Each index leads to an entry or nowhere, and as many to one as there are in use. */
static void check_indices(struct table_check *table, int64_t active)
{
	int64_t used = 0;
	for (int64_t slot = 0; slot < table->slots; slot++) {
		int64_t index = read_index(table, (uint64_t)slot);
		used += index >= 0;
		if (index >= table->keys.count || index < -2) {
			found(table->object->verification, CONTAINERS, table->owner,
			      table->indices + (uint64_t)slot * table->width,
			      "index %" PRId64 " of its table of keys leads to entry %" PRId64 " of %" PRId64, slot, index,
			      table->keys.count);
			return;
		}
	}
	if (used != active)
		found(table->object->verification, CONTAINERS, table->owner, table->indices,
		      "%" PRId64 " indices of its table of keys lead to entries, of which %" PRId64 " are in use", used,
		      active);
}

void check_shared_keys(struct inspected *object, uint64_t keys)
{
	struct table_check table = { .object = object, .address = keys, .owner = object->address, .split = true };
	if (keys && check_table_head(&table))
		check_indices(&table, check_entries(&table));
}

/* ---- dicts ------------------------------------------------------------------------------------------ */

static void check_combined(struct table_check *table, int64_t used)
{
	int64_t active = check_entries(table);
	if (table->keys.references > 1 && !table->keys.count)
		return; /* Py_EMPTY_KEYS, which all empty dicts share */
	check_indices(table, active);
	if (used != active)
		found(table->object->verification, CONTAINERS, table->owner,
		      table->owner + (uint64_t)table->object->verification->cpython->layout.dict_used,
		      "it is said to have %" PRId64 " items (ma_used), and has %" PRId64, used, active);
}

static void check_split(struct table_check *table, uint64_t values, int64_t used)
{
	struct verification *verification = table->object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	int64_t active = 0;
	uint64_t first = values + (layout->dict_values_array == LAYOUT_ABSENT ? 0 : (uint64_t)layout->dict_values_array);
	for (int64_t i = 0; i < table->keys.count; i++) {
		uint64_t value;
		if (!read_pointer(cpython, first + (uint64_t)i * WORD_SIZE, 0, &value)) {
			found(verification, CONTAINERS, table->owner, table->owner + (uint64_t)layout->dict_values,
			      "its values at 0x%" PRIx64 " cannot be read", values);
			return;
		}
		active += value != 0;
	}
	if (used != active)
		found(verification, CONTAINERS, table->owner, table->owner + (uint64_t)layout->dict_used,
		      "it is said to have %" PRId64 " items (ma_used), and has %" PRId64, used, active);
	if (table->keys.references == 1) /* nobody else is going to look at them */
		check_indices(table, check_entries(table));
}

void check_dict(struct inspected *object)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	struct table_check table = { .object = object, .owner = object->address };
	int64_t used;
	uint64_t values;
	if (!read_ssize(cpython, object->address, layout->dict_used, &used) ||
	    !read_pointer(cpython, object->address, layout->dict_keys, &table.address) ||
	    !read_pointer(cpython, object->address, layout->dict_values, &values))
		return;
	if (!table.address || table.address % WORD_SIZE) {
		found(object->verification, CONTAINERS, object->address, object->address + (uint64_t)layout->dict_keys,
		      "its table of keys is at 0x%" PRIx64 ", which is no address of one", table.address);
		return;
	}
	table.split = values != 0;
	if (!check_table_head(&table))
		return;
	if (used < 0 || used > table.keys.count)
		found(object->verification, CONTAINERS, object->address, object->address + (uint64_t)layout->dict_used,
		      "it is said to have %" PRId64 " items (ma_used), and its table of keys has %" PRId64 " entries", used,
		      table.keys.count);
	else if (values)
		check_split(&table, values, used);
	else
		check_combined(&table, used);
}

/* ---- sets: Objects/setobject.c ---------------------------------------------------------------------- */

enum { SET_SMALL = 8 /* PySet_MINSIZE */ };

/* Counts the entries of the table, and compares hashes of str. False if it cannot be read. */
static bool count_entries(struct inspected *object, uint64_t table, int64_t mask, int64_t *active_ret, int64_t *dummies_ret)
{
	struct verification *verification = object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	*active_ret = *dummies_ret = 0;
	for (int64_t i = 0; i <= mask; i++) {
		uint64_t key, entry = table + (uint64_t)i * (uint64_t)layout->size_of_set_entry;
		int64_t hash, own;
		if (!read_pointer(cpython, entry, layout->set_entry_key, &key) ||
		    !read_ssize(cpython, entry, layout->set_entry_hash, &hash))
			return false;
		*active_ret += key && hash != -1;
		*dummies_ret += key && hash == -1;
		if (key && hash != -1 && str_hash(verification, key, &own) && own != hash &&
		    has_right_hash(verification, key))
			found(verification, CONTAINERS, object->address, entry,
			      "its entry %" PRId64 " has the hash 0x%" PRIx64 ", and its key, the str at 0x%" PRIx64
			      ", has 0x%" PRIx64,
			      i, (uint64_t)hash, key, (uint64_t)own);
	}
	return true;
}

void check_set(struct inspected *object)
{
	struct verification *verification = object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t table, address = object->address;
	int64_t fill, used, mask, active, dummies;
	if (layout->set_smalltable == LAYOUT_ABSENT || layout->size_of_set_entry == LAYOUT_ABSENT ||
	    !read_ssize(cpython, address, layout->set_fill, &fill) ||
	    !read_ssize(cpython, address, layout->set_used, &used) ||
	    !read_ssize(cpython, address, layout->set_mask, &mask) ||
	    !read_pointer(cpython, address, layout->set_table, &table))
		return;
	bool small = table == address + (uint64_t)layout->set_smalltable;
	if (mask < SET_SMALL - 1 || mask >> LOG2_LIMIT || !is_power_of_two(mask + 1) || (small && mask != SET_SMALL - 1)) {
		found(verification, CONTAINERS, address, address + (uint64_t)layout->set_mask,
		      "its mask is 0x%" PRIx64 ", which is that of no table%s", (uint64_t)mask,
		      small ? " within the set" : "");
		return;
	}
	if (!may_look(verification, ((uint64_t)mask + 1) * 2))
		return;
	if (!count_entries(object, table, mask, &active, &dummies)) {
		found(verification, CONTAINERS, address, address + (uint64_t)layout->set_table,
		      "its table at 0x%" PRIx64 " of %" PRId64 " entries cannot be read", table, mask + 1);
		return;
	}
	if (used != active)
		found(verification, CONTAINERS, address, address + (uint64_t)layout->set_used,
		      "it is said to have %" PRId64 " items (used), and has %" PRId64, used, active);
	if (fill != active + dummies)
		found(verification, CONTAINERS, address, address + (uint64_t)layout->set_fill,
		      "it is said to have %" PRId64 " entries that are or were in use (fill), and has %" PRId64, fill,
		      active + dummies);
}
