/* SPDX-License-Identifier: MIT */
/*
 * test_process.c - live processes, against what they say about themselves; and that nobody notices.
 */
#include "subject.h"

#include <sys/ptrace.h>
#include <time.h>

#include "target/process.h"

/* ---- watching the subject ------------------------------------------------------------------------ */

static void pause_for(long microseconds)
{
	struct timespec time = { microseconds / 1000000, microseconds % 1000000 * 1000 };
	nanosleep(&time, NULL);
}

static struct inspect_target *open_process(pid_t pid, const struct inspect_target_options *options)
{
	struct inspect_target *target;
	char text[16];
	snprintf(text, sizeof(text), "%d", (int)pid);
	assert_no_error(inspect_target_open(text, options, &target));
	return target;
}

static bool note_tracer(pid_t tid, void *context)
{
	char path[64], line[256];
	int tracer = -1;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	FILE *file = fopen(path, "re");
	while (file && tracer < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %d", &tracer) != 1)
			tracer = -1;
	if (file)
		fclose(file);
	if (tracer > 0)
		*(int *)context = tracer;
	return true;
}

/* Checks that nobody traces any thread of the process. The kernel lets go of what is still traced when the
 * tracing thread has ended, which may take a moment. */
static void assert_untraced(pid_t pid)
{
	int tracer = 0;
	for (int i = 0; i < 1000; i++) {
		tracer = 0;
		assert_true(process_for_each_thread(pid, note_tracer, &tracer));
		if (!tracer)
			return;
		pause_for(10000);
	}
	fail_msg("process %d is still traced by %d", (int)pid, tracer);
}

/* Waits until the process is in the state. */
static void assert_becomes(pid_t pid, char state)
{
	for (int i = 0; i < 2000 && process_state(pid) != state; i++)
		pause_for(10000);
	assert_int_equal(process_state(pid), state);
}

static void assert_lost(struct inspect_target *target, const struct subject *subject, const char *name,
			const char *words)
{
	uint8_t byte;
	assert_error(target_read(target, subject_area(subject, name)->address, &byte, 1),
		     INSPECT_ERROR_UNREADABLE, words);
}

static const char *make_data_file(void)
{
	static char argument[PATH_MAX + 8];
	FILE *file = fopen(scratch("data"), "we");
	assert_non_null(file);
	for (int i = 0; i < 4 * 4096 / 8; i++)
		fprintf(file, "%07d\n", i);
	fclose(file);
	snprintf(argument, sizeof(argument), "file=%s", scratch("data"));
	return argument;
}

/* Opens the subject and checks everything that it says. */
static void check(struct subject *subject, const struct inspect_target_options *options)
{
	struct inspect_target *target = open_process(subject->pid, options);
	assert_areas(target, subject);
	assert_symbols(target, subject);
	assert_threads(target, subject);
	assert_complete(target);
	assert_int_equal(target->kind, TARGET_PROCESS);
	assert_int_equal(target->pid, subject->pid);
	assert_lost(target, subject, "guard", "cannot be read");
	inspect_target_close(target);
	assert_untraced(subject->pid);
}

/* ---- whole processes ----------------------------------------------------------------------------- */

static void test_process(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_own(&subject, "subject", "threads=5", make_data_file());
	check(&subject, NULL);
	struct inspect_target *target = open_process(subject.pid, NULL);
	assert_main_image(target, &subject);
	assert_int_equal(target->images[target->main_image].state, IMAGE_VERIFIED);
	assert_int_equal(target->thread_count, 6);
	assert_non_null(strstr(target->command_line, "/subject threads=5"));
	assert_lost(target, &subject, "file", "/data, whose bytes are not in");
	for (size_t i = 0; i < target->thread_count; i++) {
		uint64_t pointer; /* rsp is the 20th word on x86-64, sp the 32nd on aarch64 */
		assert_true(target->threads[i].has_registers);
		memcpy(&pointer, target->threads[i].registers + 8 * (target->machine == EM_X86_64 ? 19 : 31),
		       8);
		assert_true(target_has(target, pointer, 8));
	}
	inspect_target_close(target);

	/* A thread's number will do, too. */
	target = open_process(subject.threads[3], NULL);
	assert_int_equal(target->pid, subject.pid);
	inspect_target_close(target);

	/* What was copied is as it was, whatever becomes of the process. */
	target = open_process(subject.pid, NULL);
	subject_stop(&subject);
	assert_areas(target, &subject);
	inspect_target_close(target);
}

static void check_variant(const char *name)
{
	struct subject subject;
	subject_start_own(&subject, name, NULL, NULL);
	check(&subject, NULL);
	struct inspect_target *target = open_process(subject.pid, NULL);
	assert_main_image(target, &subject);
	assert_int_equal(target->images[target->main_image].state,
			 IMAGE_VERIFIED); /* its very file is open */
	inspect_target_close(target);
	subject_stop(&subject);
}

static void test_no_build_id(void **state)
{
	(void)state;
	check_variant("subject-plain");
}

static void test_static(void **state)
{
	(void)state;
	need_static();
	check_variant("subject-static");
}

static void test_linker_started(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_by_linker(&subject);
	struct inspect_target *target = open_process(subject.pid, NULL);
	assert_string_equal(strrchr(target->images[target->main_image].path, '/'), "/subject");
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	inspect_target_close(target);
	subject_stop(&subject);
}

/* A reservation of a terabyte with one page in it costs nothing. */
static void test_reservation(void **state)
{
	(void)state;
	struct subject subject;
	struct timespec before, after;
	subject_start_own(&subject, "subject", "reserve=1024", NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	struct inspect_target *target = open_process(subject.pid, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_areas(target, &subject);
	const struct subject_area *area = subject_area(&subject, "reserved");
	uint64_t value = 1;
	assert_no_error(target_read_u64(target, area->address + ((uint64_t)1 << 38), &value));
	assert_int_equal(value, 0);
	inspect_target_close(target);
	subject_stop(&subject);
	assert_true(after.tv_sec - before.tv_sec < 10);
}

/* Shared memory is copied only as long as it is not much. */
static void test_shared(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_own(&subject, "subject", "share=65", NULL);
	check(&subject, NULL);
	struct inspect_target *target = open_process(subject.pid, NULL);
	assert_lost(target, &subject, "much-shared", "is in shared memory");
	inspect_target_close(target);
	subject_stop(&subject);
}

/* ---- files --------------------------------------------------------------------------------------- */

static void check_moved(bool replace)
{
	struct subject subject;
	const char *program = scratch("service");
	unlink(program);
	copy_file(own_program("subject"), program);
	subject_start(&subject, scratch(""), NULL, (const char *[]){ program, NULL });
	assert_int_equal(unlink(program), 0);
	if (replace)
		copy_file(own_program("subject-other"), program);
	struct inspect_target *target = open_process(subject.pid, NULL);
	assert_areas(target, &subject);
	assert_main_image(target, &subject);
	assert_symbols(target, &subject);
	assert_complete(target);
	inspect_target_close(target);
	subject_stop(&subject);
}

static void test_deleted_executable(void **state)
{
	(void)state;
	check_moved(false);
	check_moved(true);
}

/* An executable that was written to in place is no longer what is in memory where that has its own pages;
 * --executable must fit. */
static void test_executable_option(void **state)
{
	(void)state;
	struct subject subject;
	struct inspect_target *target;
	subject_start_own(&subject, "subject", NULL, NULL);
	const char *copy = scratch("copy");
	copy_file(own_program("subject"), copy);
	struct inspect_target_options options = { .executable = copy };
	target = open_process(subject.pid, &options);
	assert_string_equal(target->images[target->main_image].file, copy);
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	inspect_target_close(target);
	options.executable = own_program("subject-other");
	assert_error(inspect_target_open_process(subject.pid, &options, &target), INSPECT_ERROR_FORMAT,
		     "is not what ran in");
	assert_untraced(subject.pid);
	subject_stop(&subject);
}

static void need_root(void)
{
	if (geteuid() != 0) {
		print_message("this needs root\n");
		skip();
	}
}

/* Another root folder: the paths that the process has lead nowhere here. */
static void test_chroot(void **state)
{
	(void)state;
	need_root();
	need_static();
	struct subject subject;
	mkdir(scratch("root"), 0755);
	copy_file(own_program("subject-static"), scratch("root/only-here"));
	subject_start(&subject, scratch(""), scratch("root"), (const char *[]){ "/only-here", NULL });
	check(&subject, NULL);
	struct inspect_target *target = open_process(subject.pid, NULL);
	struct target_image *image = &target->images[target->main_image];
	assert_int_equal(image->state, IMAGE_VERIFIED);
	assert_int_equal(access(image->file, R_OK), 0);
	assert_non_null(image_elf(target, image));
	inspect_target_close(target);
	subject_stop(&subject);
}

/* ---- nobody notices ------------------------------------------------------------------------------ */

static uint64_t peek(pid_t pid, uint64_t address)
{
	char path[64];
	uint64_t value;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, &value, sizeof(value), (off_t)address), sizeof(value));
	close(fd);
	return value;
}

/* Waits until the counter at @address is above @value: whoever counts may not get a processor at once. */
static void assert_counts_on(pid_t pid, uint64_t address, uint64_t value)
{
	for (int i = 0; i < 12000 && peek(pid, address) <= value; i++)
		pause_for(10000);
	assert_true(peek(pid, address) > value);
}

/* Two counters in different pages: the copy is of one moment, and then they count on. */
static void test_one_moment(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_own(&subject, "subject", "spin", "threads=3");
	uint64_t first_address = subject_symbol(&subject, "first"),
		 second_address = subject_symbol(&subject, "second");
	uint64_t last = 0;
	assert_counts_on(subject.pid, first_address, 0);
	for (int i = 0; i < 30; i++) {
		struct inspect_target *target = open_process(subject.pid, NULL);
		uint64_t first, second;
		assert_no_error(target_read_u64(target, first_address, &first));
		assert_no_error(target_read_u64(target, second_address, &second));
		assert_true(first == second || first == second + 1);
		assert_true(first >= last);
		last = first;
		inspect_target_close(target);
		assert_counts_on(subject.pid, first_address, last);
	}
	assert_untraced(subject.pid);
	assert_counts_on(subject.pid, first_address, peek(subject.pid, first_address));
	subject_stop(&subject);
}

/* The linker puts this in the place of the C library's (Makefile.am): as if no thread that is to stop got a processor
 * before @starved_until. */
static struct timespec starved_until;
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (options == (__WALL | WNOHANG) && (now.tv_sec < starved_until.tv_sec ||
					      (now.tv_sec == starved_until.tv_sec && now.tv_nsec < starved_until.tv_nsec)))
		return 0;
	return __real_waitpid(pid, status, options);
}

/* On a busy machine a thread stops when it gets a processor, however late: it does not wait inside the kernel. */
static void test_busy_machine(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_own(&subject, "subject", "threads=3", NULL);
	clock_gettime(CLOCK_MONOTONIC, &starved_until);
	starved_until.tv_sec += 3;
	struct inspect_target *target = open_process(subject.pid, NULL);
	assert_null(find_note(target, "could not be stopped"));
	assert_int_equal(target->thread_count, 4);
	for (size_t i = 0; i < target->thread_count; i++)
		assert_true(target->threads[i].has_registers);
	assert_areas(target, &subject);
	inspect_target_close(target);
	assert_untraced(subject.pid);
	subject_stop(&subject);
}

/* Signals that come while the process is stopped again and again are neither lost nor doubled. */
static void test_signals(void **state)
{
	(void)state;
	enum { COUNT = 2000 };
	struct subject subject;
	char answer[64];
	int status, asked = 0;
	subject_start_own(&subject, "subject", "threads=3", NULL);
	fflush(stdout);
	pid_t sender = fork();
	if (!sender) {
		/* It must not outlive the test: the pid may be another process's then. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < COUNT; i++) {
			while (sigqueue(subject.pid, 40, (union sigval){ 0 }) != 0) {
				if (errno != EAGAIN)
					_exit(1);
				pause_for(100);
			}
			pause_for(20);
		}
		_exit(0);
	}
	size_t opened = 0;
	do {
		inspect_target_close(open_process(subject.pid, NULL));
		opened++;
	} while (waitpid(sender, &status, WNOHANG) == 0);
	assert_true(opened > 2);
	/* A thread may have taken one and not counted it yet; so two answers: none is missing, and none is too many. */
	do {
		pause_for(100000);
		subject_tell(&subject, "signals");
		assert_non_null(fgets(answer, sizeof(answer), subject.out));
	} while (atoi(answer + strlen("signals ")) < COUNT && ++asked < 1200);
	assert_string_equal(answer, "signals 2000\n");
	pause_for(100000);
	subject_tell(&subject, "signals");
	assert_non_null(fgets(answer, sizeof(answer), subject.out));
	assert_string_equal(answer, "signals 2000\n");
	subject_stop(&subject);
}

/* A process that job control has stopped stays so, and can go on afterwards. */
static void test_job_control(void **state)
{
	(void)state;
	struct subject subject;
	char answer[64];
	int status;
	subject_start_own(&subject, "subject", "threads=3", NULL);
	kill(subject.pid, SIGSTOP);
	assert_becomes(subject.pid, 'T');
	assert_int_equal(waitpid(subject.pid, &status, WUNTRACED), subject.pid);
	for (int i = 0; i < 5; i++) {
		check(&subject, NULL);
		assert_becomes(subject.pid, 'T');
	}
	struct inspect_target_options options = { .no_stop = true };
	check(&subject, &options); /* nothing runs: there is no doubt about it */
	kill(subject.pid, SIGCONT);
	subject_tell(&subject, "signals");
	assert_non_null(fgets(answer, sizeof(answer), subject.out));
	assert_string_equal(answer, "signals 0\n");
	subject_stop(&subject);
}

static void test_no_stop(void **state)
{
	(void)state;
	struct subject subject;
	struct inspect_target_options options = { .no_stop = true };
	subject_start_own(&subject, "subject", "threads=3", NULL);
	struct inspect_target *target = open_process(subject.pid, &options);
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	assert_threads(target, &subject);
	assert_false(target->threads[0].has_registers);
	assert_true(find_note(target, "was read while it ran")->incomplete);
	inspect_target_close(target);
	subject_stop(&subject);

	/* This very process cannot stop itself. */
	assert_error(inspect_target_open_process(getpid(), NULL, &target), INSPECT_ERROR_USAGE, "--no-stop");
	static const char text[] = "in this very process";
	char copy[sizeof(text)];
#ifndef __SANITIZE_ADDRESS__ /* whose reservations are larger than what is left */
	assert_no_error(inspect_target_open_process(getpid(), &options, &target));
	assert_no_error(target_read(target, (uintptr_t)text, copy, sizeof(copy)));
	assert_string_equal(copy, text);
	inspect_target_close(target);
#else
	(void)copy;
#endif
}

/* ---- processes that change and end --------------------------------------------------------------- */

/* Threads that come and go all the time. */
static void test_churn(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_own(&subject, "subject", "churn", "threads=20");
	for (int i = 0; i < 20; i++)
		check(&subject, NULL);
	subject_stop(&subject);
}

static void test_main_thread_ended(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_own(&subject, "subject", "threads=3", NULL);
	subject_tell(&subject, "end-main");
	assert_becomes(subject.pid, 'Z');
	struct inspect_target *target = open_process(subject.pid, NULL);
	for (size_t i = 0; i < subject.area_count; i++)
		if (!subject.areas[i].lost && strcmp(subject.areas[i].name, "stack") != 0)
			assert_area(target, &subject.areas[i]);
	assert_int_equal(target->thread_count, 3);
	assert_symbols(target, &subject);
	inspect_target_close(target);
	subject_stop(&subject);
}

/* A thread that waits for its vfork()ed child cannot be stopped; it must not stay behind traced. */
static void test_unstoppable(void **state)
{
	(void)state;
	struct subject subject;
	char answer[64];
	subject_start_own(&subject, "subject", "threads=3", NULL);
	subject_tell(&subject, "vfork");
	assert_becomes(subject.pid, 'D');
	struct inspect_target *target = open_process(subject.pid, NULL);
	assert_areas(target, &subject);
	const struct note *note = find_note(target, "could not be stopped");
	assert_true(note && !note->incomplete);
	inspect_target_close(target);
	assert_untraced(subject.pid);
	subject_tell(&subject, "back");
	assert_non_null(fgets(answer, sizeof(answer), subject.out));
	assert_string_equal(answer, "back\n");
	check(&subject, NULL);
	subject_stop(&subject);
}

/* A process that ends at any moment while it is read: a target or a clear error. */
static void test_ends_meanwhile(void **state)
{
	(void)state;
	size_t ended = 0;
	for (int i = 0; i < 60; i++) {
		struct subject subject;
		struct inspect_target *target;
		struct inspect_target_options options = { .no_stop = i % 3 == 2 };
		subject_start_own(&subject, "subject", "threads=2", NULL);
		fflush(stdout);
		pid_t killer = fork();
		if (!killer) {
			pause_for(i * 100);
			kill(subject.pid, SIGKILL);
			_exit(0);
		}
		struct inspect_error *error;
		do {
			error = inspect_target_open_process(subject.pid, &options, &target);
			if (!error)
				inspect_target_close(target);
		} while (!error);
		ended++;
		if (!strstr(inspect_error_message(error), "has ended"))
			fail_msg("the error is \"%s\"", inspect_error_message(error));
		assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_SYSTEM);
		inspect_error_destroy(error);
		waitpid(killer, NULL, 0);
		subject_stop(&subject);
	}
	assert_int_equal(ended, 60);
}

/* ---- refusals ------------------------------------------------------------------------------------ */

static void test_errors(void **state)
{
	(void)state;
	struct inspect_target *target;
	fflush(stdout);
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	assert_becomes(pid, 'Z');
	assert_error(inspect_target_open_process(pid, NULL, &target), INSPECT_ERROR_SYSTEM, "(a zombie)");
	waitpid(pid, NULL, 0);
	assert_error(inspect_target_open_process(pid, NULL, &target), INSPECT_ERROR_SYSTEM,
		     "there is no process");
	assert_null(target);
}

static void test_kernel_thread(void **state)
{
	(void)state;
	struct inspect_target *target;
	if (!process_is_kernel_thread(2)) {
		print_message("no thread of the kernel is to be seen here\n");
		skip();
	}
	assert_error(inspect_target_open_process(2, NULL, &target), INSPECT_ERROR_SYSTEM,
		     geteuid() ? "not permitted" : "is a thread of the kernel");
}

/* A process that another one traces. */
static void test_traced(void **state)
{
	(void)state;
	struct subject subject;
	struct inspect_target *target;
	char words[64];
	int ready[2];
	char byte;
	subject_start_own(&subject, "subject", NULL, NULL);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	fflush(stdout);
	pid_t tracer = fork();
	if (!tracer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, subject.pid, 0, 0) != 0 ||
		    ptrace(PTRACE_INTERRUPT, subject.pid, 0, 0) != 0 ||
		    waitpid(subject.pid, NULL, __WALL) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		waitpid(tracer, NULL, 0);
		subject_stop(&subject);
		print_message("processes may not be traced here\n");
		skip();
	}
	close(ready[0]);
	snprintf(words, sizeof(words), "is being traced by process %d (", (int)tracer);
	assert_error(inspect_target_open_process(subject.pid, NULL, &target), INSPECT_ERROR_SYSTEM, words);

	/* Its tracer holds it, so reading without stopping is exact. */
	struct inspect_target_options options = { .no_stop = true };
	target = open_process(subject.pid, &options);
	assert_areas(target, &subject);
	assert_complete(target);
	inspect_target_close(target);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	assert_untraced(subject.pid);
	subject_stop(&subject);
}

/* A process of another user. */
static void test_not_permitted(void **state)
{
	(void)state;
	need_root();
	struct subject subject;
	int said[2], status;
	char text[512];
	subject_start_own(&subject, "subject", NULL, NULL);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	for (int no_stop = 0; no_stop < 2; no_stop++) {
		fflush(stdout);
		pid_t child = fork();
		if (!child) {
			struct inspect_target *target;
			struct inspect_target_options options = { .no_stop = no_stop };
			if (setgid(65534) != 0 || setuid(65534) != 0)
				_exit(2);
			struct inspect_error *error =
				inspect_target_open_process(subject.pid, &options, &target);
			const char *message = error ? inspect_error_message(error) : "it worked";
			if (write(said[1], message, strlen(message)) < 0)
				_exit(3);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		ssize_t size = read(said[0], text, sizeof(text) - 1);
		assert_true(size > 0);
		text[size] = '\0';
		if (!strstr(text, "not permitted to read process") || !strstr(text, "(of user 0): run this "
										    "as root"))
			fail_msg("the error is \"%s\"", text);
	}
	close(said[0]);
	close(said[1]);
	assert_untraced(subject.pid);
	subject_stop(&subject);
}

static bool refuse(void *context, const char *what, uint64_t done, uint64_t total)
{
	assert_true(done <= total);
	assert_non_null(strstr(what, "copying process"));
	++*(int *)context;
	return false;
}

static void test_cancel(void **state)
{
	(void)state;
	struct subject subject;
	struct inspect_target *target;
	int calls = 0;
	struct inspect_target_options options = { .progress = refuse, .progress_context = &calls };
	subject_start_own(&subject, "subject", "large=64", NULL);
	assert_error(inspect_target_open_process(subject.pid, &options, &target), INSPECT_ERROR_CANCELLED,
		     "cancelled");
	assert_null(target);
	assert_true(calls > 0);
	assert_untraced(subject.pid);
	subject_stop(&subject);
}

/* ---- older kernels ------------------------------------------------------------------------------- */

/* The own pages of an area by one way of asking. */
static void own_pages(struct process_reader *reader, const struct subject_area *area,
		      struct page_ranges *ranges)
{
	*ranges = (struct page_ranges){ 0 };
	assert_no_error(process_own_pages(reader, area->address, area->address + area->size, ranges));
	assert_true(ranges->count > 0);
}

static void test_older_kernels(void **state)
{
	(void)state;
	struct subject subject;
	char path[64];
	subject_start_own(&subject, "subject", NULL, NULL);
	struct process_reader reader = { .pid = subject.pid };
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)subject.pid);
	reader.memory = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)subject.pid);
	reader.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(reader.memory >= 0 && reader.pagemap >= 0);

	/* Every third page was written to; the others were only read, and are the kernel's page of zeros. The
	 * pagemap alone does not tell that from a page of one's own. */
	const struct subject_area *holes = subject_area(&subject, "holes");
	const uint64_t page = 4096;
	for (int old = 0; old < 2 && sysconf(_SC_PAGESIZE) == 4096; old++) {
		struct page_ranges ranges;
		reader.no_scan = old;
		own_pages(&reader, holes, &ranges);
		if (!reader.no_scan)
			assert_int_equal(ranges.count, (holes->size / page + 2) / 3);
		for (uint64_t at = holes->address; at < holes->address + holes->size; at += 3 * page) {
			bool found = false;
			for (size_t i = 0; i < ranges.count; i++)
				found |= ranges.items[i].start <= at && at + page <= ranges.items[i].end;
			assert_true(found);
		}
		free(ranges.items);
	}
	/* What was never touched is no page at all. */
	struct page_ranges none = { 0 };
	assert_no_error(process_own_pages(&reader, subject_area(&subject, "guard")->address,
					  subject_area(&subject, "guard")->address + page, &none));
	assert_int_equal(none.count, 0);

	/* Without a pagemap, all. */
	struct page_ranges ranges;
	int pagemap = reader.pagemap;
	reader.pagemap = -1;
	own_pages(&reader, holes, &ranges);
	assert_int_equal(ranges.count, 1);
	assert_int_equal(ranges.items[0].end - ranges.items[0].start, holes->size);
	free(ranges.items);

	/* One run that is readable, one that is in part, one that is not: by either way of reading. */
	const struct subject_area *area = subject_area(&subject, "anonymous"),
				  *guard = subject_area(&subject, "guard");
	uint8_t *copy = malloc(area->size + 4096);
	for (int old = 0; old < 2; old++) {
		struct copy_runs runs = { 0 };
		struct segments failed SEGMENTS_AUTO = { 0 };
		reader.no_vm_read = old;
		reader.done = 0;
		memset(copy, 0, area->size + 4096);
		assert_no_error(copy_runs_add(&runs, area->address, area->size / 2, copy));
		assert_no_error(copy_runs_add(&runs, area->address + area->size / 2, area->size / 2,
					      copy + area->size / 2));
		assert_int_equal(runs.count, 1);
		assert_no_error(copy_runs_add(&runs, guard->address, 4096, copy + area->size));
		assert_no_error(process_copy(&reader, &runs, &failed));
		assert_int_equal(hash_of(copy, area->size), area->hash);
		assert_int_equal(reader.done, runs.total);
		if (!old) { /* /proc/PID/mem may read more than the process itself */
			assert_int_equal(failed.count, 1);
			assert_int_equal(failed.items[0].start, guard->address);
		}
		free(runs.items);
	}
	free(copy);
	close(reader.memory);
	close(pagemap);
	subject_stop(&subject);
}

static int check_tracing(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_no_build_id),
		cmocka_unit_test(test_static),
		cmocka_unit_test(test_linker_started),
		cmocka_unit_test(test_reservation),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_deleted_executable),
		cmocka_unit_test(test_executable_option),
		cmocka_unit_test(test_chroot),
		cmocka_unit_test(test_one_moment),
		cmocka_unit_test(test_busy_machine),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_job_control),
		cmocka_unit_test(test_no_stop),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_main_thread_ended),
		cmocka_unit_test(test_unstoppable),
		cmocka_unit_test(test_ends_meanwhile),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_kernel_thread),
		cmocka_unit_test(test_traced),
		cmocka_unit_test(test_not_permitted),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_older_kernels),
	};
	return cmocka_run_group_tests(tests, check_tracing, NULL);
}
