/* SPDX-License-Identifier: MIT */
/*
 * session.c - running verbs on a target, and remembering what was found out about it.
 */
#include "verbs/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "runtime/runtime.h"
#include "sql/sql.h"
#include "target/target.h"
#include "verbs/converse.h"
#include "verbs/emit.h"
#include "verbs/options.h"
#include "verbs/table.h"
#include "verbs/verb.h"

struct inspect_session *inspect_session_create(struct inspect_target *target)
{
	LIMITS_ENTER(&target->limits);
	struct inspect_session *session = calloc(1, sizeof(*session));
	if (!session) {
		inspect_target_close(target);
		return NULL;
	}
	session->target = target;
	return session;
}

static void found_deinit(struct found *found)
{
	notes_deinit(&found->notes);
	inspect_error_destroy(found->error);
}

/* Forgets the runtime and all that was found out about it. */
static void forget(struct inspect_session *session)
{
	sql_database_close(session->database);
	found_deinit(&session->tracked_found);
	found_deinit(&session->tally_found);
	found_deinit(&session->unheld_found);
	found_deinit(&session->heap_found);
	found_deinit(&session->columns_found);
	found_deinit(&session->sizes_found);
	found_deinit(&session->graph_found);
	tally_deinit(&session->tally);
	graph_deinit(&session->unheld_graph);
	heap_deinit(&session->unheld_heap);
	graph_deinit(&session->graph);
	heap_deinit(&session->heap);
	heap_deinit(&session->tracked);
	runtime_detach(session->runtime);
	inspect_error_destroy(session->no_runtime);
	free(session->wanted_runtime);
	*session = (struct inspect_session){ .target = session->target };
}

void inspect_session_destroy(struct inspect_session *session)
{
	if (!session)
		return;
	forget(session);
	inspect_target_close(session->target);
	free(session);
}

static bool is_same(const char *name, const char *other)
{
	return name && other ? strcmp(name, other) == 0 : name == other;
}

/* The verb that comes wants the runtime of the adapter called @name, or any; @redacted: without values. What is redacted is
 * so from the ground up, and forgotten when a verb comes that is not. */
static struct inspect_error *choose_runtime(struct inspect_session *session, const char *name, bool redacted)
{
	if (is_same(name, session->wanted_runtime) && redacted == session->target->redacted)
		return NULL;
	forget(session);
	session->target->redacted = redacted;
	session->wanted_runtime = name ? strdup(name) : NULL;
	return name && !session->wanted_runtime ? &inspect_error_no_memory : NULL;
}

/* ---- what is found once ---------------------------------------------------------------------------- */

/* Would the same attempt fail again? */
static bool is_lasting(const struct inspect_error *error)
{
	enum inspect_error_kind kind = inspect_error_kind(error);
	return kind != INSPECT_ERROR_CANCELLED && kind != INSPECT_ERROR_NO_MEMORY && kind != INSPECT_ERROR_LIMIT &&
	       !progress_is_over();
}

/* Keeps a lasting error in *@kept and returns another one like it. */
static struct inspect_error *keep_error(struct inspect_error *error, struct inspect_error **kept)
{
	if (!is_lasting(error))
		return error;
	*kept = error;
	return inspect_error_create(inspect_error_kind(error), "%s", inspect_error_message(error));
}

static struct inspect_error *repeat_error(const struct inspect_error *kept)
{
	return inspect_error_create(inspect_error_kind(kept), "%s", inspect_error_message(kept));
}

struct inspect_target *verb_target(const struct verb_context *context)
{
	return context->session->target;
}

struct inspect_error *verb_runtime(struct verb_context *context, struct runtime **runtime_ret)
{
	struct inspect_session *session = context->session;
	if (session->no_runtime)
		return repeat_error(session->no_runtime);
	if (!session->runtime) {
		struct inspect_error *error = runtime_attach(session->target, session->wanted_runtime, &session->runtime);
		if (error)
			return keep_error(error, &session->no_runtime);
	}
	*runtime_ret = session->runtime;
	return notes_add_all(&context->notes, &session->runtime->notes);
}

static struct inspect_error *make_tally(struct inspect_session *session, struct notes *notes)
{
	struct inspect_error *error = discover_and_tally(session->runtime, &session->tally, notes);
	if (!session->tally.sound)
		notes_deinit(notes); /* who finds objects one by one will say it again */
	return error;
}

static struct inspect_error *make_unheld(struct inspect_session *session, struct notes *notes)
{
	struct inspect_error *error = graph_build_unheld(session->runtime, &session->unheld_heap, &session->unheld_graph,
							 notes, &session->unheld_sound);
	if (!error && session->unheld_sound)
		error = heap_note_damage(&session->unheld_heap, notes);
	if (!session->unheld_sound)
		notes_deinit(notes);
	return error;
}

static struct inspect_error *make_tracked(struct inspect_session *session, struct notes *notes)
{
	struct inspect_error *error = heap_build(session->runtime, &session->tracked, notes);
	if (!error)
		error = heap_find_sizes(&session->tracked, notes);
	if (!error)
		error = heap_note_damage(&session->tracked, notes);
	if (error)
		heap_deinit(&session->tracked);
	return error;
}

static struct inspect_error *make_heap(struct inspect_session *session, struct notes *notes)
{
	return graph_find_objects(session->runtime, &session->heap, &session->graph, notes);
}

/* And the columns that come with the references, if those are not there. */
static struct inspect_error *make_columns(struct inspect_session *session, struct notes *notes)
{
	struct inspect_error *error = heap_fill(&session->heap);
	return error ? error : heap_note_damage(&session->heap, notes);
}

static struct inspect_error *make_sizes(struct inspect_session *session, struct notes *notes)
{
	struct inspect_error *error = heap_fill(&session->heap);
	if (!error)
		error = heap_find_sizes(&session->heap, notes);
	return error ? error : heap_note_damage(&session->heap, notes);
}

static struct inspect_error *make_graph(struct inspect_session *session, struct notes *notes)
{
	struct inspect_error *error = graph_find_references(&session->graph, notes);
	return error ? error : heap_note_damage(&session->heap, notes);
}

/* Makes what @found is about, unless it is there. Its notes join the answer's. */
static struct inspect_error *find_once(struct verb_context *context, struct found *found,
				       struct inspect_error *(*make)(struct inspect_session *session,
								     struct notes *notes))
{
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(context, &runtime);
	if (error)
		return error;
	if (found->error)
		return repeat_error(found->error);
	if (!found->made) {
		notes_deinit(&found->notes);
		error = make(context->session, &found->notes);
		if (error)
			return keep_error(error, &found->error);
		found->made = true;
	}
	return notes_add_all(&context->notes, &found->notes);
}

bool verb_is_first(const struct verb_context *context)
{
	struct inspect_session *session = context->session;
	bool first = !session->asked_for_path && !session->heap_found.made;
	session->asked_for_path = true;
	return first;
}

struct inspect_error *verb_tally_of(struct verb_context *context, const struct tally **tally_ret)
{
	struct inspect_session *session = context->session;
	*tally_ret = NULL;
	if (session->sizes_found.made)
		return NULL;
	struct inspect_error *error = find_once(context, &session->tally_found, make_tally);
	if (!error && session->tally.sound)
		*tally_ret = &session->tally;
	return error;
}

struct inspect_error *verb_unheld_of(struct verb_context *context, struct graph **graph_ret)
{
	struct inspect_session *session = context->session;
	*graph_ret = NULL;
	if (session->graph_found.made)
		return NULL;
	struct inspect_error *error = find_once(context, &session->unheld_found, make_unheld);
	if (!error && session->unheld_sound)
		*graph_ret = &session->unheld_graph;
	return error;
}

struct inspect_error *verb_tracked_of(struct verb_context *context, struct heap **heap_ret)
{
	if (context->session->heap_found.made)
		return verb_heap_of(context, heap_ret);
	*heap_ret = &context->session->tracked;
	return find_once(context, &context->session->tracked_found, make_tracked);
}

struct inspect_error *verb_objects_of(struct verb_context *context, struct heap **heap_ret)
{
	*heap_ret = &context->session->heap;
	struct inspect_error *error = find_once(context, &context->session->heap_found, make_heap);
	return error ? error : find_once(context, &context->session->columns_found, make_columns);
}

struct inspect_error *verb_heap_of(struct verb_context *context, struct heap **heap_ret)
{
	*heap_ret = &context->session->heap;
	struct inspect_error *error = find_once(context, &context->session->heap_found, make_heap);
	return error ? error : find_once(context, &context->session->sizes_found, make_sizes);
}

struct inspect_error *verb_graph_of(struct verb_context *context, struct graph **graph_ret)
{
	*graph_ret = &context->session->graph;
	struct inspect_error *error = find_once(context, &context->session->heap_found, make_heap);
	return error ? error : find_once(context, &context->session->graph_found, make_graph);
}

struct inspect_error *verb_counted_graph_of(struct verb_context *context, struct graph **graph_ret)
{
	struct inspect_session *session = context->session;
	*graph_ret = &session->graph;
	struct inspect_error *error = find_once(context, &session->heap_found, make_heap);
	if (!error)
		error = heap_want_refcounts(&session->heap);
	return error ? error : find_once(context, &session->graph_found, make_graph);
}

/* ---- runs ------------------------------------------------------------------------------------------ */

/* "error: @text" as one message; what the target made of it is escaped. */
static void say(const struct inspect_output *output, const char *head, const char *text)
{
	char *safe AUTO_FREE = text_safe(text);
	char *line AUTO_FREE = NULL;
	int length = safe ? asprintf(&line, "%s: %s\n", head, safe) : -1;
	if (length >= 0)
		output->write_message(output->context, line, (size_t)length);
	else
		output->write_message(output->context, "error: out of memory\n",
				      strlen("error: out of memory\n"));
}

static void say_notes(const struct inspect_output *output, const struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		say(output, notes->items[i].incomplete ? "incomplete" : "note", notes->items[i].text);
}

/* @answered: some of the answer has been given. */
static enum inspect_exit exit_of(const struct inspect_error *error, bool answered)
{
	switch (inspect_error_kind(error)) {
	case INSPECT_ERROR_USAGE:
		return INSPECT_EXIT_USAGE;
	case INSPECT_ERROR_CANCELLED:
		return INSPECT_EXIT_INCOMPLETE;
	case INSPECT_ERROR_LIMIT:
		return answered ? INSPECT_EXIT_INCOMPLETE : INSPECT_EXIT_UNUSABLE;
	default:
		return INSPECT_EXIT_UNUSABLE;
	}
}

/* Says @error, which it frees. */
static enum inspect_exit fail(const struct inspect_output *output, struct inspect_error *error, bool answered)
{
	enum inspect_exit status = exit_of(error, answered);
	say(output, "error", inspect_error_message(error));
	inspect_error_destroy(error);
	return status;
}

/* Notes and errors say where a heap is damaged by what stands there. */
static struct inspect_error *redact_notes(struct verb_context *context)
{
	for (size_t i = 0; i < context->notes.count; i++) {
		char *text = table_redact_text(verb_target(context), context->notes.items[i].text);
		if (!text)
			return &inspect_error_no_memory;
		free(context->notes.items[i].text);
		context->notes.items[i].text = text;
	}
	return NULL;
}

static struct inspect_error *redact_error(struct verb_context *context, struct inspect_error *error)
{
	char *text AUTO_FREE = error ? table_redact_text(verb_target(context), inspect_error_message(error)) : NULL;
	if (!text || inspect_error_kind(error) == INSPECT_ERROR_NO_MEMORY)
		return error;
	struct inspect_error *redacted = inspect_error_create(inspect_error_kind(error), "%s", text);
	inspect_error_destroy(error);
	return redacted;
}

/* Runs the verb and writes all of its answer. A verb that was called wrongly writes nothing. */
static struct inspect_error *answer(struct verb_context *context)
{
	struct inspect_error *error = notes_add_all(&context->notes, &verb_target(context)->notes);
	if (!error)
		error = context->table->verb->run(context);
	error = limits_explain(error);
	if (error && inspect_error_kind(error) == INSPECT_ERROR_USAGE)
		return error;
	struct inspect_error *files_error = limits_note_files(&context->notes);
	if (error)
		inspect_error_destroy(files_error);
	else
		error = files_error;
	if (verb_target(context)->redacted) {
		error = redact_error(context, error);
		struct inspect_error *notes_error = redact_notes(context);
		error = error ? error : notes_error;
	}
	const struct table_end end = { .error = error, .notes = &context->notes };
	struct inspect_error *end_error = limits_explain(table_end(context->table, &end));
	if (!error)
		return end_error;
	inspect_error_destroy(end_error);
	return error;
}

/* A finding is certain, whatever else could not be seen. */
static enum inspect_exit exit_of_answer(const struct verb_context *context)
{
	if (context->finding)
		return INSPECT_EXIT_FINDING;
	return notes_incomplete(&context->notes) ? INSPECT_EXIT_INCOMPLETE : INSPECT_EXIT_OK;
}

/* Says the @error that an answer ended with, which it frees. */
static enum inspect_exit fail_answer(const struct verb_context *context, const struct inspect_output *output,
				     struct inspect_error *error)
{
	bool limited = inspect_error_kind(error) == INSPECT_ERROR_LIMIT;
	enum inspect_exit status = fail(output, error, context->table->total.rows > 0);
	return limited && context->finding ? INSPECT_EXIT_FINDING : status;
}

static enum inspect_exit run_verb(struct inspect_session *session, const struct verb *verb,
				  const struct options *options, const struct inspect_output *output)
{
	struct verb_context context = { .session = session, .options = options };
	struct inspect_error *error = choose_runtime(session, option_argument(options, "runtime"),
						     option_flag(options, "redact"));
	if (!error)
		error = table_create(verb, options, session->target, output, &context.table);
	if (error)
		return fail(output, limits_explain(error), false);
	error = answer(&context);
	enum inspect_exit status = exit_of_answer(&context);
	if (context.table->emitter.closed) {
		/* Who closed the output has what it wanted. */
		inspect_error_destroy(error);
		status = context.finding ? INSPECT_EXIT_FINDING : INSPECT_EXIT_OK;
	} else {
		say_notes(output, &context.notes);
		if (error)
			status = fail_answer(&context, output, error);
	}
	table_destroy(context.table);
	notes_deinit(&context.notes);
	return status;
}

void session_say_error(const struct inspect_output *output, const char *text)
{
	say(output, "error", text);
}

static struct inspect_error *unknown_verb(const char *name)
{
	const char *nearest = verb_nearest(name);
	return inspect_error_create(INSPECT_ERROR_USAGE,
				    "there is no verb '%s'%s%s%s; `py-inspect --help` lists them", name,
				    nearest ? "; did you mean " : "", nearest ? nearest : "",
				    nearest ? "?" : "");
}

/* The verb that @arguments call, and its options. On an error *@options is empty. */
static struct inspect_error *parse_call(int count, const char *const *arguments, const struct verb **verb_ret,
					struct options *options)
{
	*options = (struct options){ 0 };
	*verb_ret = count > 0 ? verb_find(arguments[0]) : NULL;
	if (!*verb_ret)
		return unknown_verb(count > 0 ? arguments[0] : "");
	struct inspect_error *error = options_parse(&(*verb_ret)->info, count - 1, arguments + 1, options);
	if (!error && (*verb_ret)->check && !option_flag(options, "help"))
		error = (*verb_ret)->check(options);
	if (error)
		options_deinit(options);
	return error;
}

enum inspect_exit inspect_check_call(int count, const char *const *arguments,
				     const struct inspect_output *output)
{
	const struct verb *verb;
	struct options options;
	struct inspect_error *error = parse_call(count, arguments, &verb, &options);
	options_deinit(&options);
	return error ? fail(output, error, false) : INSPECT_EXIT_OK;
}

/* ---- limits ---------------------------------------------------------------------------------------- */

/* What the options of a call allow, from now on. They have been checked. */
static struct inspect_limits limits_asked(const struct options *options)
{
	struct inspect_limits limits = { 0 };
	double seconds = 0;
	inspect_error_destroy(option_number(options, "max-memory", 0, &limits.max_memory));
	limits.temporary_directory = option_argument(options, "temporary-directory");
	inspect_error_destroy(option_seconds(options, "timeout", &seconds));
	if (seconds > 0)
		limits.deadline = inspect_deadline(seconds);
	return limits;
}

/* The smaller of two numbers of which 0 is none. */
static uint64_t smaller(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static struct inspect_limits tighter(const struct inspect_limits *a, const struct inspect_limits *b)
{
	return (struct inspect_limits){
		.max_memory = smaller(a->max_memory, b->max_memory),
		.deadline = smaller(a->deadline, b->deadline),
		.temporary_directory = b->temporary_directory ? b->temporary_directory : a->temporary_directory,
	};
}

struct inspect_limits inspect_call_limits(int count, const char *const *arguments)
{
	const struct verb *verb;
	struct options options;
	struct inspect_error *error INSPECT_ERROR_AUTO = parse_call(count, arguments, &verb, &options);
	const struct inspect_limits limits = error ? (struct inspect_limits){ 0 } : limits_asked(&options);
	options_deinit(&options);
	return limits;
}

void inspect_session_set_limits(struct inspect_session *session, const struct inspect_limits *limits)
{
	session->target->limits.allowed = *limits;
}

/* ---- the public functions --------------------------------------------------------------------------- */

enum inspect_exit session_answer(struct inspect_session *session, const struct verb *verb, const struct options *options,
				 const struct inspect_output *output)
{
	struct limits *limits = &session->target->limits;
	const struct inspect_limits of_session = limits->allowed, of_call = limits_asked(options);
	LIMITS_ENTER(limits);
	limits->allowed = tighter(&of_session, &of_call);
	if (!memory_has_room())
		forget(session);
	enum inspect_exit status = run_verb(session, verb, options, output);
	if (limits_were_reached()) /* so what was found out may be less than there is */
		forget(session);
	limits->allowed = of_session;
	return status;
}

enum inspect_exit inspect_session_run(struct inspect_session *session, int count,
				      const char *const *arguments, const struct inspect_output *output)
{
	const struct verb *verb;
	struct options options;
	struct inspect_error *error = parse_call(count, arguments, &verb, &options);
	if (error)
		return fail(output, error, false);
	enum inspect_exit status = INSPECT_EXIT_OK;
	if (option_flag(&options, "help"))
		inspect_verb_help(verb->info.name, output);
	else if (verb->converse)
		status = verb->converse(session, &options, output);
	else
		status = session_answer(session, verb, &options, output);
	options_deinit(&options);
	return status;
}
