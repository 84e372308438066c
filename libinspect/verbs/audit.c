/* SPDX-License-Identifier: MIT */
/*
 * audit.c - the verb `audit`: does a heap keep the rules of a file?
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/array.h"
#include "base/error.h"
#include "base/words.h"
#include "verbs/options.h"
#include "verbs/verb.h"

enum {
	RESULT, SEVERITY, RULE, FOUND, LIMIT, CHECK, MESSAGE, VIOLATIONS, FAILS,
	VIOLATION, ADDRESS, TYPE, COUNT, BYTES, MORE, FILE_, LINE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[RESULT] = { "result", COLUMN_TEXT, "of a rule: ok, FAIL, or unknown if it could not be decided; none for a violation" },
	[SEVERITY] = { "severity", COLUMN_TEXT, "of a rule: error, warning or info" },
	[RULE] = { "rule", COLUMN_TEXT, "its name", .grouped = true },
	[FOUND] = { "found", COLUMN_COUNT, "what the rule's check counted: objects, bytes, rows" },
	[LIMIT] = { "limit", COLUMN_COUNT, "what that was compared with", .detail = true },
	[CHECK] = { "check", COLUMN_TEXT, "of a rule: the check; `query` for one that is a query", .whole = true },
	[MESSAGE] = { "message", COLUMN_TEXT,
		      "of a rule that is violated: its message; of one that is unknown: why; of a violation: what it is",
		      .under = true },
	[VIOLATIONS] = { "violations", COLUMN_COUNT, "of a rule: how many violations there are, in the rows below it",
			 .summed = true, .detail = true },
	[FAILS] = { "fails", COLUMN_BOOLEAN, "of a rule: does it make the exit status 1?", .detail = true },
	[VIOLATION] = { "violation", COLUMN_NUMBER, "the number of the violation, counted from 1; none for the rule itself",
			.detail = true },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "of a violation: the object", .detail = true },
	[TYPE] = { "type", COLUMN_TEXT, "its type", .detail = true },
	[COUNT] = { "count", COLUMN_COUNT, "of a violation that is about several objects: how many", .detail = true },
	[BYTES] = { "bytes", COLUMN_BYTES, "their bytes, or those of the one object", .detail = true },
	[MORE] = { "more", COLUMN_COUNT, "of a rule's last row: how many violations are left out by --violations", .under = true },
	[FILE_] = { "file", COLUMN_TEXT, "of a rule: the file that it is from", .detail = true },
	[LINE] = { "line", COLUMN_NUMBER, "and its line there", .detail = true },
};

static const struct inspect_verb_option options[] = {
	{ "rules", "FILE", "the rules, or the name of a set that comes with libinspect: web-service; may be repeated", NULL },
	{ "rule", "NAME", "only the rules of this name; * ? [...] match parts of names; may be repeated", NULL },
	{ "skip", "NAME", "all but the rules of this name; may be repeated", NULL },
	{ "fail-on", "SEVERITY", "violated rules of this severity or a higher one make the exit status 1; default: error",
	  "error|warning|info" },
	{ "violations", "N", "show N violations of each rule; 0: all; default: all for json, jsonl and csv, else 10", NULL },
	{ "format", "FORMAT", "text for people; json, jsonl (one row a line) or csv for programs; junit (XML) for CI servers",
	  "text|json|jsonl|csv|junit" },
};

enum { VIOLATIONS_SHOWN = 10 };

/* ---- which rules ------------------------------------------------------------------------------------- */

/* Does one of the patterns of the option called @option match the name? */
static bool is_named(const struct options *given, const char *option, const char *name)
{
	const char *pattern;
	for (size_t position = 0; (pattern = option_next(given, option, &position));)
		if (fnmatch(pattern, name, 0) == 0)
			return true;
	return false;
}

/* Each pattern of the option called @option matches a rule. */
static struct inspect_error *check_names(const struct options *given, const char *option, const struct rules *rules)
{
	const char *pattern;
	for (size_t position = 0; (pattern = option_next(given, option, &position));) {
		const char *nearest = NULL;
		unsigned int distance = WORD_DISTANCE_MAX;
		bool found = false;
		for (size_t i = 0; i < rules->count && !found; i++) {
			const char *name = rules->items[i].name;
			found = fnmatch(pattern, name, 0) == 0;
			if (word_is_nearer(pattern, name, &distance))
				nearest = name;
		}
		if (!found)
			return inspect_error_create(INSPECT_ERROR_USAGE, "--%s: there is no rule '%s'%s%s%s", option, pattern,
						    nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	}
	return NULL;
}

static bool is_wanted(const struct options *given, const struct rule *rule)
{
	if (option_flag(given, "rule") && !is_named(given, "rule", rule->name))
		return false;
	return !is_named(given, "skip", rule->name);
}

/* Reads all files. On an error @rules has to be freed, too. */
static struct inspect_error *read_rules(const struct options *given, struct rules *rules)
{
	struct inspect_error *error = NULL;
	const char *path;
	*rules = (struct rules){ 0 };
	if (!option_flag(given, "rules"))
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "audit needs --rules=FILE, which may be web-service; `py-inspect audit --help` says more");
	for (size_t position = 0; !error && (path = option_next(given, "rules", &position));)
		error = rules_read(path, rules);
	if (!error)
		error = check_names(given, "rule", rules);
	return error ? error : check_names(given, "skip", rules);
}

static struct inspect_error *check(const struct options *given)
{
	struct rules rules;
	struct inspect_error *error = read_rules(given, &rules);
	rules_deinit(&rules);
	return error;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

/* How many rules came out how. */
struct tally {
	unsigned int rules, ok, failed, below, unknown;
};

/* One run of the verb. */
struct auditing {
	struct verb_context *context;
	struct rules rules;
	struct audit audit;
	enum rule_severity fail_on;
	struct tally tally;
};

/* A violation's row has none of the rule's cells; tables for people leave their places empty. */
static void clear_cells(struct cell cells[COLUMN_COUNT_])
{
	for (size_t i = 0; i < COLUMN_COUNT_; i++)
		cells[i] = cell_absent("");
}

static struct inspect_error *send_violation(struct auditing *auditing, const struct rule *rule, const struct outcome *outcome,
					    size_t index)
{
	const struct violation *violation = &outcome->violations[index];
	struct cell cells[COLUMN_COUNT_];
	clear_cells(cells);
	cells[RULE] = cell_text(rule->name);
	cells[VIOLATION] = cell_number((int64_t)index + 1);
	cells[MESSAGE] = cell_text(violation->text);
	if (violation->address)
		cells[ADDRESS] = cell_address(violation->address);
	if (violation->type)
		cells[TYPE] = cell_text(violation->type);
	if (violation->count >= 0)
		cells[COUNT] = cell_count(violation->count);
	if (violation->bytes >= 0)
		cells[BYTES] = cell_bytes((uint64_t)violation->bytes);
	if (index + 1 == outcome->count && outcome->total > outcome->count)
		cells[MORE] = cell_count((int64_t)(outcome->total - outcome->count));
	return table_row(auditing->context->table, cells);
}

static struct inspect_error *send_rule(struct auditing *auditing, const struct rule *rule, const struct outcome *outcome)
{
	bool fails = outcome->result == OUTCOME_VIOLATED && rule->severity >= auditing->fail_on;
	struct cell cells[COLUMN_COUNT_];
	clear_cells(cells);
	cells[RESULT] = cell_text(outcome_result_name(outcome->result));
	cells[SEVERITY] = cell_text(rule_severity_name(rule->severity));
	cells[RULE] = cell_text(rule->name);
	cells[FOUND] = outcome->measured ? cell_count(outcome->found) : cell_absent(NULL);
	if (outcome->measured)
		cells[LIMIT] = cell_count((int64_t)rule->check.limit);
	cells[CHECK] = cell_text(rule->check_text);
	cells[MESSAGE] = outcome->message ? cell_text(outcome->message) : cell_absent("");
	cells[VIOLATIONS] = cell_count((int64_t)outcome->total);
	cells[FAILS] = cell_boolean(fails);
	cells[FILE_] = cell_text(rule->file);
	cells[LINE] = cell_number(rule->line);
	struct inspect_error *error = table_row(auditing->context->table, cells);
	for (size_t i = 0; i < outcome->count && !error; i++)
		error = send_violation(auditing, rule, outcome, i);
	return error;
}

static void count_outcome(struct auditing *auditing, const struct rule *rule, const struct outcome *outcome)
{
	struct tally *tally = &auditing->tally;
	tally->rules++;
	tally->ok += outcome->result == OUTCOME_OK;
	tally->unknown += outcome->result == OUTCOME_UNKNOWN;
	if (outcome->result != OUTCOME_VIOLATED)
		return;
	tally->failed += rule->severity >= auditing->fail_on;
	tally->below += rule->severity < auditing->fail_on;
}

/* ---- the verb ---------------------------------------------------------------------------------------- */

static struct inspect_error *decide_rule(struct auditing *auditing, const struct rule *rule)
{
	struct outcome outcome;
	struct inspect_error *error = audit_decide(&auditing->audit, rule, &outcome);
	if (error)
		return error;
	count_outcome(auditing, rule, &outcome);
	error = notes_add_all(&auditing->context->notes, &outcome.notes);
	if (!error)
		error = send_rule(auditing, rule, &outcome);
	outcome_deinit(&outcome);
	return error;
}

static struct inspect_error *summarise(const struct auditing *auditing)
{
	const struct tally *tally = &auditing->tally;
	char below[64] = "", *text AUTO_FREE = NULL;
	if (tally->below)
		snprintf(below, sizeof(below), " (and %u of lower severity)", tally->below);
	if (asprintf(&text, "%u rule%s: %u ok, %u failed%s, %u unknown", tally->rules, tally->rules == 1 ? "" : "s", tally->ok,
		     tally->failed, below, tally->unknown) < 0) {
		text = NULL;
		return &inspect_error_no_memory;
	}
	return table_summarise(auditing->context->table, text);
}

static struct inspect_error *decide_rules(struct auditing *auditing)
{
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(auditing->context, &runtime);
	for (size_t i = 0; i < auditing->rules.count && !error; i++)
		if (is_wanted(auditing->context->options, &auditing->rules.items[i]))
			error = decide_rule(auditing, &auditing->rules.items[i]);
	auditing->context->finding = auditing->tally.failed > 0;
	return error ? error : summarise(auditing);
}

/* How many violations of each rule are wanted. */
static struct inspect_error *violations_wanted(const struct options *given, uint64_t *keep_ret)
{
	const char *format = option_argument(given, "format");
	bool brief = !format || strcmp(format, "text") == 0 || strcmp(format, "junit") == 0;
	struct inspect_error *error = option_number(given, "violations", brief ? VIOLATIONS_SHOWN : 0, keep_ret);
	if (!error && !*keep_ret)
		*keep_ret = UINT64_MAX;
	return error;
}

static struct inspect_error *run(struct verb_context *context)
{
	struct auditing auditing = { .context = context, .audit = { .context = context }, .fail_on = RULE_ERROR };
	const char *fail_on = option_argument(context->options, "fail-on");
	if (fail_on)
		rule_severity_find(fail_on, &auditing.fail_on);
	struct inspect_error *error = violations_wanted(context->options, &auditing.audit.keep);
	if (!error)
		error = read_rules(context->options, &auditing.rules);
	if (!error)
		error = audit_check_queries(&auditing.audit, &auditing.rules);
	if (!error)
		error = decide_rules(&auditing);
	audit_deinit(&auditing.audit);
	rules_deinit(&auditing.rules);
	return error;
}

static const char description[] =
	"Decides rules about the heap, for scripts: may this release ship? A file of rules is text:\n"
	"\n"
	"    [sessions]\n"
	"    severity = error\n"
	"    message  = {count} sessions are open: are they ever closed?\n"
	"    check    = count of app.Session at most 40000\n"
	"\n"
	"A rule has a query in place of a check if its rows are to be the violations:\n"
	"\n"
	"    query    = SELECT address, size FROM objects\n"
	"               WHERE type = 'str' AND size > 1048576\n"
	"\n"
	"Checks are:\n"
	"    unreachable objects|bytes at most N     what gc.collect() would find\n"
	"    reclaimable objects|bytes at most N     that, and what only it holds: all that would be freed\n"
	"    uncollectable none                      what `garbage` lists; or: uncollectable objects at most N\n"
	"    objects|bytes at most N                 of the whole heap\n"
	"    count|bytes of TYPE at most N           or at least N; in TYPE, * ? [...] match parts of names\n"
	"    no object of type TYPE                  and: no object [of type TYPE] larger than N\n"
	"    threads at most N\n"
	"    gc enabled                              and gc.get_threshold()[0] is not 0\n"
	"    no gc debug flags                       gc.get_debug() is 0\n"
	"    no refcount finding                     what `refcounts` finds\n"
	"    no integrity finding                    what `verify` finds\n"
	"Bytes may have a unit: KiB, MiB, GiB or TiB.\n"
	"\n"
	"In messages {count}, {bytes}, {size} (the bytes with a unit), {limit} and {type} stand for what the check is\n"
	"about; with a query {count} is how many rows there are, and the names of columns stand for what is in\n"
	"the first row.\n"
	"\n"
	"The exit status is 1 if a rule of severity error is violated, whatever else is (--fail-on changes the\n"
	"severity); else 4 if a rule is unknown, because something could not be seen that may violate it; else 0.\n"
	"A wrong file of rules is a wrong call: 2.";

const struct verb verb_audit = {
	.info = {
		.name = "audit",
		.summary = "does the heap keep the rules of a file? for scripts",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.no_sql = true,
	.rows = "rows",
	.check = check,
	.run = run,
};
