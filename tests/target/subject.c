/* SPDX-License-Identifier: MIT */
/*
 * subject.c - a program that says what is in its own memory, for tests that read it from outside.
 *
 *     subject [threads=N] [spin] [file=PATH] [large=MIB] [reserve=GIB] [share=MIB] [churn]
 *
 * It prints
 *     area NAME ADDRESS SIZE HASH    bytes as it sees them itself (FNV-1a of 64 bits)
 *     lost NAME ADDRESS SIZE         bytes that it cannot read, or that a core leaves out
 *     symbol NAME ADDRESS            by dlsym() or by its own name
 *     build-id HEX                   its own, if it has one
 *     thread TID
 *     ready
 * and then obeys the lines of its input: "abort", "exit", "end-main" (only other threads remain), "vfork"
 * (waits in the kernel, where it cannot be stopped, until the next line, then says "back"), "signals"
 * (prints how many of signal 40 it has got).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, AREA = 1 << 20 };

static uint64_t hash_of(const void *bytes, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void say_area(const char *name, const void *bytes, size_t size)
{
	printf("area %s 0x%" PRIxPTR " %zu 0x%" PRIx64 "\n", name, (uintptr_t)bytes, size,
	       hash_of(bytes, size));
}

static void say_lost(const char *name, const void *bytes, size_t size)
{
	printf("lost %s 0x%" PRIxPTR " %zu\n", name, (uintptr_t)bytes, size);
}

static void say_symbol(const char *name, const void *address)
{
	printf("symbol %s 0x%" PRIxPTR "\n", name, (uintptr_t)address);
}

static void scribble(void *bytes, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		((uint64_t *)bytes)[i] = seed;
	}
}

static void *map(size_t size, int protection, int flags)
{
	void *bytes = mmap(NULL, size, protection, flags, -1, 0);
	if (bytes == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return bytes;
}

#ifdef VARIANT
/* Makes another program of it. */
const char subject_variant[48 * PAGE] = "variant";
#endif

/* One area for each kind of memory that a program has of itself. */
static const char constants[3 * PAGE] = "constants that are in the file alone";
static uint64_t initialised[4 * PAGE / 8] __attribute__((aligned(PAGE))) = { 1, 2, 3 };
static uint64_t zeroed[4 * PAGE / 8] __attribute__((aligned(PAGE)));
static const void *const relocated[PAGE / 8] = { constants, initialised, zeroed, constants + 1 };
static int hidden_variable = 4711;
int subject_variable = 42;

__attribute__((noinline)) static int hidden_function(int value)
{
	return value + hidden_variable;
}

static int signals; /* any thread may get one */

static void count_signal(int number)
{
	(void)number;
	__atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

/* Two counters on different pages that are never more than one apart. */
static struct {
	volatile uint64_t first;
	char gap[2 * PAGE];
	volatile uint64_t second;
} counters;

static void *spin(void *context)
{
	(void)context;
	for (;;) {
		counters.first++;
		counters.second++;
	}
	return NULL;
}

static void *nothing(void *context)
{
	return context;
}

/* Starts threads that end at once. */
static void *churn(void *context)
{
	for (;;) {
		pthread_t threads[4];
		for (int i = 0; i < 4; i++)
			if (pthread_create(&threads[i], NULL, nothing, context) != 0)
				exit(1);
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	}
	return NULL;
}

static void *sleep_on(void *context)
{
	printf("thread %ld\n", (long)syscall(SYS_gettid));
	pthread_barrier_wait(context);
	for (;;)
		pause();
	return NULL;
}

static int say_build_id(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	(void)context;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		if (header->p_type != PT_NOTE)
			continue;
		const uint32_t *note = (const uint32_t *)(info->dlpi_addr + header->p_vaddr);
		const uint32_t *end = note + header->p_memsz / 4;
		while (note + 3 <= end) {
			if (note[2] == NT_GNU_BUILD_ID && note[0] == 4) {
				printf("build-id ");
				for (uint32_t j = 0; j < note[1]; j++)
					printf("%02x", ((const uint8_t *)(note + 4))[j]);
				printf("\n");
			}
			note += 3 + (note[0] + 3) / 4 + (note[1] + 3) / 4;
		}
	}
	return 1; /* only the first one, which is the program */
}

static void say_program(void)
{
	dl_iterate_phdr(say_build_id, NULL);
	memset(initialised + PAGE / 8, 7, 100); /* the first and the last page remain as in the file */
	memset(zeroed + PAGE / 8, 9, 100);
	say_area("constants", constants, sizeof(constants));
	say_area("initialised", initialised, sizeof(initialised));
	say_area("zeroed", zeroed, sizeof(zeroed));
	say_area("relocated", relocated, sizeof(relocated));
	say_area("text", (const void *)(uintptr_t)hidden_function, 32);
	say_symbol("hidden_variable", &hidden_variable);
	say_symbol("hidden_function", (const void *)(uintptr_t)hidden_function);
	say_symbol("subject_variable", &subject_variable);
}

static void say_libraries(void)
{
	static const char *const names[] = { "qsort", "getenv", "fopen", "malloc", "stdout" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const void *address = dlsym(RTLD_NEXT, names[i]);
		if (!address)
			continue;
		say_symbol(names[i], address);
		say_area("library-text", address, 64);
	}
}

static void say_memory(size_t large, size_t gigabytes, size_t much_shared)
{
	uint8_t *anonymous = map(AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	scribble(anonymous, AREA, 1);
	say_area("anonymous", anonymous, AREA);

	uint8_t *holes = map(AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	for (size_t at = 0; at < AREA; at += 3 * PAGE)
		scribble(holes + at, PAGE, at);
	say_area("holes", holes, AREA);

	/* What is reserved in earnest stays out of cores: gcore would write gigabytes of zeros. */
	size_t reserve = gigabytes ? gigabytes << 30 : 8 << 20;
	uint8_t *reserved = map(reserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	madvise(reserved, reserve, MADV_NOHUGEPAGE);
	if (gigabytes)
		madvise(reserved, reserve, MADV_DONTDUMP);
	scribble(reserved + reserve / 2, PAGE, 2);
	say_area("reserved", reserved + reserve / 2, PAGE);

	uint8_t *constant = map(AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	scribble(constant, AREA, 3);
	mprotect(constant, AREA, PROT_READ);
	say_area("constant", constant, AREA);

	uint8_t *shared = map(AREA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
	scribble(shared, AREA, 4);
	say_area("shared", shared, AREA);

	if (much_shared)
		say_lost("much-shared", map(much_shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS),
			 much_shared);

	uint8_t *heap = malloc(50000);
	scribble(heap, 50000, 5);
	say_area("heap", heap, 50000);

	if (large) {
		uint8_t *much = map(large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
		scribble(much, large, 6);
		say_area("large", much, large);
	}

	uint8_t *secret = map(AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	scribble(secret, AREA, 7);
	madvise(secret, AREA, MADV_DONTDUMP);
	say_lost("dontdump", secret, AREA);

	say_lost("guard", map(PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS), PAGE);
}

/* Maps four pages of a data file twice and writes to the second page of one. */
static void say_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	uint8_t *written = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	uint8_t *read_only = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd < 0 || written == MAP_FAILED || read_only == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	scribble(written + PAGE, PAGE, 8);
	say_area("file-written", written + PAGE, PAGE);
	say_lost("file", read_only + 2 * PAGE, PAGE);
}

static void start_threads(int count)
{
	static pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, (unsigned int)count + 1);
	for (int i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, sleep_on, &barrier) != 0)
			exit(1);
	}
	pthread_barrier_wait(&barrier);
}

static void wait_in_kernel(void)
{
	pid_t pid = vfork();
	if (!pid) {
		char byte = 0;
		while (byte != '\n' && read(0, &byte, 1) == 1)
			continue;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("back\n");
}

static void obey(void)
{
	char line[64];
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "abort\n") == 0)
			abort();
		if (strcmp(line, "exit\n") == 0)
			break;
		if (strcmp(line, "vfork\n") == 0)
			wait_in_kernel();
		if (strcmp(line, "end-main\n") == 0)
			pthread_exit(NULL);
		if (strcmp(line, "signals\n") == 0)
			printf("signals %d\n", __atomic_load_n(&signals, __ATOMIC_RELAXED));
	}
}

int main(int count, char **arguments)
{
	uint64_t on_stack[64];
	int threads = 0;
	size_t large = 0, reserve = 0, share = 0;
	const char *file = NULL;
	int spins = 0, churns = 0;
	pthread_t thread;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < count; i++) {
		if (sscanf(arguments[i], "threads=%d", &threads) == 1 ||
		    sscanf(arguments[i], "large=%zu", &large) == 1 ||
		    sscanf(arguments[i], "reserve=%zu", &reserve) == 1 ||
		    sscanf(arguments[i], "share=%zu", &share) == 1)
			continue;
		if (strncmp(arguments[i], "file=", 5) == 0)
			file = arguments[i] + 5;
		spins |= strcmp(arguments[i], "spin") == 0;
		churns |= strcmp(arguments[i], "churn") == 0;
	}
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	sigaction(40, &action, NULL); /* a queued one that no C library keeps for itself */
	scribble(on_stack, sizeof(on_stack), 9);
	say_area("stack", on_stack, sizeof(on_stack));
	say_program();
	say_libraries();
	say_memory(large << 20, reserve, share << 20);
	if (file)
		say_file(file);
	printf("thread %ld\n", (long)syscall(SYS_gettid));
	start_threads(threads);
	if (churns)
		pthread_create(&thread, NULL, churn, NULL);
	if (spins) {
		say_symbol("first", (const void *)(uintptr_t)&counters.first);
		say_symbol("second", (const void *)(uintptr_t)&counters.second);
		pthread_create(&thread, NULL, spin, NULL);
	}
	printf("value %d\nready\n", hidden_function(1));
	obey();
	return 0;
}
