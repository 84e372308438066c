/* SPDX-License-Identifier: MIT */
/*
 * subject.h - starting the program subject and keeping what it says about itself. Included by the tests.
 */
#ifndef TESTS_TARGET_SUBJECT_H
#define TESTS_TARGET_SUBJECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "target/target.h"

struct subject_area {
	char name[32];
	uint64_t address, size, hash;
	bool lost;
};

struct subject_symbol {
	char name[32];
	uint64_t address;
};

struct subject {
	pid_t pid;
	FILE *in, *out; /* to it, from it */
	char program[PATH_MAX];
	struct subject_area areas[64];
	size_t area_count;
	struct subject_symbol symbols[64];
	size_t symbol_count;
	pid_t threads[256];
	size_t thread_count;
	char build_id[129];
};

/* "@folder/@name"; overwritten by the eighth call after this one. */
static inline const char *path_in(const char *folder, const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];
	if (snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		fail_msg("%s/%s is too long", folder, name);
	return path;
}

/* The variant @name of the subject: it is in the folder of this test program. */
static inline const char *own_program(const char *name)
{
	static char folder[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	assert_true(size > 0);
	folder[size] = '\0';
	*strrchr(folder, '/') = '\0';
	return path_in(folder, name);
}

/* A folder that is removed at the end of the program. */
static char scratch_folder[PATH_MAX];

static void scratch_remove(void)
{
	char command[PATH_MAX + 16];
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch_folder);
	if (system(command) != 0)
		fprintf(stderr, "%s remains\n", scratch_folder);
}

/* @name in that folder. */
static inline const char *scratch(const char *name)
{
	if (!*scratch_folder) {
		const char *folder = getenv("TMPDIR");
		strcpy(scratch_folder, path_in(folder ? folder : "/tmp", "libinspect-test-XXXXXX"));
		assert_non_null(mkdtemp(scratch_folder));
		atexit(scratch_remove);
	}
	return path_in(scratch_folder, name);
}

static inline void copy_file(const char *from, const char *to)
{
	char buffer[65536];
	int source = open(from, O_RDONLY | O_CLOEXEC),
	    sink = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(source >= 0);
	assert_true(sink >= 0);
	for (ssize_t size; (size = read(source, buffer, sizeof(buffer))) > 0;)
		assert_int_equal(write(sink, buffer, (size_t)size), size);
	close(source);
	close(sink);
}

static inline void subject_hear(struct subject *subject)
{
	char line[1024];
	while (fgets(line, sizeof(line), subject->out)) {
		struct subject_area *area = &subject->areas[subject->area_count];
		struct subject_symbol *symbol = &subject->symbols[subject->symbol_count];
		int tid;
		assert_true(subject->area_count < 63 && subject->symbol_count < 63);
		if (sscanf(line, "area %31s %" SCNx64 " %" SCNu64 " %" SCNx64, area->name, &area->address,
			   &area->size, &area->hash) == 4) {
			subject->area_count++;
		} else if (sscanf(line, "lost %31s %" SCNx64 " %" SCNu64, area->name, &area->address,
				  &area->size) == 3) {
			area->lost = true;
			subject->area_count++;
		} else if (sscanf(line, "symbol %31s %" SCNx64, symbol->name, &symbol->address) == 2) {
			subject->symbol_count++;
		} else if (sscanf(line, "thread %d", &tid) == 1 && subject->thread_count < 256) {
			subject->threads[subject->thread_count++] = tid;
		} else if (sscanf(line, "build-id %128s", subject->build_id) == 1) {
			continue;
		} else if (strcmp(line, "ready\n") == 0) {
			return;
		}
	}
	fail_msg("%s did not get ready", subject->program);
}

/* No core of the subject is anywhere near this; a mistake must not fill the disk. */
static const rlim_t largest_file = 256 << 20;

/* Starts @arguments[0] with the current folder @folder and, if it is not NULL, the root folder @root; it may
 * dump core. Waits until it is ready. */
static inline void subject_start(struct subject *subject, const char *folder, const char *root,
				 const char *const *arguments)
{
	int to[2], from[2];
	memset(subject, 0, sizeof(*subject));
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	snprintf(subject->program, sizeof(subject->program), "%s", arguments[0]);
	fflush(stdout);
	subject->pid = fork();
	assert_true(subject->pid >= 0);
	if (!subject->pid) {
		struct rlimit limit;
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a test that failed */
		getrlimit(RLIMIT_CORE, &limit);
		limit.rlim_cur = limit.rlim_max < largest_file ? limit.rlim_max : largest_file;
		setrlimit(RLIMIT_CORE, &limit);
		/* A sanitizer in the test is none of the subject's business. */
		unsetenv("LD_PRELOAD");
		if (dup2(to[0], 0) < 0 || dup2(from[1], 1) < 0 || chdir(folder) != 0 ||
		    (root && (chroot(root) != 0 || chdir("/") != 0)))
			_exit(126);
		execv(arguments[0], (char *const *)arguments);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	subject->in = fdopen(to[1], "we");
	subject->out = fdopen(from[0], "re");
	subject_hear(subject);
}

/* Starts the variant @name of the subject from this program's folder. */
static inline void subject_start_own(struct subject *subject, const char *name, const char *first,
				     const char *second)
{
	subject_start(subject, scratch(""), NULL, (const char *[]){ own_program(name), first, second, NULL });
}

static inline void subject_tell(struct subject *subject, const char *word)
{
	fprintf(subject->in, "%s\n", word);
	fflush(subject->in);
}

static inline void subject_stop(struct subject *subject)
{
	if (!subject->pid)
		return;
	kill(subject->pid, SIGKILL);
	waitpid(subject->pid, NULL, 0);
	fclose(subject->in);
	fclose(subject->out);
	subject->pid = 0;
}

static inline const struct subject_area *subject_area(const struct subject *subject, const char *name)
{
	for (size_t i = 0; i < subject->area_count; i++)
		if (strcmp(subject->areas[i].name, name) == 0)
			return &subject->areas[i];
	fail_msg("the subject has no area %s", name);
	return NULL;
}

static inline uint64_t subject_symbol(const struct subject *subject, const char *name)
{
	for (size_t i = 0; i < subject->symbol_count; i++)
		if (strcmp(subject->symbols[i].name, name) == 0)
			return subject->symbols[i].address;
	fail_msg("the subject has no symbol %s", name);
	return 0;
}

/* Skips the test if there is no static subject, for want of a static C library. */
static inline void need_static(void)
{
	if (access(own_program("subject-static"), X_OK) != 0) {
		print_message("there is no static C library here\n");
		skip();
	}
}

/* The dynamic linker that the subject names, "" if that cannot be known. */
static inline const char *subject_linker(void)
{
	static char linker[PATH_MAX];
	char command[PATH_MAX + 128];
	snprintf(command, sizeof(command),
		 "readelf -lW '%s' 2>/dev/null | sed -n 's/.*interpreter: \\(.*\\)\\]/\\1/p'",
		 own_program("subject"));
	FILE *pipe = popen(command, "re");
	if (!pipe || !fgets(linker, sizeof(linker), pipe))
		linker[0] = '\0';
	if (pipe)
		pclose(pipe);
	linker[strcspn(linker, "\n")] = '\0';
	return linker;
}

/* Starts the subject as an argument of the dynamic linker; skips the test if that is unknown. */
static inline void subject_start_by_linker(struct subject *subject)
{
	if (!*subject_linker()) {
		print_message("there is no readelf here\n");
		skip();
	}
	subject_start(subject, scratch(""), NULL,
		      (const char *[]){ subject_linker(), own_program("subject"), NULL });
	subject->build_id[0] = '\0'; /* what it took for its own is that of the first image, the linker */
}

/* ---- cores --------------------------------------------------------------------------------------- */

/* Skips the test if the kernel does not write cores to files in the current folder. */
static inline void need_kernel_cores(void)
{
	char pattern[256] = "";
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
	if (file && !fgets(pattern, sizeof(pattern), file))
		pattern[0] = '\0';
	if (file)
		fclose(file);
	pattern[strcspn(pattern, "\n")] = '\0';
	struct rlimit limit;
	getrlimit(RLIMIT_CORE, &limit);
	if (strchr(pattern, '|') || strchr(pattern, '/') || strncmp(pattern, "core", 4) != 0 ||
	    !limit.rlim_max) {
		print_message("the kernel writes no cores here: core_pattern is \"%s\", ulimit -Hc is %ju\n",
			      pattern, (uintmax_t)limit.rlim_max);
		skip();
	}
}

/* Has the subject, whose current folder is the scratch one, dump core; the core is renamed to @name. */
static inline const char *subject_dump(struct subject *subject, const char *name)
{
	int status;
	char pattern[PATH_MAX];
	subject_tell(subject, "abort");
	assert_int_equal(waitpid(subject->pid, &status, 0), subject->pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(WCOREDUMP(status));
	snprintf(pattern, sizeof(pattern), "cd '%s' && mv core* '%s'", scratch(""), name);
	assert_int_equal(system(pattern), 0);
	fclose(subject->in);
	fclose(subject->out);
	subject->pid = 0;
	return scratch(name);
}

/* Takes a core of the subject with gdb's gcore; skips the test if there is none. */
static inline const char *subject_gcore(struct subject *subject, const char *name)
{
	char command[2 * PATH_MAX];
	if (system("command -v gcore >/dev/null 2>&1") != 0) {
		subject_stop(subject);
		print_message("there is no gcore here\n");
		skip();
	}
	snprintf(command, sizeof(command),
		 "ulimit -f %ju && cd '%s' && gcore -o gdb %d >gcore.log 2>&1 && mv gdb.%d '%s'",
		 (uintmax_t)largest_file / 512, scratch(""), (int)subject->pid, (int)subject->pid, name);
	if (system(command) != 0) {
		subject_stop(subject);
		print_message("gcore may not read processes here\n");
		skip();
	}
	return scratch(name);
}

/* ---- comparing ----------------------------------------------------------------------------------- */

static inline void assert_no_error(struct inspect_error *error)
{
	if (error)
		fail_msg("%s", inspect_error_message(error));
}

/* Checks that @error is of @kind and says @words; destroys it. */
static inline void assert_error(struct inspect_error *error, enum inspect_error_kind kind, const char *words)
{
	assert_non_null(error);
	if (!strstr(inspect_error_message(error), words))
		fail_msg("the error is \"%s\", without \"%s\"", inspect_error_message(error), words);
	assert_int_equal(inspect_error_kind(error), kind);
	assert_null(strchr(inspect_error_message(error), '\n'));
	inspect_error_destroy(error);
}

static inline uint64_t hash_of(const void *bytes, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static inline void assert_area(struct inspect_target *target, const struct subject_area *area)
{
	uint8_t *bytes = malloc(area->size);
	struct inspect_error *error = target_read(target, area->address, bytes, area->size);
	if (error)
		fail_msg("%s: %s", area->name, inspect_error_message(error));
	if (hash_of(bytes, area->size) != area->hash)
		fail_msg("the bytes of %s at 0x%" PRIx64 " are not those of the subject", area->name,
			 area->address);
	assert_true(target_has(target, area->address, area->size));
	const void *mapped = target_map(target, area->address, area->size);
	if (mapped)
		assert_memory_equal(mapped, bytes, area->size);
	free(bytes);
}

/* Checks that all areas that the subject tells of have the very bytes in the target. */
static inline void assert_areas(struct inspect_target *target, const struct subject *subject)
{
	for (size_t i = 0; i < subject->area_count; i++)
		if (!subject->areas[i].lost)
			assert_area(target, &subject->areas[i]);
}

/* Checks the subject's symbols: each in the image that is at its address, by name and back. */
static inline void assert_symbols(struct inspect_target *target, const struct subject *subject)
{
	for (size_t i = 0; i < subject->symbol_count; i++) {
		const struct subject_symbol *symbol = &subject->symbols[i];
		struct target_image *image = target_image_at(target, symbol->address);
		uint64_t address, size, offset = 0;
		if (!image)
			fail_msg("no image has %s", symbol->name);
		if (strcmp(symbol->name, "first") == 0 || strcmp(symbol->name, "second") == 0)
			continue; /* members of a variable */
		assert_no_error(image_symbol(target, image, symbol->name, &address, &size));
		if (address != symbol->address)
			fail_msg("%s is at 0x%" PRIx64 ", not at 0x%" PRIx64, symbol->name, symbol->address,
				 address);
		assert_true(size > 0);
		const char *found = image_symbol_at(target, image, symbol->address + 1, &offset);
		if (!found)
			fail_msg("no symbol covers %s", symbol->name);
		assert_int_equal(offset, 1);
		assert_no_error(image_symbol(target, image, found, &address, NULL));
		assert_int_equal(address, symbol->address); /* it may be known by several names */
		assert_no_error(image_symbol(target, image, "no_such_symbol", &address, NULL));
		assert_int_equal(address, 0);
	}
}

static inline void assert_threads(const struct inspect_target *target, const struct subject *subject)
{
	for (size_t i = 0; i < subject->thread_count; i++) {
		bool found = false;
		for (size_t j = 0; j < target->thread_count; j++)
			found |= target->threads[j].tid == subject->threads[i];
		if (!found)
			fail_msg("thread %d is missing", (int)subject->threads[i]);
	}
}

/* Checks that the main image is the subject's program. */
static inline void assert_main_image(struct inspect_target *target, const struct subject *subject)
{
	assert_true(target->main_image >= 0);
	struct target_image *image = &target->images[target->main_image];
	char text[129];
	image_build_id_text(image, text);
	assert_string_equal(text, subject->build_id);
	assert_true(image->is_elf);
	uint64_t address = subject_symbol(subject, "subject_variable");
	assert_true(address >= image->start && address < image->end);
}

static inline const struct note *find_note(const struct inspect_target *target, const char *words)
{
	for (size_t i = 0; i < target->notes.count; i++)
		if (strstr(target->notes.items[i].text, words))
			return &target->notes.items[i];
	return NULL;
}

static inline void assert_complete(const struct inspect_target *target)
{
	for (size_t i = 0; i < target->notes.count; i++)
		if (target->notes.items[i].incomplete)
			fail_msg("unexpected: %s", target->notes.items[i].text);
}

#endif
