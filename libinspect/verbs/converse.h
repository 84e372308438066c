/* SPDX-License-Identifier: MIT */
/*
 * converse.h - verbs that answer several times in one call.
 */
#ifndef INSPECT_VERBS_CONVERSE_H
#define INSPECT_VERBS_CONVERSE_H

#include "inspect.h"

struct options;
struct verb;

/* Runs @verb once with @options, as inspect_session_run() does, with the limits of such a call for itself. */
enum inspect_exit session_answer(struct inspect_session *session, const struct verb *verb, const struct options *options,
				 const struct inspect_output *output);
/* Says an error of the caller's, @text. */
void session_say_error(const struct inspect_output *output, const char *text);

/* sql_prompt.c: the verb's `converse`. */
enum inspect_exit sql_converse(struct inspect_session *session, const struct options *options,
			       const struct inspect_output *output);

#endif
