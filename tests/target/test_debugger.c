/* SPDX-License-Identifier: MIT */
/*
 * test_debugger.c - targets behind a read function, against what the process said about itself.
 */
#include "subject.h"

#include <sys/uio.h>

#include "target/threads.h"

/* A debugger of the subject: reads its memory, counts how often, and lies if it should. */
struct fake_debugger {
	pid_t pid;
	size_t reads;
	uint64_t lies; /* one of so many bytes is wrong; 0: none */
	uint64_t random_state;
	uint8_t auxv[1024];
	struct inspect_debugger debugger;
};

static bool fake_read(void *context, uint64_t address, void *buffer, size_t size)
{
	struct fake_debugger *fake = context;
	struct iovec local = { .iov_base = buffer, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };
	fake->reads++;
	if (process_vm_readv(fake->pid, &local, 1, &remote, 1, 0) != (ssize_t)size)
		return false;
	for (size_t i = 0; fake->lies && i < size; i++) {
		fake->random_state =
			fake->random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if ((fake->random_state >> 33) % fake->lies == 0)
			((uint8_t *)buffer)[i] = (uint8_t)(fake->random_state >> 40);
	}
	return true;
}

static void attach(struct fake_debugger *fake, const struct subject *subject)
{
	char path[64];
	memset(fake, 0, sizeof(*fake));
	fake->pid = subject->pid;
	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)subject->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, fake->auxv, sizeof(fake->auxv));
	assert_true(size > 0);
	close(fd);
	fake->debugger = (struct inspect_debugger){
		.read = fake_read,
		.context = fake,
		.auxv = fake->auxv,
		.auxv_size = (size_t)size,
		.pid = subject->pid,
	};
}

static void check_variant(const char *name)
{
	struct subject subject;
	struct fake_debugger fake;
	struct inspect_target *target;
	uint8_t byte;
	subject_start_own(&subject, name, NULL, NULL);
	attach(&fake, &subject);
	assert_no_error(inspect_target_open_debugger(&fake.debugger, NULL, &target));
	assert_int_equal(target->kind, TARGET_DEBUGGER);
	assert_int_equal(target->pid, subject.pid);
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	assert_main_image(target, &subject);
	assert_non_null(strstr(target->images[target->main_image].path, name));
	assert_int_equal(target->images[target->main_image].state,
			 *subject.build_id ? IMAGE_VERIFIED : IMAGE_UNVERIFIED);
	assert_complete(target);

	/* What has been read once is not read again, and neither is what could not be. */
	const struct subject_area *guard = subject_area(&subject, "guard");
	assert_error(target_read(target, guard->address, &byte, 1), INSPECT_ERROR_UNREADABLE,
		     "the debugger cannot read the memory");
	assert_null(target_map(target, guard->address, 1));
	size_t reads = fake.reads;
	assert_areas(target, &subject);
	assert_false(target_has(target, guard->address, 1));
	assert_int_equal(fake.reads, reads);

	/* A pointer into the cache stays as it is. */
	const struct subject_area *area = subject_area(&subject, "anonymous");
	const uint8_t *mapped = target_map(target, area->address, 100);
	assert_non_null(mapped);
	uint64_t sum = hash_of(mapped, 100);
	for (uint64_t at = 0; at < area->size; at += 4096)
		assert_non_null(target_map(target, area->address + at, 4096));
	assert_ptr_equal(target_map(target, area->address, 100), mapped);
	assert_int_equal(hash_of(mapped, 100), sum);
	inspect_target_close(target);
	subject_stop(&subject);
}

static void test_debugger(void **state)
{
	(void)state;
	check_variant("subject");
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
	struct fake_debugger fake;
	struct inspect_target *target;
	subject_start_by_linker(&subject);
	attach(&fake, &subject);
	assert_no_error(inspect_target_open_debugger(&fake.debugger, NULL, &target));
	assert_string_equal(target->images[target->main_image].path, own_program("subject"));
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	inspect_target_close(target);
	subject_stop(&subject);
}

/* What lies at the border of the memory, where a whole block of the cache cannot be read. */
static void test_borders(void **state)
{
	(void)state;
	struct subject subject;
	struct fake_debugger fake;
	struct inspect_target *target;
	subject_start_own(&subject, "subject", NULL, NULL);
	attach(&fake, &subject);
	assert_no_error(inspect_target_open_debugger(&fake.debugger, NULL, &target));
	char path[64], line[512];
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)subject.pid);
	FILE *maps = fopen(path, "re");
	while (fgets(line, sizeof(line), maps)) {
		uint64_t start, end;
		char permissions[5];
		assert_int_equal(sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, permissions), 3);
		if (permissions[0] != 'r' || strstr(line, "[v") || end - start > 64 << 20)
			continue;
		uint8_t ours[2], theirs[2];
		assert_true(fake_read(&fake, start, &theirs[0], 1) &&
			    fake_read(&fake, end - 1, &theirs[1], 1));
		assert_no_error(target_read(target, start, &ours[0], 1));
		assert_no_error(target_read(target, end - 1, &ours[1], 1));
		assert_memory_equal(ours, theirs, 2);
		uint64_t middle = start + (end - start) / 2;
		assert_true(target_has(target, middle, end - middle));
	}
	fclose(maps);
	uint8_t byte;
	assert_error(target_read(target, UINT64_MAX, &byte, 1), INSPECT_ERROR_UNREADABLE, "cannot read");
	assert_error(target_read(target, UINT64_MAX, &byte, 2), INSPECT_ERROR_UNREADABLE, "address space");
	assert_null(target_map(target, UINT64_MAX, 1));
	inspect_target_close(target);
	subject_stop(&subject);
}

static void test_errors(void **state)
{
	(void)state;
	struct subject subject;
	struct fake_debugger fake;
	struct inspect_target *target;
	subject_start_own(&subject, "subject", NULL, NULL);
	attach(&fake, &subject);

	struct inspect_debugger debugger = fake.debugger;
	debugger.auxv_size = 0;
	assert_error(inspect_target_open_debugger(&debugger, NULL, &target), INSPECT_ERROR_UNREADABLE,
		     "no auxiliary vector; is the program running?");
	assert_null(target);

	struct inspect_target_options options = { .executable = own_program("subject-other") };
	assert_error(inspect_target_open_debugger(&fake.debugger, &options, &target), INSPECT_ERROR_FORMAT,
		     "is not what ran in");

	subject_stop(&subject);
	assert_error(inspect_target_open_debugger(&fake.debugger, NULL, &target), INSPECT_ERROR_UNREADABLE,
		     "cannot be read");
}

/* A debugger of which some bytes are wrong, always others. */
static void test_lies(void **state)
{
	(void)state;
	struct subject subject;
	struct fake_debugger fake;
	size_t opened = 0;
	subject_start_own(&subject, "subject", NULL, NULL);
	attach(&fake, &subject);
	for (uint64_t round = 0; round < 300; round++) {
		struct inspect_target *target;
		fake.lies = UINT64_C(1) << (4 + round % 16);
		fake.random_state = round;
		struct inspect_error *error = inspect_target_open_debugger(&fake.debugger, NULL, &target);
		if (error) {
			assert_null(target);
			inspect_error_destroy(error);
			continue;
		}
		opened++;
		for (size_t i = 0; i < target->image_count; i++) {
			uint64_t address, offset;
			inspect_error_destroy(
				image_symbol(target, &target->images[i], "malloc", &address, NULL));
			image_symbol_at(target, &target->images[i], target->images[i].start + 0x2000,
					&offset);
		}
		inspect_target_close(target);
	}
	assert_true(opened > 100);
	subject_stop(&subject);
}

/* ---- threads ------------------------------------------------------------------------------------- */

enum { MANY = 20000, STACK_POINTER = 19, THREAD_POINTER = 21, WORDS = 27 /* struct user_regs_struct of x86-64 */ };

static void need_x86_64(const struct inspect_target *target)
{
	if (target->machine != EM_X86_64)
		skip();
}

/* The threads of @target as a debugger would tell of them, backwards. They are in use until @target is closed. */
static struct inspect_thread *threads_of(const struct inspect_target *target)
{
	struct inspect_thread *threads = calloc(target->thread_count, sizeof(*threads));
	for (size_t i = 0; i < target->thread_count; i++) {
		const struct target_thread *from = &target->threads[target->thread_count - 1 - i];
		threads[i] = (struct inspect_thread){ from->tid, from->registers, from->registers_size };
	}
	return threads;
}

/* The same threads, registers and stacks. */
static void assert_same_threads(struct inspect_target *target, struct inspect_target *other)
{
	assert_int_equal(target->thread_count, other->thread_count);
	for (size_t i = 0; i < target->thread_count; i++) {
		struct target_thread *a = &target->threads[i], *b = &other->threads[i];
		uint64_t start, end, other_start, other_end;
		assert_int_equal(a->tid, b->tid);
		assert_true(a->has_registers && b->has_registers);
		assert_int_equal(a->registers_size, b->registers_size);
		assert_memory_equal(a->registers, b->registers, a->registers_size);
		assert_true(thread_stack(target, a, &start, &end));
		assert_true(thread_stack(other, b, &other_start, &other_end));
		assert_true(start < end);
		assert_int_equal(start, other_start);
		assert_int_equal(end, other_end);
		assert_false(thread_stack_is_cut(b, other_end));
	}
}

/* What a debugger tells is what we see when we stop the process ourselves: its mappings say how far stacks reach. */
static void test_threads(void **state)
{
	(void)state;
	struct subject subject;
	struct fake_debugger fake;
	struct inspect_target *stopped, *target;
	subject_start_own(&subject, "subject", "threads=40", NULL);
	attach(&fake, &subject);
	assert_no_error(inspect_target_open_process(subject.pid, NULL, &stopped));
	assert_threads(stopped, &subject);
	assert_true(stopped->thread_count >= 40);
	struct inspect_thread *threads = threads_of(stopped);
	struct inspect_target_options options = { .threads = threads, .thread_count = stopped->thread_count };
	assert_no_error(inspect_target_open_debugger(&fake.debugger, &options, &target));
	memset(threads, 0, stopped->thread_count * sizeof(*threads)); /* has been copied */
	free(threads);
	assert_same_threads(stopped, target);
	inspect_target_close(target);

	/* a process that the debugger holds */
	options.threads = threads = threads_of(stopped);
	options.no_stop = true;
	kill(subject.pid, SIGSTOP);
	assert_no_error(inspect_target_open_process(subject.pid, &options, &target));
	kill(subject.pid, SIGCONT);
	free(threads);
	assert_same_threads(stopped, target);
	inspect_target_close(target);
	inspect_target_close(stopped);
	subject_stop(&subject);
}

static uint64_t next_random(struct fake_debugger *fake)
{
	fake->random_state = fake->random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return fake->random_state >> 11;
}

/* A stack pointer: in a known area, near its borders, near the real one, or anywhere. */
static uint64_t some_pointer(struct fake_debugger *fake, const struct subject *subject, uint64_t real)
{
	const struct subject_area *area = &subject->areas[next_random(fake) % subject->area_count];
	switch (next_random(fake) % 6) {
	case 0:
		return area->address + next_random(fake) % area->size;
	case 1:
		return area->address + area->size - next_random(fake) % 4096;
	case 2:
		return real + next_random(fake) % 65536 - 32768;
	case 3:
		return UINT64_MAX - next_random(fake) % 10000;
	case 4:
		return next_random(fake) % 10000;
	default:
		return next_random(fake);
	}
}

static int compare_starts(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;
	return (a[0] > b[0]) - (a[0] < b[0]);
}

/* Every stack can be read, is no longer than the limit, and no two have anything but the red zone in common. */
static size_t check_stacks(struct inspect_target *target, uint64_t (*stacks)[2])
{
	size_t count = 0;
	for (size_t i = 0; i < target->thread_count; i++) {
		uint64_t start, end;
		if (!thread_stack(target, &target->threads[i], &start, &end))
			continue;
		assert_true(start < end && end - start <= THREAD_STACK_LIMIT + 128);
		assert_true(target_has(target, start, end - start));
		stacks[count][0] = start;
		stacks[count++][1] = end;
	}
	qsort(stacks, count, sizeof(*stacks), compare_starts);
	for (size_t i = 1; i < count; i++)
		assert_true(stacks[i][0] >= stacks[i - 1][1]);
	return count;
}

/* Thousands of threads whose registers are of all sizes and say anything. */
static void test_damaged_threads(void **state)
{
	(void)state;
	struct subject subject;
	struct fake_debugger fake;
	struct inspect_target *target;
	static struct inspect_thread threads[MANY];
	static uint64_t registers[MANY][WORDS], stacks[MANY][2];
	subject_start_own(&subject, "subject", "threads=4", NULL);
	attach(&fake, &subject);
	for (uint64_t round = 0; round < 20; round++) {
		size_t usable = 0;
		uint64_t real = subject_area(&subject, "stack")->address;
		fake.random_state = round;
		for (size_t i = 0; i < MANY; i++) {
			for (size_t j = 0; j < WORDS; j++)
				registers[i][j] = next_random(&fake);
			registers[i][STACK_POINTER] = some_pointer(&fake, &subject, real);
			registers[i][THREAD_POINTER] = some_pointer(&fake, &subject, real);
			size_t size = next_random(&fake) % 4 ? WORDS * 8 : next_random(&fake) % (WORDS * 8 + 1);
			threads[i] = (struct inspect_thread){ (pid_t)next_random(&fake), registers[i], size };
			if (next_random(&fake) % 16 == 0)
				threads[i].registers = NULL;
			else if (next_random(&fake) % 16 == 0)
				threads[i].registers_size = SIZE_MAX - next_random(&fake) % 400; /* not to be read */
			usable += threads[i].registers && threads[i].registers_size == WORDS * 8;
		}
		struct inspect_target_options options = { .threads = threads, .thread_count = MANY };
		assert_no_error(inspect_target_open_debugger(&fake.debugger, &options, &target));
		need_x86_64(target);
		size_t had = 0;
		for (size_t i = 0; i < target->thread_count; i++) {
			struct thread_register values[THREAD_REGISTERS];
			had += target->threads[i].has_registers;
			assert_int_equal(thread_registers(target, &target->threads[i], values),
					 target->threads[i].has_registers ? 15 : 0);
		}
		assert_int_equal(target->thread_count, MANY);
		assert_int_equal(had, usable);
		assert_true(check_stacks(target, stacks) > 100);
		inspect_target_close(target);
	}
	subject_stop(&subject);
}

/* All threads on one stack, which is longer than what is searched: one has it, and it is cut. */
static void test_one_long_stack(void **state)
{
	(void)state;
	struct subject subject;
	struct fake_debugger fake;
	struct inspect_target *target;
	static struct inspect_thread threads[MANY];
	static uint64_t registers[WORDS], stacks[MANY][2];
	subject_start_own(&subject, "subject", "large=80", NULL);
	attach(&fake, &subject);
	const struct subject_area *large = subject_area(&subject, "large");
	assert_non_null(large);
	registers[STACK_POINTER] = large->address + 4096;
	for (size_t i = 0; i < MANY; i++)
		threads[i] = (struct inspect_thread){ (pid_t)i + 1, registers, sizeof(registers) };
	struct inspect_target_options options = { .threads = threads, .thread_count = MANY };
	assert_no_error(inspect_target_open_debugger(&fake.debugger, &options, &target));
	need_x86_64(target);
	assert_int_equal(check_stacks(target, stacks), 1);
	assert_int_equal(stacks[0][0], registers[STACK_POINTER] - 128);
	assert_int_equal(stacks[0][1], registers[STACK_POINTER] + THREAD_STACK_LIMIT);
	size_t cut = 0;
	for (size_t i = 0; i < MANY; i++) {
		uint64_t start, end;
		cut += thread_stack(target, &target->threads[i], &start, &end) &&
		       thread_stack_is_cut(&target->threads[i], end);
	}
	assert_int_equal(cut, 1);
	inspect_target_close(target);
	subject_stop(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debugger), cmocka_unit_test(test_no_build_id),
		cmocka_unit_test(test_static),   cmocka_unit_test(test_linker_started),
		cmocka_unit_test(test_borders),  cmocka_unit_test(test_errors),
		cmocka_unit_test(test_lies),     cmocka_unit_test(test_threads),
		cmocka_unit_test(test_damaged_threads), cmocka_unit_test(test_one_long_stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
