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
	char *name; /* as the runtime's users write it: "app.models.Session" */
};

enum runtime_object_flag {
	RUNTIME_IMMORTAL = 1 << 0,    /* its reference count means nothing */
	RUNTIME_FINALIZED = 1 << 1,   /* its finalizer has run */
	RUNTIME_SIZE_BASIC = 1 << 2,  /* its size is basic size and items; more may hang off it */
	RUNTIME_COLLECTING = 1 << 3,  /* a collection in progress uses its head */
	RUNTIME_UNREACHABLE = 1 << 4, /* a collection in progress has marked it unreachable so far */
	RUNTIME_DAMAGED = 1 << 5,     /* it or its type could not be read */
};

/* What is known of many objects: arrays that the caller made, one item an object. */
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
	char *value;    /* one line, safe to print, at most 200 characters */
};

struct runtime;

struct runtime_operations {
	const char *name;

	/* Recognises the runtime in @target. *@runtime_ret is NULL if it is not there; an error if it is
	 * there and cannot be read. */
	struct inspect_error *(*attach)(struct inspect_target *target, struct runtime **runtime_ret);
	void (*detach)(struct runtime *runtime);

	/* Adds what is known about the runtime: version, build, layout source, interpreters ... */
	struct inspect_error *(*describe)(struct runtime *runtime, struct runtime_facts *facts);

	/* Sends every object of every generation of every collector to @sink. A list that breaks is told
	 * in @notes (where, and how many objects came before); the walk goes on with the next list. */
	struct inspect_error *(*walk)(struct runtime *runtime, struct runtime_sink *sink,
				      struct notes *notes);

	/* Fills @columns for the objects at @addresses (sorted). Adds to runtime->types. Objects that
	 * cannot be read get RUNTIME_DAMAGED, the size 0 and a type called "?"; @notes says how many. */
	struct inspect_error *(*examine)(struct runtime *runtime, const uint64_t *addresses, size_t count,
					 const struct runtime_columns *columns, struct notes *notes);

	/* Looks at the one object at @address. An error if there is none that makes sense. */
	struct inspect_error *(*object)(struct runtime *runtime, uint64_t address,
					struct runtime_object *object_ret);
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
};

/* Tries every adapter that we have. An error of the kind INSPECT_ERROR_NO_RUNTIME if none fits. */
struct inspect_error *runtime_attach(struct inspect_target *target, struct runtime **runtime_ret)
	__attribute__((warn_unused_result));
void runtime_detach(struct runtime *runtime);

/* Adds a fact; @format makes its value. */
struct inspect_error *runtime_fact_add(struct runtime_facts *facts, const char *item, const char *format, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));
void runtime_facts_deinit(struct runtime_facts *facts);
void runtime_object_deinit(struct runtime_object *object);

#endif
