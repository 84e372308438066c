/* SPDX-License-Identifier: MIT */
/*
 * referrers.c - the verb `referrers`: what refers to objects.
 *
 * One pass over all references finds those that lead to the objects asked for; it is done before reverse edges would
 * be made. What an object refers to is read again, for the labels, once for all of its references that are shown.
 */
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "verbs/edges.h"
#include "verbs/labels.h"
#include "verbs/operands.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/verb.h"

enum {
	OBJECT, ADDRESS, TYPE, SIZE, LABEL, VISITED, COUNTED, GUESSED, KIND, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[OBJECT] = { "object", COLUMN_ADDRESS, "the object that was asked for", .several = true },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object that refers to it; none for a root" },
	[TYPE] = { "type", COLUMN_TEXT, "name of that object's type" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say of it", .option = "values", .no_unit = true },
	[LABEL] = { "label", COLUMN_TEXT, EDGE_LABEL_HELP, .without = "no-labels" },
	[VISITED] = { "visited", COLUMN_BOOLEAN, EDGE_VISITED_HELP },
	[COUNTED] = { "counted", COLUMN_BOOLEAN, EDGE_COUNTED_HELP },
	[GUESSED] = { "guessed", COLUMN_BOOLEAN, EDGE_GUESSED_HELP },
	[KIND] = { "kind", COLUMN_TEXT, "the kind of root that refers to it, as of `roots`; none for an object",
		   .detail = true },
	[VALUE] = { "value", COLUMN_TEXT, "a short description of what refers to it", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "type", "PATTERN", "only referrers of types of this name; * ? [...] match parts of names; may be repeated", NULL },
	{ "no-labels", NULL, "leave the labels out, which is faster", NULL },
	{ "values", NULL, "describe each object that refers", NULL },
	{ "limit", "N", "show N references and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* A reference to one of the objects asked for. */
struct referrer {
	uint32_t operand; /* which of them */
	uint32_t id;      /* of the object that refers */
	uint8_t flags;    /* enum runtime_reference_flag */
	bool labelled;
	struct runtime_label label;
};

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	struct runtime *runtime;
	const struct graph *graph;
	struct labels labels;
	struct object_values values;
	struct selection selection;
	bool with_labels;
	uint32_t *ids; /* asked for */
	size_t id_count;
	uint32_t *place; /* by id: where it is in ids, counted from 1; 0: not asked for */
	struct referrer *referrers; /* in the order of their ids */
	size_t count, capacity;
};

/* ---- finding --------------------------------------------------------------------------------------- */

static struct inspect_error *take_edge(void *context, uint32_t id, uint32_t edge, const struct runtime_label *label)
{
	struct listing *listing = context;
	uint32_t place = listing->place[edge_target(edge)];
	if (!place)
		return NULL;
	if (!array_reserve(listing->referrers, listing->count, listing->capacity))
		return &inspect_error_no_memory;
	struct referrer *referrer = &listing->referrers[listing->count++];
	*referrer = (struct referrer){ .operand = place - 1, .id = id, .flags = edge_flags(edge), .labelled = label };
	if (label)
		referrer->label = *label;
	return NULL;
}

/* Takes the references of object @id that lead to what was asked for. */
static struct inspect_error *take_object(struct listing *listing, uint32_t id)
{
	size_t count, found = 0;
	const uint32_t *edges = graph_edges(listing->graph, id, &count);
	for (size_t i = 0; i < count; i++)
		found += listing->place[edge_target(edges[i])] != 0;
	if (!found || !heap_filter_passes(&listing->selection.filter, listing->graph->heap, id))
		return NULL;
	if (listing->with_labels)
		return labels_of_range(&listing->labels, listing->graph, id, id + 1, take_edge, listing);
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < count && !error; i++)
		error = take_edge(listing, id, edges[i], NULL);
	return error;
}

static struct inspect_error *find(struct listing *listing)
{
	size_t heap_count = listing->graph->heap->count;
	listing->place = calloc(heap_count + 1, sizeof(*listing->place));
	if (!listing->place)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < listing->id_count; i++)
		listing->place[listing->ids[i]] = i + 1;
	struct inspect_error *error = NULL;
	for (uint32_t id = 0; id < heap_count && !error; id++) {
		error = progress_each("looking for referrers", id, heap_count);
		if (!error)
			error = take_object(listing, id);
	}
	return error;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static void set_flags(struct cell *cells, unsigned int flags)
{
	cells[VISITED] = cell_boolean(!(flags & RUNTIME_UNVISITED));
	cells[COUNTED] = cell_boolean(!(flags & RUNTIME_UNCOUNTED));
	cells[GUESSED] = cell_boolean(flags & RUNTIME_GUESSED);
}

static struct inspect_error *send_referrer(struct listing *listing, const struct referrer *referrer)
{
	const struct heap *heap = listing->graph->heap;
	struct cell cells[COLUMN_COUNT_] = {
		[OBJECT] = cell_address(heap->address[listing->ids[referrer->operand]]),
		[ADDRESS] = cell_address(heap->address[referrer->id]),
		[TYPE] = cell_text(heap_type_name(heap, referrer->id)),
		[SIZE] = cell_absent(NULL),
		[LABEL] = cell_absent(NULL),
		[KIND] = cell_absent(NULL),
		[VALUE] = cell_absent(NULL),
	};
	set_flags(cells, referrer->flags);
	if (referrer->labelled && table_shows_next(listing->context->table)) {
		cells[LABEL] = cell_text(labels_text(&listing->labels, &referrer->label));
		if (cells[LABEL].absent)
			return &inspect_error_no_memory;
	}
	struct inspect_error *error = object_value(&listing->values, referrer->id, &cells[SIZE], &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

static struct inspect_error *send_root(struct listing *listing, const struct graph_root *root)
{
	const struct graph *graph = listing->graph;
	char *label AUTO_FREE = root_text(listing->runtime, graph, root);
	if (!label)
		return &inspect_error_no_memory;
	struct cell cells[COLUMN_COUNT_] = {
		[OBJECT] = cell_address(graph->heap->address[root->object]),
		[ADDRESS] = cell_absent(NULL),
		[TYPE] = cell_absent("(root)"),
		[SIZE] = cell_absent(NULL),
		[LABEL] = cell_text(label),
		[KIND] = cell_text(root_kind_name(root->kind)),
		[VALUE] = cell_absent(NULL),
	};
	set_flags(cells, root->flags);
	return table_row(listing->context->table, cells);
}

/* The roots that lead to the object number @operand of those asked for, best explanations first. */
static struct inspect_error *send_roots(struct listing *listing, size_t operand)
{
	const struct graph *graph = listing->graph;
	for (unsigned int kind = 0; kind < RUNTIME_ROOT_KINDS; kind++) {
		for (size_t i = 0; i < graph->roots.count; i++) {
			const struct graph_root *root = &graph->roots.items[i];
			if (root->kind != kind || root->object != listing->ids[operand])
				continue;
			struct inspect_error *error = send_root(listing, root);
			if (error)
				return error;
		}
	}
	return NULL;
}

/* Sorts the referrers by operand; the order of those of one operand stays. */
static struct inspect_error *sort(const struct listing *listing, struct referrer **sorted_ret, size_t **ends_ret)
{
	size_t *ends = calloc(listing->id_count + 1, sizeof(*ends));
	struct referrer *sorted = reallocarray(NULL, listing->count + 1, sizeof(*sorted));
	*ends_ret = ends;
	*sorted_ret = sorted;
	if (!ends || !sorted)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < listing->count; i++)
		ends[listing->referrers[i].operand + 1]++;
	for (size_t i = 0; i < listing->id_count; i++)
		ends[i + 1] += ends[i];
	for (size_t i = 0; i < listing->count; i++)
		sorted[ends[listing->referrers[i].operand]++] = listing->referrers[i];
	return NULL;
}

static struct inspect_error *send(struct listing *listing)
{
	struct referrer *sorted AUTO_FREE = NULL;
	size_t *ends AUTO_FREE = NULL;
	bool with_roots = !option_flag(listing->context->options, "type");
	struct inspect_error *error = sort(listing, &sorted, &ends);
	for (size_t operand = 0, i = 0; operand < listing->id_count && !error; operand++) {
		if (with_roots)
			error = send_roots(listing, operand);
		for (; i < ends[operand] && !error; i++)
			error = send_referrer(listing, &sorted[i]);
	}
	return error;
}

/* ---- the verb -------------------------------------------------------------------------------------- */

static struct inspect_error *begin(struct listing *listing, struct verb_context *context)
{
	struct graph *graph;
	*listing = (struct listing){
		.context = context,
		.with_labels = !option_flag(context->options, "no-labels"),
	};
	struct inspect_error *error = verb_runtime(context, &listing->runtime);
	if (!error)
		error = verb_graph_of(context, &graph);
	if (error)
		return error;
	listing->graph = graph;
	error = object_values_init(&listing->values, context, graph->heap);
	if (!error)
		error = labels_init(&listing->labels, listing->runtime);
	if (!error)
		error = selection_init(&listing->selection, context, graph->heap);
	return error ? error : operand_objects(context, graph, &listing->ids, &listing->id_count);
}

static struct inspect_error *end(struct listing *listing, struct inspect_error *error)
{
	labels_deinit(&listing->labels);
	selection_deinit(&listing->selection);
	free(listing->ids);
	free(listing->place);
	free(listing->referrers);
	error = object_values_end(&listing->values, error);
	return error ? error : note_scanned(listing->context, listing->graph);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing;
	struct inspect_error *error = begin(&listing, context);
	if (!error)
		error = find(&listing);
	if (!error)
		error = send(&listing);
	return end(&listing, error);
}

static const char description[] =
	"Says what refers to an object, one reference a row: the roots that lead to it, then every object that refers\n"
	"to it, also those that the garbage collector does not track and gc.get_referrers() cannot find. The label is\n"
	"what the object is called there: .name, ['key'], [3].";

const struct verb verb_referrers = {
	.info = {
		.name = "referrers",
		.summary = "what refers to an object: everything, roots included",
		.operands = "ADDRESS...",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "references",
	.run = run,
};
