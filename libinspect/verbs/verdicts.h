/* SPDX-License-Identifier: MIT */
/*
 * verdicts.h - what a collection would find, as the verbs about garbage ask for it.
 */
#ifndef INSPECT_VERBS_VERDICTS_H
#define INSPECT_VERBS_VERDICTS_H

#include "analysis/unreachable.h"
#include "verbs/verb.h"

/* The options that say what collections look at; not all verbs have all. */
#define VERDICT_GENERATION_OPTION \
	{ "generation", "GENERATION", "what gc.collect(GENERATION) would find; default: 2, a full collection", "0|1|2" }
#define VERDICT_INTERPRETER_OPTION \
	{ "interpreter", "ID", "only what the collector of this interpreter would find; may be repeated", NULL }
#define VERDICT_GUESSES "believe-guesses"
#define VERDICT_GUESSES_OPTION \
	{ VERDICT_GUESSES, NULL, "take references found by a scan for true", NULL }

/* Finds what collections as the options say would find unreachable, and notes how certain that is. @graph is
 * verb_counted_graph_of(), and @heap its heap. */
struct inspect_error *verdicts_find(struct verb_context *context, const struct graph *graph, struct heap *heap,
				    struct unreachable *unreachable) __attribute__((warn_unused_result));

#endif
