/* SPDX-License-Identifier: MIT */
/*
 * output_junit.c - the results of an audit as JUnit's XML, which servers for continuous integration read.
 *
 * A file of rules is a test suite, a rule a test case. One that is violated has a <failure>, if its severity is such that
 * the exit status says so, too, and otherwise says it in its <system-out>; one that could not be decided has an <error>: it
 * must not look as if it had passed. The elements and attributes are those that Jenkins's schema (jenkins-junit.xsd of its
 * xUnit plugin), GitLab and GitHub's actions know. Suites begin with numbers that are only known at their end, so they are
 * kept until then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/error.h"
#include "base/notes.h"
#include "base/text.h"
#include "target/target.h"
#include "verbs/table.h"

/* Text that grows. */
struct growing {
	FILE *stream;
	char *text;
	size_t size;
};

struct counts {
	unsigned int tests, failures, errors;
	double seconds;
};

struct junit_data {
	struct growing suites; /* those that are complete */
	struct growing cases;  /* those of the suite at hand, */
	struct growing case_;  /* and what is in the one at hand */
	char *suite;           /* the name of the suite at hand; NULL: none */
	const char *tag;       /* of what is in the case: "failure", "error", "system-out"; NULL: it is empty */
	bool in_case;
	struct counts of_suite, of_all;
	struct timespec start; /* of the case at hand */
};

static bool growing_open(struct growing *growing)
{
	growing->stream = open_memstream(&growing->text, &growing->size);
	return growing->stream;
}

static bool growing_close(struct growing *growing)
{
	bool written = growing->stream && fclose(growing->stream) == 0;
	growing->stream = NULL;
	return written;
}

static void growing_deinit(struct growing *growing)
{
	growing_close(growing);
	free(growing->text);
	*growing = (struct growing){ 0 };
}

/* Writes what is in it to @to; nothing is left in it. */
static bool growing_move(struct growing *growing, FILE *to)
{
	bool written = growing_close(growing);
	if (written)
		fwrite(growing->text, 1, growing->size, to);
	growing_deinit(growing);
	return growing_open(growing) && written;
}

/* ---- XML --------------------------------------------------------------------------------------------- */

/* XML 1.0 has no way to write most control characters, nor U+FFFE and U+FFFF: they are spelt as in text, "\x1b". */
static bool write_escaped(FILE *stream, const char *text)
{
	char *safe AUTO_FREE = text_safe(text);
	if (!safe)
		return false;
	for (const char *at = safe; *at;) {
		uint32_t code;
		size_t length = utf8_decode(at, &code);
		if (code == '<' || code == '>' || code == '&' || code == '"' || code == '\'')
			fprintf(stream, "&#%" PRIu32 ";", code);
		else if (code == 0xfffe || code == 0xffff)
			fprintf(stream, "\\u%04" PRIx32, code);
		else
			fwrite(at, 1, length, stream);
		at += length;
	}
	return true;
}

/*  name="text" */
static bool write_attribute(FILE *stream, const char *name, const char *text)
{
	fprintf(stream, " %s=\"", name);
	bool written = write_escaped(stream, text);
	fputc('"', stream);
	return written;
}

static void write_counts(FILE *stream, const struct counts *counts)
{
	fprintf(stream, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\" time=\"%.3f\"", counts->tests, counts->failures,
		counts->errors, counts->seconds);
}

static void add_counts(struct counts *to, const struct counts *counts)
{
	to->tests += counts->tests;
	to->failures += counts->failures;
	to->errors += counts->errors;
	to->seconds += counts->seconds;
}

/* ---- cases and suites -------------------------------------------------------------------------------- */

static double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* The case at hand has no more lines. */
static bool end_case(struct junit_data *junit)
{
	FILE *cases = junit->cases.stream;
	if (!junit->in_case)
		return true;
	junit->in_case = false;
	if (!junit->tag) {
		fputs("/>\n", cases);
		return true;
	}
	fputs(">\n", cases);
	if (!growing_move(&junit->case_, cases))
		return false;
	fprintf(cases, "</%s>\n    </testcase>\n", junit->tag);
	return true;
}

static bool end_suite(struct junit_data *junit, const struct inspect_target *target, const struct notes *notes)
{
	FILE *suites = junit->suites.stream;
	if (!junit->suite)
		return true;
	if (!end_case(junit))
		return false;
	fputs("  <testsuite", suites);
	bool written = write_attribute(suites, "name", junit->suite);
	write_counts(suites, &junit->of_suite);
	fputs(">\n    <properties>\n      <property name=\"target\"", suites);
	written &= write_attribute(suites, "value", target->name ? target->name : "");
	fputs("/>\n    </properties>\n", suites);
	written &= growing_move(&junit->cases, suites);
	for (size_t i = 0; notes && i < notes->count; i++) {
		fputs(i ? "" : "    <system-err>", suites);
		written &= write_escaped(suites, notes->items[i].text);
		fputs(i + 1 < notes->count ? "\n" : "</system-err>\n", suites);
	}
	fputs("  </testsuite>\n", suites);
	add_counts(&junit->of_all, &junit->of_suite);
	junit->of_suite = (struct counts){ 0 };
	free(junit->suite);
	junit->suite = NULL;
	return written;
}

static bool begin_suite(struct junit_data *junit, const struct inspect_target *target, const char *name)
{
	if (junit->suite && strcmp(junit->suite, name) == 0)
		return end_case(junit);
	if (!end_suite(junit, target, NULL))
		return false;
	junit->suite = strdup(name);
	return junit->suite;
}

/* What the case is, in its result: a line with more attributes comes in front of the lines of text. */
static bool begin_result(struct junit_data *junit, const char *tag, const char *severity, const char *message)
{
	FILE *stream = junit->case_.stream;
	junit->tag = tag;
	fprintf(stream, "      <%s", tag);
	bool written = true;
	if (strcmp(tag, "system-out") != 0)
		written = write_attribute(stream, "message", message) & write_attribute(stream, "type", severity);
	fputc('>', stream);
	return written;
}

static bool write_line(struct junit_data *junit, const char *text)
{
	bool written = write_escaped(junit->case_.stream, text);
	fputc('\n', junit->case_.stream);
	return written;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

/* The cell of the column called @name, or NULL if it is absent. */
static const struct cell *find_cell(const struct table *table, const struct cell *cells, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (strcmp(table_column(table, i)->name, name) == 0)
			return cells[table->columns[i]].absent ? NULL : &cells[table->columns[i]];
	return NULL;
}

static const char *find_text(const struct table *table, const struct cell *cells, const char *name)
{
	const struct cell *cell = find_cell(table, cells, name);
	return cell ? cell->text : "";
}

static bool begin_case(struct table *table, const struct cell *cells)
{
	struct junit_data *junit = table->renderer_data;
	const char *file = find_text(table, cells, "file"), *result = find_text(table, cells, "result");
	const struct cell *line = find_cell(table, cells, "line"), *fails = find_cell(table, cells, "fails");
	if (!begin_suite(junit, table->target, file))
		return false;
	double seconds = seconds_since(&junit->start);
	FILE *stream = junit->cases.stream;
	clock_gettime(CLOCK_MONOTONIC, &junit->start);
	junit->in_case = true;
	junit->tag = NULL;
	junit->of_suite.tests++;
	junit->of_suite.seconds += seconds;
	fputs("    <testcase", stream);
	bool written = write_attribute(stream, "classname", "py-inspect.audit") &
		       write_attribute(stream, "name", find_text(table, cells, "rule")) & write_attribute(stream, "file", file);
	fprintf(stream, " line=\"%" PRId64 "\" time=\"%.3f\"", line ? line->number : 0, seconds);
	if (strcmp(result, "ok") == 0)
		return written;
	bool unknown = strcmp(result, "unknown") == 0, failure = fails && fails->number;
	junit->of_suite.errors += unknown;
	junit->of_suite.failures += failure;
	const char *severity = find_text(table, cells, "severity"), *message = find_text(table, cells, "message");
	written &= begin_result(junit, unknown ? "error" : failure ? "failure" : "system-out", severity, message);
	if (!unknown && !failure)
		fprintf(junit->case_.stream, "%s: ", severity);
	written &= write_line(junit, message);
	fputs("check: ", junit->case_.stream);
	return written & write_line(junit, find_text(table, cells, "check"));
}

static bool junit_row(struct table *table, const struct cell *cells)
{
	struct junit_data *junit = table->renderer_data;
	if (find_cell(table, cells, "result"))
		return begin_case(table, cells);
	const struct cell *more = find_cell(table, cells, "more");
	bool written = write_line(junit, find_text(table, cells, "message"));
	if (more)
		fprintf(junit->case_.stream, "and %" PRId64 " more\n", more->number);
	return written;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static bool junit_begin(struct table *table)
{
	struct junit_data *junit = calloc(1, sizeof(*junit));
	table->renderer_data = junit;
	if (!junit)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &junit->start);
	return growing_open(&junit->suites) && growing_open(&junit->cases) && growing_open(&junit->case_);
}

/* The audit came to no end: that is an error of its own. */
static bool add_failed_case(struct junit_data *junit, const struct inspect_target *target, const char *problem)
{
	if (!begin_suite(junit, target, junit->suite ? junit->suite : "py-inspect"))
		return false;
	fputs("    <testcase classname=\"py-inspect.audit\" name=\"(the audit itself)\" time=\"0.000\"", junit->cases.stream);
	junit->in_case = true;
	junit->of_suite.tests++;
	junit->of_suite.errors++;
	return begin_result(junit, "error", "error", problem) && write_line(junit, problem);
}

static bool junit_end(struct table *table, const struct table_end *end)
{
	struct junit_data *junit = table->renderer_data;
	struct emitter *emitter = &table->emitter;
	if (end->error && !add_failed_case(junit, table->target, inspect_error_message(end->error)))
		return false;
	if (!end_suite(junit, table->target, end->notes) || !growing_close(&junit->suites))
		return false;
	const struct counts *all = &junit->of_all;
	emit_text(emitter, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	emit_format(emitter,
		    "<testsuites name=\"py-inspect %s\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\" time=\"%.3f\">\n",
		    table->verb->info.name, all->tests, all->failures, all->errors, all->seconds);
	emit(emitter, junit->suites.text, junit->suites.size);
	emit_text(emitter, "</testsuites>\n");
	return true;
}

static void junit_deinit(struct table *table)
{
	struct junit_data *junit = table->renderer_data;
	if (!junit)
		return;
	growing_deinit(&junit->suites);
	growing_deinit(&junit->cases);
	growing_deinit(&junit->case_);
	free(junit->suite);
	free(junit);
}

const struct renderer renderer_junit = {
	.begin = junit_begin,
	.row = junit_row,
	.end = junit_end,
	.deinit = junit_deinit,
};
