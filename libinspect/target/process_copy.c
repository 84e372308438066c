/* SPDX-License-Identifier: MIT */
/*
 * process_copy.c - copying the memory that belongs to a process alone, in few and large steps.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/threads.h"
#include "target/process.h"

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- which pages --------------------------------------------------------------------------------- */

/* PAGEMAP_SCAN (Linux 6.7, include/uapi/linux/fs.h), which older headers lack. It skips what is not there,
 * which reading the pagemap does not: that takes 8 bytes for each page of a reservation of terabytes. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_argument {
	uint64_t size, flags;
	uint64_t start, end, walk_end;
	uint64_t vector, vector_length, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

enum {
	SCAN_PAGE_IS_FILE = 1 << 2,
	SCAN_PAGE_IS_PRESENT = 1 << 3,
	SCAN_PAGE_IS_SWAPPED = 1 << 4,
	SCAN_PAGE_IS_ZERO = 1 << 5,
};

struct inspect_error *page_ranges_add(struct page_ranges *ranges, uint64_t start, uint64_t end)
{
	if (!array_reserve(ranges->items, ranges->count, ranges->capacity))
		return &inspect_error_no_memory;
	ranges->items[ranges->count++] = (struct page_range){ start, end };
	return NULL;
}

/* Adds a range; joins it to the last one if it continues that and that is not before number @first. */
static struct inspect_error *add_range(struct page_ranges *ranges, size_t first, uint64_t start, uint64_t end)
{
	if (ranges->count == first || ranges->items[ranges->count - 1].end != start)
		return page_ranges_add(ranges, start, end);
	ranges->items[ranges->count - 1].end = end;
	return NULL;
}

/* *@known_ret is false if the kernel has no PAGEMAP_SCAN. */
static struct inspect_error *scan_pages(const struct process_reader *reader, uint64_t start, uint64_t end,
					struct page_ranges *ranges, bool *known_ret)
{
	const size_t first = ranges->count;
	*known_ret = true;
	while (start < end) {
		struct scan_region regions[512];
		struct scan_argument argument = {
			.size = sizeof(argument),
			.start = start,
			.end = end,
			.vector = (uintptr_t)regions,
			.vector_length = sizeof(regions) / sizeof(*regions),
			.category_inverted = SCAN_PAGE_IS_FILE | SCAN_PAGE_IS_ZERO,
			.category_mask = SCAN_PAGE_IS_FILE | SCAN_PAGE_IS_ZERO,
			.category_anyof_mask = SCAN_PAGE_IS_PRESENT | SCAN_PAGE_IS_SWAPPED,
			.return_mask = SCAN_PAGE_IS_PRESENT,
		};
		int count = ioctl(reader->pagemap, _IOWR('f', 16, struct scan_argument), &argument);
		if (count < 0 || argument.walk_end <= start) {
			*known_ret = false;
			return NULL;
		}
		for (int i = 0; i < count; i++) {
			struct inspect_error *error =
				add_range(ranges, first, regions[i].start, regions[i].end);
			if (error)
				return error;
		}
		start = argument.walk_end;
	}
	return NULL;
}

/* The same from the pagemap itself (Documentation/admin-guide/mm/pagemap.rst). */
static struct inspect_error *read_pagemap(const struct process_reader *reader, uint64_t start, uint64_t end,
					  struct page_ranges *ranges, bool *known_ret)
{
	static const uint64_t present = UINT64_C(1) << 63, swapped = UINT64_C(1) << 62,
			      file = UINT64_C(1) << 61;
	const uint64_t page = page_size();
	const size_t first = ranges->count;
	*known_ret = true;
	while (start < end) {
		uint64_t entries[4096];
		uint64_t pages = (end - start) / page, most = sizeof(entries) / sizeof(*entries);
		ssize_t size =
			pread(reader->pagemap, entries, (pages < most ? pages : most) * sizeof(*entries),
			      (off_t)(start / page * sizeof(*entries)));
		if (size < (ssize_t)sizeof(*entries)) {
			*known_ret = false;
			return NULL;
		}
		size_t count = (size_t)size / sizeof(*entries);
		for (size_t i = 0; i < count; i++, start += page) {
			if (!(entries[i] & (present | swapped)) || (entries[i] & file))
				continue;
			struct inspect_error *error = add_range(ranges, first, start, start + page);
			if (error)
				return error;
		}
	}
	return NULL;
}

struct inspect_error *process_own_pages(struct process_reader *reader, uint64_t start, uint64_t end,
					struct page_ranges *ranges)
{
	bool known;
	size_t before = ranges->count;
	if (reader->pagemap >= 0 && !reader->no_scan) {
		struct inspect_error *error = scan_pages(reader, start, end, ranges, &known);
		if (error || known)
			return error;
		reader->no_scan = true;
		ranges->count = before;
	}
	if (reader->pagemap >= 0) {
		struct inspect_error *error = read_pagemap(reader, start, end, ranges, &known);
		if (error || known)
			return error;
		ranges->count = before;
	}
	return page_ranges_add(ranges, start, end);
}

/* ---- copying ------------------------------------------------------------------------------------- */

struct inspect_error *copy_runs_add(struct copy_runs *runs, uint64_t address, uint64_t size, uint8_t *to)
{
	struct copy_run *last = runs->count ? &runs->items[runs->count - 1] : NULL;
	runs->total += size;
	if (last && last->address + last->size == address && last->to + last->size == to) {
		last->size += size;
		return NULL;
	}
	if (!array_reserve(runs->items, runs->count, runs->capacity))
		return &inspect_error_no_memory;
	runs->items[runs->count++] = (struct copy_run){ address, size, to };
	return NULL;
}

/* Reads at most @size bytes in one system call; returns how many, 0 if there are none, or -1 and errno if the
 * process cannot be read at all. */
static ssize_t read_once(struct process_reader *reader, uint64_t address, void *to, size_t size)
{
	if (!__atomic_load_n(&reader->no_vm_read, __ATOMIC_RELAXED)) {
		struct iovec local = { .iov_base = to, .iov_len = size };
		struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };
		ssize_t count = process_vm_readv(reader->pid, &local, 1, &remote, 1, 0);
		if (count >= 0)
			return count;
		if (errno == EFAULT)
			return 0;
		if (errno == ESRCH)
			return -1;
		/* ENOSYS; or EPERM from a filter of system calls */
		__atomic_store_n(&reader->no_vm_read, true, __ATOMIC_RELAXED);
	}
	ssize_t count = pread(reader->memory, to, size, (off_t)address);
	return count < 0 && (errno == EIO || errno == EFAULT) ? 0 : count;
}

bool process_read(struct process_reader *reader, uint64_t address, void *buffer, size_t size)
{
	while (size) {
		ssize_t count = read_once(reader, address, buffer, size);
		if (count <= 0)
			return false;
		address += (uint64_t)count;
		buffer = (uint8_t *)buffer + count;
		size -= (size_t)count;
	}
	return true;
}

static struct inspect_error *check(const struct process_reader *reader)
{
	if (__atomic_load_n(&reader->cancelled, __ATOMIC_RELAXED))
		return inspect_error_create(INSPECT_ERROR_CANCELLED, "cancelled");
	return NULL;
}

static void count_done(struct process_reader *reader, uint64_t size)
{
	__atomic_fetch_add(&reader->done, size, __ATOMIC_RELAXED);
}

/* Copies one run; what cannot be read is left out page by page. */
static struct inspect_error *copy_run(struct process_reader *reader, struct copy_run run,
				      struct segments *failed)
{
	enum { PIECE = 64 << 20 };
	while (run.size) {
		struct inspect_error *error = check(reader);
		if (error)
			return error;
		ssize_t count = read_once(reader, run.address, run.to, run.size < PIECE ? run.size : PIECE);
		if (count < 0)
			return process_refusal(reader->pid, errno);
		if (!count) {
			if (process_state(reader->pid) == 0 || process_state(reader->pid) == 'Z')
				return process_refusal(reader->pid, ESRCH);
			uint64_t rest = page_size() - run.address % page_size();
			count = (ssize_t)(rest < run.size ? rest : run.size);
			struct target_segment lost = {
				.start = run.address,
				.end = run.address + (uint64_t)count,
				.image = -1,
				.readable = true,
				.loss = SEGMENT_UNREADABLE,
			};
			error = segments_add(failed, &lost);
			if (error)
				return error;
		}
		count_done(reader, (uint64_t)count);
		run.address += (uint64_t)count;
		run.to += count;
		run.size -= (uint64_t)count;
	}
	return NULL;
}

/* Copies as many runs from @first on as fit into one system call, if that works without any loss; returns
 * their number. */
static size_t copy_many(struct process_reader *reader, const struct copy_runs *runs, size_t first)
{
	enum { PIECE = 16 << 20, MOST = IOV_MAX };
	struct iovec local[MOST], remote[MOST];
	size_t count = 0, size = 0;
	while (first + count < runs->count && count < MOST &&
	       size + runs->items[first + count].size <= PIECE) {
		const struct copy_run *run = &runs->items[first + count];
		local[count] = (struct iovec){ .iov_base = run->to, .iov_len = run->size };
		remote[count] =
			(struct iovec){ .iov_base = (void *)(uintptr_t)run->address, .iov_len = run->size };
		size += run->size;
		count++;
	}
	if (count < 2 || __atomic_load_n(&reader->no_vm_read, __ATOMIC_RELAXED))
		return 0;
	if (process_vm_readv(reader->pid, local, count, remote, count, 0) != (ssize_t)size)
		return 0;
	count_done(reader, size);
	return count;
}

static struct inspect_error *copy_runs(struct process_reader *reader, const struct copy_runs *runs,
				       struct segments *failed)
{
	for (size_t i = 0; i < runs->count;) {
		struct inspect_error *error = check(reader);
		if (error)
			return error;
		size_t copied = copy_many(reader, runs, i);
		if (!copied) {
			error = copy_run(reader, runs->items[i], failed);
			if (error)
				return error;
			copied = 1;
		}
		i += copied;
	}
	return NULL;
}

static struct inspect_error *make_room(struct process_reader *reader, const struct copy_runs *runs,
				       struct segments *failed __attribute__((unused)))
{
	enum { PIECE = 64 << 20, POPULATE_WRITE = 23 /* MADV_POPULATE_WRITE of Linux 5.14 */ };
	const uintptr_t page = (uintptr_t)page_size();
	for (size_t i = 0; i < runs->count; i++) {
		const struct copy_run *run = &runs->items[i];
		uintptr_t start = (uintptr_t)run->to & ~(page - 1), end = (uintptr_t)run->to + run->size;
		for (; start < end; start += PIECE) {
			struct inspect_error *error = check(reader);
			if (error)
				return error;
			/* Where this fails, the copying itself does it. */
			madvise((void *)start, end - start < PIECE ? end - start : PIECE, POPULATE_WRITE);
		}
	}
	return NULL;
}

/* ---- on all cores -------------------------------------------------------------------------------- */

/* What a worker does with its share of the runs. */
typedef struct inspect_error *share_fn(struct process_reader *reader, const struct copy_runs *runs, struct segments *failed);

struct share {
	struct copy_runs runs;
	struct segments failed;
	struct inspect_error *error;
};

struct shares {
	struct process_reader *reader;
	share_fn *work;
	struct share items[THREADS_MAX];
	unsigned int count;
};

/* As many as there are cores, but none of less than a MiB. */
static unsigned int share_count(uint64_t total)
{
	enum { LEAST = 1 << 20 };
	unsigned int count = threads_core_count();
	if (count > THREADS_MAX)
		count = THREADS_MAX;
	return total / LEAST < count ? (unsigned int)(total / LEAST) + 1 : count;
}

/* Deals the runs out in their order, each share the same number of bytes; a run may go to several. */
static struct inspect_error *deal(const struct copy_runs *runs, struct shares *shares)
{
	uint64_t most = (runs->total / shares->count + page_size()) / page_size() * page_size();
	unsigned int to = 0;
	for (size_t i = 0; i < runs->count; i++) {
		struct copy_run rest = runs->items[i];
		while (rest.size) {
			struct copy_runs *share = &shares->items[to].runs;
			uint64_t room = to + 1 < shares->count ? most - share->total : UINT64_MAX;
			uint64_t size = rest.size < room ? rest.size : room;
			struct inspect_error *error = copy_runs_add(share, rest.address, size, rest.to);
			if (error)
				return error;
			rest = (struct copy_run){ rest.address + size, rest.size - size, rest.to + size };
			to += to + 1 < shares->count && share->total >= most;
		}
	}
	return NULL;
}

static void work_on_share(void *context, unsigned int worker)
{
	struct shares *shares = context;
	struct share *share = &shares->items[worker];
	share->error = shares->work(shares->reader, &share->runs, &share->failed);
}

/* Takes over what a share found out: its error, if there is none yet, or what could not be read. */
static void take_over(struct share *share, struct inspect_error **error, struct segments *failed)
{
	for (size_t i = 0; i < share->failed.count && !*error; i++)
		*error = segments_add(failed, &share->failed.items[i]);
	if (*error)
		inspect_error_destroy(share->error);
	else
		*error = share->error;
	segments_deinit(&share->failed);
	free(share->runs.items);
}

static struct inspect_error *on_all_cores(struct process_reader *reader, const struct copy_runs *runs, share_fn *work,
					  struct segments *failed)
{
	struct shares shares = { .reader = reader, .work = work, .count = share_count(runs->total) };
	struct inspect_error *error = deal(runs, &shares);
	if (!error)
		threads_run(shares.count, work_on_share, &shares);
	for (unsigned int i = 0; i < shares.count; i++)
		take_over(&shares.items[i], &error, failed);
	return error;
}

struct inspect_error *process_make_room(struct process_reader *reader, const struct copy_runs *runs)
{
	struct segments none = { 0 };
	return on_all_cores(reader, runs, make_room, &none);
}

struct inspect_error *process_copy(struct process_reader *reader, const struct copy_runs *runs,
				   struct segments *failed)
{
	return on_all_cores(reader, runs, copy_runs, failed);
}
