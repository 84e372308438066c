/* SPDX-License-Identifier: MIT */
/*
 * test_debugger.c - targets behind a read function, against what the process said about itself.
 */
#include "subject.h"

#include <sys/uio.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debugger), cmocka_unit_test(test_no_build_id),
		cmocka_unit_test(test_static),   cmocka_unit_test(test_linker_started),
		cmocka_unit_test(test_borders),  cmocka_unit_test(test_errors),
		cmocka_unit_test(test_lies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
