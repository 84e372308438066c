/* SPDX-License-Identifier: MIT */
/*
 * references.h - what objects of CPython refer to: what the files share that know it.
 *
 * A type is bound to a list of steps when it is first met (references.c): one for each pointer or array of
 * pointers that its objects have at a fixed place, and functions for what takes more than that. Types of C are
 * described in references.def; classes made by Python code add __slots__, __dict__ and the type itself to what
 * their base has.
 *
 * A reference is what an object holds: each pointer that counts in the reference count of what it leads to. Those
 * that tp_traverse does not visit are RUNTIME_UNVISITED; pointers that do not count are no references, unless
 * tp_traverse visits them all the same: then they are RUNTIME_UNCOUNTED.
 */
#ifndef INSPECT_CPYTHON_REFERENCES_H
#define INSPECT_CPYTHON_REFERENCES_H

#include "runtime/cpython/cpython.h"

struct visit;

/* A function that emits references of visit->address; @step is the one that it is called for. */
typedef void visit_fn(struct visit *visit, const struct reference_step *step);

enum step_kind {
	STEP_POINTER,     /* one pointer at @offset */
	STEP_ITEMS,       /* pointers from @offset on, as many as ob_size says: tuple */
	STEP_ARRAY,       /* pointers where the pointer at @offset leads, as many as the Py_ssize_t at @count says: list */
	STEP_FUNCTION,
	STEP_TYPE,        /* the object's type */
};

/* Where objects of a type keep references. */
struct reference_step {
	uint8_t kind;     /* enum step_kind */
	uint8_t flags;    /* enum runtime_reference_flag */
	uint8_t label;    /* enum runtime_label_kind */
	int32_t offset;   /* bytes from the object's address */
	int32_t count;    /* see the kinds; for functions: what they make of it */
	const char *text; /* the label's, a constant */
	uint64_t value;   /* the label's */
	visit_fn *function;
};

/* Objects being visited, one after the other. */
struct visit {
	struct cpython *cpython;
	const struct layout *layout;
	struct runtime_references *references; /* where they go */
	uint64_t address;                      /* of the object */
	const char *bytes; /* its tp_basicsize bytes in one piece, or NULL */
	size_t size;       /* tp_basicsize */
	const struct cpython_type *type;       /* its type */
	bool damaged;   /* something of this object could not be read or makes no sense */
	bool no_memory;
	uint64_t word;  /* the address of what was read last */
	bool frozen;    /* it was compiled into 3.11: what it has of other objects in the program was never counted */
};

/* ---- for functions: references.c ---- */

/* The reference that is emitted next is the word at @address. */
static inline void visit_word(struct visit *visit, uint64_t address)
{
	visit->word = address;
}

/* Emits a reference to @target; 0 is none. */
static inline void visit_emit(struct visit *visit, uint64_t target, unsigned int flags,
			      enum runtime_label_kind kind, uint64_t value, const char *text)
{
	if (!target || visit->no_memory)
		return;
	if (target % 8) {
		visit->damaged = true;
		return;
	}
	if (__builtin_expect(visit->frozen, 0) && target_image_at(visit->cpython->target, target))
		flags |= RUNTIME_UNCOUNTED;
	visit->references->word = visit->word;
	if (!runtime_reference_add(visit->references, target | flags, kind, value, text))
		visit->no_memory = true;
}

/* @words more of an array are going to be looked at. False if that is enough of them. */
static inline bool visit_look(struct visit *visit, uint64_t words)
{
	visit->no_memory |= !runtime_references_look(visit->references, words);
	return !visit->no_memory;
}

/* Reads a pointer, int ... at @address + @offset. On failure: false, visit->damaged is set unless @offset is
 * LAYOUT_ABSENT, and the value is 0. */
bool visit_pointer(struct visit *visit, uint64_t address, int32_t offset, uint64_t *value_ret);
bool visit_ssize(struct visit *visit, uint64_t address, int32_t offset, int64_t *value_ret);
bool visit_int(struct visit *visit, uint64_t address, int32_t offset, int32_t *value_ret);
bool visit_byte(struct visit *visit, uint64_t address, int32_t offset, uint8_t *value_ret);

/* Emits the pointer at @address + @offset, called @text; nothing if @offset is LAYOUT_ABSENT. */
void visit_member(struct visit *visit, uint64_t address, int32_t offset, unsigned int flags, const char *text);
/* Emits the @count pointers from @address on. Their labels are of @kind: RUNTIME_LABEL_INDEX counts from 0, others
 * are all alike. A @count that the target's memory cannot hold is damage. */
void visit_array(struct visit *visit, uint64_t address, int64_t count, unsigned int flags,
		 enum runtime_label_kind kind, const char *text);
/* Visits the @size bytes at @state, the state of a module whose m_name is @name, with @flags added to those of each
 * reference. False if references.def has no MODULE of that name and size. */
bool visit_module_state(struct visit *visit, const char *name, int64_t size, uint64_t state, unsigned int flags);
/* The @size bytes at @address in one piece, or NULL (and damaged) where they cannot be had so: only for structures of
 * a fixed size and small arrays; valid until the next call. */
const void *visit_bytes(struct visit *visit, uint64_t address, size_t size, void *buffer);

/* The keys of a table that visit->address holds, called "@text name", or as keys (NULL): references_dict.c */
void visit_shared_keys(struct visit *visit, uint64_t keys, const char *text);
/* The @count values from @values on, which belong to @keys, with labels of @kind that name the key: references_dict.c */
void visit_split_values(struct visit *visit, const struct dict_keys *keys, uint64_t values, int64_t count,
			unsigned int flags, enum runtime_label_kind kind);

/* A walk along a linked list, which in a damaged target may have no end. Begin with .limit = 1. */
struct visit_chain {
	uint64_t mark;         /* a link that was passed */
	uint64_t steps, limit; /* made since then, and when the mark is moved up: Brent's algorithm */
};

/* Is @link one where the walk has not been? If it is, that is damage. */
static inline bool visit_chain_goes_on(struct visit *visit, struct visit_chain *chain, uint64_t link)
{
	if (link == chain->mark) {
		visit->damaged = true;
		return false;
	}
	if (++chain->steps == chain->limit) {
		chain->mark = link;
		chain->steps = 0;
		chain->limit *= 2;
	}
	return true;
}

/* ---- for those who bind ---- */

/* A type whose steps are being found: references.c. */
struct binding;
void binding_add(struct binding *binding, const struct reference_step *step);
/* Has the type a step already for the pointer at @offset? */
bool binding_has_pointer(const struct binding *binding, int32_t offset);
/* May the traverse function of the type visit the pointer at @offset? Its code tells, if it is not described. */
bool binding_may_visit(struct binding *binding, int64_t offset);

/* Adds what the objects of the C class at @class hold if that is a struct sequence (time.struct_time): a tuple, and
 * fields behind it, which a tuple's traverse function does not visit. False if it is none. references_builtin.c */
bool structseq_bind(struct binding *binding, struct cpython *cpython, uint64_t class, bool is_tuple_traverse);
/* Adds the __slots__ of the class at @class; objects have @basicsize bytes: references_instance.c */
void instance_bind_slots(struct binding *binding, struct cpython *cpython, uint64_t class, int64_t basicsize);
/* Adds the __dict__ of @type's instances, whose tp_dictoffset is @dictoffset. */
void instance_bind_dict(struct binding *binding, const struct cpython_type *type, int64_t dictoffset);
/* Where instances with a managed dict point to their values; LAYOUT_ABSENT where these are not apart from them. */
int32_t managed_values_offset(const struct cpython *cpython);

/* ---- for the adapter ---- */

/* Finds cpython->subtype_traverse, when attaching: references_instance.c */
void cpython_find_subtype_traverse(struct cpython *cpython);

/* Finds the steps of @type, which is read but in no table yet. False when out of memory. Called with the table of
 * types locked: must not look up types there. */
bool cpython_bind_references(struct cpython *cpython, struct cpython_type *type) __attribute__((warn_unused_result));

struct inspect_error *cpython_references(struct runtime *runtime, const uint64_t *addresses, const uint32_t *types,
					 size_t count, struct runtime_references *references, size_t *ends,
					 size_t *damaged_ret) __attribute__((warn_unused_result));
char *cpython_label(struct runtime *runtime, const struct runtime_label *label);

/* ---- functions of references.def, by the file that has them ---- */

/* references_module.c */
visit_fn module_state_references, atexit_references, asyncio_free_list_references,
	future_iterator_references;
/* references_collections.c */
visit_fn methodcaller_references, deque_references, lru_cache_references, tee_data_references, queue_ring_references;
/* references_io.c */
visit_fn stringio_writer_references, multibyte_encoder_references, multibyte_decoder_references,
	multibyte_reader_references, multibyte_writer_references;
/* references_pickle.c */
visit_fn pickler_memo_references, unpickler_memo_references;
/* references_builtin.c */
visit_fn code_references, hamt_array_node_references;
/* references_dict.c */
visit_fn dict_references, odict_references, set_references;
/* references_type.c */
visit_fn type_references;
/* references_frames.c */
visit_fn frame_references, generator_frame_references, coroutine_frame_references, async_generator_frame_references;
/* references_capsule.c */
visit_fn capsule_references;
/* references_ctypes.c */
visit_fn ctypes_type_references;
/* references_curses.c */
visit_fn curses_panel_references;
/* references_datetime.c */
visit_fn time_references, datetime_references, zoneinfo_references;
/* references_re.c */
visit_fn template_references;
/* references_ssl.c */
visit_fn ssl_context_references;
/* references_state.c */
visit_fn module_type_references, zoneinfo_state_references, decimal_state_references, hmac_state_references,
	testcapi_state_references, tkinter_module_references;
/* references_xml.c */
visit_fn element_references, element_iterator_references, expat_parser_references;
/* references_sqlite3.c */
visit_fn sqlite_connection_references, sqlite_cache_references;
/* references_language.c */
visit_fn tokenizer_references, interpreters_buffer_references, test_array_references;
/* references_lsprof.c */
visit_fn profiler_references;
/* references_instance.c: the __dict__ of types with Py_TPFLAGS_MANAGED_DICT, or the values in its place */
visit_fn managed_dict_references;

#endif
