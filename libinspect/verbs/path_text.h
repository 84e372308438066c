/* SPDX-License-Identifier: MIT */
/*
 * path_text.h - a path as a Python expression.
 */
#ifndef INSPECT_VERBS_PATH_TEXT_H
#define INSPECT_VERBS_PATH_TEXT_H

#include "analysis/path.h"
#include "verbs/labels.h"

/* Writes @path, which has steps, as people would write it in Python: "sys.modules['app'].cache['k'][3]". Where Python
 * has no words for a reference it is in angle brackets: "<cell>". *@text_ret is for the caller to free. */
struct inspect_error *path_text(struct labels *labels, const struct graph *graph, const struct path *path,
				char **text_ret) __attribute__((warn_unused_result));

/* Writes step *@index of @path, which need not begin with a root, as path_text() does: ".cache". Where that takes the
 * next step, too, *@index is then the index of that one. *@text_ret is for the caller to free. */
struct inspect_error *path_step_text(struct labels *labels, const struct graph *graph, const struct path *path,
				     size_t *index, char **text_ret) __attribute__((warn_unused_result));

/* What the reference of @step, which is not the first of its path, is called; for the caller to free. */
struct inspect_error *path_step_label(struct labels *labels, const struct graph *graph, const struct path_step *step,
				      char **text_ret) __attribute__((warn_unused_result));

/* How many steps at the beginning of @path lead to the place rather than into what is there: the root's object, and if
 * that leads to a module, the module and its attributes. */
struct inspect_error *path_place_steps(struct labels *labels, const struct graph *graph, const struct path *path,
				       size_t *count_ret) __attribute__((warn_unused_result));

#endif
