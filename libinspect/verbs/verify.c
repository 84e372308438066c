/* SPDX-License-Identifier: MIT */
/*
 * verify.c - the verb `verify`: is the heap whole, and if not, what is damaged?
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/integrity.h"
#include "base/array.h"
#include "base/error.h"
#include "graph/sort.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/verb.h"

enum {
	CHECK, ADDRESS, TYPE, PLACE, MESSAGE, NEIGHBOURS,
	BEFORE, BEFORE_TYPE, AFTER, AFTER_TYPE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[CHECK] = { "check", COLUMN_TEXT, "which check found it: see above" },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the damaged object; none if it is a structure of the runtime's" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type, as far as that can be read" },
	[PLACE] = { "place", COLUMN_ADDRESS, "the damaged word, if it is one", .detail = true },
	[MESSAGE] = { "message", COLUMN_TEXT, "what is wrong", .whole = true },
	[NEIGHBOURS] = { "neighbours", COLUMN_TEXT,
			 "the objects before and behind it in memory, which may have been written beyond their ends",
			 .below = true },
	[BEFORE] = { "before", COLUMN_ADDRESS, "the object before it in memory", .detail = true },
	[BEFORE_TYPE] = { "before_type", COLUMN_TEXT, "name of that object's type", .detail = true },
	[AFTER] = { "after", COLUMN_ADDRESS, "the object behind it in memory", .detail = true },
	[AFTER_TYPE] = { "after_type", COLUMN_TEXT, "name of that object's type", .detail = true },
};

static const struct inspect_verb_option options[] = {
	{ "check", "NAME", "only this check; may be repeated",
	  "lists|heads|types|containers|references|allocator|free-lists|freed" },
	{ "type", "PATTERN", "only findings about objects of this type; * ? [...] match parts of names; may be repeated",
	  NULL },
	{ "limit", "N", "show N findings and count the rest; 0: show all; default for text: a screenful", NULL },
};

/* One run of the verb. */
struct report {
	struct verb_context *context;
	struct heap *heap;
	struct selection selection;
	struct integrity integrity;
	uint64_t shown;
};

/* ---- neighbours ------------------------------------------------------------------------------------- */

/* The ids of the objects next to @address; false where there is none. */
static bool find_before(const struct heap *heap, uint64_t address, uint32_t *id_ret)
{
	size_t below = count_below(heap->address, heap->count, address);
	*id_ret = (uint32_t)below - 1;
	return below > 0;
}

static bool find_after(const struct heap *heap, uint64_t address, uint32_t *id_ret)
{
	size_t after = count_below(heap->address, heap->count, address);
	after += after < heap->count && heap->address[after] == address;
	*id_ret = (uint32_t)after;
	return after < heap->count;
}

/* Objects further away than this are no neighbours: other memory is between. */
enum { NEAR = 1 << 16 };

/* Fills the cells about the objects next to @address. */
static void fill_neighbours(const struct heap *heap, uint64_t address, struct cell *cells)
{
	uint32_t id;
	for (unsigned int column = BEFORE; column <= AFTER_TYPE; column++)
		cells[column] = cell_absent(NULL);
	if (address && find_before(heap, address, &id) && address - heap->address[id] < NEAR) {
		cells[BEFORE] = cell_address(heap->address[id]);
		cells[BEFORE_TYPE] = cell_text(heap_type_name(heap, id));
	}
	if (address && find_after(heap, address, &id) && heap->address[id] - address < NEAR) {
		cells[AFTER] = cell_address(heap->address[id]);
		cells[AFTER_TYPE] = cell_text(heap_type_name(heap, id));
	}
}

/* "before it: list at 0x7f…; behind it: …", for the caller to free; NULL when out of memory. */
static char *neighbours_text(const struct cell *cells)
{
	char *before AUTO_FREE = NULL, *after AUTO_FREE = NULL, *text;
	if (cells[BEFORE].absent)
		before = strdup("");
	else if (asprintf(&before, "before it: %s at 0x%" PRIx64, cells[BEFORE_TYPE].text, cells[BEFORE].address) < 0)
		return NULL;
	if (cells[AFTER].absent)
		after = strdup("");
	else if (asprintf(&after, "behind it: %s at 0x%" PRIx64, cells[AFTER_TYPE].text, cells[AFTER].address) < 0)
		return NULL;
	if (!before || !after || asprintf(&text, "%s%s%s", before, *before && *after ? "; " : "", after) < 0)
		return NULL;
	return text;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct report *report, bool has_id, uint32_t id)
{
	return !report->selection.types ||
	       (has_id && heap_filter_passes(&report->selection.filter, report->heap, id));
}

static struct inspect_error *send_finding(struct report *report, const struct integrity_finding *finding)
{
	const struct heap *heap = report->heap;
	uint32_t id = 0;
	bool has_id = finding->address && heap_find(heap, finding->address, &id);
	if (!is_wanted(report, has_id, id))
		return NULL;
	struct cell cells[COLUMN_COUNT_];
	fill_neighbours(heap, has_id || !finding->place ? finding->address : finding->place, cells);
	char *neighbours AUTO_FREE = neighbours_text(cells);
	if (!neighbours)
		return &inspect_error_no_memory;
	cells[CHECK] = cell_text(integrity_check_name(finding->check));
	cells[ADDRESS] = finding->address ? cell_address(finding->address) : cell_absent(NULL);
	cells[TYPE] = has_id ? cell_text(heap_type_name(heap, id)) : cell_absent(finding->address ? "?" : NULL);
	cells[PLACE] = finding->place ? cell_address(finding->place) : cell_absent(NULL);
	cells[MESSAGE] = cell_text(finding->message);
	cells[NEIGHBOURS] = *neighbours ? cell_text(neighbours) : cell_absent(NULL);
	report->shown++;
	return table_row(report->context->table, cells);
}

/* ---- what is whole ---------------------------------------------------------------------------------- */

/* "3 of 3 lists, 812 of 813 pools": how much of what was checked can be trusted. */
static struct inspect_error *note_trust(const struct report *report)
{
	const struct integrity *integrity = &report->integrity;
	const struct runtime_verified *verified = &integrity->verified;
	char lists[64] = "", pools[64] = "";
	if (verified->lists)
		snprintf(lists, sizeof(lists), ", %" PRIu64 " of %" PRIu64 " lists of collectors",
			 verified->lists - verified->damaged_lists, verified->lists);
	if (verified->pools)
		snprintf(pools, sizeof(pools), ", %" PRIu64 " of %" PRIu64 " of the allocator's pools",
			 verified->pools - verified->damaged_pools, verified->pools);
	uint64_t damaged = integrity->damaged < integrity->checked ? integrity->damaged : integrity->checked;
	return notes_add(&report->context->notes, false, "unharmed: %" PRIu64 " of %" PRIu64 " objects%s%s",
			 integrity->checked - damaged, integrity->checked, lists, pools);
}

static struct inspect_error *note_left_out(const struct report *report)
{
	if (!report->integrity.left_out)
		return NULL;
	return notes_add(&report->context->notes, true,
			 "there is more damage than is listed here: %" PRIu64 " further contradictions were only counted",
			 report->integrity.left_out);
}

/* ---- the verb --------------------------------------------------------------------------------------- */

static unsigned int wanted_checks(const struct options *given)
{
	unsigned int checks = 0;
	size_t position = 0;
	for (const char *name; (name = option_next(given, "check", &position));)
		for (unsigned int check = 0; check < RUNTIME_CHECKS; check++)
			if (strcmp(name, integrity_check_name(check)) == 0)
				checks |= 1u << check;
	return checks ? checks : (1u << RUNTIME_CHECKS) - 1;
}

static struct inspect_error *send_all(struct report *report)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < report->integrity.count && !error; i++)
		error = send_finding(report, &report->integrity.items[i]);
	return error;
}

static struct inspect_error *prepare(struct report *report)
{
	struct verb_context *context = report->context;
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(context, &runtime);
	if (!error && !runtime->operations->verify)
		error = inspect_error_create(INSPECT_ERROR_LAYOUT, "nothing is known of how this runtime's heap should be");
	if (!error)
		error = verb_heap_of(context, &report->heap);
	if (!error)
		error = selection_init(&report->selection, context, report->heap);
	return error;
}

static struct inspect_error *run(struct verb_context *context)
{
	struct report report = { .context = context };
	struct inspect_error *error = prepare(&report);
	if (!error)
		error = integrity_check(report.heap, wanted_checks(context->options), &report.integrity, &context->notes);
	if (!error)
		error = send_all(&report);
	if (!error)
		error = note_trust(&report);
	if (!error)
		error = note_left_out(&report);
	context->finding = report.shown > 0;
	integrity_deinit(&report.integrity);
	selection_deinit(&report.selection);
	return error;
}

static const char description[] =
	"Checks whether the heap is whole: for crashes that make no sense, and before other answers are believed.\n"
	"In the order in which damage spreads:\n"
	"  lists       the collectors' lists of objects, walked from both ends: a broken link is between two objects\n"
	"  heads       what every object begins with: its type is a type, its reference count makes sense\n"
	"  types       a type's bases, MRO, flags and sizes agree\n"
	"  containers  dicts, lists, tuples, sets, str, bytes, int: lengths, tables and contents agree\n"
	"  references  what an object holds is an object\n"
	"  allocator   the allocator's arenas, pools and free blocks; the padding of a debugging allocator\n"
	"  free-lists  objects that the runtime keeps for later use\n"
	"  freed       memory that was freed, and is still in use as an object\n"
	"\n"
	"A row is one contradiction: what is wrong, in which object, and who its neighbours in memory are, since\n"
	"damage is often the end of what was meant for the object before. Nothing stops at the first one; notes\n"
	"say how much is unharmed. Exit status: 0 nothing found, 1 something found, 4 not all could be checked.";

const struct verb verb_verify = {
	.info = {
		.name = "verify",
		.summary = "is the heap whole? what is damaged, and who may have done it",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "findings",
	.run = run,
};
