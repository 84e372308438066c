/* SPDX-License-Identifier: MIT */
/*
 * limits.c - the limits of the call at hand, and how far it is.
 */
#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/external.h"

__thread struct limits *limits_current;

/* Does this thread only work for the one that was called? */
static __thread bool is_worker;

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t inspect_deadline(double seconds)
{
	const double longest = 1e9; /* thirty years */
	return now() + (uint64_t)((seconds < longest ? seconds > 0 ? seconds : 0 : longest) * 1e9);
}

struct limits *limits_enter(struct limits *limits)
{
	struct limits *before = limits_current;
	limits_current = limits;
	if (limits && !before) {
		limits->began = now();
		limits->stop = LIMITS_GO_ON;
		limits->refused = 0;
		limits->external_most = limits->external;
		limits->external_error = 0;
		limits->what[0] = '\0';
	}
	return before;
}

void limits_leave(struct limits **before)
{
	limits_current = *before;
}

void limits_share(struct limits *limits)
{
	limits_current = limits;
	is_worker = true;
}

/* ---- progress ------------------------------------------------------------------------------------------ */

static void stop(struct limits *limits, enum limits_stop why)
{
	int none = LIMITS_GO_ON;
	__atomic_compare_exchange_n(&limits->stop, &none, why, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

bool progress_is_over(void)
{
	struct limits *limits = limits_current;
	if (!limits)
		return false;
	if (limits->allowed.deadline && now() >= limits->allowed.deadline)
		stop(limits, LIMITS_LATE);
	return __atomic_load_n(&limits->stop, __ATOMIC_RELAXED) != LIMITS_GO_ON;
}

bool progress_was_stopped(void)
{
	const struct limits *limits = limits_current;
	return limits && __atomic_load_n(&limits->stop, __ATOMIC_RELAXED) != LIMITS_GO_ON;
}

static void tell(struct limits *limits, const char *what, uint64_t done, uint64_t total)
{
	if (is_worker)
		return;
	snprintf(limits->what, sizeof(limits->what), "%s", what);
	limits->done = done;
	limits->total = total;
	if (limits->progress && !limits->progress(limits->progress_context, what, done, total))
		stop(limits, LIMITS_CANCELLED);
}

struct inspect_error *progress_report(const char *what, uint64_t done, uint64_t total)
{
	struct limits *limits = limits_current;
	if (!limits)
		return NULL;
	if (!progress_is_over())
		tell(limits, what, done, total);
	switch ((enum limits_stop)__atomic_load_n(&limits->stop, __ATOMIC_RELAXED)) {
	case LIMITS_GO_ON:
		break;
	case LIMITS_CANCELLED:
		return inspect_error_create(INSPECT_ERROR_CANCELLED, "cancelled");
	case LIMITS_LATE:
		return inspect_error_create(INSPECT_ERROR_LIMIT, "the time is over");
	}
	return NULL;
}

bool progress_must_end(const char *what, uint64_t done, uint64_t total)
{
	struct inspect_error *error INSPECT_ERROR_AUTO = progress_report(what, done, total);
	return error;
}

/* ---- saying which limit it was --------------------------------------------------------------------------- */

/* How far the call came: "finding objects: 45 % of 3204111". */
static void describe_progress(const struct limits *limits, char *text, size_t size)
{
	if (!limits->what[0])
		snprintf(text, size, "it had hardly begun");
	else if (limits->total)
		snprintf(text, size, "%s: %.0f %% of %" PRIu64, limits->what,
			 100.0 * (double)limits->done / (double)limits->total, limits->total);
	else
		snprintf(text, size, "%s: %" PRIu64 " so far", limits->what, limits->done);
}

static struct inspect_error *explain_time(const struct limits *limits)
{
	char progress[128];
	describe_progress(limits, progress, sizeof(progress));
	return inspect_error_create(INSPECT_ERROR_LIMIT,
				    "the time that --timeout allows is over, after %.1f s (%s); allow more, or ask for less",
				    (double)(now() - limits->began) / 1e9, progress);
}

enum { AMOUNT_SIZE = 32 };

/* "2.0 GiB" */
static const char *amount(uint64_t bytes, char *text)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int unit = 0;
	double number = (double)bytes;
	for (; number >= 1024; number /= 1024)
		unit++;
	snprintf(text, AMOUNT_SIZE, unit ? "%.1f %s" : "%.0f %s", number, units[unit]);
	return text;
}

/* What else could have been done about @limits: "; the temporary file in /var/tmp ...". */
static void describe_files(const struct limits *limits, char *text, size_t size)
{
	char refused[AMOUNT_SIZE];
	const char *folder = external_folder(limits);
	text[0] = '\0';
	if (limits->external_error)
		snprintf(text, size, "; a temporary file in %s could not take %s: %s", folder ? folder : "?",
			 amount(limits->external_refused, refused), strerror(limits->external_error));
	else if (!folder && !limits->allowed.temporary_directory)
		snprintf(text, size, "; there is no folder on a disk for temporary files, in TMPDIR or /var/tmp");
}

/* @cause (may be NULL) may say what the memory was for. */
static struct inspect_error *explain_memory(const struct limits *limits, const struct inspect_error *cause)
{
	char progress[128], allowed[AMOUNT_SIZE], held[AMOUNT_SIZE], refused[AMOUNT_SIZE], files[512];
	describe_progress(limits, progress, sizeof(progress));
	describe_files(limits, files, sizeof(files));
	bool telling = cause && inspect_error_kind(cause) == INSPECT_ERROR_NO_MEMORY && cause != &inspect_error_no_memory;
	return inspect_error_create(INSPECT_ERROR_LIMIT,
				    "this takes more memory than --max-memory allows: of %s %s were in use and %s more were "
				    "needed to go on (%s%s%s)%s; allow more, %sor ask for less",
				    amount(limits->allowed.max_memory, allowed),
				    amount(limits->held > 0 ? (uint64_t)limits->held : 0, held),
				    amount(limits->refused, refused), progress, telling ? ": " : "",
				    telling ? inspect_error_message(cause) : "", files,
				    files[0] ? "name another folder with --temporary-directory, " : "");
}

bool limits_were_reached(void)
{
	const struct limits *limits = limits_current;
	return limits && (limits->stop == LIMITS_LATE || limits->refused);
}

/* Who was refused memory or found itself out of time may have said anything, or nothing at all. */
struct inspect_error *limits_explain(struct inspect_error *error)
{
	const struct limits *limits = limits_current;
	if (!limits_were_reached() || (error && inspect_error_kind(error) == INSPECT_ERROR_USAGE))
		return error;
	struct inspect_error *cause INSPECT_ERROR_AUTO = error;
	return limits->refused ? explain_memory(limits, cause) : explain_time(limits);
}

/* ---- temporary files --------------------------------------------------------------------------------------- */

void limits_count_external(int64_t size)
{
	struct limits *limits = limits_current;
	if (!limits)
		return;
	int64_t now_there = __atomic_add_fetch(&limits->external, size, __ATOMIC_RELAXED);
	int64_t most = __atomic_load_n(&limits->external_most, __ATOMIC_RELAXED);
	while (now_there > most && !__atomic_compare_exchange_n(&limits->external_most, &most, now_there, true,
								__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void limits_note_external(int number, uint64_t size)
{
	struct limits *limits = limits_current;
	int none = 0;
	if (limits && __atomic_compare_exchange_n(&limits->external_error, &none, number, false, __ATOMIC_RELAXED,
						  __ATOMIC_RELAXED))
		limits->external_refused = size;
}

struct inspect_error *limits_note_files(struct notes *notes)
{
	const struct limits *limits = limits_current;
	char size[AMOUNT_SIZE];
	if (!limits || limits->external_most <= 0)
		return NULL;
	const char *folder = external_folder(limits);
	return notes_add(notes, false,
			 "memory was short: %s were in temporary files in %s; that takes longer, and nothing is missing for it",
			 amount((uint64_t)limits->external_most, size), folder ? folder : "?");
}
