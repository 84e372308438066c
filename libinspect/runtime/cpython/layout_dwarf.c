/* SPDX-License-Identifier: MIT */
/*
 * layout_dwarf.c - layouts from debug information: offsets and sizes as the compiler wrote them down.
 *
 * A pass over the top level of the units collects the structs and typedefs that layout.def names, and each member
 * path is followed in them. Every unit repeats what it includes, so most need not be looked at: the pass is over
 * when all fields are found that there can be, and what is in one source file is looked for in its unit alone. The
 * debug information may be damaged: libdw checks what it reads, and every loop here is bounded by the size of the
 * sections or by a small number.
 */
#include "runtime/cpython/layout.h"

#include <assert.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

enum {
	TYPE_BUCKETS = 1024,
	PEEL_LIMIT = 32,      /* typedefs and qualifiers around a type */
	ANONYMOUS_LIMIT = 8,  /* anonymous structs in one another */
	ALTERNATIVE_LIMIT = 4, /* names of one type in layout.def */
	MEMBER_LIMIT = 4000,  /* members looked at for one name; PyInterpreterState has about 150 */
	VALUE_LIMIT = 64 << 20, /* nothing of CPython's is larger: _PyRuntime has about 1 MiB */
};

/* A type that layout.def names ("PyListObject", "arraymodule.c:arrayobject"), and its definition once met. */
struct wanted_type {
	const char *text; /* in layout.def, not terminated */
	size_t length;
	const char *name; /* within text */
	size_t name_length;
	bool open;  /* some field is not to be found without it */
	bool found;
	bool fresh; /* found in the unit at hand */
	Dwarf_Die die;  /* the struct or union itself, not a typedef of it */
	uint16_t next;  /* the next of the same bucket, + 1; 0: none */
};

struct wanted_types {
	struct wanted_type *items;
	size_t count, capacity;
	uint16_t buckets[TYPE_BUCKETS]; /* by the name's hash: indices + 1; 0: none */
};

/* The types that a field may be in, best first: indices + 1 in struct wanted_types; 0: no more. */
struct wanted_field {
	uint16_t types[ALTERNATIVE_LIMIT];
};

/* What is looked for, and what was found of it. */
struct search {
	const struct layout_field *fields;
	unsigned int count;
	const bool *expected; /* which of them there can be; NULL: all */
	int32_t *values;
	struct wanted_field *wanted_fields;
	struct wanted_types wanted;
};

static void search_deinit(struct search *search)
{
	free(search->wanted_fields);
	free(search->wanted.items);
}

/* Takes the next of the alternatives in *@rest ("a|b"). False when there is none left. */
static bool next_alternative(const char **rest, const char **text_ret, size_t *length_ret)
{
	if (!**rest)
		return false;
	*text_ret = *rest;
	*length_ret = strcspn(*rest, "|");
	*rest += *length_ret;
	*rest += **rest == '|';
	return true;
}

static unsigned int hash_name(const char *name, size_t length)
{
	unsigned int hash = 5381;
	for (size_t i = 0; i < length; i++)
		hash = hash * 33 + (unsigned char)name[i];
	return hash % TYPE_BUCKETS;
}

/* The place + 1 of the type called @text in @wanted, which gets it if it has none; 0: no memory. */
static uint16_t add_wanted(struct wanted_types *wanted, const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length);
	const char *name = colon ? colon + 1 : text;
	size_t name_length = (size_t)(text + length - name);
	uint16_t *bucket = &wanted->buckets[hash_name(name, name_length)];
	for (uint16_t next = *bucket; next; next = wanted->items[next - 1].next)
		if (wanted->items[next - 1].length == length && !memcmp(wanted->items[next - 1].text, text, length))
			return next;
	if (!array_reserve(wanted->items, wanted->count, wanted->capacity))
		return 0;
	wanted->items[wanted->count] = (struct wanted_type){
		.text = text, .length = length, .name = name, .name_length = name_length, .next = *bucket,
	};
	return *bucket = (uint16_t)++wanted->count;
}

/* Adds the types of field number @index. */
static bool add_field(struct search *search, unsigned int index)
{
	const char *rest = search->fields[index].types, *text;
	size_t length;
	for (unsigned int i = 0; next_alternative(&rest, &text, &length); i++) {
		assert(i < ALTERNATIVE_LIMIT);
		uint16_t type = add_wanted(&search->wanted, text, length);
		if (!type)
			return false;
		search->wanted_fields[index].types[i] = type;
	}
	return true;
}

static bool search_init(struct search *search)
{
	search->wanted_fields = calloc(search->count, sizeof(*search->wanted_fields));
	if (!search->wanted_fields)
		return false;
	for (unsigned int i = 0; i < search->count; i++)
		if (search->values[i] == LAYOUT_ABSENT && !add_field(search, i))
			return false;
	return true;
}

/* ---- types ------------------------------------------------------------------------------------------ */

static bool follow(Dwarf_Die *die, unsigned int attribute, Dwarf_Die *target_ret)
{
	Dwarf_Attribute attr;
	return dwarf_attr_integrate(die, attribute, &attr) && dwarf_formref_die(&attr, target_ret);
}

/* Makes of *@die what it is behind its typedefs and qualifiers. */
static bool peel(Dwarf_Die *die)
{
	for (unsigned int i = 0; i < PEEL_LIMIT; i++) {
		switch (dwarf_tag(die)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type: {
			Dwarf_Die target;
			if (!follow(die, DW_AT_type, &target))
				return false;
			*die = target;
			break;
		}
		case DW_TAG_structure_type:
		case DW_TAG_union_type: {
			/* its definition may be in a type unit */
			Dwarf_Die definition;
			if (follow(die, DW_AT_signature, &definition))
				*die = definition;
			return true;
		}
		default:
			return true;
		}
	}
	return false;
}

static bool is_struct(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

/* ---- members ------------------------------------------------------------------------------------- */

static bool member_offset(Dwarf_Die *member, int64_t *offset_ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word value = 0;
	if (dwarf_attr(member, DW_AT_data_member_location, &attr)) {
		if (dwarf_formudata(&attr, &value)) {
			/* before DWARF 3: an expression */
			Dwarf_Op *operations;
			size_t count;
			if (dwarf_getlocation(&attr, &operations, &count) || count != 1 ||
			    operations[0].atom != DW_OP_plus_uconst)
				return false;
			value = operations[0].number;
		}
	} else if (dwarf_attr(member, DW_AT_data_bit_offset, &attr)) {
		if (dwarf_formudata(&attr, &value))
			return false;
		value /= 8;
	}
	*offset_ret = value;
	return value <= VALUE_LIMIT;
}

/* Finds the member called @name in the struct @type, also in its anonymous structs. *@budget is how many
 * members may still be looked at. */
static bool find_member(Dwarf_Die *type, const char *name, size_t length, unsigned int depth,
			unsigned int *budget, int64_t *offset_ret, Dwarf_Die *type_ret)
{
	Dwarf_Die member;
	if (!is_struct(type) || depth > ANONYMOUS_LIMIT || dwarf_child(type, &member))
		return false;
	do {
		if (!(*budget)--) {
			*budget = 0;
			return false;
		}
		if (dwarf_tag(&member) != DW_TAG_member)
			continue;
		const char *member_name = dwarf_diename(&member);
		bool anonymous = !member_name || !*member_name;
		if (!anonymous && (strlen(member_name) != length || memcmp(member_name, name, length)))
			continue;
		int64_t offset, inner = 0;
		if (!member_offset(&member, &offset) || !follow(&member, DW_AT_type, type_ret) ||
		    !peel(type_ret))
			continue;
		if (anonymous) {
			Dwarf_Die struct_type = *type_ret;
			if (!find_member(&struct_type, name, length, depth + 1, budget, &inner, type_ret))
				continue;
		}
		*offset_ret = offset + inner;
		return true;
	} while (!dwarf_siblingof(&member, &member));
	return false;
}

/* How many items the array @type has; all there can be where that is not said: "[]". */
static uint64_t array_length(Dwarf_Die *type)
{
	Dwarf_Die range;
	Dwarf_Attribute attr;
	Dwarf_Word value;
	if (dwarf_child(type, &range) || dwarf_tag(&range) != DW_TAG_subrange_type)
		return VALUE_LIMIT;
	if (dwarf_attr(&range, DW_AT_count, &attr) && !dwarf_formudata(&attr, &value))
		return value ? value : VALUE_LIMIT; /* items[0]: as many as there is room for */
	if (dwarf_attr(&range, DW_AT_upper_bound, &attr) && !dwarf_formudata(&attr, &value))
		return value < VALUE_LIMIT ? value + 1 : VALUE_LIMIT;
	return VALUE_LIMIT;
}

/* Goes to item number @index of the array @type. */
static bool index_array(Dwarf_Die *type, unsigned long index, int64_t *offset)
{
	Dwarf_Die item;
	if (dwarf_tag(type) != DW_TAG_array_type || !follow(type, DW_AT_type, &item) || !peel(&item))
		return false;
	int size = dwarf_bytesize(&item);
	if (size < 0 || index >= array_length(type))
		return false;
	*offset += (int64_t)index * size;
	*type = item;
	return true;
}

/* The offset of @path ("gc.generations[0].head") in the struct @type, or LAYOUT_ABSENT. */
static int32_t resolve(Dwarf_Die type, const char *path, size_t length)
{
	const char *end = path + length;
	int64_t offset = 0;
	while (path < end) {
		size_t name_length = strcspn(path, ".[|");
		unsigned int budget = MEMBER_LIMIT;
		int64_t inner;
		Dwarf_Die inner_type;
		if (!find_member(&type, path, name_length, 0, &budget, &inner, &inner_type))
			return LAYOUT_ABSENT;
		offset += inner;
		type = inner_type;
		path += name_length;
		while (path < end && *path == '[') {
			char *bracket;
			unsigned long index = strtoul(path + 1, &bracket, 10);
			if (!index_array(&type, index, &offset))
				return LAYOUT_ABSENT;
			path = bracket + 1;
		}
		path += path < end; /* the dot */
	}
	return offset <= VALUE_LIMIT ? offset : LAYOUT_ABSENT;
}

/* The value of @field in the struct @type, or LAYOUT_ABSENT. */
static int32_t value_in(Dwarf_Die *type, const struct layout_field *field)
{
	if (!field->members) {
		int size = dwarf_bytesize(type);
		return size <= VALUE_LIMIT ? size : LAYOUT_ABSENT;
	}
	const char *members = field->members, *path;
	size_t path_length;
	int32_t offset = LAYOUT_ABSENT;
	while (offset == LAYOUT_ABSENT && next_alternative(&members, &path, &path_length))
		offset = resolve(*type, path, path_length);
	return offset;
}

/* ---- what is left to find --------------------------------------------------------------------------- */

/* Looks for the value of field number @index in the types that were found in the unit at hand. */
static void settle_field(struct search *search, unsigned int index)
{
	const uint16_t *types = search->wanted_fields[index].types;
	for (unsigned int i = 0; i < ALTERNATIVE_LIMIT && types[i] && search->values[index] == LAYOUT_ABSENT; i++) {
		struct wanted_type *type = &search->wanted.items[types[i] - 1];
		if (type->fresh)
			search->values[index] = value_in(&type->die, &search->fields[index]);
	}
}

/* Opens the types that field number @index is not to be found without. */
static void open_types(struct search *search, unsigned int index)
{
	const uint16_t *types = search->wanted_fields[index].types;
	bool looked_for = search->values[index] == LAYOUT_ABSENT && (!search->expected || search->expected[index]);
	for (unsigned int i = 0; looked_for && i < ALTERNATIVE_LIMIT && types[i]; i++)
		search->wanted.items[types[i] - 1].open |= !search->wanted.items[types[i] - 1].found;
}

/* Gives the fields the values that the unit at hand has for them. What is still to be found is open then. */
static void settle(struct search *search)
{
	struct wanted_types *wanted = &search->wanted;
	for (unsigned int i = 0; i < search->count; i++)
		settle_field(search, i);
	for (size_t i = 0; i < wanted->count; i++)
		wanted->items[i].open = wanted->items[i].fresh = false;
	for (unsigned int i = 0; i < search->count; i++)
		open_types(search, i);
}

/* ---- the pass over the units ------------------------------------------------------------------------ */

/* Is "dir/arraymodule.c" the file of "arraymodule.c:arrayobject"? A unit without a name (of dwz) may be. */
static bool file_matches(const struct wanted_type *type, const char *file)
{
	size_t length = (size_t)(type->name - type->text);
	if (!length || !file)
		return true;
	length--; /* the colon */
	size_t file_length = strlen(file);
	return file_length >= length && !memcmp(file + file_length - length, type->text, length) &&
	       (file_length == length || file[file_length - length - 1] == '/');
}

/* Is the file of the unit @file known to define a type that is looked for? */
static bool is_named(const struct wanted_types *wanted, const char *file)
{
	for (size_t i = 0; i < wanted->count; i++) {
		const struct wanted_type *type = &wanted->items[i];
		if (type->open && type->name != type->text && file_matches(type, file))
			return true;
	}
	return false;
}

/* How many types that are looked for the unit of @file may define. */
static size_t open_in(const struct wanted_types *wanted, const char *file)
{
	size_t count = 0;
	for (size_t i = 0; i < wanted->count; i++)
		count += wanted->items[i].open && file_matches(&wanted->items[i], file);
	return count;
}

/* If @die defines types that are wanted, keeps it for them. Returns how many of these were looked for. */
static size_t collect(struct wanted_types *wanted, Dwarf_Die *die, const char *file)
{
	const char *name = dwarf_diename(die);
	size_t length = name ? strlen(name) : 0, count = 0;
	for (uint16_t next = name ? wanted->buckets[hash_name(name, length)] : 0; next;) {
		struct wanted_type *type = &wanted->items[next - 1];
		next = type->next;
		if (type->found || type->name_length != length || memcmp(type->name, name, length) ||
		    !file_matches(type, file))
			continue;
		Dwarf_Die definition = *die;
		if (!peel(&definition) || !is_struct(&definition) || dwarf_bytesize(&definition) < 0)
			continue;
		count += type->open;
		type->found = type->fresh = true;
		type->open = false;
		type->die = definition;
	}
	return count;
}

/* Collects the types of @unit until it can have no more that are looked for. */
static void scan_unit(struct search *search, Dwarf_Die *unit, const char *file)
{
	size_t left = open_in(&search->wanted, file);
	Dwarf_Die die;
	if (!left || dwarf_child(unit, &die))
		return;
	while (left) {
		switch (dwarf_tag(&die)) {
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_typedef:
			left -= collect(&search->wanted, &die, file);
		}
		Dwarf_Off offset = dwarf_dieoffset(&die);
		/* A DW_AT_sibling that points backwards would be followed for ever. */
		if (dwarf_siblingof(&die, &die) || dwarf_dieoffset(&die) <= offset)
			break;
	}
	settle(search);
}

/* Scans the units of those files that are known to define what is looked for, or the others. */
static void scan(struct search *search, Dwarf *dwarf, bool named)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die dies[2]; /* the unit's, and that of the unit it is the skeleton of (split DWARF) */
	while (!dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &dies[0], &dies[1])) {
		for (unsigned int i = 0; i < 2; i++) {
			if (i == 1 && dwarf_tag(&dies[i]) != DW_TAG_compile_unit)
				break;
			const char *file = dwarf_diename(&dies[i]);
			if (is_named(&search->wanted, file) == named)
				scan_unit(search, &dies[i], file);
		}
	}
}

static void dwarf_cleanup(Dwarf **dwarf)
{
	dwarf_end(*dwarf);
}

struct inspect_error *layout_fields_from_elf(Elf *elf, const struct layout_field *fields, unsigned int count,
					     const bool *expected, int32_t *values, unsigned int *found_ret)
{
	*found_ret = 0;
	struct search search __attribute__((cleanup(search_deinit))) = {
		.fields = fields, .count = count, .expected = expected, .values = values,
	};
	Dwarf *dwarf __attribute__((cleanup(dwarf_cleanup))) = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!dwarf)
		return NULL; /* no debug information */
	if (!search_init(&search))
		return &inspect_error_no_memory;

	settle(&search);
	Dwarf *shared = dwarf_getalt(dwarf); /* dwz moves there what several files have in common */
	scan(&search, dwarf, true);
	if (shared)
		scan(&search, shared, true);
	scan(&search, dwarf, false);
	if (shared)
		scan(&search, shared, false);

	for (unsigned int i = 0; i < count; i++)
		*found_ret += search.wanted_fields[i].types[0] && values[i] != LAYOUT_ABSENT;
	return NULL;
}

struct inspect_error *layout_from_elf(Elf *elf, uint32_t version, struct layout *layout, unsigned int *found_ret)
{
	bool expected[layout_field_count];
	bool known = layout_fields_of(version, expected);
	return layout_fields_from_elf(elf, layout_fields, layout_field_count, known ? expected : NULL, layout_at(layout, 0),
				      found_ret);
}

struct inspect_error *layout_from_dwarf(struct target_image *image, struct inspect_target *target, uint32_t version,
					struct layout *layout, unsigned int *found_ret)
{
	*found_ret = 0;
	layout_init(layout);
	Elf *elf = image_debug_elf(target, image);
	return elf ? layout_from_elf(elf, version, layout, found_ret) : NULL;
}
