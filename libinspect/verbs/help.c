/* SPDX-License-Identifier: MIT */
/*
 * help.c - a verb's help, made of its tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verbs/emit.h"
#include "verbs/verb.h"

enum { LABEL_WIDTH = 24 };

static void emit_entry(struct emitter *emitter, const char *label, const char *help)
{
	emit_format(emitter, "  %-*s ", LABEL_WIDTH, label);
	if (strlen(label) > LABEL_WIDTH)
		emit_format(emitter, "\n  %-*s ", LABEL_WIDTH, "");
	emit_text(emitter, help);
}

static void emit_options(struct emitter *emitter, const struct inspect_verb_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct inspect_verb_option *option = &options[i];
		char label[64];
		snprintf(label, sizeof(label), "--%s%s%s", option->name, option->argument ? "=" : "",
			 option->argument ? option->argument : "");
		emit_entry(emitter, label, option->help);
		if (option->values)
			emit_format(emitter, " (%s)", option->values);
		emit_text(emitter, "\n");
	}
}

static void emit_columns(struct emitter *emitter, const struct verb *verb)
{
	emit_text(emitter, verb->column_count ? "\nColumns:\n" : "\nColumns:\nThose of the query.\n");
	for (size_t i = 0; i < verb->column_count; i++) {
		const struct verb_column *column = &verb->columns[i];
		emit_entry(emitter, column->name, column->help);
		if (column->option)
			emit_format(emitter, " (with --%s)", column->option);
		if (column->without)
			emit_format(emitter, " (not with --%s)", column->without);
		if (column->detail && verb->shape == VERB_TABLE)
			emit_text(emitter, " (not in text)");
		emit_text(emitter, "\n");
	}
}

/* Has the verb an option of its own with this name, in place of the common one? */
static bool has_option(const struct inspect_verb_info *verb, const char *name)
{
	for (size_t i = 0; i < verb->option_count; i++)
		if (strcmp(verb->options[i].name, name) == 0)
			return true;
	return false;
}

bool inspect_verb_help(const char *name, const struct inspect_output *output)
{
	const struct verb *verb = verb_find(name);
	struct emitter *emitter = verb ? calloc(1, sizeof(*emitter)) : NULL;
	if (!emitter)
		return false;
	emitter->output = output;
	emit_format(emitter, "%s - %s\n\n", verb->info.name, verb->info.summary);
	emit_format(emitter, "Usage: py-inspect %s TARGET%s%s [OPTION...]\n", verb->info.name,
		    *verb->info.operands ? " " : "", verb->info.operands);
	emit_text(emitter, "In gdb, without TARGET: it is what gdb is looking at.\n\n");
	emit_text(emitter, verb->info.description);
	emit_text(emitter, "\n\nOptions:\n");
	emit_options(emitter, verb->info.options, verb->info.option_count);
	size_t common_count;
	const struct inspect_verb_option *common = inspect_common_options(&common_count);
	for (size_t i = 0; i < common_count; i++)
		if (!has_option(&verb->info, common[i].name))
			emit_options(emitter, &common[i], 1);
	emit_columns(emitter, verb);
	emit_flush(emitter);
	free(emitter);
	return true;
}
