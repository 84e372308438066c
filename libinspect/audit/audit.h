/* SPDX-License-Identifier: MIT */
/*
 * audit.h - deciding rules.
 *
 * What several rules are about (what is unreachable, say) is found out once. A rule that cannot be decided keeps none of the
 * others from being decided.
 */
#ifndef INSPECT_AUDIT_AUDIT_H
#define INSPECT_AUDIT_AUDIT_H

#include "analysis/unreachable.h"
#include "audit/outcome.h"
#include "audit/rules.h"
#include "verbs/verb.h"

struct audit {
	struct verb_context *context;
	uint64_t keep; /* how many violations of each rule are wanted */
	struct graph *graph;
	struct unreachable unreachable; /* verdict: NULL until it is asked for */
	struct notes unreachable_notes;
};

/* Are all queries of @rules such as can be asked? If not, an error of the kind INSPECT_ERROR_USAGE says which one, and what is
 * wrong. */
struct inspect_error *audit_check_queries(struct audit *audit, const struct rules *rules)
	__attribute__((warn_unused_result));
/* Decides @rule. An error ends the audit: there is no memory or no runtime, or it was cancelled. Otherwise the caller gives
 * @outcome to outcome_deinit(). */
struct inspect_error *audit_decide(struct audit *audit, const struct rule *rule, struct outcome *outcome)
	__attribute__((warn_unused_result));
void audit_deinit(struct audit *audit);

/* ---- for the files of the checks ---- */

/* What a check is decided with: notes go to the rule's outcome. */
struct decision {
	struct audit *audit;
	const struct rule *rule;
	struct outcome *outcome;
	struct verb_context context; /* a run of its own, as the functions of verb.h want it */
};

/* Counts objects, and compares their number or their bytes with the limit. */
struct inspect_error *decide_amount(struct decision *decision) __attribute__((warn_unused_result));
/* Finds the objects that there should not be. */
struct inspect_error *decide_no_object(struct decision *decision) __attribute__((warn_unused_result));
/* Looks at the state of each collector. */
struct inspect_error *decide_collectors(struct decision *decision) __attribute__((warn_unused_result));
struct inspect_error *decide_threads(struct decision *decision) __attribute__((warn_unused_result));
/* Asks a query whose rows are violations: the rule's own, or that of a ready-made check. */
struct inspect_error *decide_query(struct decision *decision) __attribute__((warn_unused_result));

/* Are there types whose names are hidden (--redact), and may the rule be about them? Then notes it. @used (NULL: all) has the
 * types that there may be objects of, by index. */
struct inspect_error *decision_note_hidden(struct decision *decision, const struct runtime *runtime, const bool *used)
	__attribute__((warn_unused_result));
/* The measured number is @found. Sets the result by the rule's limit. */
void decide_by_limit(struct decision *decision, uint64_t found);
/* What collections would find, with its notes. */
struct inspect_error *decision_unreachable(struct decision *decision, struct unreachable **unreachable_ret)
	__attribute__((warn_unused_result));

#endif
