/* SPDX-License-Identifier: MIT */
/*
 * weakrefs.c - the verb `weakrefs`: who is weakly referenced, by what, with which callbacks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "verbs/edges.h"
#include "verbs/labels.h"
#include "verbs/operands.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/traits.h"
#include "verbs/verb.h"

enum {
	ADDRESS, TYPE, REFERENT, REFERENT_TYPE, CALLBACK, CALLBACK_TYPE, KIND, LIVE, DEAD, SIZE, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the weak reference; with --containers the container" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type" },
	[REFERENT] = { "referent", COLUMN_ADDRESS, "what it refers to; none if that is dead", .without = "containers" },
	[REFERENT_TYPE] = { "referent_type", COLUMN_TEXT, "name of that object's type", .without = "containers" },
	[CALLBACK] = { "callback", COLUMN_ADDRESS, "what is called when that dies; none if nothing is", .without = "containers" },
	[CALLBACK_TYPE] = { "callback_type", COLUMN_TEXT, "name of the callback's type", .without = "containers",
			    .detail = true },
	[KIND] = { "kind", COLUMN_TEXT, "what is held weakly: values, keys or items", .option = "containers" },
	[LIVE] = { "live", COLUMN_COUNT, "how many of these are alive", .option = "containers", .summed = true },
	[DEAD] = { "dead", COLUMN_COUNT, "how many are dead, and not yet removed", .option = "containers", .summed = true },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say of the referent", .option = "values", .no_unit = true },
	[VALUE] = { "value", COLUMN_TEXT, "a short description of it", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "type", "PATTERN", "only references to objects of this type; * ? [...] match parts of names; may be repeated", NULL },
	{ "dead", NULL, "only references whose referents are dead", NULL },
	{ "callbacks", NULL, "only references with callbacks", NULL },
	{ "containers", NULL, "WeakValueDictionary, WeakKeyDictionary and WeakSet objects, and what lives in them", NULL },
	{ "values", NULL, "describe each object that is referred to", NULL },
	{ "limit", "N", "show N rows and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	struct runtime *runtime;
	struct graph *graph;
	struct heap *heap;
	struct traits traits;
	struct labels labels;
	struct object_values values;
	struct selection selection;
	uint32_t *wanted;   /* referents asked for, NULL: all */
	size_t wanted_count;
	size_t unreadable;
};

/* ---- weak references -------------------------------------------------------------------------------- */

static bool is_wanted(const struct listing *listing, bool has_referent, uint32_t referent)
{
	if (!listing->wanted)
		return !listing->selection.types ||
		       (has_referent && heap_filter_passes(&listing->selection.filter, listing->heap, referent));
	for (size_t i = 0; has_referent && i < listing->wanted_count; i++)
		if (listing->wanted[i] == referent)
			return true;
	return false;
}

static struct cell type_cell(const struct heap *heap, bool found, uint32_t id)
{
	return found ? cell_text(heap_type_name(heap, id)) : cell_absent(NULL);
}

static struct inspect_error *send_weakref(struct listing *listing, uint32_t id)
{
	const struct options *given = listing->context->options;
	const struct heap *heap = listing->heap;
	struct runtime_weakref weakref;
	uint32_t referent = 0, callback = 0;
	if (!listing->runtime->operations->weakref(listing->runtime, heap->address[id], &weakref)) {
		listing->unreadable++;
		return NULL;
	}
	bool has_referent = weakref.referent && heap_find(heap, weakref.referent, &referent);
	bool has_callback = weakref.callback && heap_find(heap, weakref.callback, &callback);
	if (!is_wanted(listing, has_referent, referent) || (option_flag(given, "dead") && weakref.referent) ||
	    (option_flag(given, "callbacks") && !weakref.callback))
		return NULL;
	struct cell cells[COLUMN_COUNT_] = {
		[ADDRESS] = cell_address(heap->address[id]),
		[TYPE] = cell_text(heap_type_name(heap, id)),
		[REFERENT] = weakref.referent ? cell_address(weakref.referent) : cell_absent("dead"),
		[REFERENT_TYPE] = type_cell(heap, has_referent, referent),
		[CALLBACK] = weakref.callback ? cell_address(weakref.callback) : cell_absent(NULL),
		[CALLBACK_TYPE] = type_cell(heap, has_callback, callback),
		[KIND] = cell_absent(NULL),
		[LIVE] = cell_absent(NULL),
		[DEAD] = cell_absent(NULL),
		[SIZE] = cell_absent(NULL),
		[VALUE] = cell_absent(NULL),
	};
	struct inspect_error *error = NULL;
	if (has_referent)
		error = object_value(&listing->values, referent, &cells[SIZE], &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

/* ---- containers ------------------------------------------------------------------------------------- */

/* The object that the reference of @id called @name leads to. */
static struct inspect_error *find_reference(struct listing *listing, uint32_t id, const char *name, bool *found_ret,
					    uint32_t *target_ret)
{
	const struct label_list *list;
	struct inspect_error *error = labels_of_object(&listing->labels, listing->graph, id, &list);
	size_t count;
	const uint32_t *edges = graph_edges(listing->graph, id, &count);
	*found_ret = false;
	for (size_t i = 0; !error && i < count && i < list->count && !*found_ret; i++) {
		const char *text = labels_text(&listing->labels, &list->items[i]);
		if (!text)
			return &inspect_error_no_memory;
		*found_ret = strcmp(text, name) == 0;
		*target_ret = edge_target(edges[i]);
	}
	return error;
}

/* What a container keeps its weak references in: its attribute `data`, of its own or in its dictionary. */
static struct inspect_error *find_data(struct listing *listing, uint32_t id, bool *found_ret, uint32_t *data_ret)
{
	uint32_t dict;
	struct inspect_error *error = find_reference(listing, id, ".data", found_ret, data_ret);
	if (error || *found_ret)
		return error;
	error = find_reference(listing, id, ".__dict__", found_ret, &dict);
	return error || !*found_ret ? error : find_reference(listing, dict, "['data']", found_ret, data_ret);
}

static const char *kind_of(unsigned int traits)
{
	return traits & RUNTIME_WEAK_VALUES ? "values" : traits & RUNTIME_WEAK_KEYS ? "keys" : "items";
}

static struct inspect_error *send_container(struct listing *listing, uint32_t id)
{
	const struct heap *heap = listing->heap;
	bool found;
	uint32_t data;
	int64_t live = 0, dead = 0;
	struct inspect_error *error = find_data(listing, id, &found, &data);
	if (error)
		return error;
	size_t count = 0;
	const uint32_t *edges = found ? graph_edges(listing->graph, data, &count) : NULL;
	for (size_t i = 0; i < count; i++) {
		struct runtime_weakref weakref;
		uint32_t target = edge_target(edges[i]);
		if (!(traits_of(&listing->traits, target) & RUNTIME_WEAKREF) ||
		    !listing->runtime->operations->weakref(listing->runtime, heap->address[target], &weakref))
			continue;
		live += weakref.referent != 0;
		dead += weakref.referent == 0;
	}
	struct cell cells[COLUMN_COUNT_];
	for (size_t i = 0; i < COLUMN_COUNT_; i++)
		cells[i] = cell_absent(NULL);
	cells[ADDRESS] = cell_address(heap->address[id]);
	cells[TYPE] = cell_text(heap_type_name(heap, id));
	cells[KIND] = cell_text(kind_of(traits_of(&listing->traits, id)));
	if (found) {
		cells[LIVE] = cell_count(live);
		cells[DEAD] = cell_count(dead);
	}
	return table_row(listing->context->table, cells);
}

/* ---- the verb --------------------------------------------------------------------------------------- */

static struct inspect_error *send_all(struct listing *listing)
{
	const unsigned int containers = RUNTIME_WEAK_VALUES | RUNTIME_WEAK_KEYS | RUNTIME_WEAK_SET;
	bool of_containers = option_flag(listing->context->options, "containers");
	struct inspect_error *error = NULL;
	for (uint32_t id = 0; id < listing->heap->count && !error; id++) {
		unsigned int traits = traits_of(&listing->traits, id);
		error = progress_each("looking at objects", id, listing->heap->count);
		if (error)
			break;
		if (of_containers && (traits & containers))
			error = send_container(listing, id);
		if (!of_containers && (traits & RUNTIME_WEAKREF))
			error = send_weakref(listing, id);
	}
	return error;
}

static struct inspect_error *prepare(struct listing *listing)
{
	struct verb_context *context = listing->context;
	struct inspect_error *error = verb_graph_of(context, &listing->graph);
	if (!error)
		error = verb_heap_of(context, &listing->heap);
	if (!error)
		error = traits_init(&listing->traits, listing->heap);
	if (!error)
		error = labels_init(&listing->labels, listing->runtime);
	if (!error)
		error = object_values_init(&listing->values, context, listing->heap);
	if (!error)
		error = selection_init(&listing->selection, context, listing->heap);
	if (!error && context->options->operand_count)
		error = operand_objects(context, listing->graph, &listing->wanted, &listing->wanted_count);
	return error;
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .context = context };
	struct inspect_error *error = verb_runtime(context, &listing.runtime);
	if (!error)
		error = prepare(&listing);
	if (!error)
		error = send_all(&listing);
	if (!error && listing.unreadable)
		error = notes_add(&context->notes, true, "%zu weak references cannot be read", listing.unreadable);
	error = object_values_end(&listing.values, error);
	free(listing.wanted);
	selection_deinit(&listing.selection);
	labels_deinit(&listing.labels);
	traits_deinit(&listing.traits);
	return error;
}

static const char description[] =
	"Lists weak references: what each refers to, and what is called when that dies. With addresses, those to\n"
	"these objects. A weak reference keeps nothing alive and is no reference of `referents` and `path`.\n"
	"\n"
	"With --containers the objects that hold others weakly (weakref.WeakValueDictionary and its like, and\n"
	"classes derived from them), and how many of their entries are alive and dead. Dead entries are removed\n"
	"by callbacks, or when the container is next used.";

const struct verb verb_weakrefs = {
	.info = {
		.name = "weakrefs",
		.summary = "weak references, their callbacks, and containers that hold weakly",
		.operands = "[ADDRESS...]",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "weak references",
	.run = run,
};
