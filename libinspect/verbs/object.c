/* SPDX-License-Identifier: MIT */
/*
 * object.c - the verb `object`: all that is known of single objects.
 */
#include "base/error.h"
#include "graph/heap.h"
#include "verbs/operands.h"
#include "verbs/options.h"
#include "verbs/verb.h"

enum {
	ADDRESS, TYPE, SIZE, REFCOUNT, IMMORTAL, GENERATION, TRACKED, GC_FLAGS, VALUE, SIZE_BASIC,
	TYPE_ADDRESS, INTERPRETER, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[ADDRESS] = { "address", COLUMN_ADDRESS, "what id() would say" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say" },
	[REFCOUNT] = { "refcount", COLUMN_COUNT, "its reference count; none if it is immortal" },
	[IMMORTAL] = { "immortal", COLUMN_BOOLEAN, "does its reference count mean nothing?" },
	[GENERATION] = { "generation", COLUMN_GENERATION, "0, 1, 2 or permanent; none if it is not tracked" },
	[TRACKED] = { "tracked", COLUMN_BOOLEAN, "does the collector track it?" },
	[GC_FLAGS] = { "gc_flags", COLUMN_TEXT, "what the collector has noted on it" },
	[VALUE] = { "value", COLUMN_TEXT, "a short description" },
	[SIZE_BASIC] = { "size_basic", COLUMN_BOOLEAN,
			 "is the size only basic size and items, though its type counts more?" },
	[TYPE_ADDRESS] = { "type_address", COLUMN_ADDRESS, "address of its type" },
	[INTERPRETER] = { "interpreter", COLUMN_NUMBER, "id of the interpreter whose collector tracks it" },
};

static const struct inspect_verb_option options[] = {
	{ "no-generation", NULL, "do not walk the heap to find the object's generation", NULL },
};

/* ---- rows ------------------------------------------------------------------------------------------ */

static struct inspect_error *send_object(struct verb_context *context, const struct heap *heap,
					 const struct runtime_object *object)
{
	uint32_t id;
	bool in_heap = heap && heap_find(heap, object->address, &id) && heap_is_tracked(heap, id);
	struct cell cells[COLUMN_COUNT_] = {
		[ADDRESS] = cell_address(object->address),
		[TYPE] = cell_text(object->type),
		[SIZE] = cell_bytes(object->size),
		[REFCOUNT] = { .number = object->refcount },
		[IMMORTAL] = cell_boolean(object->immortal),
		[GENERATION] = cell_absent(NULL),
		[TRACKED] = cell_boolean(object->tracked),
		[GC_FLAGS] = cell_text(object->gc_flags ? object->gc_flags : ""),
		[VALUE] = cell_text(object->value),
		[SIZE_BASIC] = cell_boolean(object->size_basic),
		[TYPE_ADDRESS] = cell_address(object->type_address),
		[INTERPRETER] = cell_absent(NULL),
	};
	if (object->immortal)
		cells[REFCOUNT] = cell_absent("immortal");
	if (in_heap) {
		cells[GENERATION] = cell_generation(heap->generation[id]);
		if (heap->collector[id] < heap->runtime->collector_count)
			cells[INTERPRETER] = cell_number(heap->runtime->collectors[heap->collector[id]].id);
	}
	return table_row(context->table, cells);
}

/* Only objects that are tracked are in the heap, and only for them is it built. */
static struct inspect_error *heap_for(struct verb_context *context, const struct runtime_object *object,
				      struct heap **heap_ret)
{
	*heap_ret = NULL;
	if (!object->tracked || option_flag(context->options, "no-generation"))
		return NULL;
	return verb_tracked_of(context, heap_ret);
}

static struct inspect_error *show(struct verb_context *context, struct runtime *runtime, uint64_t address)
{
	struct runtime_object object = { 0 };
	struct inspect_error *error = runtime->operations->object(runtime, address, &object);
	if (error)
		return error;
	struct heap *heap;
	error = heap_for(context, &object, &heap);
	if (!error)
		error = send_object(context, heap, &object);
	runtime_object_deinit(&object);
	return error;
}

static struct inspect_error *run(struct verb_context *context)
{
	const struct options *given = context->options;
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(context, &runtime);
	for (size_t i = 0; i < given->operand_count && !error; i++) {
		uint64_t address;
		error = operand_address(verb_target(context), given->operands[i], &address);
		if (error)
			return error;
		error = show(context, runtime, address);
		if (error && given->operand_count > 1)
			error = operand_note(context, error);
	}
	return error;
}

static const char description[] =
	"Says what is at an address: type, size, reference count, the collector's view of it and a\n"
	"short description. An address is hexadecimal, with or without 0x, or the decimal number\n"
	"that id() returned; in gdb it may be any expression. Objects need not be tracked.";

const struct verb verb_object = {
	.info = {
		.name = "object",
		.summary = "one object: type, size, references, value",
		.operands = "ADDRESS...",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_RECORD,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = NULL,
	.run = run,
};
