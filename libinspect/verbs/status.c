/* SPDX-License-Identifier: MIT */
/*
 * status.c - the verb `status`: what was found in the target, and what was not.
 *
 * It says as much as it can: where there is no runtime, the target's own facts come before the error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "target/target.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/verb.h"

enum { ITEM, VALUE, COLUMN_COUNT_ };

static const struct verb_column columns[] = {
	[ITEM] = { "item", COLUMN_TEXT, "a stable name" },
	[VALUE] = { "value", COLUMN_ANY, "what was found; numbers are numbers in JSON" },
};

static const struct inspect_verb_option options[] = {
	{ "arguments", NULL, "say the whole command line, too", NULL },
};

static struct inspect_error *say(struct verb_context *context, const char *item, struct cell value)
{
	const struct cell cells[COLUMN_COUNT_] = { [ITEM] = cell_text(item), [VALUE] = value };
	return table_row(context->table, cells);
}

/* ---- the target ------------------------------------------------------------------------------------ */

static struct cell signal_cell(int number, char text[64])
{
	if (!number)
		return cell_absent("none");
	const char *name = sigabbrev_np(number);
	if (name)
		snprintf(text, 64, "SIG%s (%d)", name, number);
	else
		snprintf(text, 64, "%d", number);
	return cell_text(text);
}

/* The command line: arguments may be passwords. */
static struct cell arguments_cell(const struct inspect_target *target)
{
	return target->redacted ? cell_absent("redacted") : cell_text(target->command_line);
}

static struct inspect_error *say_target(struct verb_context *context)
{
	static const char *const kinds[] = {
		[TARGET_CORE] = "core",
		[TARGET_PROCESS] = "process",
		[TARGET_DEBUGGER] = "debugger",
	};
	const struct inspect_target *target = verb_target(context);
	char signal_text[64];
	struct inspect_error *error = say(context, "target", cell_text(target->name));
	if (!error)
		error = say(context, "kind", cell_text(kinds[target->kind]));
	if (!error)
		error = say(context, "command", cell_text(target_program(target)));
	if (!error && option_flag(context->options, "arguments"))
		error = say(context, "arguments", arguments_cell(target));
	if (!error)
		error = say(context, "pid", target->pid ? cell_number(target->pid) : cell_absent(NULL));
	if (!error)
		error = say(context, "signal", signal_cell(target->signal, signal_text));
	if (!error)
		error = say(context, "threads", cell_count((int64_t)target->thread_count));
	return error;
}

static bool is_missing(const struct target_image *image)
{
	return image->state == IMAGE_MISSING || image->state == IMAGE_DIFFERENT;
}

static bool is_unverified(const struct target_image *image)
{
	return image->state == IMAGE_UNVERIFIED;
}

/* One row for each image that @is_wanted, with what is the matter. */
static struct inspect_error *say_images(struct verb_context *context, const char *item,
					bool (*is_wanted)(const struct target_image *image))
{
	const struct inspect_target *target = verb_target(context);
	for (size_t i = 0; i < target->image_count; i++) {
		const struct target_image *image = &target->images[i];
		if (!is_wanted(image))
			continue;
		char *text AUTO_FREE = NULL;
		if (asprintf(&text, "%s: %s", image->path, image->problem ? image->problem : "missing") < 0)
			return &inspect_error_no_memory;
		struct inspect_error *error = say(context, item, cell_text(text));
		if (error)
			return error;
	}
	return NULL;
}

/* The files that the target had mapped and that could not be used, or may be others than those that ran. */
static struct inspect_error *say_files(struct verb_context *context)
{
	const struct inspect_target *target = verb_target(context);
	int64_t count = 0;
	for (size_t i = 0; i < target->image_count; i++)
		count += is_missing(&target->images[i]);
	struct inspect_error *error = say(context, "missing_files", cell_count(count));
	if (!error)
		error = say_images(context, "missing_file", is_missing);
	if (!error)
		error = say_images(context, "unverified_file", is_unverified);
	return error;
}

/* ---- the runtime ----------------------------------------------------------------------------------- */

static struct inspect_error *say_facts(struct verb_context *context, struct runtime *runtime)
{
	struct runtime_facts facts = { 0 };
	struct inspect_error *error = runtime->operations->describe(runtime, &facts);
	for (size_t i = 0; i < facts.count && !error; i++)
		error = say(context, facts.items[i].item, cell_text(facts.items[i].value));
	runtime_facts_deinit(&facts);
	return error;
}

static struct inspect_error *say_collecting(struct verb_context *context, const struct runtime *runtime)
{
	int64_t collecting = 0; /* one that is known to be at it outweighs one of which nothing is known */
	for (size_t i = 0; i < runtime->collector_count && collecting != 1; i++)
		if (runtime->collectors[i].collecting)
			collecting = runtime->collectors[i].collecting;
	return say(context, "collecting",
		   collecting == RUNTIME_UNKNOWN ? cell_absent("unknown") : cell_boolean(collecting));
}

/* ---- the heap -------------------------------------------------------------------------------------- */

static struct inspect_error *say_histogram(struct verb_context *context, const struct histogram *histogram)
{
	uint64_t objects = 0, bytes = 0;
	for (size_t i = 0; i < histogram->count; i++) {
		objects += histogram->rows[i].count;
		bytes = add_saturating(bytes, histogram->rows[i].bytes);
	}
	char *basic_names AUTO_FREE = NULL;
	uint64_t basic_objects, basic_types;
	struct inspect_error *error =
		basic_size_types(histogram, &basic_names, &basic_objects, &basic_types);
	if (!error)
		error = say(context, "objects", cell_count((int64_t)objects));
	if (!error)
		error = say(context, "bytes", cell_bytes(bytes));
	if (!error)
		error = say(context, "types", cell_count((int64_t)histogram->count));
	if (!error)
		error = say(context, "sizes_basic", cell_count((int64_t)basic_objects));
	if (!error && basic_objects)
		error = say(context, "sizes_basic_types", cell_text(basic_names));
	return error;
}

static struct inspect_error *say_heap(struct verb_context *context)
{
	struct heap *heap;
	struct inspect_error *error = verb_tracked_of(context, &heap);
	if (error)
		return error;
	struct heap_filter tracked = heap_filter_all();
	tracked.generations &= (1 << HEAP_GENERATIONS) - 1;
	struct histogram histogram;
	error = histogram_build(heap, &tracked, false, &histogram);
	if (!error)
		error = say_histogram(context, &histogram);
	histogram_deinit(&histogram);
	return error;
}

static struct inspect_error *say_notes(struct verb_context *context)
{
	bool complete = !notes_incomplete(&context->notes);
	struct inspect_error *error = say(context, "complete", cell_boolean(complete));
	for (size_t i = 0; i < context->notes.count && !error; i++)
		error = say(context, "note", cell_text(context->notes.items[i].text));
	return error;
}

static struct inspect_error *run(struct verb_context *context)
{
	struct inspect_error *error = say_target(context);
	if (!error)
		error = say_files(context);
	if (error)
		return error;
	struct runtime *runtime;
	error = verb_runtime(context, &runtime);
	if (!error)
		error = say_facts(context, runtime);
	if (!error)
		error = say_collecting(context, runtime);
	if (!error)
		error = say_heap(context);
	if (!error)
		error = say_notes(context);
	return error;
}

static const char description[] =
	"Says which process this is or was, which Python is in it and how its structures are known,\n"
	"how many objects the collectors track, and everything that limits the answers of the other\n"
	"verbs: missing files, a damaged heap, a collection in progress, sizes that are not all.";

const struct verb verb_status = {
	.info = {
		.name = "status",
		.summary = "what was found in the target, and what could not be",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_ITEMS,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = NULL,
	.run = run,
};
