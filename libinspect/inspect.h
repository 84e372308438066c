/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - the public interface of libinspect.
 *
 * libinspect reads the object heap of a refcounted runtime (CPython first of all) from outside: from a
 * core file, from a live process or through a debugger. A program opens a target, makes a session of it
 * and runs verbs; each verb is the same one that `py-inspect` and gdb run.
 *
 *     struct inspect_target *target;
 *     struct inspect_error *error = inspect_target_open("core.4711", NULL, &target);
 *     ...
 *     struct inspect_session *session = inspect_session_create(target);
 *     const char *arguments[] = { "heap", "--format=json" };
 *     enum inspect_exit status = inspect_session_run(session, 2, arguments, &output);
 *     inspect_session_destroy(session);
 *
 * Nothing here ever writes to the target or runs code in it. Nothing is thread-safe unless it says so:
 * use one session from one thread at a time.
 */
#ifndef INSPECT_H
#define INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INSPECT_PUBLIC __attribute__((visibility("default")))

/* ---- errors -------------------------------------------------------------------------------------- */

/* An error object: a kind for programs and a sentence for people. A function that can fail returns NULL
 * for success, or an error that the caller owns and gives to inspect_error_destroy(). */
struct inspect_error;

enum inspect_error_kind {
	INSPECT_ERROR_NO_MEMORY = 1, /* this process is out of memory */
	INSPECT_ERROR_SYSTEM,        /* a system call failed; the message has its reason */
	INSPECT_ERROR_USAGE,         /* the caller asked for something that does not exist */
	INSPECT_ERROR_FORMAT,        /* a file is not what it should be, or is damaged */
	INSPECT_ERROR_UNREADABLE,    /* an address that the target does not have, or whose bytes are lost */
	INSPECT_ERROR_NO_RUNTIME,    /* no runtime that we know is in the target */
	INSPECT_ERROR_LAYOUT,        /* the runtime is there, but no layout that we have fits it */
	INSPECT_ERROR_CORRUPT,       /* the runtime's own structures contradict themselves */
	INSPECT_ERROR_CANCELLED,     /* the progress callback asked to stop */
	INSPECT_ERROR_LIMIT,         /* it would take more time or memory than the caller allows */
};

/* The kind of @error. */
INSPECT_PUBLIC enum inspect_error_kind inspect_error_kind(const struct inspect_error *error);
/* What is wrong, where, and what to do next; one line without a newline, owned by @error. */
INSPECT_PUBLIC const char *inspect_error_message(const struct inspect_error *error);
/* Frees @error; NULL is fine. */
INSPECT_PUBLIC void inspect_error_destroy(struct inspect_error *error);

/* ---- targets ------------------------------------------------------------------------------------- */

/* A process or what is left of one. */
struct inspect_target;

/* Says how far a long piece of work is: @done of @total units (@total is 0 where it is not known).
 * Return false to cancel it: the function at work then returns INSPECT_ERROR_CANCELLED. */
typedef bool (*inspect_progress_fn)(void *context, const char *what, uint64_t done, uint64_t total);

/* A thread as a debugger knows it. */
struct inspect_thread {
	pid_t id; /* the kernel's number */
	/* Its general registers as they are for the innermost frame, in the order of elf_gregset_t (struct
	 * user_regs_struct of Linux's sys/user.h), as in a core's NT_PRSTATUS: 27 words on x86-64, 34 on aarch64.
	 * NULL, or of another size: they could not be had (the thread runs); answers then say what they lack. */
	const void *registers;
	size_t registers_size; /* bytes */
};

/* What the library may use for a target. All zero: whatever it takes. */
struct inspect_limits {
	/* Bytes that may be held at a time: the copy of a live process and all that is found out about a target, but not the
	 * pages of files (of a core, too), which the kernel can drop, nor what libelf, libdw and libsmartcols need for
	 * themselves: some MiB. Long arrays that would take more than half of this are put into temporary files,
	 * which do not count, either; a note says so. 0: no limit. */
	uint64_t max_memory;
	/* When opening and verbs are to end, by CLOCK_MONOTONIC in nanoseconds: inspect_deadline(). They do so within a
	 * second, but for time that the callbacks take. 0: never. */
	uint64_t deadline;
	/* The folder for these temporary files, which have no names and leave a GiB (or a twentieth) of the disk free; not
	 * copied: it must stay while the limits hold. NULL: the first one of $TMPDIR, /var/tmp and /tmp that is on a disk,
	 * and not in memory. "": there are to be none. */
	const char *temporary_directory;
};

/* @seconds from now, for struct inspect_limits. */
INSPECT_PUBLIC uint64_t inspect_deadline(double seconds);

/* How to open a target. All zero is the default. */
struct inspect_target_options {
	/* Folder that holds the target machine's files (its /usr, /lib, ...), or NULL. */
	const char *sysroot;
	/* File to use for the main executable instead of the one that the target names, or NULL. */
	const char *executable;
	/* Processes only: read without stopping the process. What is read may then be torn. */
	bool no_stop;
	inspect_progress_fn progress; /* may be NULL */
	void *progress_context;
	/* What a debugger knows of the threads, all of them; copied on opening. For a target opened through a debugger,
	 * and with @no_stop for a process that a debugger holds, whose registers nobody else can read. Without, C stacks
	 * and registers are not searched. */
	const struct inspect_thread *threads;
	size_t thread_count;
	/* For opening and for all that is done with the target then, until inspect_session_set_limits(). What is over a limit
	 * is an error of the kind INSPECT_ERROR_LIMIT that says how far it came. */
	struct inspect_limits limits;
};

/* Opens what @specification names: a process if it is a decimal number, otherwise a core file.
 * @options may be NULL. */
INSPECT_PUBLIC struct inspect_error *inspect_target_open(const char *specification,
							 const struct inspect_target_options *options,
							 struct inspect_target **target_ret);

/* Opens the core file at @path (ELF, 64 bit, little endian; written by the kernel or by gdb's gcore). */
INSPECT_PUBLIC struct inspect_error *inspect_target_open_core(const char *path,
							      const struct inspect_target_options *options,
							      struct inspect_target **target_ret);

/* Opens the live process @pid: stops its threads, copies its writable private memory, lets it go on. */
INSPECT_PUBLIC struct inspect_error *
inspect_target_open_process(pid_t pid, const struct inspect_target_options *options,
			    struct inspect_target **target_ret);

/* What a debugger offers of its inferior. */
struct inspect_debugger {
	/* Reads @size bytes at target address @address into @buffer. Returns false if any byte of the
	 * range cannot be read; the buffer is then undefined. */
	bool (*read)(void *context, uint64_t address, void *buffer, size_t size);
	void *context;
	/* The inferior's auxiliary vector as the kernel laid it out (pairs of 64-bit words), copied on
	 * opening. */
	const void *auxv;
	size_t auxv_size; /* bytes */
	pid_t pid;        /* 0 where there is none */
};

/* Opens a target through a debugger's @debugger->read, with a page cache in front of it. @options->threads are its
 * threads. */
INSPECT_PUBLIC struct inspect_error *
inspect_target_open_debugger(const struct inspect_debugger *debugger,
			     const struct inspect_target_options *options,
			     struct inspect_target **target_ret);

/* Closes @target; NULL is fine. Not for a target that a session owns. */
INSPECT_PUBLIC void inspect_target_close(struct inspect_target *target);

/* ---- sessions and verbs -------------------------------------------------------------------------- */

/* A target with all that has been found out about it; every answer is computed once. */
struct inspect_session;

/* How a run ended; also the exit status of py-inspect. */
enum inspect_exit {
	INSPECT_EXIT_OK = 0,         /* all is said, and all of it is exact */
	INSPECT_EXIT_FINDING = 1,    /* an audit or a check found something */
	INSPECT_EXIT_USAGE = 2,      /* the call was wrong */
	INSPECT_EXIT_UNUSABLE = 3,   /* the target cannot be used, or not within the limits */
	INSPECT_EXIT_INCOMPLETE = 4, /* there is an answer, but something is missing from it; notes say what */
};

/* What came of asking for a line. */
enum inspect_line {
	INSPECT_LINE_READ,
	INSPECT_LINE_INTERRUPTED, /* Ctrl-C: what has been typed so far is dropped */
	INSPECT_LINE_END,         /* there are no more */
};

/* Where a verb's output goes. */
struct inspect_output {
	/* Takes @size bytes of text (UTF-8, not terminated); returns false if it can take no more, which
	 * cancels the verb. */
	bool (*write)(void *context, const char *text, size_t size);
	/* The same for messages: what is wrong, and notes on an incomplete answer. */
	bool (*write_message)(void *context, const char *text, size_t size);
	void *context;
	bool terminal;       /* colour is welcome */
	unsigned int width;  /* columns of the screen; 0: no limit */
	unsigned int height; /* rows of the screen; 0: the default limit */
	/* Reads a line for verbs that take statement after statement (sql without one); NULL: there is nowhere to read from.
	 * *@line_ret has no newline, and is valid until the next call. Somebody who is asked sees @prompt. */
	enum inspect_line (*read_line)(void *context, const char *prompt, const char **line_ret);
	bool interactive; /* somebody is asked, and sees what goes wrong: it does not matter for the exit status */
};

/* Makes a session of @target, which it owns from now on. NULL when out of memory (the target is closed). */
INSPECT_PUBLIC struct inspect_session *inspect_session_create(struct inspect_target *target);
/* Frees @session and closes its target; NULL is fine. */
INSPECT_PUBLIC void inspect_session_destroy(struct inspect_session *session);

/* Limits for the runs to come, in place of those that the target was opened with. What has been found out about the target
 * counts; it is forgotten when that is too much at the beginning of a run. */
INSPECT_PUBLIC void inspect_session_set_limits(struct inspect_session *session, const struct inspect_limits *limits);

/* Runs the verb @arguments[0] with the options and operands that follow. Messages go to
 * @output->write_message; the return value says how it ended. */
INSPECT_PUBLIC enum inspect_exit inspect_session_run(struct inspect_session *session, int count,
						     const char *const *arguments,
						     const struct inspect_output *output);

/* Would inspect_session_run() understand these arguments? INSPECT_EXIT_OK, or INSPECT_EXIT_USAGE and a message:
 * for finding out before a target is opened. */
INSPECT_PUBLIC enum inspect_exit inspect_check_call(int count, const char *const *arguments,
						    const struct inspect_output *output);

/* The limits that --max-memory, --temporary-directory and --timeout among @arguments (which must stay while they hold) ask for,
 * from now on: for opening a target for that call. None for a call that inspect_check_call() does not understand. inspect_session_run() holds the tighter of these and the
 * session's. */
INSPECT_PUBLIC struct inspect_limits inspect_call_limits(int count, const char *const *arguments);

/* ---- what verbs there are ------------------------------------------------------------------------ */

/* One option of a verb, for help, completion and documentation. */
struct inspect_verb_option {
	const char *name;     /* without the dashes: "limit" */
	const char *argument; /* "N"; NULL where the option takes none */
	const char *help;     /* one sentence */
	const char *values;   /* the words that it takes, separated by '|', or NULL */
};

/* One verb as a front end sees it. */
struct inspect_verb_info {
	const char *name;
	const char *summary;     /* one line */
	const char *operands;    /* "ADDRESS"; "" where there are none */
	const char *description; /* paragraphs of plain text */
	const struct inspect_verb_option *options;
	size_t option_count;
};

/* The verb number @index in the order of the help, or NULL past the last. */
INSPECT_PUBLIC const struct inspect_verb_info *inspect_verb(size_t index);
/* The options that every verb has. */
INSPECT_PUBLIC const struct inspect_verb_option *inspect_common_options(size_t *count_ret);

/* Writes the help of the verb called @name to @output->write: how to call it, what it says, its options and
 * its columns. False if there is no such verb. */
INSPECT_PUBLIC bool inspect_verb_help(const char *name, const struct inspect_output *output);

/* The version of the library, "0.1". */
INSPECT_PUBLIC const char *inspect_version(void);

#ifdef __cplusplus
}
#endif

#endif
