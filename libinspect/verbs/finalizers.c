/* SPDX-License-Identifier: MIT */
/*
 * finalizers.c - the verb `finalizers`: who has one, and what a collection would call, in its order.
 *
 * A collection calls the callbacks of weak references to what it found unreachable, and then the finalizers of that:
 * handle_weakrefs() and finalize_garbage() of Modules/gcmodule.c (Python/gc.c from 3.13 on). It goes through the
 * objects in the order of their list: the oldest generation that is collected, then the younger ones behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "verbs/edges.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/traits.h"
#include "verbs/verb.h"
#include "verbs/verdicts.h"

enum {
	ORDER, KIND, ADDRESS, TYPE, FINALIZED, UNREACHABLE, CALLED, REFERENT, SIZE, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[ORDER] = { "order", COLUMN_NUMBER, "when a collection would call it, counted from 1; none if it would not" },
	[KIND] = { "kind", COLUMN_TEXT, "finalizer; legacy: of the kind that makes cycles uncollectable; callback: of a weak "
		   "reference" },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object; of a callback: the weak reference" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type" },
	[FINALIZED] = { "finalized", COLUMN_BOOLEAN, "has its finalizer been called already?" },
	[UNREACHABLE] = { "unreachable", COLUMN_BOOLEAN, "would a collection find it unreachable? Of a callback: its referent" },
	[CALLED] = { "called", COLUMN_TEXT, "when: in the collection, when it is freed with what is collected, or not" },
	[REFERENT] = { "referent", COLUMN_ADDRESS, "of a callback: the object whose death it waits for" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say of the object", .option = "values", .no_unit = true },
	[VALUE] = { "value", COLUMN_TEXT, "a short description of it", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "type", "PATTERN", "only objects of this type; * ? [...] match parts of names; may be repeated", NULL },
	{ "called", NULL, "only what a collection would call, or the freeing of what it finds", NULL },
	{ "collect", "GENERATION", "what gc.collect(GENERATION) would call; default: 2, a full collection", "0|1|2" },
	VERDICT_GUESSES_OPTION,
	{ "values", NULL, "describe each object", NULL },
	{ "limit", "N", "show N rows and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* One thing that may be called. */
struct call {
	uint32_t object;   /* the weak reference, or the object with the finalizer */
	uint32_t referent; /* of a callback; else the object again */
	uint32_t behind;   /* how many weak references to the referent follow in the list of these */
	bool callback;
};

/* One run of the verb. */
struct listing {
	struct runtime_sink sink; /* first: takes the order of the lists */
	struct verb_context *context;
	struct runtime *runtime;
	struct graph *graph;
	struct heap *heap;
	struct traits traits;
	struct unreachable unreachable;
	struct object_values values;
	struct selection selection;
	uint32_t *place; /* by id: its place on the collector's list */
	uint32_t *links; /* by id: how many weak references follow this one, and itself; 0: not counted yet */
	uint32_t *chain; /* of those being counted */
	uint32_t walked;
	unsigned int oldest; /* generation that is collected */
	struct call *calls;
	size_t call_count, call_capacity;
	int64_t order;
};

/* ---- the order of the lists ------------------------------------------------------------------------- */

static struct inspect_error *note_place(struct runtime_sink *sink, uint64_t address,
					unsigned int generation __attribute__((unused)),
					unsigned int collector __attribute__((unused)))
{
	struct listing *listing = (struct listing *)sink;
	uint32_t id;
	if (heap_find(listing->heap, address, &id))
		listing->place[id] = listing->walked++;
	return NULL;
}

/* The oldest generation comes first, the younger ones are appended to it. */
static unsigned int rank(const struct listing *listing, uint32_t id)
{
	unsigned int generation = listing->heap->generation[id];
	return generation == listing->oldest ? 0 : generation + 1;
}

static int compare_calls(const void *a, const void *b, void *context)
{
	const struct listing *listing = context;
	const struct call *one = a, *other = b;
	const struct heap *heap = listing->heap;
	if (heap->collector[one->referent] != heap->collector[other->referent])
		return heap->collector[one->referent] < heap->collector[other->referent] ? -1 : 1;
	if (one->callback != other->callback)
		return one->callback ? -1 : 1;
	unsigned int one_rank = rank(listing, one->referent), other_rank = rank(listing, other->referent);
	if (one_rank != other_rank)
		return one_rank < other_rank ? -1 : 1;
	uint32_t one_place = listing->place[one->referent], other_place = listing->place[other->referent];
	if (one_place != other_place)
		return one_place < other_place ? -1 : 1;
	return one->behind > other->behind ? -1 : one->behind < other->behind;
}

/* ---- what would be called --------------------------------------------------------------------------- */

static bool is_unreachable(const struct listing *listing, uint32_t id)
{
	return listing->unreachable.verdict[id] == VERDICT_UNREACHABLE;
}

/* How many weak references follow the one with @id in the list of those to the same object. Each link is followed once. */
static uint32_t links_behind(struct listing *listing, uint32_t id)
{
	static const uint32_t UNDER_WAY = UINT32_MAX;
	size_t count = 0;
	uint32_t behind = 0;
	for (bool found = true; found; count++) {
		struct runtime_weakref weakref;
		if (listing->links[id]) { /* known, or a damaged list that leads back to itself */
			behind = listing->links[id] == UNDER_WAY ? 0 : listing->links[id];
			break;
		}
		listing->links[id] = UNDER_WAY;
		listing->chain[count] = id;
		found = listing->runtime->operations->weakref(listing->runtime, listing->heap->address[id], &weakref) &&
			weakref.next && heap_find(listing->heap, weakref.next, &id);
	}
	while (count > 0)
		listing->links[listing->chain[--count]] = ++behind;
	return behind;
}

static bool add_call(struct listing *listing, const struct call *call)
{
	if (!array_reserve(listing->calls, listing->call_count, listing->call_capacity))
		return false;
	listing->calls[listing->call_count++] = *call;
	return true;
}

/* Does the collection call what waits for the end of object @id? */
static bool is_dying(const struct listing *listing, uint32_t id)
{
	return is_unreachable(listing, id) && !unreachable_apart(&listing->unreachable, id);
}

/* Callbacks run if their weak references are not dying themselves. */
static bool add_callback(struct listing *listing, uint32_t id)
{
	struct runtime_weakref weakref;
	uint32_t referent;
	uint64_t address = listing->heap->address[id];
	if (is_dying(listing, id) || !listing->runtime->operations->weakref(listing->runtime, address, &weakref) ||
	    !weakref.callback || !heap_find(listing->heap, weakref.referent, &referent) ||
	    !is_dying(listing, referent))
		return true;
	const struct call call = {
		.object = id, .referent = referent, .behind = links_behind(listing, id), .callback = true,
	};
	return add_call(listing, &call);
}

static bool add_finalizer(struct listing *listing, uint32_t id)
{
	unsigned int traits = traits_of(&listing->traits, id);
	const struct call call = { .object = id, .referent = id };
	if (!(traits & RUNTIME_FINALIZER) || (traits & RUNTIME_LEGACY_FINALIZER) || !is_dying(listing, id) ||
	    (listing->heap->flags[id] & RUNTIME_FINALIZED))
		return true;
	return add_call(listing, &call);
}

static struct inspect_error *find_calls(struct listing *listing)
{
	for (uint32_t id = 0; id < listing->heap->count; id++) {
		struct inspect_error *error = progress_each("looking at objects", id, listing->heap->count);
		if (error)
			return error;
		bool added = traits_of(&listing->traits, id) & RUNTIME_WEAKREF ? add_callback(listing, id) :
									       add_finalizer(listing, id);
		if (!added)
			return &inspect_error_no_memory;
	}
	if (listing->call_count)
		qsort_r(listing->calls, listing->call_count, sizeof(*listing->calls), compare_calls, listing);
	return NULL;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static struct inspect_error *send_row(struct listing *listing, uint32_t id, uint32_t referent, const char *kind,
				      int64_t order)
{
	const struct heap *heap = listing->heap;
	bool callback = referent != id;
	bool freed = listing->unreachable.verdict[id] == VERDICT_HANGING || unreachable_apart(&listing->unreachable, id) == APART_FREED;
	bool finalized = heap->flags[id] & RUNTIME_FINALIZED;
	if ((option_flag(listing->context->options, "called") && !order && (!freed || finalized)) ||
	    !heap_filter_passes(&listing->selection.filter, heap, id))
		return NULL;
	struct cell cells[COLUMN_COUNT_] = {
		[ORDER] = order ? cell_number(order) : cell_absent(NULL),
		[KIND] = cell_text(kind),
		[ADDRESS] = cell_address(heap->address[id]),
		[TYPE] = cell_text(heap_type_name(heap, id)),
		[FINALIZED] = callback ? cell_absent(NULL) : cell_boolean(finalized),
		[UNREACHABLE] = cell_boolean(is_unreachable(listing, referent)),
		[CALLED] = order ? cell_text("in the collection") : freed && !finalized ? cell_text("when it is freed") :
									  cell_absent("not"),
		[REFERENT] = callback ? cell_address(heap->address[referent]) : cell_absent(NULL),
		[SIZE] = cell_absent(NULL),
		[VALUE] = cell_absent(NULL),
	};
	struct inspect_error *error = object_value(&listing->values, id, &cells[SIZE], &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

static struct inspect_error *send_calls(struct listing *listing)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < listing->call_count && !error; i++) {
		const struct call *call = &listing->calls[i];
		error = send_row(listing, call->object, call->referent, call->callback ? "callback" : "finalizer",
				 (int64_t)i + 1);
	}
	return error;
}

/* Those that no collection calls now. */
static struct inspect_error *send_others(struct listing *listing)
{
	struct inspect_error *error = NULL;
	for (uint32_t id = 0; id < listing->heap->count && !error; id++) {
		unsigned int traits = traits_of(&listing->traits, id);
		error = progress_each("looking at objects", id, listing->heap->count);
		if (error)
			break;
		bool called = is_dying(listing, id) && !(listing->heap->flags[id] & RUNTIME_FINALIZED);
		if (traits & RUNTIME_LEGACY_FINALIZER)
			error = send_row(listing, id, id, "legacy", 0);
		else if ((traits & RUNTIME_FINALIZER) && !called)
			error = send_row(listing, id, id, "finalizer", 0);
	}
	return error;
}

/* ---- the verb --------------------------------------------------------------------------------------- */

static struct inspect_error *prepare(struct listing *listing)
{
	struct verb_context *context = listing->context;
	const char *oldest = option_argument(context->options, "collect");
	listing->oldest = oldest ? (unsigned int)(oldest[0] - '0') : 2;
	struct inspect_error *error = verb_counted_graph_of(context, &listing->graph);
	if (!error)
		error = verb_heap_of(context, &listing->heap);
	if (!error)
		error = verdicts_find(context, listing->graph, listing->heap, &listing->unreachable);
	if (!error)
		error = traits_init(&listing->traits, listing->heap);
	if (!error)
		error = object_values_init(&listing->values, context, listing->heap);
	if (!error)
		error = selection_init(&listing->selection, context, listing->heap);
	if (error)
		return error;
	listing->place = calloc(listing->heap->count + 1, sizeof(*listing->place));
	listing->links = calloc(listing->heap->count + 1, sizeof(*listing->links));
	listing->chain = calloc(listing->heap->count + 1, sizeof(*listing->chain));
	if (!listing->place || !listing->links || !listing->chain)
		return &inspect_error_no_memory;
	struct notes walk_notes = { 0 }; /* the graph's notes say the same */
	error = listing->runtime->operations->walk(listing->runtime, &listing->sink, &walk_notes);
	notes_deinit(&walk_notes);
	return error ? error : find_calls(listing);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .sink.add = note_place, .context = context };
	struct inspect_error *error = verb_runtime(context, &listing.runtime);
	if (!error)
		error = prepare(&listing);
	if (!error)
		error = send_calls(&listing);
	if (!error)
		error = send_others(&listing);
	error = object_values_end(&listing.values, error);
	free(listing.place);
	free(listing.links);
	free(listing.chain);
	free(listing.calls);
	selection_deinit(&listing.selection);
	traits_deinit(&listing.traits);
	unreachable_deinit(&listing.unreachable);
	return error;
}

static const char description[] =
	"Lists the objects whose types have finalizers (__del__, tp_finalize, tp_del), whether these have been\n"
	"called, and whether a collection would find the objects unreachable; and the callbacks of weak\n"
	"references that it would call. What would be called comes first, in the collector's order. Finalizers\n"
	"are called once.\n"
	"\n"
	"What objects of types that nobody described refer to is found by a scan of their memory; see `cycles`\n"
	"for --believe-guesses.";

const struct verb verb_finalizers = {
	.info = {
		.name = "finalizers",
		.summary = "objects with finalizers, and what a collection would call",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "finalizers and callbacks",
	.run = run,
};
