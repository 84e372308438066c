/* SPDX-License-Identifier: MIT */
/*
 * cpython.h - the CPython adapter's own structures, shared by its files and seen by nobody else.
 */
#ifndef INSPECT_CPYTHON_H
#define INSPECT_CPYTHON_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "runtime/cpython/layout.h"
#include "runtime/runtime.h"
#include "target/target.h"

/* How sys.getsizeof() computes the size of a type's instances: an index into size.c's table. */
enum size_rule {
	SIZE_GENERIC, /* object.__sizeof__: basic size and items */
	SIZE_UNKNOWN, /* another __sizeof__ than CPython's own types have */
};

/* A type of the target, read once. */
struct cpython_type {
	uint64_t address;
	uint32_t index;     /* into runtime.types */
	uint64_t flags;     /* tp_flags */
	int64_t basicsize, itemsize;
	uint32_t preheader; /* bytes before an instance: cpython_preheader() */
	uint8_t size_rule;  /* index into size.c's table */
	bool damaged;
	bool scanned;       /* what its objects refer to is found by a scan, at least in part */
	int32_t ahead;      /* where its objects have a pointer that visiting them follows, to be fetched early; or LAYOUT_ABSENT */
	struct reference_step *steps; /* where its objects keep references: references.h */
	size_t step_count;
	struct scan_statistics *statistics; /* of what the scan found in its objects, or NULL: references_scan.c */
};

/* One interpreter of the target. */
struct cpython_interpreter {
	uint64_t address; /* of its PyInterpreterState */
	int64_t id;
	uint64_t interned; /* its dict of interned strings, whose references do not count; 0: unknown */
};

/* CPython 3.6 keeps its state in static variables (Modules/gcmodule.c, Python/pystate.c): their addresses, 0
 * where they are not known. All but the first and the last are in .symtab only. */
struct collector_statics {
	uint64_t generations;
	uint64_t enabled, debug, collecting, stats, garbage, callbacks;
	uint64_t interpreters_head;
	uint64_t current_thread;
};

struct cpython {
	struct runtime runtime; /* first: struct runtime is what others see */
	struct inspect_target *target;
	struct target_image *image; /* that holds the state: an executable or libpython; NULL: none is known */
	struct layout layout;
	uint32_t version; /* PY_VERSION_HEX of the target: 0x030d00f0 */
	bool debug;       /* Py_DEBUG: sys has gettotalrefcount */
	bool trace_refs;  /* Py_TRACE_REFS in the object header */
	char *layout_source; /* in words, for status */

	uint64_t runtime_address; /* of _PyRuntime; 0 on 3.6 */
	struct collector_statics statics; /* 3.6 */
	struct cpython_interpreter *interpreters; /* at least one; the main one first */
	size_t interpreter_count;

	uint64_t type_type; /* address of PyType_Type */

	struct type_table *types; /* type.c */
	struct program_names *names; /* of a redacted runtime: what may be shown; names.c */
	unsigned int fixes; /* bits by enum cpython_fix: fixes.c */
	uint64_t dict_general_lookup; /* the address of lookdict() up to 3.10, or 0: dict.c */
	uint64_t subtype_traverse; /* tp_traverse of classes that Python code made, or 0: references.c */
	uint64_t visit_managed_dict; /* the address of PyObject_VisitManagedDict() (3.12), or 0: fixes.c */
	uint32_t traverse_instructions; /* that were read of traverse functions: traverse_code.c */
	bool scan_settled;   /* what the scan has learnt counts: references_scan.c */
	size_t scan_statistics_size; /* bytes that this took */
	int64_t scan_budget; /* bytes of items that may still be scanned: references_scan.c */
	uint64_t method_cache_start, method_cache_end; /* the cache of attributes up to 3.9; 0: not found: roots_cache.c */
	struct cpython_memory *memory; /* what is known of blocks, or NULL: memory.c */
	uint64_t lost_address;  /* the first one that was wanted, that the process had and the target lacks; or 0 */
};

/* ---- versions: PY_RELEASE(3, 11, 7) <= cpython->version ---- */
#define PY_RELEASE(major, minor, micro) ((uint32_t)(major) << 24 | (minor) << 16 | (micro) << 8)
static inline uint32_t py_version(unsigned int major, unsigned int minor)
{
	return major << 24 | minor << 16;
}
static inline bool cpython_at_least(const struct cpython *cpython, unsigned int major, unsigned int minor)
{
	return cpython->version >= py_version(major, minor);
}

/* ---- fixes that came to several feature releases, each with a bug-fix release: fixes.c ---- */
enum cpython_fix {
	FIX_NONE,
	FIX_130327, /* instances with a dict visit that, and leave inline values to it: 3.13.13, 3.14.4 */
	FIX_140000, /* type variables visit their names: 3.13.10, 3.14.1 */
	FIX_142516, /* SSL contexts visit all that they hold: 3.13.14, 3.14.4 */
};
static inline bool cpython_has_fix(const struct cpython *cpython, enum cpython_fix fix)
{
	return cpython->fixes >> fix & 1;
}
/* Finds out which there are, when attaching: by the version, or by the code where distributions have them earlier. */
void cpython_find_fixes(struct cpython *cpython);

/* tp_flags: Include/object.h */
enum {
	TPFLAGS_INLINE_VALUES = 1 << 2,   /* 3.13 */
	TPFLAGS_MANAGED_WEAKREF = 1 << 3, /* 3.12 */
	TPFLAGS_MANAGED_DICT = 1 << 4,    /* 3.11 */
	TPFLAGS_STATIC_BUILTIN = 1 << 1,  /* 3.12 */
	TPFLAGS_HEAPTYPE = 1 << 9,
	TPFLAGS_HAVE_GC = 1 << 14,
	TPFLAGS_LONG_SUBCLASS = 1 << 24,
	TPFLAGS_LIST_SUBCLASS = 1 << 25,
	TPFLAGS_TUPLE_SUBCLASS = 1 << 26,
	TPFLAGS_BYTES_SUBCLASS = 1 << 27,
	TPFLAGS_UNICODE_SUBCLASS = 1 << 28,
	TPFLAGS_DICT_SUBCLASS = 1 << 29,
	TPFLAGS_TYPE_SUBCLASS = 1u << 31,
};

/* ---- reading (read.c) ---- */

/* What the inline functions below leave to read.c: bytes that lie in no single segment, or nowhere. */
bool read_field_slow(struct cpython *cpython, uint64_t address, void *value, size_t size);

static inline bool read_field(struct cpython *cpython, uint64_t address, int32_t offset, void *value, size_t size)
{
	if (offset != LAYOUT_ABSENT && address) {
		const void *bytes = target_map(cpython->target, address + (uint64_t)offset, size);
		if (bytes) {
			memcpy(value, bytes, size);
			return true;
		}
		return read_field_slow(cpython, address + (uint64_t)offset, value, size);
	}
	memset(value, 0, size);
	return false;
}

/* Reads the pointer, Py_ssize_t, int ... at @address + @offset. False if the bytes are not there or
 * @offset is LAYOUT_ABSENT; *@value_ret is then 0. Several threads may read at once. */
static inline bool read_pointer(struct cpython *cpython, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

static inline bool read_ssize(struct cpython *cpython, uint64_t address, int32_t offset, int64_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

static inline bool read_int32(struct cpython *cpython, uint64_t address, int32_t offset, int32_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

static inline bool read_uint8(struct cpython *cpython, uint64_t address, int32_t offset, uint8_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

/* Asks the processor for the bytes at @address, which will be wanted soon. */
static inline void read_ahead(struct cpython *cpython, uint64_t address)
{
	if (cpython->target->segment_count)
		__builtin_prefetch(target_map(cpython->target, address, sizeof(uint64_t)));
}

/* The error that reading @size bytes at @address would give, with what was wanted: @what. */
struct inspect_error *cpython_unreadable(struct cpython *cpython, uint64_t address, const char *what)
	__attribute__((warn_unused_result));

/* ---- str objects (str.c) ---- */

/* The text of the str object at @address as UTF-8 (surrogates escaped as \udcXX), at most @limit code points,
 * for the caller to free; NULL if it is not a readable str. *@length_ret (may be NULL): its length in code points. */
/* runtime_operations.text (text.c) and .threads (roots_thread.c) */
bool cpython_text(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t limit, struct runtime_text *text_ret);
struct inspect_error *cpython_threads(struct runtime *runtime, struct runtime_threads *threads, struct notes *notes)
	__attribute__((warn_unused_result));

char *cpython_str_text(struct cpython *cpython, uint64_t address, size_t limit, int64_t *length_ret);
/* Is the str at @address ASCII and equal to @text? */
bool cpython_str_equals(struct cpython *cpython, uint64_t address, const char *text);

/* ---- dict objects (dict.c) ---- */

/* Finds the dicts of interned strings. What they refer to does not count in the reference counts of the strings:
 * PyUnicode_InternInPlace() of Objects/unicodeobject.c takes both references off. (roots_static.c) */
void cpython_find_interned(struct cpython *cpython);
static inline bool cpython_is_interned_dict(const struct cpython *cpython, uint64_t dict)
{
	for (size_t i = 0; i < cpython->interpreter_count; i++)
		if (cpython->interpreters[i].interned == dict)
			return true;
	return false;
}

/* The table of keys of one dict, or of several. */
struct dict_keys {
	uint64_t address, entries;
	uint32_t entry_size, key_offset, value_offset;
	int64_t count;      /* of entries, deleted ones among them */
	int64_t references; /* dk_refcnt: how many dicts and types share it */
	bool general;       /* the keys may be other objects than str: dict_traverse() visits them */
};
/* Reads the PyDictKeysObject at @address. False if it makes no sense. */
bool dict_keys_read(struct cpython *cpython, uint64_t address, struct dict_keys *keys);
/* Up to 3.10 a table has keys other than str if its dk_lookup is lookdict(). That is a static function; the dict of
 * object's subclasses, whose keys are int, has it. */
void cpython_find_dict_lookup(struct cpython *cpython);

/* A walk over a dict's items in insertion order; works for combined, split and unicode-key tables. */
struct dict_iterator {
	struct cpython *cpython;
	uint64_t entries, values;  /* addresses */
	uint32_t entry_size, key_offset, value_offset;
	int64_t position, count;
};
/* False if @dict is not a readable dict; the iterator is then empty. */
bool dict_iterator_init(struct dict_iterator *iterator, struct cpython *cpython, uint64_t dict);
/* The next item's key and value objects (never 0); false at the end. */
bool dict_iterator_next(struct dict_iterator *iterator, uint64_t *key_ret, uint64_t *value_ret);
/* The value of the ASCII str key @name, or 0. */
uint64_t cpython_dict_get(struct cpython *cpython, uint64_t dict, const char *name);

/* ---- objects (cpython.c) ---- */

/* Is @refcount that of an object that was compiled into 3.11? These begin at 999999999, _PyObject_IMMORTAL_REFCNT of
 * internal/pycore_object.h. */
static inline bool cpython_is_frozen_count(const struct cpython *cpython, uint64_t refcount)
{
	return cpython_at_least(cpython, 3, 11) && !cpython_at_least(cpython, 3, 12) && refcount >> 29 == 1;
}

/* Is an object at @address that says of itself that it is on one of the collector's lists? @dying: its reference count may
 * be 0. Of any address; several threads may ask at once. */
bool cpython_is_tracked(struct cpython *cpython, uint64_t address, bool dying);

/* Has the object at @address of @type a PyGC_Head in front of it? */
bool cpython_has_gc_head(struct cpython *cpython, const struct cpython_type *type, uint64_t address);

/* ---- types (type.c) ---- */

/* The type at @address, read on first use; NULL when out of memory. A type that cannot be read is `damaged` and
 * called "?". Valid until the adapter is detached; several threads may call this at once. */
struct cpython_type *cpython_type(struct cpython *cpython, uint64_t address);
/* The same if it has been read before, else NULL. Takes no lock. */
struct cpython_type *cpython_known_type(struct cpython *cpython, uint64_t address);
/* The type with @index among runtime.types; as above. */
struct cpython_type *cpython_type_at(struct cpython *cpython, uint32_t index);
bool cpython_types_init(struct cpython *cpython);
void cpython_types_deinit(struct cpython *cpython);
/* Corrects where the states of static types are (3.12+): that is not published and moves between patch releases, from
 * 3.14.3 to 3.14.4 by 8 bytes. Those of type and dict, whose addresses are given, tell. */
void cpython_settle_static_types(struct cpython *cpython, uint64_t type_type, uint64_t dict_type);
/* The state of the static builtin type @type in the interpreter number @interpreter (3.12 on), 0 if unknown. */
uint64_t cpython_static_type_state(struct cpython *cpython, size_t interpreter, uint64_t type);
/* type.__dict__: tp_dict, or its per-interpreter place for static builtin types (3.12+). 0 if unknown. */
uint64_t cpython_type_dict(struct cpython *cpython, uint64_t type);
/* Is the object at @address a type: is its own type one whose instances are types? */
bool cpython_is_type(struct cpython *cpython, uint64_t address);
/* The number of types in @type's MRO, 0 if it cannot be read; *@items_ret is where their addresses are. */
int64_t cpython_mro(struct cpython *cpython, uint64_t type, uint64_t *items_ret);
/* The name as Python says it: "module.qualname", builtins bare; redacted: as names_show_type(); for the caller to free; NULL
 * if unreadable. */
char *cpython_type_name(struct cpython *cpython, uint64_t type);

/* ---- sizes (size.c) ---- */

/* Finds out which __sizeof__ the instances of @type have: the first in its MRO. Once for each type. */
uint8_t cpython_size_rule(struct cpython *cpython, uint64_t type);
/* Bytes that sys.getsizeof() counts before an instance of a type with the tp_flags @flags: the collector's head and
 * the pointers to a managed dict and weak references. */
uint32_t cpython_preheader(struct cpython *cpython, uint64_t flags);
/* sys.getsizeof() of the object at @address of type @type. *@basic_ret: the type has a __sizeof__ that we do not know,
 * so this is basic size and items. False if the object's bytes cannot be read or make no sense. */
bool cpython_size(struct cpython *cpython, const struct cpython_type *type, uint64_t address,
		  uint64_t *size_ret, bool *basic_ret);

/* ---- values (value.c) ---- */

/* A short, safe, one-line description of the object at @address of type @type, for the caller to free: like repr() for
 * str, bytes, int, float, complex, bool, None; `list, 3 items`; `<function app.handler at app.py:12>` … Redacted: values
 * are `<str of 12 characters>`, `<int>`. NULL when out of memory. */
char *cpython_value(struct cpython *cpython, const struct cpython_type *type, uint64_t address);
/* What the key of a dictionary at @address is as text, as cpython_value() has it, but tuples with their items; for the
 * caller to free, NULL when out of memory. */
char *cpython_key(struct cpython *cpython, uint64_t address);

#endif
