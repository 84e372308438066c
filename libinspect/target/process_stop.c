/* SPDX-License-Identifier: MIT */
/*
 * process_stop.c - stopping all threads of a process for a moment, without leaving a trace.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT send no signal and leave job control alone: a thread that was stopped
 * before is stopped after. A signal that a thread was about to get is given back to it. Only single threads
 * are waited for, never all children: this may run inside a debugger that has children of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "target/process.h"

/* ---- what /proc says about it -------------------------------------------------------------------- */

/* Reads the file @name of the process into @text, terminated. Returns how much that was, or -1. */
static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	size_t length = fread(text, 1, size - 1, file);
	fclose(file);
	text[length] = '\0';
	return (ssize_t)length;
}

char process_state(pid_t tid)
{
	char text[512];
	if (read_proc(tid, "stat", text, sizeof(text)) <= 0)
		return 0;
	const char *end = strrchr(text, ')'); /* the name may have anything in it */
	return end && end[1] == ' ' ? end[2] : 0;
}

/* The number behind "@key:" in the process's status file, or -1. */
static long status_number(pid_t pid, const char *key)
{
	char text[4096];
	if (read_proc(pid, "status", text, sizeof(text)) <= 0)
		return -1;
	const char *found = strstr(text, key);
	return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

pid_t process_leader(pid_t tid)
{
	return (pid_t)status_number(tid, "\nTgid:");
}

bool process_is_kernel_thread(pid_t pid)
{
	static const unsigned long kernel_thread =
		0x00200000; /* PF_KTHREAD (Linux 6.1, include/linux/sched.h) */
	char text[512];
	unsigned long flags = 0;
	if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
		return false;
	const char *end = strrchr(text, ')');
	return end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 && (flags & kernel_thread);
}

struct inspect_error *process_refusal(pid_t pid, int number)
{
	char state = process_state(pid);
	if (state == 'Z' || state == 'X')
		return inspect_error_create(INSPECT_ERROR_SYSTEM,
					    "process %d has ended and only waits for its parent to notice (a "
					    "zombie); "
					    "it has no memory any more",
					    (int)pid);
	if (!state || number == ESRCH)
		return inspect_error_create(INSPECT_ERROR_SYSTEM, "process %d has ended", (int)pid);
	long tracer = status_number(pid, "\nTracerPid:");
	if (tracer > 0) {
		char name[64] = "";
		read_proc((pid_t)tracer, "comm", name, sizeof(name));
		name[strcspn(name, "\n")] = '\0';
		return inspect_error_create(INSPECT_ERROR_SYSTEM,
					    "process %d is being traced by process %ld (%s); run py-inspect "
					    "inside that "
					    "debugger, or read the process without stopping it: --no-stop",
					    (int)pid, tracer, name);
	}
	if (number != EPERM && number != EACCES)
		return inspect_error_from_errno(number, "cannot read process %d", (int)pid);
	long user = status_number(pid, "\nUid:");
	char scope[16] = "";
	FILE *yama = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	if (yama) {
		if (!fgets(scope, sizeof(scope), yama))
			scope[0] = '\0';
		fclose(yama);
	}
	const char *advice = "run this as root or as that user";
	if (geteuid() == 0)
		advice = "even root may not where a container lacks CAP_SYS_PTRACE or a security module "
			 "forbids it";
	else if (scope[0] > '0')
		advice = "run this as root; /proc/sys/kernel/yama/ptrace_scope forbids it to everybody else";
	else if (user == (long)geteuid())
		advice = "run this as root; the process is protected (see PR_SET_DUMPABLE in prctl(2))";
	return inspect_error_create(INSPECT_ERROR_SYSTEM,
				    "not permitted to read process %d (of user %ld): %s", (int)pid, user,
				    advice);
}

bool process_for_each_thread(pid_t pid, bool (*visit)(pid_t tid, void *context), void *context)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *directory = opendir(path);
	if (!directory)
		return false;
	for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (tid > 0 && !visit(tid, context))
			break;
	}
	closedir(directory);
	return true;
}

static bool note_held(pid_t tid, void *context)
{
	char state = process_state(tid);
	bool *held = context;
	*held = !state || strchr("tTZX", state);
	return *held;
}

bool process_is_held(pid_t pid)
{
	bool held = false;
	return process_for_each_thread(pid, note_held, &held) && held;
}

/* ---- stopping ------------------------------------------------------------------------------------ */

struct seizing {
	struct stopped *stopped;
	size_t known;  /* the first so many threads are sorted */
	size_t seized; /* in this round */
	struct inspect_error *error;
	pid_t pid;
};

static int compare_tids(const void *left, const void *right)
{
	const struct stopped_thread *a = left, *b = right;
	return a->tid < b->tid ? -1 : a->tid > b->tid;
}

/* Begins to trace one more thread. Those that end at this moment do not matter. */
static bool seize(pid_t tid, void *context)
{
	struct seizing *seizing = context;
	struct stopped *stopped = seizing->stopped;
	struct stopped_thread thread = { .tid = tid };
	if (seizing->known && bsearch(&thread, stopped->items, seizing->known, sizeof(thread), compare_tids))
		return true;
	if (!array_reserve(stopped->items, stopped->count, stopped->capacity)) {
		seizing->error = &inspect_error_no_memory;
		return false;
	}
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) != 0) {
		int number = errno;
		char state = process_state(tid);
		if (number == ESRCH || !state || state == 'Z' || state == 'X')
			return true;
		seizing->error = process_refusal(seizing->pid, number);
		return false;
	}
	stopped->items[stopped->count++] = thread;
	seizing->seized++;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	return true;
}

/* Takes in what the kernel reports about the thread, if anything. */
static void poll_thread(struct stopped_thread *thread)
{
	int status;
	pid_t result = waitpid(thread->tid, &status, __WALL | WNOHANG);
	if (result == 0 || (result < 0 && errno == EINTR))
		return;
	if (result < 0 || !WIFSTOPPED(status)) {
		thread->gone = true;
		return;
	}
	thread->stopped = true;
	if (status >> 16 == 0) /* no event: it stopped on its way to get a signal */
		thread->signal = WSTOPSIG(status);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Is there no use in waiting for the thread to stop? It is inside the kernel, or has ended and its process has not. */
static bool will_not_stop(pid_t tid)
{
	char state = process_state(tid);
	return !state || strchr("DZX", state);
}

static bool is_to_end(void)
{
	return limits_current && __atomic_load_n(&limits_current->stop, __ATOMIC_RELAXED) != LIMITS_GO_ON;
}

/* Waits until the threads have stopped. One that waits inside the kernel for a disk, say, cannot stop; it
 * runs no code of the process either. One that only waits for a processor, on a machine that is busy, stops as
 * soon as it gets one. */
static void await(struct stopped *stopped)
{
	static const double patience = 0.5, most = 10; /* seconds: with what will not stop, and with all */
	double start = now();
	struct timespec pause = { .tv_nsec = 20000 };
	for (;;) {
		double waited = now() - start;
		bool none_will = waited > patience;
		stopped->running = 0;
		for (size_t i = 0; i < stopped->count; i++) {
			struct stopped_thread *thread = &stopped->items[i];
			if (!thread->stopped && !thread->gone)
				poll_thread(thread);
			if (thread->stopped || thread->gone)
				continue;
			stopped->running++;
			none_will = none_will && will_not_stop(thread->tid);
		}
		if (!stopped->running || none_will || waited > most || is_to_end())
			return;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 2000000)
			pause.tv_nsec += pause.tv_nsec / 2;
	}
}

struct inspect_error *process_stop(pid_t pid, struct stopped *stopped)
{
	struct seizing seizing = { .stopped = stopped, .pid = pid };
	do {
		seizing.seized = 0;
		if (!process_for_each_thread(pid, seize, &seizing))
			return process_refusal(pid, errno);
		if (seizing.error)
			return seizing.error;
		await(stopped);
		if (stopped->count)
			qsort(stopped->items, stopped->count, sizeof(*stopped->items), compare_tids);
		seizing.known = stopped->count;
	} while (seizing.seized);
	for (size_t i = 0; i < stopped->count; i++)
		if (!stopped->items[i].gone)
			return NULL;
	return process_refusal(pid, ESRCH);
}

void process_resume(struct stopped *stopped)
{
	for (size_t i = 0; i < stopped->count; i++) {
		const struct stopped_thread *thread = &stopped->items[i];
		if (thread->stopped)
			ptrace(PTRACE_DETACH, thread->tid, 0, (void *)(intptr_t)thread->signal);
	}
	free(stopped->items);
	*stopped = (struct stopped){ 0 };
}

/* ---- threads ------------------------------------------------------------------------------------- */

struct inspect_error *process_take_threads(struct inspect_target *target, const struct stopped *stopped)
{
	target->threads = calloc(stopped->count + 1, sizeof(*target->threads));
	if (!target->threads)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < stopped->count; i++) {
		const struct stopped_thread *from = &stopped->items[i];
		if (from->gone)
			continue;
		struct target_thread *thread = &target->threads[target->thread_count++];
		struct iovec registers = { .iov_base = thread->registers,
					   .iov_len = sizeof(thread->registers) };
		thread->tid = from->tid;
		if (from->stopped && ptrace(PTRACE_GETREGSET, from->tid, NT_PRSTATUS, &registers) == 0) {
			thread->has_registers = true;
			thread->registers_size = registers.iov_len;
		}
	}
	return NULL;
}

struct thread_list {
	struct inspect_target *target;
	size_t capacity;
	bool failed;
};

static bool list_thread(pid_t tid, void *context)
{
	struct thread_list *list = context;
	struct inspect_target *target = list->target;
	list->failed = !array_reserve(target->threads, target->thread_count, list->capacity);
	if (list->failed)
		return false;
	target->threads[target->thread_count++] = (struct target_thread){ .tid = tid };
	return true;
}

struct inspect_error *process_list_threads(struct inspect_target *target)
{
	struct thread_list list = { .target = target };
	process_for_each_thread(target->pid, list_thread, &list);
	return list.failed ? &inspect_error_no_memory : NULL;
}
