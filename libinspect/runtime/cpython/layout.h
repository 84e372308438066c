/* SPDX-License-Identifier: MIT */
/*
 * layout.h - where CPython keeps things: one build's offsets and sizes, and the three sources of them.
 */
#ifndef INSPECT_CPYTHON_LAYOUT_H
#define INSPECT_CPYTHON_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect.h"
#include "target/target.h"

enum { LAYOUT_ABSENT = -1 };

/* Offsets and sizes in bytes; LAYOUT_ABSENT where this build has no such thing. */
struct layout {
#define FIELD(name, types, members) int32_t name;
#define SIZE(name, types) int32_t size_of_##name;
#include "runtime/cpython/layout.def"
#undef FIELD
#undef SIZE
};

/* The names and places of the fields, in the order of struct layout (all of which are int32_t). */
struct layout_field {
	const char *name;    /* "dict_used", "size_of_dict" */
	const char *types;   /* alternatives, separated by '|' */
	const char *members; /* alternatives; NULL for a size */
};
extern const struct layout_field layout_fields[];
extern const unsigned int layout_field_count;

static inline int32_t *layout_at(struct layout *layout, unsigned int field)
{
	return (int32_t *)layout + field;
}

enum layout_flavour {
	LAYOUT_RELEASE,
	LAYOUT_DEBUG,         /* Py_DEBUG; before 3.8 with Py_TRACE_REFS */
	LAYOUT_FREE_THREADED, /* Py_GIL_DISABLED: recognised, never bound */
};

/* One value of a compiled-in table: the field's place in layout_fields[], and what it is there. */
struct layout_change {
	uint16_t field;
	int32_t value;
};

/* A table compiled in: what tools/generate-layouts read from real interpreters. A table is written as its
 * differences from another one; layout_table_read() puts them together. */
struct layout_table {
	uint32_t version;      /* PY_VERSION_HEX of the first release that it is known to be true of … */
	uint32_t last_version; /* … and of the last one */
	enum layout_flavour flavour;
	uint16_t machine;   /* EM_X86_64 … */
	const char *source; /* "pyenv 3.8.18", "Debian 3.13.5-2" */
	int base;           /* the table (index, lower than its own) that it differs from; -1: from nothing */
	const struct layout_change *changes;
	unsigned int change_count;
};
extern const struct layout_table layout_tables[];
extern const unsigned int layout_table_count;

/* Fills @layout with nothing but LAYOUT_ABSENT. */
void layout_init(struct layout *layout);

/* Fills @layout with what @table (one of layout_tables[]) says; the rest is LAYOUT_ABSENT. */
void layout_table_read(const struct layout_table *table, struct layout *layout);

/* Stores the tables of @version's feature release (3.13) and of @flavour in @tables, best first: those of
 * @machine before those of others, and the nearest bug-fix release first. Returns how many there are, at
 * most @capacity. */
unsigned int layout_candidates(uint32_t version, enum layout_flavour flavour, uint16_t machine,
			       const struct layout_table **tables, unsigned int capacity);

/* Takes from @other the fields of those types of which @layout knows nothing at all: an interpreter's DWARF
 * lacks the types of its extension modules. */
void layout_complete(struct layout *layout, const struct layout *other);

/* Says of each field in @fields_ret[layout_field_count] whether some build of @version's feature release has it.
 * False where that is not known: for a version of 0, and for one that is newer or older than all tables. */
bool layout_fields_of(uint32_t version, bool *fields_ret);

/* Fills @layout from the DWARF of @image (its own or its separate debug file). Types that no build of @version has are
 * not searched for; 0: no version is known. *@found_ret is how many of the fields were found: 0 where there is no debug
 * information. Fields not found are LAYOUT_ABSENT. */
struct inspect_error *layout_from_dwarf(struct target_image *image, struct inspect_target *target, uint32_t version,
					struct layout *layout, unsigned int *found_ret)
	__attribute__((warn_unused_result));

/* The same from an ELF file outside of any target; adds to what @layout has. */
struct inspect_error *layout_from_elf(Elf *elf, uint32_t version, struct layout *layout, unsigned int *found_ret)
	__attribute__((warn_unused_result));

/* The same for any list of fields: looks up those whose values are LAYOUT_ABSENT, until those that are @expected are found.
 * NULL: all of them are. */
struct inspect_error *layout_fields_from_elf(Elf *elf, const struct layout_field *fields, unsigned int count,
					     const bool *expected, int32_t *values, unsigned int *found_ret)
	__attribute__((warn_unused_result));

/* Overwrites in @layout what the _Py_DebugOffsets (3.13+) at @address say. *@version_ret is 0 where there
 * are none. A structure that contradicts itself is an error. */
struct inspect_error *layout_from_debug_offsets(struct inspect_target *target, uint64_t address,
						struct layout *layout, uint32_t *version_ret,
						bool *free_threaded_ret) __attribute__((warn_unused_result));

#endif
