/* SPDX-License-Identifier: MIT */
/*
 * fuzz.c - files in memory, and verbs on whatever the input made of a target.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "graph/workers.h"

const struct inspect_target_options fuzz_options = {
	.sysroot = "/nonexistent",
	.limits.max_memory = 256 << 20,
};

/* ---- files ----------------------------------------------------------------------------------------------- */

enum { SLOTS = 40 };
static char slot_paths[SLOTS][32];

const char *fuzz_file(unsigned int slot, const uint8_t *data, size_t size)
{
	static int slots[SLOTS]; /* + 1 */
	if (!slots[slot]) {
		slots[slot] = memfd_create("fuzz", MFD_CLOEXEC) + 1;
		snprintf(slot_paths[slot], sizeof(slot_paths[slot]), "/proc/self/fd/%d", slots[slot] - 1);
	}
	if (ftruncate(slots[slot] - 1, (off_t)size) != 0 || pwrite(slots[slot] - 1, data, size, 0) != (ssize_t)size)
		abort();
	return slot_paths[slot];
}

/* Is an input being looked at? libFuzzer itself may open what it likes. */
static bool is_busy;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	is_busy = true;
	fuzz_one(data, size);
	is_busy = false;
	return 0;
}

/* The linker puts these in the place of the C library's (Makefile.am). */
int __real_open(const char *path, int flags, ...);
FILE *__real_fopen(const char *path, const char *mode);
int __wrap_open(const char *path, int flags, ...);
FILE *__wrap_fopen(const char *path, const char *mode);

int __wrap_open(const char *path, int flags, ...)
{
	if (!is_busy) {
		va_list arguments;
		va_start(arguments, flags);
		mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
		va_end(arguments);
		return __real_open(path, flags, mode);
	}
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		if (strcmp(path, slot_paths[slot]) == 0)
			return __real_open(path, flags);
	const char *folder = getenv("FUZZ_FILES"), *name = strrchr(path, '/');
	char place[512];
	errno = ENOENT;
	if (!folder || !name || strcmp(name, "/..") == 0)
		return -1;
	if (snprintf(place, sizeof(place), "%s%s", folder, name) >= (int)sizeof(place))
		return -1;
	return __real_open(place, flags);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (!is_busy)
		return __real_fopen(path, mode);
	errno = ENOENT;
	return NULL;
}

size_t fuzz_read(const char *path, uint8_t *bytes, size_t size)
{
	int fd = __real_open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, bytes, size);
	if (got < 0 || (size_t)got == size) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(2);
	}
	close(fd);
	return (size_t)got;
}

/* ---- verbs ----------------------------------------------------------------------------------------------- */

/* Reads what was written, so that a sanitizer sees what is not there. */
static volatile uint8_t sum;

static bool take(void *context __attribute__((unused)), const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += (uint8_t)text[i];
	return true;
}

static const struct inspect_output output = { .write = take, .write_message = take };

/* How each verb is called beside its plain form: a second form, where it has one that reads more. */
static const struct form {
	const char *verb;
	const char *options[4]; /* "ADDRESS" is replaced */
} forms[] = {
	{ "status", { NULL } },
	{ "heap", { "--format=json" } },
	{ "heap", { "--by-generation", "--format=csv" } },
	{ "gc", { NULL } },
	{ "generations", { NULL } },
	{ "objects", { "--format=jsonl", "--values" } },
	{ "objects", { "--sort=size", "--values", "--redact" } },
	{ "object", { "ADDRESS" } },
	{ "referents", { "ADDRESS", "--format=json" } },
	{ "referents", { "--all", "--format=csv" } },
	{ "referrers", { "ADDRESS", "--format=json" } },
	{ "roots", { "--format=json" } },
	{ "path", { "ADDRESS", "--paths=3" } },
	{ "cycles", { NULL } },
	{ "cycles", { "--objects", "--format=json" } },
	{ "garbage", { "--format=json" } },
	{ "finalizers", { "--format=json" } },
	{ "weakrefs", { "--format=json" } },
	{ "weakrefs", { "--containers" } },
	{ "verify", { "--format=json" } },
	{ "refcounts", { "--format=json" } },
	{ "sql", { "SELECT * FROM objects JOIN types USING (type)", "--format=csv" } },
	{ "sql", { "SELECT * FROM refs JOIN roots ON address = referent", "--format=csv" } },
};

_Static_assert(sizeof(forms) / sizeof(*forms) == FUZZ_FORMS, "the number in fuzz.h is theirs");

void fuzz_run_verbs(struct inspect_session *session, uint64_t verbs, uint64_t address)
{
	char hexadecimal[32];
	snprintf(hexadecimal, sizeof(hexadecimal), "0x%" PRIx64, address);
	for (size_t i = 0; i < FUZZ_FORMS; i++) {
		if (!(verbs >> i & 1))
			continue;
		const char *arguments[6] = { forms[i].verb };
		int count = 1;
		for (size_t j = 0; j < 4 && forms[i].options[j]; j++)
			arguments[count++] = strcmp(forms[i].options[j], "ADDRESS") == 0 ? hexadecimal : forms[i].options[j];
		inspect_session_run(session, count, arguments, &output);
	}
}

/* ---- input ----------------------------------------------------------------------------------------------- */

uint64_t fuzz_take(struct fuzz_input *input, size_t size)
{
	uint64_t value = 0;
	size_t there = size < input->size ? size : input->size;
	memcpy(&value, input->data, there);
	input->data += there;
	input->size -= there;
	return value;
}

/* Long stacks of each allocation cost more than the work. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "malloc_context_size=2:quarantine_size_mb=4:allocator_may_return_null=1";
}

/* Once, before anything else: threads would take longer to start than the work takes. */
static void __attribute__((constructor)) prepare(void)
{
	workers_limit = 1;
}
