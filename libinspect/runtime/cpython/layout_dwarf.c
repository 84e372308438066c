/* SPDX-License-Identifier: MIT */
/*
 * layout_dwarf.c - layouts from debug information: offsets and sizes as the compiler wrote them down.
 *
 * One pass over the top level of every unit collects the structs and typedefs that layout.def names; then
 * each member path is followed in them. The debug information may be damaged: libdw checks what it reads,
 * and every loop here is bounded by the size of the sections or by a small number.
 */
#include "runtime/cpython/layout.h"

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
	MEMBER_LIMIT = 4000,  /* members looked at for one name; PyInterpreterState has about 150 */
	VALUE_LIMIT = 64 << 20, /* nothing of CPython's is larger: _PyRuntime has about 1 MiB */
};

/* A type that layout.def names ("PyListObject", "arraymodule.c:arrayobject"), and its definition once met. */
struct wanted_type {
	const char *text; /* in layout.def, not terminated */
	size_t length;
	const char *name; /* within text */
	size_t name_length;
	bool found;
	Dwarf_Die die;  /* the struct or union itself, not a typedef of it */
	uint16_t next;  /* the next of the same bucket, + 1; 0: none */
};

struct wanted_types {
	struct wanted_type *items;
	size_t count, capacity;
	uint16_t buckets[TYPE_BUCKETS]; /* by the name's hash: indices + 1; 0: none */
};

static void wanted_types_deinit(struct wanted_types *wanted)
{
	free(wanted->items);
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

static struct wanted_type *find_wanted(const struct wanted_types *wanted, const char *text, size_t length)
{
	for (size_t i = 0; i < wanted->count; i++)
		if (wanted->items[i].length == length && !memcmp(wanted->items[i].text, text, length))
			return &wanted->items[i];
	return NULL;
}

static bool add_wanted(struct wanted_types *wanted, const char *text, size_t length)
{
	if (find_wanted(wanted, text, length))
		return true;
	if (!array_reserve(wanted->items, wanted->count, wanted->capacity))
		return false;
	const char *colon = memchr(text, ':', length);
	const char *name = colon ? colon + 1 : text;
	size_t name_length = text + length - name;
	uint16_t *bucket = &wanted->buckets[hash_name(name, name_length)];
	wanted->items[wanted->count] = (struct wanted_type){
		.text = text, .length = length, .name = name, .name_length = name_length, .next = *bucket,
	};
	*bucket = ++wanted->count;
	return true;
}

/* Adds the types of @field. */
static bool add_field(struct wanted_types *wanted, const struct layout_field *field)
{
	const char *rest = field->types, *text;
	size_t length;
	while (next_alternative(&rest, &text, &length))
		if (!add_wanted(wanted, text, length))
			return false;
	return true;
}

/* ---- one pass over the units --------------------------------------------------------------------- */

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

/* Is "dir/arraymodule.c" the file of "arraymodule.c:arrayobject"? A unit without a name (of dwz) may be. */
static bool file_matches(const struct wanted_type *type, const char *file)
{
	size_t length = type->name - type->text;
	if (!length || !file)
		return true;
	length--; /* the colon */
	size_t file_length = strlen(file);
	return file_length >= length && !memcmp(file + file_length - length, type->text, length) &&
	       (file_length == length || file[file_length - length - 1] == '/');
}

/* If @die defines types that are wanted, keeps it for them. */
static void collect(struct wanted_types *wanted, Dwarf_Die *die, const char *file)
{
	const char *name = dwarf_diename(die);
	if (!name)
		return;
	size_t length = strlen(name);
	for (uint16_t next = wanted->buckets[hash_name(name, length)]; next;) {
		struct wanted_type *type = &wanted->items[next - 1];
		next = type->next;
		if (type->found || type->name_length != length || memcmp(type->name, name, length) ||
		    !file_matches(type, file))
			continue;
		Dwarf_Die definition = *die;
		if (!peel(&definition) || !is_struct(&definition) || dwarf_bytesize(&definition) < 0)
			continue;
		type->found = true;
		type->die = definition;
	}
}

static void scan_unit(struct wanted_types *wanted, Dwarf_Die *unit)
{
	const char *file = dwarf_diename(unit);
	Dwarf_Die die;
	if (dwarf_child(unit, &die))
		return;
	for (;;) {
		switch (dwarf_tag(&die)) {
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_typedef:
			collect(wanted, &die, file);
		}
		Dwarf_Off offset = dwarf_dieoffset(&die);
		/* A DW_AT_sibling that points backwards would be followed for ever. */
		if (dwarf_siblingof(&die, &die) || dwarf_dieoffset(&die) <= offset)
			return;
	}
}

static void scan(struct wanted_types *wanted, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, split;
	while (!dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, &split)) {
		scan_unit(wanted, &die);
		if (dwarf_tag(&split) == DW_TAG_compile_unit)
			scan_unit(wanted, &split);
	}
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

static int32_t find_value(const struct wanted_types *wanted, const struct layout_field *field)
{
	const char *types = field->types, *text;
	size_t length;
	while (next_alternative(&types, &text, &length)) {
		struct wanted_type *type = find_wanted(wanted, text, length);
		if (!type || !type->found)
			continue;
		if (!field->members) {
			int size = dwarf_bytesize(&type->die);
			if (size >= 0 && size <= VALUE_LIMIT)
				return size;
			continue;
		}
		const char *members = field->members, *path;
		size_t path_length;
		while (next_alternative(&members, &path, &path_length)) {
			int32_t offset = resolve(type->die, path, path_length);
			if (offset != LAYOUT_ABSENT)
				return offset;
		}
	}
	return LAYOUT_ABSENT;
}

static void dwarf_cleanup(Dwarf **dwarf)
{
	dwarf_end(*dwarf);
}

struct inspect_error *layout_fields_from_elf(Elf *elf, const struct layout_field *fields, unsigned int count,
					     int32_t *values, unsigned int *found_ret)
{
	*found_ret = 0;
	struct wanted_types wanted __attribute__((cleanup(wanted_types_deinit))) = { 0 };
	Dwarf *dwarf __attribute__((cleanup(dwarf_cleanup))) = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!dwarf)
		return NULL; /* no debug information */
	for (unsigned int i = 0; i < count; i++)
		if (values[i] == LAYOUT_ABSENT && !add_field(&wanted, &fields[i]))
			return &inspect_error_no_memory;

	scan(&wanted, dwarf);
	Dwarf *shared = dwarf_getalt(dwarf); /* dwz moves there what several files have in common */
	if (shared)
		scan(&wanted, shared);

	for (unsigned int i = 0; i < count; i++) {
		if (values[i] == LAYOUT_ABSENT) {
			values[i] = find_value(&wanted, &fields[i]);
			*found_ret += values[i] != LAYOUT_ABSENT;
		}
	}
	return NULL;
}

struct inspect_error *layout_from_elf(Elf *elf, struct layout *layout, unsigned int *found_ret)
{
	return layout_fields_from_elf(elf, layout_fields, layout_field_count, layout_at(layout, 0),
				      found_ret);
}

struct inspect_error *layout_from_dwarf(struct target_image *image, struct inspect_target *target,
					struct layout *layout, unsigned int *found_ret)
{
	*found_ret = 0;
	layout_init(layout);
	Elf *elf = image_debug_elf(target, image);
	return elf ? layout_from_elf(elf, layout, found_ret) : NULL;
}
