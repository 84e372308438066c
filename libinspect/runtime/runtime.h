/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - what a runtime adapter tells the layers above: collectors, objects, facts.
 *
 * An adapter (cpython/, refgc/) recognises its runtime in a target and answers in these terms. Nothing
 * above knows a runtime's structures, and nothing here names one.
 */
#ifndef INSPECT_RUNTIME_RUNTIME_H
#define INSPECT_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/notes.h"
#include "inspect.h"

struct inspect_target;

enum { RUNTIME_PERMANENT = 3 }; /* the generation of objects that the collector ignores */

/* A type of object. A runtime's types have dense indices in the order in which they were met. */
struct runtime_type {
	uint64_t address;
	char *name; /* as the runtime's users write it: "app.models.Session"; redacted: of that what is the program's */
};

enum runtime_object_flag {
	RUNTIME_IMMORTAL = 1 << 0,    /* its reference count means nothing */
	RUNTIME_FINALIZED = 1 << 1,   /* its finalizer has run */
	RUNTIME_SIZE_BASIC = 1 << 2,  /* its size is basic size and items; more may hang off it */
	RUNTIME_COLLECTING = 1 << 3,  /* a collection in progress uses its head */
	RUNTIME_UNREACHABLE = 1 << 4, /* a collection in progress has marked it unreachable so far */
	RUNTIME_DAMAGED = 1 << 5,     /* it or its type could not be read */
	RUNTIME_SCANNED = 1 << 6,     /* its type is not described: its references are found by a scan */
	RUNTIME_TRACKED = 1 << 7,     /* it says of itself that it is on a list of a collector's */
};

/* What is known of many objects: arrays that the caller made, one item an object; NULL: not wanted. */
struct runtime_columns {
	uint32_t *type; /* index into runtime->types */
	uint64_t *size; /* bytes */
	int64_t *refcount;
	uint8_t *flags; /* enum runtime_object_flag */
};

/* Takes the objects of a walk, in the order in which the collector's lists have them. */
struct runtime_sink {
	/* One tracked object; @generation is 0, 1, 2 or RUNTIME_PERMANENT, @collector an index into
	 * runtime->collectors. */
	struct inspect_error *(*add)(struct runtime_sink *sink, uint64_t address, unsigned int generation,
				     unsigned int collector);
};

/* ---- references ---- */

/* A reference is one word: the address of the object it leads to, which is a multiple of 8, and these flags. */
enum runtime_reference_flag {
	RUNTIME_UNVISITED = 1 << 0, /* held, but the holder's traverse function passes over it */
	RUNTIME_UNCOUNTED = 1 << 1, /* not held: the reference count of what it leads to does not include it */
	RUNTIME_GUESSED = 1 << 2,   /* found by a conservative scan: it may be a number that looks like an address */
};
static const uint64_t RUNTIME_REFERENCE_FLAGS = 7;

enum runtime_label_kind {
	RUNTIME_LABEL_NONE,      /* nothing is known but that it is there */
	RUNTIME_LABEL_TEXT,      /* text: "cell", ".__dict__" */
	RUNTIME_LABEL_INDEX,     /* "[3]": value; with a text "TEXT[3]" */
	RUNTIME_LABEL_KEY,       /* "['user']": value is the address of the key */
	RUNTIME_LABEL_DICT_KEY,  /* the key itself: "key 'user'": value is its address */
	RUNTIME_LABEL_ITEM,      /* "{…}": an item of a set */
	RUNTIME_LABEL_ATTRIBUTE, /* ".name": value is the address of the name, a string object; with a text "TEXT name" */
	RUNTIME_LABEL_MEMBER,    /* ".name": value is the address of the name, a C string */
	RUNTIME_LABEL_OFFSET,    /* "+0x28": value is an offset in bytes in the holder */
};

/* What a reference is called in its holder. */
struct runtime_label {
	enum runtime_label_kind kind;
	uint64_t value;
	const char *text; /* a constant of the adapter's, or NULL */
	/* The address of the word that is the reference, as far as is known; 0: not known. What stands there may have bits
	 * of its own in the lowest three, and may be something else: who wants to be certain reads it. */
	uint64_t word;
};

/* A list of references. All zero is an empty one that wants no labels. */
struct runtime_references {
	uint64_t *items;              /* address | enum runtime_reference_flag */
	struct runtime_label *labels; /* of each item, where wanted */
	size_t count, capacity;
	bool labelled;                /* labels are wanted */
	/* For who wants a list of a fixed length: where not NULL, it is called when the list is full, takes what is in it
	 * and returns true to go on with an empty list, or false to make the adapter stop. */
	bool (*drain)(struct runtime_references *references);
	size_t drained; /* how many it has taken */
	uint64_t word; /* of the reference that comes next: for its label */
	/* Words of arrays that have been looked at, whether they refer to something or not. Before they are more than
	 * look_limit (0: no limit) the adapter stops, as if there were no room, and the array is overlooked. */
	uint64_t looked, look_limit;
	bool overlooked;
};

/* Where references begin. Roots of a lower kind explain an object better than those of a higher one. */
enum runtime_root_kind {
	RUNTIME_ROOT_INTERPRETER, /* state of an interpreter or of the runtime: sys.modules */
	RUNTIME_ROOT_FRAME,       /* a local variable, or the stack, of a running function */
	RUNTIME_ROOT_THREAD,      /* state of a thread */
	RUNTIME_ROOT_STATIC,      /* an object in the program itself: a static type, None, a small integer */
	RUNTIME_ROOT_INTERNED,    /* in the table of interned strings */
	RUNTIME_ROOT_GLOBAL,      /* a word in the data of the program or of a library, found by a scan */
	RUNTIME_ROOT_STACK,       /* a word in a thread's C stack or registers, found by a scan */
	RUNTIME_ROOT_KINDS,
};

/* Takes the roots, in any order. */
struct runtime_root_sink {
	/* A root: @reference is an address and flags as above; one that is held adds one to the reference count.
	 * @place is where it is, for people ("sys", "thread 4711: handler() at app.py:12", "libfoo.so+0x40"),
	 * valid during the call; roots of the same place come one after the other. With @label it reads as
	 * Python where it can: place "sys", label ".modules". */
	struct inspect_error *(*add)(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
				     const char *place, const struct runtime_label *label);
};

/* A number that the runtime does not keep, or not where it can be found. */
static const int64_t RUNTIME_UNKNOWN = INT64_MIN;

/* One generation of a collector. Each number may be RUNTIME_UNKNOWN. */
struct runtime_generation {
	int64_t threshold, count;
	int64_t collections, collected, uncollectable;
};

/* The state of one collector (each int64_t but the id may be RUNTIME_UNKNOWN): CPython has one per interpreter, before 3.9 one in all. */
struct runtime_collector {
	int64_t id;      /* of its interpreter; 0 is the main one */
	uint64_t address; /* of its state */
	int64_t enabled, collecting; /* 1 or 0 */
	int64_t debug;     /* the debug flags */
	char *debug_text;  /* the same in words: "DEBUG_SAVEALL|DEBUG_STATS"; "" for none */
	int64_t garbage;   /* length of the list of uncollectable objects */
	uint64_t garbage_list; /* its address; 0: there is none */
	int64_t callbacks; /* length of the list of callbacks */
	unsigned int generation_count; /* at most 3, the permanent one not counted */
	struct runtime_generation generations[3];
};

/* Something to say in `status`. */
struct runtime_fact {
	char *item;  /* a stable name in snake_case: "version" */
	char *value; /* for people and programs */
};

struct runtime_facts {
	struct runtime_fact *items;
	size_t count, capacity;
};

/* One object, looked at closely. */
struct runtime_object {
	uint64_t address;
	uint64_t type_address;
	char *type;
	uint64_t size;
	bool size_basic; /* the size is basic size and items; the type may own more */
	int64_t refcount;
	bool immortal;
	bool tracked;
	char *gc_flags; /* "finalized|collecting", "" for none */
	char *value;    /* one line, safe to print, at most 200 characters; redacted: what it is, not what is in it */
};

/* What objects of a type can do. */
enum runtime_trait {
	RUNTIME_FINALIZER = 1 << 0,        /* they have a finalizer that may bring them back to life: __del__ */
	RUNTIME_LEGACY_FINALIZER = 1 << 1, /* a finalizer of the kind that makes cycles uncollectable: tp_del */
	RUNTIME_WEAKREF = 1 << 2,          /* they are weak references */
	RUNTIME_WEAK_VALUES = 1 << 3,      /* they are mappings of weakly held values, */
	RUNTIME_WEAK_KEYS = 1 << 4,        /* of weakly held keys, */
	RUNTIME_WEAK_SET = 1 << 5,         /* or sets of weakly held items */
	RUNTIME_TEXT = 1 << 6,             /* they are strings of characters or of bytes */
};

/* A weak reference, looked at. */
struct runtime_weakref {
	uint64_t referent; /* 0: dead */
	uint64_t callback; /* 0: none, or it has been called */
	uint64_t next;     /* the next one in the list of those to the same referent, in which callbacks are called; or 0 */
};

/* ---- integrity ---- */

/* What is checked, in the order in which damage spreads. */
enum runtime_check {
	RUNTIME_CHECK_LISTS,      /* the collectors' lists: links forward and backward */
	RUNTIME_CHECK_HEADS,      /* what every object begins with: type, reference count, the collector's marks */
	RUNTIME_CHECK_TYPES,      /* types: bases, MRO, flags, sizes */
	RUNTIME_CHECK_CONTAINERS, /* what objects say of their contents: lengths, tables, texts */
	RUNTIME_CHECK_REFERENCES, /* what is held is an object */
	RUNTIME_CHECK_ALLOCATOR,  /* the allocator's arenas, pools and lists of free blocks, padding of a debugging one */
	RUNTIME_CHECK_FREE_LISTS, /* objects that the runtime keeps for later use */
	RUNTIME_CHECK_FREED,      /* memory that was freed and is still in use */
	RUNTIME_CHECKS,
};

/* Something that cannot be so. */
struct runtime_finding {
	enum runtime_check check;
	uint64_t address; /* of the object that is damaged, as far as can be told; 0: none, but a structure of the runtime's */
	uint64_t place;   /* of the word that contradicts others; 0: none alone */
	/* Where the object is fine if this one is: its type. Several findings of one cause are the cause's. */
	uint64_t cause;
	/* It is none unless somebody holds the object who is not damaged himself: it may be free. So is each one about an
	 * object that no collector has on a list. */
	bool if_held;
	char *message;
};

/* How much was looked at by what belongs to no single object: for people. */
struct runtime_verified {
	uint64_t lists, damaged_lists, listed; /* lists of collectors, and the objects on whole ones */
	uint64_t arenas, pools, damaged_pools; /* of the allocator */
	uint64_t free_objects;                 /* kept by the runtime */
};

/* Who wants to know; made by the caller. */
struct runtime_verifier {
	/* Is an object at @address, as far as the runtime's own structures say? Several threads may ask at once. */
	bool (*is_object)(const struct runtime_verifier *verifier, uint64_t address);
	/* Takes a finding, and its message, which may be NULL when out of memory. Several threads may call this at once. */
	void (*found)(struct runtime_verifier *verifier, const struct runtime_finding *finding);
	unsigned int checks; /* bits by enum runtime_check: what is wanted */
	bool exhausted;      /* set where contents claim more than the target has memory for, and were not all looked at */
	struct runtime_verified verified;
};

static inline bool runtime_wants_check(const struct runtime_verifier *verifier, enum runtime_check check)
{
	return verifier->checks >> check & 1;
}

/* Sends a finding whose message is made of @format. */
void runtime_found(struct runtime_verifier *verifier, struct runtime_finding finding, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- memory ---- */

/* Whose a place in memory is. */
enum runtime_memory_kind {
	RUNTIME_MEMORY_FOREIGN,   /* the runtime knows nothing of it */
	RUNTIME_MEMORY_DESCRIBED, /* its own state: what holds anything there is a root */
	RUNTIME_MEMORY_FREE,      /* its allocator's, and free; or a dead object that is kept for later use */
	RUNTIME_MEMORY_BLOCK,     /* in a block that its allocator has handed out */
};

struct runtime_memory {
	enum runtime_memory_kind kind;
	uint64_t address, size; /* of the block, as its user sees it; bytes */
};

/* Takes objects that were found in allocated blocks, by ascending addresses as a rule. */
struct runtime_allocated_sink {
	/* @address: of the object; @block: of the block that it begins in, or where it begins. */
	struct inspect_error *(*add)(struct runtime_allocated_sink *sink, uint64_t address, uint64_t block);
};

/* What a runtime knows of a reference count that seems to be wrong. */
struct runtime_allowance {
	int64_t more;  /* so many references it may have whose holders nothing shows */
	int64_t fewer; /* so many of those that seem to be held may not be counted */
};

struct runtime;
struct runtime_verification; /* what an adapter remembers in the course of it */

/* How an adapter checks its heap: begin, objects and targets in any order and by several threads, end. */
struct runtime_verify_operations {
	/* Checks what belongs to no single object. What could not be checked goes to @notes. */
	struct inspect_error *(*begin)(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes,
				       struct runtime_verification **verification_ret);
	/* Checks the objects at @addresses; @listed[i]: a collector has it on a list. */
	struct inspect_error *(*objects)(struct runtime_verification *verification, const uint64_t *addresses,
					 const bool *listed, size_t count);
	/* What is at @address, where @holders objects think there is one, and none is? *@finding is filled with what is wrong
	 * there, and its message made. False: nothing that looks like an object, so that the reference is wrong. */
	bool (*target)(struct runtime_verification *verification, uint64_t address, size_t holders,
		       struct runtime_finding *finding);
	void (*end)(struct runtime_verification *verification);
};

/* A string, looked at. */
struct runtime_text {
	bool is_bytes;   /* of bytes, not of characters */
	bool too_long;   /* it has more characters or bytes than are wanted: no text */
	uint64_t length; /* how many it has; UINT64_MAX: not known, for one that is too long */
	char *bytes;     /* UTF-8, or the bytes, and a NUL behind them; for the caller to free; NULL: redacted, or too long */
	size_t size;     /* of these, without that NUL */
};

/* A thread that runs, or may run, the runtime's code. */
struct runtime_thread {
	uint64_t id;         /* the kernel's number; 0: not known */
	uint64_t state;      /* address of what the runtime keeps of it */
	int64_t interpreter; /* id of the one that it belongs to */
	char *call;          /* its innermost call, "handler() at app.py:12"; NULL: it is in none */
};

/* All zero is an empty list. */
struct runtime_threads {
	struct runtime_thread *items;
	size_t count, capacity;
};

struct runtime_operations {
	const char *name;

	/* Recognises the runtime in @target. *@runtime_ret is NULL if it is not there; an error if it is
	 * there and cannot be read. The runtime is redacted if the target is, for as long as it lives. */
	struct inspect_error *(*attach)(struct inspect_target *target, struct runtime **runtime_ret);
	void (*detach)(struct runtime *runtime);

	/* Adds what is known about the runtime: version, build, layout source, interpreters ... */
	struct inspect_error *(*describe)(struct runtime *runtime, struct runtime_facts *facts);

	/* Sends every object of every generation of every collector to @sink, those of permanent generations first, if no
	 * collection is going on. A list that breaks is told in @notes (where, and how many objects came before); the walk goes on with the next list. */
	struct inspect_error *(*walk)(struct runtime *runtime, struct runtime_sink *sink,
				      struct notes *notes);

	/* Fills @columns for the objects at @addresses. Adds to runtime->types. Objects that cannot be read get
	 * RUNTIME_DAMAGED, the size 0 and a type called "?". Several threads may call this at once. */
	struct inspect_error *(*examine)(struct runtime *runtime, const uint64_t *addresses, size_t count,
					 const struct runtime_columns *columns);

	/* Appends to @references all that the objects at @addresses of @types (indices into runtime->types)
	 * refer to, always the same in the same order. @ends[i] (may be NULL) becomes references->drained +
	 * references->count after object i. An object that cannot be read has the references before the damage;
	 * *@damaged_ret is increased by how many such there are. What is appended may be no object: nothing at its
	 * end is read. What was appended may be gone from the list (drain) before the object is finished. Several
	 * threads may call this at once. */
	struct inspect_error *(*references)(struct runtime *runtime, const uint64_t *addresses, const uint32_t *types,
					    size_t count, struct runtime_references *references, size_t *ends,
					    size_t *damaged_ret);

	/* Every object has been asked for its references since the roots were sent. What the adapter has learnt of them makes
	 * its guesses better from now on: fewer of them, never others. May be NULL; nothing else is asked meanwhile. */
	void (*settle)(struct runtime *runtime);
	/* After settle(): the object at @address of the type with index @type has at @word what was guessed to be a reference
	 * and is none, as the reference count of what it leads to says. Where this happens often, references() guesses no more
	 * what stands in that place of the type's objects. Returns whether that is so now. For one thread at a time, and nothing
	 * else is asked meanwhile. May be NULL. */
	bool (*refute)(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t word);

	/* Sends the roots to @sink; what could not be seen goes to @notes. */
	struct inspect_error *(*roots)(struct runtime *runtime, struct runtime_root_sink *sink, struct notes *notes);

	/* What objects of the type with index @type can do: enum runtime_trait. */
	unsigned int (*traits)(struct runtime *runtime, uint32_t type);

	/* Looks at the weak reference at @address: an object of a type with the trait. False if it cannot be read. */
	bool (*weakref)(struct runtime *runtime, uint64_t address, struct runtime_weakref *weakref_ret);

	/* What @label is called, for the caller to free; NULL when out of memory. At most 200 characters. Redacted: keys
	 * are `…`, and so are attributes whose names the program's code does not have. */
	char *(*label)(struct runtime *runtime, const struct runtime_label *label);

	/* Looks at the one object at @address. An error if there is none that makes sense. */
	struct inspect_error *(*object)(struct runtime *runtime, uint64_t address,
					struct runtime_object *object_ret);

	/* Looks at the string at @address, an object of @type (index into runtime->types), which has the trait RUNTIME_TEXT. A
	 * longer one than @limit characters or bytes has no text. False if it cannot be read. May be NULL. */
	bool (*text)(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t limit, struct runtime_text *text_ret);

	/* Appends the threads that the runtime knows; what could not be seen goes to @notes. May be NULL. */
	struct inspect_error *(*threads)(struct runtime *runtime, struct runtime_threads *threads, struct notes *notes);

	/* How the heap's integrity is checked. May be NULL. */
	const struct runtime_verify_operations *verify;

	/* The object at @address of the type with index @type has @excess references more than are held, or, if negative, fewer:
	 * which difference is the runtime's own fault? May be NULL: none is. */
	void (*allowance)(struct runtime *runtime, uint64_t address, uint32_t type, int64_t excess,
			  struct runtime_allowance *allowance_ret);

	/* Whose the word at @address is. It lies in the block of @size bytes at @block, which is malloc()'s (0: in none), and
	 * which the runtime may have asked for. For one thread at a time, after the roots were sent. May be NULL: all is
	 * foreign. */
	struct inspect_error *(*memory)(struct runtime *runtime, uint64_t address, uint64_t block, uint64_t size,
					struct runtime_memory *memory_ret);
	/* Is the word at @address a part of the block at @block, which the object at @owner of the type with index @type has a
	 * pointer to, that is not in use: room for more items? May be NULL: none is. */
	bool (*spare)(struct runtime *runtime, uint64_t owner, uint32_t type, uint64_t block, uint64_t address);
	/* Sends what looks like an object in blocks that the runtime's own allocator has handed out, whether anybody refers
	 * to it or not. For one thread at a time. May be NULL. */
	struct inspect_error *(*allocated)(struct runtime *runtime, struct runtime_allocated_sink *sink,
					   struct notes *notes);
	/* How many of the bytes of the size of objects of the type with index @type come before their address. May be NULL: none. */
	uint64_t (*preheader)(struct runtime *runtime, uint32_t type);
};

/* What every adapter's structure begins with. */
struct runtime {
	const struct runtime_operations *operations;
	struct inspect_target *target;
	struct runtime_collector *collectors;
	size_t collector_count;
	struct runtime_type *types;
	size_t type_count, type_capacity;
	struct notes notes; /* found while attaching */
	bool redacted; /* no text and no number of the program's data may be handed out: doc/secrets.md */
};

/* All adapters, in the order in which they are tried; NULL ends them. */
extern const struct runtime_operations *const runtime_adapters[];

/* Tries every adapter that we have, or the one called @name if that is not NULL. An error of the kind
 * INSPECT_ERROR_NO_RUNTIME if none fits. */
struct inspect_error *runtime_attach(struct inspect_target *target, const char *name, struct runtime **runtime_ret)
	__attribute__((warn_unused_result));
void runtime_detach(struct runtime *runtime);

/* Adds a fact; @format makes its value. */
struct inspect_error *runtime_fact_add(struct runtime_facts *facts, const char *item, const char *format, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));
/* Makes room for more of them. False when out of memory, or when drain() says so. */
bool runtime_references_grow(struct runtime_references *references);
/* Appends a reference. False when there is no room for more: no more are wanted then. */
static inline bool runtime_reference_add(struct runtime_references *references, uint64_t reference,
					 enum runtime_label_kind kind, uint64_t value, const char *text)
{
	if (__builtin_expect(references->count == references->capacity, 0) &&
	    !runtime_references_grow(references))
		return false;
	if (references->labelled)
		references->labels[references->count] = (struct runtime_label){ kind, value, text, references->word };
	references->items[references->count++] = reference;
	return true;
}

/* @words more of an array are going to be looked at. False: no more are wanted. */
static inline bool runtime_references_look(struct runtime_references *references, uint64_t words)
{
	uint64_t left = references->look_limit ? references->look_limit - references->looked : UINT64_MAX;
	if (words > left) {
		references->overlooked = true;
		return false;
	}
	references->looked += words;
	return true;
}

void runtime_references_deinit(struct runtime_references *references);

void runtime_threads_deinit(struct runtime_threads *threads);
void runtime_facts_deinit(struct runtime_facts *facts);
void runtime_object_deinit(struct runtime_object *object);

#endif
