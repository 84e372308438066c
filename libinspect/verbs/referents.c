/* SPDX-License-Identifier: MIT */
/*
 * referents.c - the verb `referents`: what objects refer to, or every reference of the heap.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/edges.h"
#include "verbs/labels.h"
#include "verbs/operands.h"
#include "verbs/options.h"
#include "verbs/verb.h"

enum {
	OBJECT, FROM, TO, ADDRESS, TYPE, SIZE, LABEL, VISITED, COUNTED, GUESSED, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[OBJECT] = { "object", COLUMN_ADDRESS, "the object that was asked for", .without = "all", .several = true },
	[FROM] = { "from", COLUMN_ADDRESS, "the object that refers", .option = "all" },
	[TO] = { "to", COLUMN_ADDRESS, "the object that it refers to", .option = "all" },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object that it refers to", .without = "all" },
	[TYPE] = { "type", COLUMN_TEXT, "name of that object's type", .without = "all" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say of it", .option = "values", .no_unit = true },
	[LABEL] = { "label", COLUMN_TEXT, EDGE_LABEL_HELP, .without = "no-labels" },
	[VISITED] = { "visited", COLUMN_BOOLEAN, EDGE_VISITED_HELP },
	[COUNTED] = { "counted", COLUMN_BOOLEAN, EDGE_COUNTED_HELP },
	[GUESSED] = { "guessed", COLUMN_BOOLEAN, EDGE_GUESSED_HELP },
	[VALUE] = { "value", COLUMN_TEXT, "a short description of it", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "all", NULL, "every reference of every object, in the order of the objects' addresses", NULL },
	{ "no-labels", NULL, "leave the labels out, which is faster", NULL },
	{ "values", NULL, "describe each object that is referred to", NULL },
	{ "limit", "N", "show N references and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	const struct graph *graph;
	struct labels labels;
	struct object_values values;
};

static void set_flags(struct cell *cells, uint32_t edge)
{
	cells[VISITED] = cell_boolean(!(edge_flags(edge) & RUNTIME_UNVISITED));
	cells[COUNTED] = cell_boolean(!(edge_flags(edge) & RUNTIME_UNCOUNTED));
	cells[GUESSED] = cell_boolean(edge_flags(edge) & RUNTIME_GUESSED);
}

/* One reference; @label may be NULL. */
static struct inspect_error *send_edge(void *context, uint32_t id, uint32_t edge, const struct runtime_label *label)
{
	struct listing *listing = context;
	const struct heap *heap = listing->graph->heap;
	uint32_t target = edge_target(edge);
	struct cell cells[COLUMN_COUNT_] = {
		[OBJECT] = cell_address(heap->address[id]),
		[FROM] = cell_address(heap->address[id]),
		[TO] = cell_address(heap->address[target]),
		[ADDRESS] = cell_address(heap->address[target]),
		[TYPE] = cell_text(heap_type_name(heap, target)),
		[SIZE] = cell_absent(NULL),
		[LABEL] = cell_absent(NULL),
		[VALUE] = cell_absent(NULL),
	};
	set_flags(cells, edge);
	if (label && table_shows_next(listing->context->table)) {
		cells[LABEL] = cell_text(labels_text(&listing->labels, label));
		if (cells[LABEL].absent)
			return &inspect_error_no_memory;
	}
	struct inspect_error *error = object_value(&listing->values, target, &cells[SIZE], &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

/* What the objects from @first to before @end refer to. */
static struct inspect_error *send_range(struct listing *listing, uint32_t first, uint32_t end)
{
	const struct graph *graph = listing->graph;
	if (!option_flag(listing->context->options, "no-labels"))
		return labels_of_range(&listing->labels, graph, first, end, send_edge, listing);
	struct inspect_error *error = NULL;
	for (uint32_t id = first; id < end && !error; id++) {
		size_t count;
		const uint32_t *edges = graph_edges(graph, id, &count);
		for (size_t i = 0; i < count && !error; i++)
			error = send_edge(listing, id, edges[i], NULL);
	}
	return error;
}

static struct inspect_error *send_operands(struct listing *listing)
{
	uint32_t *ids AUTO_FREE = NULL;
	size_t count;
	struct inspect_error *error = operand_objects(listing->context, listing->graph, &ids, &count);
	for (size_t i = 0; i < count && !error; i++)
		error = send_range(listing, ids[i], ids[i] + 1);
	return error;
}

static struct inspect_error *send_all(struct listing *listing)
{
	return option_flag(listing->context->options, "all") ? send_range(listing, 0, listing->graph->heap->count) :
							       send_operands(listing);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .context = context };
	struct graph *graph;
	struct inspect_error *error = verb_graph_of(context, &graph);
	if (error)
		return error;
	listing.graph = graph;
	error = object_values_init(&listing.values, context, graph->heap);
	if (!error)
		error = labels_init(&listing.labels, listing.values.runtime);
	if (!error)
		error = send_all(&listing);
	labels_deinit(&listing.labels);
	error = object_values_end(&listing.values, error);
	return error ? error : note_scanned(context, graph);
}

static struct inspect_error *check(const struct options *given)
{
	bool all = option_flag(given, "all");
	if (!all && !given->operand_count)
		return inspect_error_create(INSPECT_ERROR_USAGE, "referents needs ADDRESS..., or --all for every reference "
								 "of the heap; `py-inspect referents --help` says more");
	if (all && given->operand_count)
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "--all is about all objects, '%s' about one: leave out one of them",
					    given->operands[0]);
	if (all && option_flag(given, "values"))
		return inspect_error_create(INSPECT_ERROR_USAGE, "--values is for single objects, not for --all");
	return NULL;
}

static const char description[] =
	"Says what an object refers to, one reference a row, each with a label that reads as Python:\n"
	".name, ['key'], [3], {…} for an item of a set. References that the object holds although\n"
	"the garbage collector is not told of them are among them, with `visited` no.";

const struct verb verb_referents = {
	.info = {
		.name = "referents",
		.summary = "what an object refers to; or every reference of the heap",
		.operands = "[ADDRESS...]",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "references",
	.check = check,
	.run = run,
};
