/* SPDX-License-Identifier: MIT */
/*
 * audit.c - deciding rules: which check is whose, what its limit says, and what could not be seen.
 */
#include "audit/audit.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/message.h"
#include "base/array.h"
#include "base/error.h"
#include "runtime/runtime.h"
#include "target/target.h"
#include "verbs/verdicts.h"

void audit_deinit(struct audit *audit)
{
	unreachable_deinit(&audit->unreachable);
	notes_deinit(&audit->unreachable_notes);
	*audit = (struct audit){ 0 };
}

/* ---- what is found once ------------------------------------------------------------------------------ */

/* What there is of @context is for this alone, but for its notes. */
static struct inspect_error *find_unreachable(struct audit *audit, struct verb_context *context)
{
	struct inspect_error *error = verb_counted_graph_of(context, &audit->graph);
	return error ? error : verdicts_find(context, audit->graph, audit->graph->heap, &audit->unreachable);
}

struct inspect_error *decision_unreachable(struct decision *decision, struct unreachable **unreachable_ret)
{
	struct audit *audit = decision->audit;
	if (!audit->unreachable.verdict) {
		struct verb_context context = decision->context;
		context.notes = (struct notes){ 0 };
		struct inspect_error *error = find_unreachable(audit, &context);
		notes_deinit(&audit->unreachable_notes);
		audit->unreachable_notes = context.notes;
		if (error)
			return error;
	}
	*unreachable_ret = &audit->unreachable;
	return notes_add_all(&decision->context.notes, &audit->unreachable_notes);
}

/* @name as a pattern: * for each part that is hidden (doc/secrets.md). *@hidden_ret: is any? For the caller to free. */
static char *pattern_of(const char *name, bool *hidden_ret)
{
	static const char class[] = "<class at ", ellipsis[] = "…";
	char *pattern = strdup(name), *to = pattern;
	*hidden_ret = false;
	while (pattern && *name) {
		size_t size = strncmp(name, ellipsis, strlen(ellipsis)) == 0 ? strlen(ellipsis) :
			      strncmp(name, class, strlen(class)) == 0	      ? strcspn(name, ">") :
										0;
		*hidden_ret |= size > 0;
		*to++ = size ? '*' : *name;
		name += size ? size + (name[size] == '>') : 1;
	}
	if (pattern)
		*to = '\0';
	return pattern;
}

/* Is @name hidden, and may it be one that @type (NULL: a query) means? *@hidden_ret says so. */
static struct inspect_error *may_be_hidden(const char *name, const char *type, bool *hidden_ret)
{
	char *pattern AUTO_FREE = pattern_of(name, hidden_ret);
	if (!pattern)
		return &inspect_error_no_memory;
	if (*hidden_ret && type && !strpbrk(type, "*?["))
		*hidden_ret = fnmatch(pattern, type, 0) == 0;
	return NULL;
}

struct inspect_error *decision_note_hidden(struct decision *decision, const struct runtime *runtime, const bool *used)
{
	struct inspect_error *error = NULL;
	size_t count = 0;
	for (size_t i = 0; runtime->redacted && i < runtime->type_count && !error; i++) {
		bool hidden = false;
		if (used && !used[i])
			continue;
		error = may_be_hidden(runtime->types[i].name, decision->rule->check.type, &hidden);
		count += !error && hidden;
	}
	if (error || !count)
		return error;
	return notes_add(&decision->context.notes, true,
			 "rule %s goes by the names of types, and --redact hides those of %zu types that it may be about",
			 decision->rule->name, count);
}

/* ---- limits ------------------------------------------------------------------------------------------ */

void decide_by_limit(struct decision *decision, uint64_t found)
{
	const struct check *check = &decision->rule->check;
	struct outcome *outcome = decision->outcome;
	outcome->measured = true;
	outcome->found = found > INT64_MAX ? INT64_MAX : (int64_t)found;
	bool holds = check->comparison == CHECK_AT_MOST ? found <= check->limit : found >= check->limit;
	outcome->result = holds ? OUTCOME_OK : OUTCOME_VIOLATED;
}

/* Something is missing, so there may be more than was found. Does the result stand whatever that is? What is too much already
 * is too much, and what is enough is enough. But a reference whose holder was not seen looks like one that leaked. */
static bool stands_if_incomplete(const struct rule *rule, enum outcome_result result)
{
	if (rule->check.subject == CHECK_REFCOUNTS)
		return false;
	return rule->check.comparison == CHECK_AT_MOST ? result == OUTCOME_VIOLATED : result == OUTCOME_OK;
}

static const char *first_incomplete(const struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		if (notes->items[i].incomplete)
			return notes->items[i].text;
	return NULL;
}

/* Makes the result unknown, because of @reason. */
static struct inspect_error *leave_undecided(struct outcome *outcome, const char *reason)
{
	outcome->result = OUTCOME_UNKNOWN;
	free(outcome->message);
	outcome->message = strdup(reason);
	return outcome->message ? NULL : &inspect_error_no_memory;
}

/* ---- messages ---------------------------------------------------------------------------------------- */

struct outcome_names {
	struct message_names names;
	const struct outcome *outcome;
};

static const char *find_outcome_name(const struct message_names *names, const char *name, size_t length)
{
	const struct outcome *outcome = ((const struct outcome_names *)names)->outcome;
	for (size_t i = 0; i < outcome->name_count; i++)
		if (strlen(outcome->names[i].name) == length && memcmp(outcome->names[i].name, name, length) == 0)
			return outcome->names[i].value;
	return NULL;
}

/* The limit as it is written. */
static const char *limit_text(const struct rule *rule)
{
	static const char *const comparisons[] = { " at most ", " at least " };
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++) {
		const char *found = strstr(rule->check_text, comparisons[i]);
		if (found)
			return found + strlen(comparisons[i]);
	}
	return "0";
}

static struct inspect_error *fill_in_message(const struct rule *rule, struct outcome *outcome)
{
	const struct outcome_names names = { { find_outcome_name }, outcome };
	struct inspect_error *error = outcome_name(outcome, "limit", limit_text(rule));
	if (!error && rule->check.type)
		error = outcome_name(outcome, "type", rule->check.type);
	return error ? error : message_expand(rule->message, &names.names, &outcome->message);
}

/* ---- one rule ---------------------------------------------------------------------------------------- */

static struct inspect_error *(*const checks[CHECK_SUBJECTS])(struct decision *) = {
	[CHECK_UNREACHABLE_OBJECTS] = decide_amount,
	[CHECK_UNREACHABLE_BYTES] = decide_amount,
	[CHECK_RECLAIMABLE_OBJECTS] = decide_amount,
	[CHECK_RECLAIMABLE_BYTES] = decide_amount,
	[CHECK_HEAP_OBJECTS] = decide_amount,
	[CHECK_HEAP_BYTES] = decide_amount,
	[CHECK_TYPE_COUNT] = decide_amount,
	[CHECK_TYPE_BYTES] = decide_amount,
	[CHECK_NO_OBJECT] = decide_no_object,
	[CHECK_THREADS] = decide_threads,
	[CHECK_QUERY] = decide_query,
	[CHECK_UNCOLLECTABLE_OBJECTS] = decide_query,
	[CHECK_GC_ENABLED] = decide_collectors,
	[CHECK_GC_DEBUG] = decide_collectors,
	[CHECK_REFCOUNTS] = decide_query,
	[CHECK_INTEGRITY] = decide_query,
};

/* Does an error of this kind end the audit? All others leave one rule undecided. */
static bool ends_audit(const struct inspect_error *error)
{
	enum inspect_error_kind kind = inspect_error_kind(error);
	return kind == INSPECT_ERROR_NO_MEMORY || kind == INSPECT_ERROR_LIMIT || kind == INSPECT_ERROR_CANCELLED ||
	       kind == INSPECT_ERROR_USAGE;
}

static struct inspect_error *conclude(struct decision *decision)
{
	struct outcome *outcome = decision->outcome;
	const char *reason = first_incomplete(&decision->context.notes);
	if (reason && !stands_if_incomplete(decision->rule, outcome->result))
		return leave_undecided(outcome, reason);
	return outcome->result == OUTCOME_VIOLATED ? fill_in_message(decision->rule, outcome) : NULL;
}

/* The check failed: that is why the rule is undecided. Takes @error over. */
static struct inspect_error *conclude_failure(struct decision *decision, struct inspect_error *error)
{
	struct inspect_error *told = notes_add(&decision->context.notes, true, "rule %s cannot be decided: %s",
					       decision->rule->name, inspect_error_message(error));
	if (!told)
		told = leave_undecided(decision->outcome, inspect_error_message(error));
	inspect_error_destroy(error);
	return told;
}

struct inspect_error *audit_decide(struct audit *audit, const struct rule *rule, struct outcome *outcome)
{
	*outcome = (struct outcome){ .keep = audit->keep };
	struct decision decision = { audit, rule, outcome, *audit->context };
	decision.context.notes = (struct notes){ 0 };
	struct inspect_error *error = notes_add_all(&decision.context.notes, &verb_target(audit->context)->notes);
	if (!error)
		error = checks[rule->check.subject](&decision);
	if (!error)
		error = conclude(&decision);
	else if (!ends_audit(error))
		error = conclude_failure(&decision, error);
	outcome->notes = decision.context.notes;
	if (error)
		outcome_deinit(outcome);
	return error;
}
