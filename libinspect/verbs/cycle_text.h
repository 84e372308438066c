/* SPDX-License-Identifier: MIT */
/*
 * cycle_text.h - cycles as text: "Session.handler → Handler.session → Session".
 */
#ifndef INSPECT_VERBS_CYCLE_TEXT_H
#define INSPECT_VERBS_CYCLE_TEXT_H

#include "analysis/cycle.h"
#include "verbs/labels.h"

/* All texts are for the caller to free. */

/* @cycle as a line that ends where it begins; a long one is cut in the middle. */
struct inspect_error *cycle_text(struct labels *labels, const struct graph *graph, const struct cycle *cycle,
				 char **text_ret) __attribute__((warn_unused_result));
/* What of @cycle is in all cycles of @component: single references, "Session.handler, Handler.session"; if there is none,
 * references that all objects of a type have, "every Node.parent"; NULL if there is none of these, either. */
struct inspect_error *cycle_cut_text(struct labels *labels, const struct graph *graph,
				     const struct components *components, uint32_t component,
				     const struct cycle *cycle, char **text_ret) __attribute__((warn_unused_result));
/* The types of the objects of @component, the most frequent first: "2 dict, Handler, Session". */
struct inspect_error *component_types_text(const struct graph *graph, const struct components *components,
					   uint32_t component, char **text_ret) __attribute__((warn_unused_result));

#endif
