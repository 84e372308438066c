/* SPDX-License-Identifier: MIT */
/*
 * limits.h - what a call of the library may use, time and memory, and whom it tells how far it is.
 *
 * The public functions enter the limits of their target; whatever runs below them, in that thread and in the workers that
 * it starts (threads.h), then finds them here, without having to know a target: memory through memory.h, time and Ctrl-C
 * by saying how far it is. A loop over what may be millions says so each few thousand turns:
 *
 *     for (uint32_t id = 0; id < count; id++) {
 *             struct inspect_error *error = progress_each("looking for cycles", id, count);
 *             if (error)
 *                     return error;
 *
 * which costs a test of a few bits as a rule. Between two reports there should never be more than a tenth of a second.
 */
#ifndef INSPECT_BASE_LIMITS_H
#define INSPECT_BASE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/notes.h"
#include "inspect.h"

/* Why the call at hand is to end. */
enum limits_stop {
	LIMITS_GO_ON,
	LIMITS_CANCELLED, /* the progress callback said so */
	LIMITS_LATE,      /* its time is over */
};

/* The limits of a target and what is used up. All zero: none. */
struct limits {
	struct inspect_limits allowed;
	inspect_progress_fn progress; /* may be NULL */
	void *progress_context;
	int64_t memory;   /* atomic: bytes held; memory.c counts */
	int64_t external; /* atomic: bytes in temporary files; external.c counts */
	/* Of the call at hand: */
	uint64_t began;   /* CLOCK_MONOTONIC, ns */
	int stop;         /* atomic: enum limits_stop */
	uint64_t refused; /* atomic: how many bytes were the first too many; 0: none were */
	int64_t held;     /* and what was held then */
	int64_t external_most;     /* atomic: the most bytes that were in temporary files */
	int external_error;        /* atomic: why a temporary file could not take an array, as of errno; 0: none was refused */
	uint64_t external_refused; /* and its bytes */
	/* How far it is, as its own thread said last; @what is "" at first. */
	char what[48];
	uint64_t done, total;
};

/* Those of the call that this thread works for, or NULL: there are none. */
extern __thread struct limits *limits_current __attribute__((tls_model("initial-exec")));

/* Makes @limits (may be NULL) those of this thread and returns those before; from outside of any call, a call begins. */
struct limits *limits_enter(struct limits *limits);
void limits_leave(struct limits **before);

/* For the rest of the block: LIMITS_ENTER(&target->limits); */
#define LIMITS_ENTER(of_target) \
	struct limits *limits_before __attribute__((cleanup(limits_leave), unused)) = limits_enter(of_target)

/* The error that a call ends with: @error (may be NULL), or which limit was reached, how much it would have taken and what
 * to do next. Takes @error over. */
struct inspect_error *limits_explain(struct inspect_error *error) __attribute__((warn_unused_result));

/* @size bytes more (or fewer) are in temporary files. */
void limits_count_external(int64_t size);
/* An array of @size bytes could not be put into a temporary file: @number is of errno. */
void limits_note_external(int number, uint64_t size);
/* Notes what was in temporary files during this call, if anything was. */
struct inspect_error *limits_note_files(struct notes *notes) __attribute__((warn_unused_result));

/* Was a limit reached in this call? */
bool limits_were_reached(void);

/* In a thread that was started for a call: @limits, which are the limits_current of who was called, are this thread's, too.
 * Nobody is told from here how far it is. */
void limits_share(struct limits *limits);

/* ---- progress ------------------------------------------------------------------------------------------ */

enum { PROGRESS_STEP = 1 << 13 }; /* items between two reports of a quick loop */

/* Says how far the work at hand is: @done of @total units (0: unknown). An error if it is to end: that it was cancelled, or
 * that its time is over. Any thread of the call may ask. */
struct inspect_error *progress_report(const char *what, uint64_t done, uint64_t total)
	__attribute__((warn_unused_result));

/* The same at each PROGRESS_STEP-th item, for loops over many. */
static inline struct inspect_error *progress_each(const char *what, uint64_t done, uint64_t total)
{
	return done % PROGRESS_STEP ? NULL : progress_report(what, done, total);
}

bool progress_must_end(const char *what, uint64_t done, uint64_t total);

/* The same for who cannot return an error: true if it is to end. Whoever called must ask again, then, and return the error. */
static inline bool progress_ends(const char *what, uint64_t done, uint64_t total)
{
	return done % PROGRESS_STEP == 0 && progress_must_end(what, done, total);
}

/* Has it been said that the call is to end? */
bool progress_was_stopped(void);
/* Is the call to end? Looks at the clock, and tells nobody. */
bool progress_is_over(void);

#endif
