/* SPDX-License-Identifier: MIT */
/*
 * roots.c - the verb `roots`: where references begin.
 */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/edges.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/verb.h"

enum {
	KIND, PLACE, LABEL, ADDRESS, TYPE, SIZE, COUNTED, GUESSED, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[KIND] = { "kind", COLUMN_TEXT, "what kind of root it is; see --kind" },
	[PLACE] = { "place", COLUMN_TEXT, "where it is: sys, a thread and its function, a symbol of a library" },
	[LABEL] = { "label", COLUMN_TEXT, "what it is called there" },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object that it refers to" },
	[TYPE] = { "type", COLUMN_TEXT, "name of that object's type" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say of it", .option = "values", .no_unit = true },
	[COUNTED] = { "counted", COLUMN_BOOLEAN, EDGE_COUNTED_HELP },
	[GUESSED] = { "guessed", COLUMN_BOOLEAN, "was it found by a scan of memory, as a word that is an object's address?" },
	[VALUE] = { "value", COLUMN_TEXT, "a short description of it", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "kind", "KIND", "only roots of this kind; may be repeated",
	  "interpreter|frame|thread|static|interned|global|stack" },
	{ "type", "PATTERN", "only roots that are objects of this type; * ? [...] match parts of names; may be repeated", NULL },
	{ "values", NULL, "describe each object", NULL },
	{ "limit", "N", "show N roots and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	struct runtime *runtime;
	const struct graph *graph;
	struct object_values values;
	struct selection selection;
};

static bool kind_wanted(const struct options *given, unsigned int kind)
{
	const char *argument;
	for (size_t position = 0; (argument = option_next(given, "kind", &position));)
		if (strcmp(argument, root_kind_name(kind)) == 0)
			return true;
	return !option_flag(given, "kind");
}

static struct inspect_error *send_root(struct listing *listing, const struct graph_root *root)
{
	const struct heap *heap = listing->graph->heap;
	char *label AUTO_FREE = listing->runtime->operations->label(listing->runtime, &root->label);
	if (!label)
		return &inspect_error_no_memory;
	struct cell cells[COLUMN_COUNT_] = {
		[KIND] = cell_text(root_kind_name(root->kind)),
		[PLACE] = cell_text(listing->graph->roots.places[root->place]),
		[LABEL] = root->label.kind == RUNTIME_LABEL_NONE ? cell_absent(NULL) : cell_text(label),
		[ADDRESS] = cell_address(heap->address[root->object]),
		[TYPE] = cell_text(heap_type_name(heap, root->object)),
		[SIZE] = cell_absent(NULL),
		[COUNTED] = cell_boolean(!(root->flags & RUNTIME_UNCOUNTED)),
		[GUESSED] = cell_boolean(root->flags & RUNTIME_GUESSED),
		[VALUE] = cell_absent(NULL),
	};
	struct inspect_error *error = object_value(&listing->values, root->object, &cells[SIZE], &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

/* By kind; those of a kind in the order in which the runtime gives them. */
static struct inspect_error *send_all(struct listing *listing)
{
	const struct graph *graph = listing->graph;
	for (unsigned int kind = 0; kind < RUNTIME_ROOT_KINDS; kind++) {
		if (!kind_wanted(listing->context->options, kind))
			continue;
		for (size_t i = 0; i < graph->roots.count; i++) {
			const struct graph_root *root = &graph->roots.items[i];
			if (root->kind != kind || !heap_filter_passes(&listing->selection.filter, graph->heap, root->object))
				continue;
			struct inspect_error *error = send_root(listing, root);
			if (error)
				return error;
		}
	}
	return NULL;
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .context = context };
	struct graph *graph;
	struct inspect_error *error = verb_runtime(context, &listing.runtime);
	if (!error)
		error = verb_graph_of(context, &graph);
	if (error)
		return error;
	listing.graph = graph;
	error = object_values_init(&listing.values, context, graph->heap);
	if (!error)
		error = selection_init(&listing.selection, context, graph->heap);
	if (!error)
		error = send_all(&listing);
	selection_deinit(&listing.selection);
	return object_values_end(&listing.values, error);
}

static const char description[] =
	"Lists the roots: everything outside of objects that refers to an object. Kinds, those that explain best why an\n"
	"object is alive first: state of an interpreter; variables and stacks of running functions (frame); state of\n"
	"threads; objects in the program itself (static), such as types, None and small integers; interned strings; and\n"
	"words found by a scan of the data of programs and libraries (global) and of the C stacks of threads (stack).";

const struct verb verb_roots = {
	.info = {
		.name = "roots",
		.summary = "where references begin: modules, variables of running functions, C globals",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "roots",
	.run = run,
};
