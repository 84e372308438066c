/* SPDX-License-Identifier: MIT */
/*
 * probe.c - verbs under limits, many times in one process, for test_limits.py.
 *
 *     probe gaps TARGET VERB [OPTION...]                  how long it was silent at most between two reports, and how long
 *                                                         it took: seconds of the processor
 *     probe timeouts COUNT SEED TARGET VERB [OPTION...]   opens and runs with COUNT random deadlines
 *     probe memory COUNT SEED TARGET VERB [OPTION...]     opens and runs with COUNT random limits of memory, without
 *                                                         temporary files
 *     probe files COUNT SEED TARGET VERB [OPTION...]      the same with them, for small arrays, too: in the
 *                                                         working folder
 *
 * Prints what it saw as one line of JSON. Answers within the limits must be byte for byte those without; others must end
 * with INSPECT_ERROR_LIMIT, in time, and say so. How late they are is told in seconds of the processor, too: what other
 * processes take of the time is not theirs.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "inspect.h"

extern size_t memory_external_least; /* base/memory.h, which would count what is allocated here */

static double seconds_of(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

/* What all threads of this process had. */
static double processor(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static uint64_t random_state;

static double random_fraction(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) / (double)(UINT64_C(1) << 53);
}

/* ---- what comes back ------------------------------------------------------------------------------------ */

struct answer {
	uint64_t size, hash; /* of all that was written */
	char message[1024];  /* the last one */
	enum inspect_exit status;
	double seconds, processor; /* how long it took; and processor() at its end */
};

static bool take(void *context, const char *text, size_t size)
{
	struct answer *answer = context;
	answer->size += size;
	for (size_t i = 0; i < size; i++)
		answer->hash = (answer->hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return true;
}

static bool take_message(void *context, const char *text, size_t size)
{
	struct answer *answer = context;
	snprintf(answer->message, sizeof(answer->message), "%.*s", (int)size, text);
	return true;
}

/* ---- silence -------------------------------------------------------------------------------------------- */

struct silence {
	double last, longest;
	char what[64], before[64], after[64];
};

static bool listen(void *context, const char *what, uint64_t done __attribute__((unused)),
		   uint64_t total __attribute__((unused)))
{
	struct silence *silence = context;
	double time = processor();
	if (time - silence->last > silence->longest) {
		silence->longest = time - silence->last;
		snprintf(silence->before, sizeof(silence->before), "%s", silence->what);
		snprintf(silence->after, sizeof(silence->after), "%s", what);
	}
	snprintf(silence->what, sizeof(silence->what), "%s", what);
	silence->last = time;
	return true;
}

/* ---- runs ----------------------------------------------------------------------------------------------- */

/* Opens @target and runs the verb within @limits. */
static struct answer run(const char *target_name, int count, char **arguments, const struct inspect_limits *limits,
			 struct silence *silence)
{
	struct answer answer = { .hash = UINT64_C(0xcbf29ce484222325) };
	const struct inspect_target_options options = {
		.limits = *limits, .progress = silence ? listen : NULL, .progress_context = silence,
	};
	const struct inspect_output output = { .write = take, .write_message = take_message, .context = &answer };
	double start = now();
	struct inspect_target *target;
	struct inspect_error *error = inspect_target_open(target_name, &options, &target);
	if (error) {
		snprintf(answer.message, sizeof(answer.message), "error: %s\n", inspect_error_message(error));
		answer.status = INSPECT_EXIT_UNUSABLE;
		inspect_error_destroy(error);
	} else {
		struct inspect_session *session = inspect_session_create(target);
		if (session)
			answer.status = inspect_session_run(session, count, (const char *const *)arguments, &output);
		answer.processor = processor(); /* giving memory back is not part of it */
		answer.seconds = now() - start;
		inspect_session_destroy(session);
	}
	if (!answer.seconds) {
		answer.processor = processor();
		answer.seconds = now() - start;
	}
	return answer;
}

static void fail(const char *problem, double limit, const struct answer *answer)
{
	fprintf(stderr, "%s: limit %g, took %g s, status %d, %llu bytes: %s\n", problem, limit, answer->seconds, answer->status,
		(unsigned long long)answer->size, answer->message);
	exit(1);
}

/* The answer without limits, which must be one. */
static struct answer run_whole(int count, char **arguments)
{
	const struct inspect_limits none = { 0 };
	const struct answer whole = run(arguments[0], count - 1, arguments + 1, &none, NULL);
	if (whole.status != INSPECT_EXIT_OK && whole.status != INSPECT_EXIT_FINDING)
		fail("no answer without a limit", 0, &whole);
	return whole;
}

/* Was this answer ended by a limit that the message calls @option? Anything but that or the whole answer is a failure. */
static bool was_limited(const struct answer *answer, const struct answer *whole, const char *option, double limit)
{
	if (!strstr(answer->message, option)) {
		if (answer->status != whole->status || answer->hash != whole->hash)
			fail("an answer that is neither whole nor limited", limit, answer);
		return false;
	}
	if (answer->status != INSPECT_EXIT_UNUSABLE && answer->status != INSPECT_EXIT_INCOMPLETE)
		fail("a wrong status", limit, answer);
	return true;
}

static int gaps(int count, char **arguments)
{
	const struct inspect_limits none = { 0 };
	double start = processor();
	struct silence silence = { .last = start };
	struct answer answer = run(arguments[0], count - 1, arguments + 1, &none, &silence);
	listen(&silence, "the end", 0, 0);
	printf("{\"seconds\": %.3f, \"status\": %d, \"silence\": %.3f, \"before\": \"%s\", \"after\": \"%s\"}\n",
	       answer.processor - start, answer.status, silence.longest, silence.before, silence.after);
	return 0;
}

/* processor() when the deadline was over. */
static volatile double processor_at_deadline;

static void note_deadline(int number __attribute__((unused)))
{
	processor_at_deadline = processor();
}

static void expect_deadline(double seconds)
{
	const struct itimerval timer = { .it_value = { (time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) + 1 } };
	processor_at_deadline = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

static int timeouts(int rounds, int count, char **arguments)
{
	const struct answer first = run_whole(count, arguments), whole = run_whole(count, arguments);
	const double usual = first.seconds < whole.seconds ? first.seconds : whole.seconds;
	double latest = 0, longest = 0;
	int limited = 0, begun = 0;
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = note_deadline, .sa_flags = SA_RESTART }, NULL);
	for (int i = 0; i < rounds; i++) {
		double seconds = random_fraction() * usual * 1.05;
		const struct inspect_limits limits = { .deadline = inspect_deadline(seconds) };
		expect_deadline(seconds);
		const struct answer answer = run(arguments[0], count - 1, arguments + 1, &limits, NULL);
		if (!was_limited(&answer, &whole, "--timeout", seconds))
			continue;
		limited++;
		begun += answer.status == INSPECT_EXIT_INCOMPLETE;
		if (answer.seconds - seconds > longest)
			longest = answer.seconds - seconds;
		if (processor_at_deadline && answer.processor - processor_at_deadline > latest)
			latest = answer.processor - processor_at_deadline;
	}
	printf("{\"seconds\": %.3f, \"rounds\": %d, \"limited\": %d, \"begun\": %d, \"latest\": %.3f, \"longest\": %.3f}\n", usual,
	       rounds, limited, begun, latest, longest);
	return 0;
}

static struct inspect_limits limits_of(double size, const char *folder)
{
	return (struct inspect_limits){ .max_memory = (uint64_t)size, .temporary_directory = folder };
}

static int memory(int rounds, int count, char **arguments, const char *folder)
{
	const struct answer whole = run_whole(count, arguments);
	/* The least that is enough, to a part in a hundred. */
	double low = 1, high = 1 << 18;
	for (;; high *= 2) {
		const struct inspect_limits limits = limits_of(high, folder);
		const struct answer answer = run(arguments[0], count - 1, arguments + 1, &limits, NULL);
		if (!was_limited(&answer, &whole, "--max-memory", high))
			break;
		low = high;
	}
	int limited = 0, outside = 0;
	for (int i = 0; i < rounds; i++) { /* near it, and anywhere below it */
		double size = i % 2 ? (low + high) / 2 : random_fraction() * low;
		const struct inspect_limits limits = limits_of(size + 1, folder);
		const struct answer answer = run(arguments[0], count - 1, arguments + 1, &limits, NULL);
		bool was = was_limited(&answer, &whole, "--max-memory", size);
		limited += was;
		outside += !was && strstr(answer.message, "temporary files in");
		if (was && size > low)
			low = size;
		if (!was && size < high)
			high = size;
	}
	printf("{\"seconds\": %.3f, \"rounds\": %d, \"limited\": %d, \"outside\": %d, \"needed\": %.0f}\n", whole.seconds, rounds,
	       limited, outside, high);
	return 0;
}

int main(int count, char **arguments)
{
	if (count > 3 && strcmp(arguments[1], "gaps") == 0)
		return gaps(count - 2, arguments + 2);
	if (count > 5) {
		random_state = strtoull(arguments[3], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		if (strcmp(arguments[1], "timeouts") == 0)
			return timeouts(atoi(arguments[2]), count - 4, arguments + 4);
		if (strcmp(arguments[1], "memory") == 0)
			return memory(atoi(arguments[2]), count - 4, arguments + 4, "");
		memory_external_least = 4096;
		if (strcmp(arguments[1], "files") == 0)
			return memory(atoi(arguments[2]), count - 4, arguments + 4, ".");
	}
	fputs("usage: probe gaps|timeouts|memory|files ...; see its first comment\n", stderr);
	return 2;
}
