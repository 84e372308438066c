/* SPDX-License-Identifier: MIT */
/*
 * process.h - the steps of reading a live process. Only for process*.c.
 */
#ifndef INSPECT_TARGET_PROCESS_H
#define INSPECT_TARGET_PROCESS_H

#include "target/segments.h"
#include "target/target.h"

/* ---- stopping (process_stop.c) ------------------------------------------------------------------- */

struct stopped_thread {
	pid_t tid;
	bool stopped, gone;
	int signal; /* that it was about to get, and gets when it goes on */
};

/* The threads of a process that this thread traces; all zero is none. */
struct stopped {
	struct stopped_thread *items;
	size_t count, capacity;
	size_t running; /* threads that could not be stopped, because they wait in the kernel */
};

/* Stops every thread of the process. Whatever happens, process_resume() lets them all go on; so does the end
 * of the calling thread, which must do both. */
struct inspect_error *process_stop(pid_t pid, struct stopped *stopped) __attribute__((warn_unused_result));
void process_resume(struct stopped *stopped);

/* Puts the stopped threads with their registers into target->threads. */
struct inspect_error *process_take_threads(struct inspect_target *target, const struct stopped *stopped)
	__attribute__((warn_unused_result));

/* Puts the threads that are there into target->threads, without registers. */
struct inspect_error *process_list_threads(struct inspect_target *target) __attribute__((warn_unused_result));

/* Is every thread held by someone else: a debugger, or job control? */
bool process_is_held(pid_t pid);

/* An error that says why the process cannot be read, as far as that can be known; @number is an errno. */
struct inspect_error *process_refusal(pid_t pid, int number) __attribute__((warn_unused_result));

/* The state letter of a thread or process as in proc(5), 0 if it does not exist. */
char process_state(pid_t tid);

/* The process that the thread @tid belongs to, or -1. */
pid_t process_leader(pid_t tid);

bool process_is_kernel_thread(pid_t pid);

/* Calls @visit for every thread of the process until it returns false. Returns false if the threads cannot be
 * listed. */
bool process_for_each_thread(pid_t pid, bool (*visit)(pid_t tid, void *context), void *context);

/* ---- copying (process_copy.c) -------------------------------------------------------------------- */

/* A run of the process's addresses and where its bytes go. */
struct copy_run {
	uint64_t address, size;
	uint8_t *to;
};

struct copy_runs {
	struct copy_run *items;
	size_t count, capacity;
	uint64_t total; /* bytes */
};

/* Adds a run; joins it to the last one if it continues that. */
struct inspect_error *copy_runs_add(struct copy_runs *runs, uint64_t address, uint64_t size, uint8_t *to)
	__attribute__((warn_unused_result));

struct page_range {
	uint64_t start, end;
};

struct page_ranges {
	struct page_range *items;
	size_t count, capacity;
};

struct inspect_error *page_ranges_add(struct page_ranges *ranges, uint64_t start, uint64_t end)
	__attribute__((warn_unused_result));

/* Reads one process. */
struct process_reader {
	pid_t pid;
	int memory;      /* /proc/PID/mem */
	int pagemap;     /* /proc/PID/pagemap, or -1 */
	bool no_vm_read; /* atomic; process_vm_readv() does not work here */
	bool no_scan;    /* the PAGEMAP_SCAN of Linux 6.7 does not work here */
	uint64_t done;   /* bytes copied so far; for another thread to look at */
	bool cancelled;  /* another thread sets it */
};

/* Finds the pages in [@start, @end) that belong to this process alone (anonymous ones and copies of a file's
 * pages that were written to), in memory or swapped out. All other pages of a private mapping are as in the
 * file, or zero. Without a pagemap: all. */
struct inspect_error *process_own_pages(struct process_reader *reader, uint64_t start, uint64_t end,
					struct page_ranges *ranges) __attribute__((warn_unused_result));

/* Has the memory ready that the runs go to. This and the copying are done on all cores. */
struct inspect_error *process_make_room(struct process_reader *reader, const struct copy_runs *runs)
	__attribute__((warn_unused_result));

/* Copies the runs. Pages that cannot be read are added to @failed. */
struct inspect_error *process_copy(struct process_reader *reader, const struct copy_runs *runs,
				   struct segments *failed) __attribute__((warn_unused_result));

/* Reads a few bytes; false if they are not all there. */
bool process_read(struct process_reader *reader, uint64_t address, void *buffer, size_t size);

#endif
