/* SPDX-License-Identifier: MIT */
/*
 * references_dict.c - what dicts refer to, and the tables of keys that several dicts or instances share.
 *
 * dict_traverse() of Objects/dictobject.c visits keys only in tables that may have keys other than str; the others
 * hold theirs all the same. A table of keys that is shared (dk_refcnt > 1) holds its keys once for all: they are taken for
 * those of the heap type that has it in ht_cached_keys (references_type.c), or of the only dict that is left with it.
 */
#include "runtime/cpython/references.h"

enum { WORD = sizeof(uint64_t) };

/* Bytes that are looked at in one piece where the target cannot give all at once. */
enum { CHUNK = 4096 };

/* ---- arrays of words ------------------------------------------------------------------------------- */

static inline uint64_t word_at(const char *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* The most of the @size bytes at @address (@step of them at once, at least) that can be had in one piece, and how many
 * that are: all if possible, else so many as fit into @buffer. NULL (and damaged) if they are not there. */
static const char *next_piece(struct visit *visit, uint64_t address, uint64_t size, uint64_t step, char *buffer,
			      uint64_t *size_ret)
{
	const char *bytes = target_map(visit->cpython->target, address, size);
	*size_ret = size;
	if (!bytes && size > CHUNK)
		*size_ret = CHUNK / step * step;
	if (!visit_look(visit, *size_ret / WORD))
		return NULL;
	if (bytes)
		return bytes;
	return visit_bytes(visit, address, *size_ret, buffer);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

void visit_shared_keys(struct visit *visit, uint64_t keys_address, const char *text)
{
	struct dict_keys keys;
	if (!dict_keys_read(visit->cpython, keys_address, &keys)) {
		visit->damaged = true;
		return;
	}
	char buffer[CHUNK];
	uint64_t address = keys.entries, size = (uint64_t)keys.count * keys.entry_size;
	while (size && !visit->no_memory) {
		uint64_t part;
		const char *bytes = next_piece(visit, address, size, keys.entry_size, buffer, &part);
		if (!bytes)
			return;
		for (uint64_t i = 0; i < part && !visit->no_memory; i += keys.entry_size) {
			uint64_t key = word_at(bytes + i + keys.key_offset);
			visit_word(visit, address + i + keys.key_offset);
			visit_emit(visit, key, RUNTIME_UNVISITED, text ? RUNTIME_LABEL_ATTRIBUTE : RUNTIME_LABEL_DICT_KEY,
				   key, text);
		}
		address += part;
		size -= part;
	}
}

/* ---- values apart from their keys ------------------------------------------------------------------ */

void visit_split_values(struct visit *visit, const struct dict_keys *keys, uint64_t values, int64_t count,
			unsigned int flags, enum runtime_label_kind kind)
{
	char buffer[CHUNK];
	for (int64_t i = 0; i < count && !visit->no_memory;) {
		uint64_t part;
		const char *bytes = next_piece(visit, values + (uint64_t)i * WORD, (uint64_t)(count - i) * WORD, WORD,
					       buffer, &part);
		if (!bytes)
			return;
		for (uint64_t j = 0; j < part && !visit->no_memory; j += WORD, i++) {
			uint64_t key = 0, value = word_at(bytes + j);
			if (value && visit->references->labelled && i < keys->count)
				read_pointer(visit->cpython, keys->entries + (uint64_t)i * keys->entry_size,
					     (int32_t)keys->key_offset, &key);
			visit_word(visit, values + (uint64_t)i * WORD);
			visit_emit(visit, value, flags, key ? kind : RUNTIME_LABEL_NONE, key, NULL);
		}
	}
}

/* ---- tables that have both ------------------------------------------------------------------------- */

/* @interned: what all references of the dict are called, since the keys are the very strings that they lead to, and
 * nobody has asked for their text; NULL: by their keys. */
static void visit_entries(struct visit *visit, const struct dict_keys *keys, unsigned int flags, const char *interned)
{
	char buffer[CHUNK];
	uint64_t address = keys->entries, size = (uint64_t)keys->count * keys->entry_size;
	unsigned int key_flags = flags | (keys->general ? 0 : RUNTIME_UNVISITED);
	enum runtime_label_kind value_label = interned ? RUNTIME_LABEL_TEXT : RUNTIME_LABEL_KEY;
	enum runtime_label_kind key_label = interned ? RUNTIME_LABEL_TEXT : RUNTIME_LABEL_DICT_KEY;
	while (size && !visit->no_memory) {
		uint64_t part;
		const char *bytes = next_piece(visit, address, size, keys->entry_size, buffer, &part);
		if (!bytes)
			return;
		for (uint64_t i = 0; i < part && !visit->no_memory; i += keys->entry_size) {
			uint64_t key = word_at(bytes + i + keys->key_offset), value = word_at(bytes + i + keys->value_offset);
			if (!value)
				continue;
			uint64_t named = interned ? 0 : key;
			visit_word(visit, address + i + keys->value_offset);
			visit_emit(visit, value, flags, value_label, named, interned);
			visit_word(visit, address + i + keys->key_offset);
			visit_emit(visit, key, key_flags, key_label, named, interned);
		}
		address += part;
		size -= part;
	}
}

/* ---- dict ------------------------------------------------------------------------------------------ */

/* Are the values at @values a part of an instance, which visits them itself? With the fix, the instance has the dict
 * alone, and the dict has them. */
static bool instance_has_values(struct visit *visit, uint64_t values)
{
	uint8_t embedded;
	if (visit->layout->dict_values_embedded == LAYOUT_ABSENT || cpython_has_fix(visit->cpython, FIX_130327))
		return false;
	return visit_byte(visit, values, visit->layout->dict_values_embedded, &embedded) && embedded;
}

static void visit_split_dict(struct visit *visit, const struct dict_keys *keys, uint64_t values, unsigned int flags)
{
	int32_t array = visit->layout->dict_values_array;
	if (!instance_has_values(visit, values))
		visit_split_values(visit, keys, values + (array == LAYOUT_ABSENT ? 0 : (uint64_t)array), keys->count, flags,
				   RUNTIME_LABEL_KEY);
	if (keys->references == 1)
		visit_shared_keys(visit, keys->address, NULL);
}

void dict_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t keys_address, values;
	struct dict_keys keys;
	unsigned int flags = step->flags;
	if (!visit_pointer(visit, visit->address, visit->layout->dict_keys, &keys_address) ||
	    !visit_pointer(visit, visit->address, visit->layout->dict_values, &values))
		return;
	bool interned = cpython_is_interned_dict(visit->cpython, visit->address);
	if (interned)
		flags |= RUNTIME_UNCOUNTED;
	if (!dict_keys_read(visit->cpython, keys_address, &keys))
		visit->damaged = true;
	else if (values)
		visit_split_dict(visit, &keys, values, flags);
	else
		visit_entries(visit, &keys, flags, interned ? "interned" : NULL);
}

/* ---- OrderedDict: Objects/odictobject.c ------------------------------------------------------------ */

void odict_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	uint64_t node, key, other = 0;
	/* the list of weak references is visited, though nobody holds it, until bpo-30763 */
	if (!cpython_at_least(visit->cpython, 3, 7))
		visit_member(visit, visit->address, layout->odict_weakrefs, step->flags | RUNTIME_UNCOUNTED, "weak reference");
	if (!visit_pointer(visit, visit->address, layout->odict_first, &node))
		return;
	/* Brent's algorithm: a damaged list may have a loop */
	for (uint64_t count = 1, power = 1; node && !visit->no_memory; count++) {
		if (node == other) {
			visit->damaged = true;
			return;
		}
		if (count == power) {
			other = node;
			power *= 2;
		}
		if (!visit_pointer(visit, node, layout->odict_node_key, &key))
			return;
		visit_emit(visit, key, step->flags, RUNTIME_LABEL_DICT_KEY, key, NULL);
		if (!visit_pointer(visit, node, layout->odict_node_next, &node))
			return;
	}
}

/* ---- set: Objects/setobject.c ---------------------------------------------------------------------- */

/* Where an item was is a dummy with the hash -1, which no object has. */
void set_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	uint64_t table;
	int64_t mask;
	char buffer[CHUNK];
	if (!visit_ssize(visit, visit->address, layout->set_mask, &mask) ||
	    !visit_pointer(visit, visit->address, layout->set_table, &table))
		return;
	uint64_t entry_size = (uint64_t)layout->size_of_set_entry;
	if (mask < 0 || mask >= INT64_C(1) << 40 || layout->size_of_set_entry < 2 * WORD) {
		visit->damaged = true;
		return;
	}
	uint64_t size = ((uint64_t)mask + 1) * entry_size;
	while (size && !visit->no_memory) {
		uint64_t part;
		const char *bytes = next_piece(visit, table, size, entry_size, buffer, &part);
		if (!bytes)
			return;
		for (uint64_t i = 0; i < part && !visit->no_memory; i += entry_size) {
			uint64_t key = word_at(bytes + i + (uint64_t)layout->set_entry_key);
			visit_word(visit, table + i + (uint64_t)layout->set_entry_key);
			if (key && word_at(bytes + i + (uint64_t)layout->set_entry_hash) != UINT64_MAX)
				visit_emit(visit, key, step->flags, RUNTIME_LABEL_ITEM, 0, NULL);
		}
		table += part;
		size -= part;
	}
}
