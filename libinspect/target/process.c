/* SPDX-License-Identifier: MIT */
/*
 * process.c - live processes.
 *
 * All threads are stopped, the memory that belongs to the process alone is copied in one burst, and the
 * process goes on; everything after that looks at the copy. Pages that are still as in an executable or a
 * library come from that file. The burst runs in a thread of its own: it is the tracer, and when it ends, for
 * whatever reason, the kernel lets go of every thread of the process that is still being traced.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "target/backend.h"
#include "target/files.h"
#include "target/image.h"
#include "target/link_map.h"
#include "target/mappings.h"
#include "target/process.h"
#include "target/threads.h"

/* Shared memory is copied if all of it together is not more than this. */
static const uint64_t shared_limit = 64 << 20;
/* A mapped file that cannot be opened is copied from memory if it is not larger. */
static const uint64_t file_limit = 1 << 30;

/* Where the bytes of a mapping come from. */
enum source {
	SOURCE_NONE,
	SOURCE_COPY,  /* all of the copy: own pages, and what surrounds them */
	SOURCE_PARTS, /* the copy where there are own pages, else none */
	SOURCE_FILE,  /* the file alone */
};

/* What is done with one mapping. */
struct region {
	enum source source;
	enum segment_loss loss; /* of what has no bytes */
	bool whole;             /* copy all pages, not just own ones */
	size_t first, count;    /* its page ranges */
	uint8_t *copy;
	const struct mapped_file *file;
};

/* What is copied, and where to. */
struct plan {
	struct mappings mappings;
	struct region *regions; /* one for each mapping */
	struct page_ranges ranges;
	struct copy_runs runs;
	uint8_t *copy; /* reserved addresses */
	uint64_t copy_size;
};

struct process {
	struct inspect_target *target;
	pid_t pid;
	pid_t thread; /* one that lives, under whose number /proc shows the memory */
	struct process_reader reader;

	struct mapped_file **files;
	size_t file_count, file_capacity;

	struct plan rehearsal; /* made while the process still runs: its buffers are used again */
	struct plan plan;
	struct segments failed;

	struct stopped stopped;
	bool held; /* no_stop: someone else holds all threads */
	uint64_t counted; /* bytes of the copy that count as memory */
	struct limits *limits; /* of the call, for the burst */

	/* Between the burst and the thread that waits for it. */
	pthread_mutex_t lock;
	pthread_cond_t finished;
	bool is_finished;
	uint64_t total;
	struct inspect_error *error;
};

/* Frees the plan, but not the copy. */
static void free_plan(struct plan *plan)
{
	mappings_deinit(&plan->mappings);
	free(plan->regions);
	free(plan->ranges.items);
	free(plan->runs.items);
	plan->regions = NULL;
	plan->ranges = (struct page_ranges){ 0 };
	plan->runs = (struct copy_runs){ 0 };
}

static void free_copy(struct plan *plan)
{
	if (plan->copy)
		munmap(plan->copy, plan->copy_size);
	plan->copy = NULL;
}

static void process_close(struct inspect_target *target)
{
	struct process *process = target->backend_data;
	free_plan(&process->rehearsal);
	free_plan(&process->plan);
	free_copy(&process->rehearsal);
	free_copy(&process->plan);
	segments_deinit(&process->failed);
	for (size_t i = 0; i < process->file_count; i++)
		mapped_file_close(process->files[i]);
	free(process->files);
	inspect_error_destroy(process->error);
	pthread_mutex_destroy(&process->lock);
	pthread_cond_destroy(&process->finished);
	free(process);
}

static const struct target_backend process_backend = { .close = process_close };

/* ---- /proc --------------------------------------------------------------------------------------- */

static int open_proc(const struct process *process, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)process->thread, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads a whole file of /proc; *@bytes_ret has a NUL behind its end and is NULL if there is no such file. */
static struct inspect_error *read_whole(const struct process *process, const char *name, uint8_t **bytes_ret,
					size_t *size_ret)
{
	size_t size = 0, capacity = 4096;
	*bytes_ret = NULL;
	*size_ret = 0;
	int fd = open_proc(process, name);
	if (fd < 0)
		return NULL;
	uint8_t *bytes = malloc(capacity);
	while (bytes) {
		ssize_t count = read(fd, bytes + size, capacity - size - 1);
		if (count <= 0)
			break;
		size += (size_t)count;
		if (capacity - size > 1)
			continue;
		uint8_t *grown = realloc(bytes, capacity *= 2);
		if (!grown)
			free(bytes);
		bytes = grown;
	}
	close(fd);
	if (!bytes)
		return &inspect_error_no_memory;
	bytes[size] = 0;
	*bytes_ret = bytes;
	*size_ret = size;
	return NULL;
}

/* One line of /proc/PID/maps; false if it is not one. */
static bool parse_mapping(char *line, struct mapping *mapping)
{
	char permissions[5];
	unsigned int major, minor;
	int path = 0;
	*mapping = (struct mapping){ .image = -1 };
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &mapping->start,
		   &mapping->end, permissions, &mapping->offset, &major, &minor, &mapping->inode,
		   &path) < 7 ||
	    !path)
		return false;
	mapping->readable = permissions[0] == 'r';
	mapping->writable = permissions[1] == 'w';
	mapping->executable = permissions[2] == 'x';
	mapping->shared = permissions[3] == 's';
	mapping->device = makedev(major, minor);
	mapping->path = line + path;
	return mapping->start < mapping->end;
}

static struct inspect_error *read_mappings(const struct process *process, struct mappings *mappings)
{
	char *text AUTO_FREE = NULL;
	size_t size;
	struct inspect_error *error = read_whole(process, "maps", (uint8_t **)&text, &size);
	if (error)
		return error;
	if (!text)
		return process_refusal(process->pid, errno);
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		struct mapping mapping;
		if (!parse_mapping(line, &mapping))
			continue;
		mapping.path = strdup(mapping.path);
		error = mappings_add(mappings, &mapping);
		if (error)
			return error;
	}
	return NULL;
}

/* Is it a file's? The kernel also shows a path for some memory that is no file's. */
static bool is_file(const struct mapping *mapping)
{
	return mapping->inode && mapping->path[0] == '/' && strcmp(mapping->path, "/dev/zero") != 0 &&
	       strncmp(mapping->path, "/anon_hugepage", strlen("/anon_hugepage")) != 0;
}

/* ---- files --------------------------------------------------------------------------------------- */

/* The place of the mapping's file in the sorted list of files: where it is, or where it would be. */
static size_t file_place(const struct process *process, const struct mapping *mapping)
{
	size_t low = 0, high = process->file_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mapped_file *file = process->files[middle];
		if (file->mapped_device != mapping->device ? file->mapped_device < mapping->device :
							     file->inode < mapping->inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct mapped_file *known_file(const struct process *process, const struct mapping *mapping)
{
	size_t place = file_place(process, mapping);
	struct mapped_file *file = place < process->file_count ? process->files[place] : NULL;
	return file && file->mapped_device == mapping->device && file->inode == mapping->inode ? file : NULL;
}

static struct inspect_error *add_file(struct process *process, const struct mapping *mapping,
				      struct mapped_file *file)
{
	if (!array_reserve(process->files, process->file_count, process->file_capacity))
		return &inspect_error_no_memory;
	struct mapped_file **place = process->files + file_place(process, mapping);
	memmove(place + 1, place, (size_t)(process->files + process->file_count - place) * sizeof(*place));
	*place = mapped_file_share(file);
	process->file_count++;
	return NULL;
}

/* Does the process see the same files at the same paths as we do? */
static bool same_root(const struct process *process)
{
	struct stat ours, theirs;
	char path[64], mounts[2][64];
	snprintf(path, sizeof(path), "/proc/%d/root/", (int)process->thread);
	if (stat("/", &ours) != 0 || stat(path, &theirs) != 0 || ours.st_dev != theirs.st_dev ||
	    ours.st_ino != theirs.st_ino)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)process->thread);
	ssize_t size = readlink("/proc/self/ns/mnt", mounts[0], sizeof(mounts[0]));
	return size > 0 && readlink(path, mounts[1], sizeof(mounts[1])) == size &&
	       memcmp(mounts[0], mounts[1], (size_t)size) == 0;
}

/* Has the file at the mapping's place the bytes that the process has there? */
static bool same_bytes(struct process *process, const struct mapping *mapping, const struct mapped_file *file)
{
	uint8_t page[4096];
	if (mapping->offset >= file->size)
		return false;
	size_t size =
		file->size - mapping->offset < sizeof(page) ? file->size - mapping->offset : sizeof(page);
	return process_read(&process->reader, mapping->start, page, size) &&
	       memcmp(page, file->bytes + mapping->offset, size) == 0;
}

/* Opens the mapped file by its path as the process sees it, by the kernel's own link to it, or, for the main
 * executable, by that. A file of the same path may be another one by now: the number of its inode says so. */
static struct inspect_error *open_mapped(struct process *process, const struct mapping *mapping, bool root,
					 struct mapped_file **file_ret)
{
	int pid = (int)process->thread;
	*file_ret = NULL;
	for (int attempt = 0; attempt < 3; attempt++) {
		char *path AUTO_FREE = NULL;
		struct mapped_file *file MAPPED_FILE_AUTO = NULL;
		int length;
		if (attempt == 0 && root)
			length = asprintf(&path, "%s", mapping->path);
		else if (attempt == 0)
			length = asprintf(&path, "/proc/%d/root%s", pid, mapping->path);
		else if (attempt == 1)
			length = asprintf(&path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid,
					  mapping->start, mapping->end);
		else
			length = asprintf(&path, "/proc/%d/exe", pid);
		if (length < 0) {
			path = NULL;
			return &inspect_error_no_memory;
		}
		struct inspect_error *error = mapped_file_open(path, &file, NULL);
		if (error)
			return error;
		if (!file || file->inode != mapping->inode)
			continue;
		file->mapped_device = mapping->device;
		*file_ret = file;
		file = NULL;
		return NULL;
	}
	return NULL;
}

/* Opens the ELF files that are mapped, while the process still runs. */
static struct inspect_error *open_files(struct process *process)
{
	struct mappings mappings MAPPINGS_AUTO = { 0 };
	struct inspect_error *error = read_mappings(process, &mappings);
	bool root = same_root(process);
	const struct mapping *last = NULL;
	for (size_t i = 0; !error && i < mappings.count; i++) {
		const struct mapping *mapping = &mappings.items[i];
		struct mapped_file *file MAPPED_FILE_AUTO = NULL;
		if (!is_file(mapping) || mapping->shared || !mapping->readable ||
		    (last && last->inode == mapping->inode && last->device == mapping->device) ||
		    known_file(process, mapping))
			continue;
		last = mapping;
		error = open_mapped(process, mapping, root, &file);
		if (!error && file && (!file->elf || same_bytes(process, mapping, file)))
			error = add_file(process, mapping, file);
	}
	return error;
}

/* ---- what to copy -------------------------------------------------------------------------------- */

/* Decides where the bytes of the mapping come from. @shared is how much shared memory is copied already. */
static struct region plan_region(const struct process *process, const struct mapping *mapping,
				 uint64_t *shared)
{
	uint64_t size = mapping->end - mapping->start;
	struct region region = { .source = SOURCE_NONE, .loss = SEGMENT_UNREADABLE };
	if (!mapping->readable || strncmp(mapping->path, "[vvar", 5) == 0 ||
	    strcmp(mapping->path, "[vsyscall]") == 0)
		return region;
	if (mapping->shared) {
		region.loss = SEGMENT_SHARED;
		if (size > shared_limit - *shared)
			return region;
		*shared += size;
		region.whole = true;
	} else if (is_file(mapping)) {
		region.file = known_file(process, mapping);
		region.loss = SEGMENT_IN_FILE;
		region.whole = !region.file && size <= file_limit;
		if (region.file && !region.file->elf) {
			region.file = NULL;
			region.source = SOURCE_PARTS;
			return region;
		}
		if (!region.file && !region.whole) {
			region.source = SOURCE_PARTS;
			return region;
		}
	}
	region.whole |= strcmp(mapping->path, "[vdso]") == 0;
	region.source = SOURCE_COPY;
	return region;
}

/* Finds the pages to copy of every mapping. */
static struct inspect_error *find_pages(struct process *process, struct plan *plan)
{
	uint64_t shared = 0;
	plan->regions = calloc(plan->mappings.count + 1, sizeof(*plan->regions));
	if (!plan->regions)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < plan->mappings.count; i++) {
		const struct mapping *mapping = &plan->mappings.items[i];
		struct region *region = &plan->regions[i];
		*region = plan_region(process, mapping, &shared);
		if (region->source == SOURCE_NONE)
			continue;
		region->first = plan->ranges.count;
		struct inspect_error *error =
			region->whole ? page_ranges_add(&plan->ranges, mapping->start, mapping->end) :
					process_own_pages(&process->reader, mapping->start, mapping->end,
							  &plan->ranges);
		if (error)
			return error;
		region->count = plan->ranges.count - region->first;
		if (region->file && !region->count)
			region->source = SOURCE_FILE;
	}
	return NULL;
}

static bool is_copied(const struct region *region)
{
	return region->source == SOURCE_COPY || region->source == SOURCE_PARTS;
}

/* The memory that this machine can still give, in bytes; UINT64_MAX if that is unknown. */
static uint64_t available_memory(void)
{
	uint64_t kilobytes = UINT64_MAX / 1024;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");
	if (!file)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
			break;
	fclose(file);
	return kilobytes * 1024;
}

/* The buffer of the rehearsal's region that begins at the same address, if it is large enough. */
static uint8_t *rehearsed_buffer(const struct plan *rehearsal, const struct mapping *mapping)
{
	size_t low = 0, high = rehearsal->regions ? rehearsal->mappings.count : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (rehearsal->mappings.items[middle].start < mapping->start)
			low = middle + 1;
		else
			high = middle;
	}
	if (!rehearsal->regions || low == rehearsal->mappings.count)
		return NULL;
	const struct mapping *found = &rehearsal->mappings.items[low];
	return found->start == mapping->start && found->end >= mapping->end ? rehearsal->regions[low].copy :
									      NULL;
}

/* Finds a place for every region that is copied: the rehearsal's, else in newly reserved addresses, which
 * have the regions one after the other: what hangs together there hangs together here. What is never written
 * to takes no memory and reads as zeros. */
static struct inspect_error *reserve(struct process *process, struct plan *plan)
{
	uint64_t size = 0;
	bool any = false;
	for (size_t i = 0; i < plan->mappings.count; i++) {
		struct region *region = &plan->regions[i];
		const struct mapping *mapping = &plan->mappings.items[i];
		if (!is_copied(region))
			continue;
		any = true;
		if (plan != &process->rehearsal)
			region->copy = rehearsed_buffer(&process->rehearsal, mapping);
		if (!region->copy)
			size += mapping->end - mapping->start;
	}
	if (!any)
		return process_refusal(process->pid, ESRCH);
	if (!size)
		return NULL;
	uint8_t *copy =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copy == MAP_FAILED)
		return inspect_error_create(INSPECT_ERROR_NO_MEMORY,
					    "cannot reserve the %.1f GiB of addresses that process %d has; "
					    "take a core "
					    "with gcore and read that",
					    (double)size / (1 << 30), (int)process->pid);
	plan->copy = copy;
	plan->copy_size = size;
	for (size_t i = 0; i < plan->mappings.count; i++) {
		struct region *region = &plan->regions[i];
		if (!is_copied(region) || region->copy)
			continue;
		region->copy = copy;
		copy += plan->mappings.items[i].end - plan->mappings.items[i].start;
	}
	return NULL;
}

static struct inspect_error *list_runs(struct process *process, struct plan *plan)
{
	for (size_t i = 0; i < plan->mappings.count; i++) {
		const struct mapping *mapping = &plan->mappings.items[i];
		const struct region *region = &plan->regions[i];
		for (size_t j = 0; j < region->count && is_copied(region); j++) {
			const struct page_range *range = &plan->ranges.items[region->first + j];
			struct inspect_error *error =
				copy_runs_add(&plan->runs, range->start, range->end - range->start,
					      region->copy + (range->start - mapping->start));
			if (error)
				return error;
		}
	}
	__atomic_store_n(&process->total, plan->runs.total, __ATOMIC_RELAXED);
	return NULL;
}

static struct inspect_error *make_plan(struct process *process, struct plan *plan)
{
	struct inspect_error *error = read_mappings(process, &plan->mappings);
	if (!error && !plan->mappings.count)
		error = process_refusal(process->pid, ESRCH);
	if (!error)
		error = find_pages(process, plan);
	if (!error)
		error = reserve(process, plan);
	return error ? error : list_runs(process, plan);
}

/* Counts what the copy will take; the second plan's takes the place of the first one's. */
static struct inspect_error *count_copy(struct process *process, const struct plan *plan)
{
	uint64_t size = plan->runs.total;
	for (size_t i = 0; i < plan->mappings.count; i++) /* fill_from_files() */
		if (plan->regions[i].source == SOURCE_COPY && plan->regions[i].file)
			size += plan->mappings.items[i].end - plan->mappings.items[i].start;
	if (size <= process->counted)
		return NULL;
	if (!memory_reserve(size - process->counted))
		return inspect_error_create(INSPECT_ERROR_NO_MEMORY,
					    "the copy of process %d has %.1f MiB; take a core with gcore, which is read where "
					    "it lies",
					    (int)process->pid, (double)size / (1 << 20));
	process->counted = size;
	return NULL;
}

/* Plans the copy while the process still runs, and has the memory for it ready: what takes the kernel longest
 * is to find and clear that. */
static struct inspect_error *rehearse(struct process *process)
{
	struct plan *plan = &process->rehearsal;
	struct inspect_error *error = make_plan(process, plan);
	if (!error)
		error = count_copy(process, plan);
	if (error)
		return error;
	uint64_t available = available_memory();
	if (plan->runs.total > available)
		return inspect_error_create(INSPECT_ERROR_NO_MEMORY,
					    "the memory of process %d (%.1f GiB) does not fit into what this "
					    "machine "
					    "has left (%.1f GiB); take a core with gcore and read that",
					    (int)process->pid, (double)plan->runs.total / (1 << 30),
					    (double)available / (1 << 30));
	return process_make_room(&process->reader, &plan->runs);
}

/* ---- the burst ----------------------------------------------------------------------------------- */

static struct inspect_error *open_memory(struct process *process)
{
	process->reader.pid = process->thread;
	process->reader.memory = open_proc(process, "mem");
	if (process->reader.memory < 0)
		return process_refusal(process->pid, errno);
	process->reader.pagemap = open_proc(process, "pagemap");
	return NULL;
}

static void close_memory(struct process *process)
{
	if (process->reader.memory >= 0)
		close(process->reader.memory);
	if (process->reader.pagemap >= 0)
		close(process->reader.pagemap);
	process->reader.memory = process->reader.pagemap = -1;
}

static struct inspect_error *copy_memory(struct process *process)
{
	struct inspect_error *error = make_plan(process, &process->plan);
	if (!error)
		error = count_copy(process, &process->plan);
	return error ? error : process_copy(&process->reader, &process->plan.runs, &process->failed);
}

static struct inspect_error *stop_and_copy(struct process *process)
{
	struct inspect_target *target = process->target;
	if (target->options.no_stop) {
		bool held = process_is_held(process->pid);
		struct inspect_error *error = target->options.thread_count ? threads_take(target) : process_list_threads(target);
		if (!error)
			error = open_memory(process);
		if (!error)
			error = copy_memory(process);
		close_memory(process);
		process->held = held && process_is_held(process->pid);
		return error;
	}
	struct inspect_error *error = open_memory(process);
	if (!error)
		error = rehearse(process);
	close_memory(process);
	if (!error)
		error = process_stop(process->pid, &process->stopped);
	if (!error)
		error = open_memory(process);
	if (!error)
		error = process_take_threads(target, &process->stopped);
	if (!error)
		error = copy_memory(process);
	size_t running = process->stopped.running;
	process_resume(&process->stopped);
	close_memory(process);
	if (!error && running)
		error = notes_add(&target->notes, false,
				  "%zu threads of process %d waited inside the kernel and could not "
				  "be stopped",
				  running, (int)process->pid);
	return error;
}

static void *burst(void *context)
{
	struct process *process = context;
	limits_share(process->limits);
	process->error = stop_and_copy(process);
	pthread_mutex_lock(&process->lock);
	process->is_finished = true;
	pthread_cond_signal(&process->finished);
	pthread_mutex_unlock(&process->lock);
	return NULL;
}

/* Waits for the burst, and tells how far it is. */
static void watch(struct process *process)
{
	char what[64];
	snprintf(what, sizeof(what), "copying process %d", (int)process->pid);
	pthread_mutex_lock(&process->lock);
	do {
		struct timespec until;
		pthread_mutex_unlock(&process->lock);
		uint64_t done = __atomic_load_n(&process->reader.done, __ATOMIC_RELAXED);
		uint64_t total = __atomic_load_n(&process->total, __ATOMIC_RELAXED);
		struct inspect_error *over INSPECT_ERROR_AUTO = progress_report(what, done, total);
		if (over)
			__atomic_store_n(&process->reader.cancelled, true, __ATOMIC_RELAXED);
		pthread_mutex_lock(&process->lock);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 100000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		if (!process->is_finished)
			pthread_cond_timedwait(&process->finished, &process->lock, &until);
	} while (!process->is_finished);
	pthread_mutex_unlock(&process->lock);
}

/* Runs the burst in a thread that gets no signals: they are for the program that we are part of. */
static struct inspect_error *run_burst(struct process *process)
{
	pthread_t thread;
	sigset_t all, before;
	process->limits = limits_current;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int number = pthread_create(&thread, NULL, burst, process);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (number)
		return inspect_error_from_errno(number, "cannot start a thread");
	watch(process);
	pthread_join(thread, NULL);
	struct inspect_error *error = process->error;
	process->error = NULL;
	if (!error && process->reader.cancelled)
		error = progress_report("copying", 0, 0);
	return error;
}

/* ---- the target ---------------------------------------------------------------------------------- */

/* Puts the pages that the process left as they are in their file around those that it has its own of. */
static void fill_from_files(struct process *process)
{
	for (size_t i = 0; i < process->plan.mappings.count; i++) {
		const struct mapping *mapping = &process->plan.mappings.items[i];
		const struct region *region = &process->plan.regions[i];
		if (region->source != SOURCE_COPY || !region->file)
			continue;
		uint64_t size = region->file->size;
		uint64_t at = mapping->start;
		for (size_t j = 0; j <= region->count; j++) {
			const struct page_range *range = &process->plan.ranges.items[region->first + j];
			uint64_t end = j < region->count ? range->start : mapping->end;
			uint64_t offset = mapping->offset + (at - mapping->start);
			uint64_t there = offset < size ? size - offset : 0;
			if (end > at)
				memcpy(region->copy + (at - mapping->start), region->file->bytes + offset,
				       there < end - at ? there : end - at);
			if (j < region->count)
				at = range->end;
		}
	}
}

/* Adds the segments of one region, and a lost one for the rest. */
static struct inspect_error *add_region(struct process *process, size_t index, struct segments *held,
					struct segments *lost)
{
	const struct mapping *mapping = &process->plan.mappings.items[index];
	const struct region *region = &process->plan.regions[index];
	struct target_segment segment = {
		.start = mapping->start,
		.end = mapping->end,
		.image = -1,
		.readable = mapping->readable,
		.writable = mapping->writable,
		.executable = mapping->executable,
	};
	struct inspect_error *error = NULL;
	if (region->source == SOURCE_COPY) {
		segment.data = region->copy;
		return segments_add(held, &segment);
	}
	for (size_t i = 0; !error && region->source == SOURCE_PARTS && i < region->count; i++) {
		const struct page_range *range = &process->plan.ranges.items[region->first + i];
		struct target_segment part = segment;
		part.start = range->start;
		part.end = range->end;
		part.data = region->copy + (part.start - mapping->start);
		error = segments_add(held, &part);
	}
	if (!error && region->source == SOURCE_FILE && mapping->offset < region->file->size) {
		struct target_segment part = segment;
		uint64_t size = ((region->file->size + 4095) & ~(uint64_t)4095) - mapping->offset;
		part.data = region->file->bytes + mapping->offset;
		if (part.end - part.start > size)
			part.end = part.start + size;
		error = segments_add(held, &part);
	}
	segment.loss = region->loss;
	return error ? error : segments_add(lost, &segment);
}

static struct inspect_error *make_segments(struct process *process, struct segments *segments)
{
	struct segments held SEGMENTS_AUTO = { 0 }, lost SEGMENTS_AUTO = { 0 }, top SEGMENTS_AUTO = { 0 };
	for (size_t i = 0; i < process->plan.mappings.count; i++) {
		struct inspect_error *error = add_region(process, i, &held, &lost);
		if (error)
			return error;
	}
	segments_sort(&process->failed);
	struct inspect_error *error = segments_overlay(&process->failed, &held, &top);
	return error ? error : segments_overlay(&top, &lost, segments);
}

/* Gives the images their files. */
static struct inspect_error *give_files(struct process *process)
{
	struct inspect_target *target = process->target;
	for (size_t i = 0; i < process->plan.mappings.count; i++) {
		const struct mapping *mapping = &process->plan.mappings.items[i];
		struct target_image *image = mapping->image >= 0 ? &target->images[mapping->image] : NULL;
		if (!image || !image->is_elf || image->private->file)
			continue;
		struct mapped_file *file = known_file(process, mapping);
		if (!file) {
			if (image->state == IMAGE_UNCHECKED) {
				struct inspect_error *error = files_find(target, image);
				if (error)
					return error;
			}
			continue;
		}
		image->state = IMAGE_VERIFIED;
		image->file = strdup(file->path);
		if (!image->file)
			return &inspect_error_no_memory;
		image_use_file(image, mapped_file_share(file));
	}
	return NULL;
}

/* Pages that could not be read are no reason to doubt anything: guard pages inside a stack (glibc 2.42 and
 * later) are such, and whoever needs a byte of one is told. */
static struct inspect_error *note_doubts(struct process *process)
{
	if (!process->target->options.no_stop || process->held)
		return NULL;
	return notes_add(&process->target->notes, true,
			 "process %d was read while it ran: what was read may contradict itself",
			 (int)process->pid);
}

static struct inspect_error *make_target(struct process *process)
{
	struct inspect_target *target = process->target;
	struct segments segments SEGMENTS_AUTO = { 0 };
	fill_from_files(process);
	struct inspect_error *error = make_segments(process, &segments);
	if (error)
		return error;
	target_set_segments(target, &segments);
	error = mappings_make_images(target, &process->plan.mappings);
	if (error)
		return error;
	mappings_find_main_image(target);
	error = give_files(process);
	if (!error)
		error = files_use_executable(target);
	files_settle(target);
	if (!error)
		error = note_doubts(process);
	if (error)
		return error;
	segments = (struct segments){ .items = target->segments, .count = target->segment_count };
	target->segments = NULL;
	target->segment_count = 0;
	mappings_label(target, &process->plan.mappings, &segments);
	segments_join(&segments);
	target_set_segments(target, &segments);
	link_map_correct_main_image(target);
	free_plan(&process->rehearsal);
	free_plan(&process->plan);
	return NULL;
}

/* ---- opening ------------------------------------------------------------------------------------- */

/* Ends the visit at the first thread that lives. */
static bool find_living(pid_t tid, void *context)
{
	char state = process_state(tid);
	if (!state || state == 'Z' || state == 'X')
		return true;
	*(pid_t *)context = tid;
	return false;
}

/* Checks that the process is one that can be read, and finds the thread to read it by: the main thread may
 * have ended before the others. */
static struct inspect_error *look_up(struct process *process)
{
	process->thread = 0;
	if (!process_state(process->pid))
		return inspect_error_create(INSPECT_ERROR_SYSTEM, "there is no process %d",
					    (int)process->pid);
	pid_t leader = process_leader(process->pid);
	if (leader > 0)
		process->pid = leader;
	process->target->pid = process->pid;
	process_for_each_thread(process->pid, find_living, &process->thread);
	if (!process->thread)
		return process_refusal(process->pid, ESRCH);
	if (process->pid == getpid() && !process->target->options.no_stop)
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "process %d is the one that runs this; it can be read only "
					    "without stopping "
					    "it: --no-stop",
					    (int)process->pid);
	return NULL;
}

/* Refuses programs of 32 bits; notes the machine. */
static struct inspect_error *check_program(struct process *process)
{
	Elf64_Ehdr header;
	int fd = open_proc(process, "exe");
	if (fd < 0 && errno == ENOENT && process_is_kernel_thread(process->pid))
		return inspect_error_create(INSPECT_ERROR_SYSTEM,
					    "process %d is a thread of the kernel, which has no memory of "
					    "its own",
					    (int)process->pid);
	if (fd < 0)
		return errno == EACCES || errno == EPERM ? process_refusal(process->pid, errno) : NULL;
	ssize_t size = pread(fd, &header, sizeof(header), 0);
	close(fd);
	if (size != sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return NULL;
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return inspect_error_create(INSPECT_ERROR_FORMAT,
					    "process %d is a 32-bit one; only 64-bit ones can be read",
					    (int)process->pid);
	process->target->machine = header.e_machine;
	return NULL;
}

/* The command line with blanks between the words; for a process without one, its name. */
static struct inspect_error *read_command(struct process *process)
{
	char *command AUTO_FREE = NULL;
	size_t size;
	struct inspect_error *error = read_whole(process, "cmdline", (uint8_t **)&command, &size);
	if (!error && !size) {
		free(command);
		command = NULL;
		error = read_whole(process, "comm", (uint8_t **)&command, &size);
	}
	if (error)
		return error;
	for (size_t i = 0; command && i + 1 < size; i++)
		if (command[i] == '\0')
			command[i] = ' ';
	if (command)
		command[strcspn(command, "\n")] = '\0';
	process->target->command_line = command;
	command = NULL;
	return NULL;
}

static struct inspect_error *init_process(struct inspect_target *target, pid_t pid)
{
	struct process *process = calloc(1, sizeof(*process));
	if (!process)
		return &inspect_error_no_memory;
	process->target = target;
	process->pid = pid;
	process->reader.memory = process->reader.pagemap = -1;
	pthread_mutex_init(&process->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&process->finished, &attributes);
	pthread_condattr_destroy(&attributes);
	target->backend = &process_backend;
	target->backend_data = process;
	return NULL;
}

static struct inspect_error *open_process(const void *what, const struct inspect_target_options *options,
					  struct inspect_target **target_ret)
{
	pid_t pid = *(const pid_t *)what;
	struct inspect_target *target TARGET_AUTO = NULL;
	char name[32];
	snprintf(name, sizeof(name), "process %d", (int)pid);
	struct inspect_error *error = target_create(TARGET_PROCESS, name, options, &target);
	if (!error)
		error = init_process(target, pid);
	if (error)
		return error;
	struct process *process = target->backend_data;
	error = look_up(process);
	if (!error)
		error = check_program(process);
	if (!error)
		error = read_command(process);
	if (!error)
		error = read_whole(process, "auxv", &target->auxv, &target->auxv_size);
	if (!error)
		error = open_memory(process);
	if (!error)
		error = open_files(process);
	close_memory(process);
	if (!error)
		error = run_burst(process);
	if (!error)
		error = make_target(process);
	if (error)
		return error;
	*target_ret = target;
	target = NULL;
	return NULL;
}

struct inspect_error *inspect_target_open_process(pid_t pid, const struct inspect_target_options *options,
						  struct inspect_target **target_ret)
{
	return target_open_within(options, open_process, &pid, target_ret);
}
