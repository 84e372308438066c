/* SPDX-License-Identifier: MIT */
/*
 * external.c - blocks in temporary files.
 *
 * The room on the disk is taken when a block is made (fallocate), since a page of a file that finds none when it is
 * written to means SIGBUS. The last tenth of a disk is left to others.
 */
#include "base/external.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"

struct block {
	void *address;
	size_t size;
	int file;
};

size_t external_count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of: */
static struct block *blocks; /* external_count of them; not counted by memory.c */
static size_t capacity;

/* ---- where ------------------------------------------------------------------------------------------ */

/* Is @folder on a disk, and may we write there? */
static bool is_fit(const char *folder)
{
	struct statfs system;
	return folder && *folder && access(folder, W_OK | X_OK) == 0 && statfs(folder, &system) == 0 &&
	       system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC;
}

const char *external_folder(const struct limits *limits)
{
	if (limits->allowed.temporary_directory)
		return limits->allowed.temporary_directory[0] ? limits->allowed.temporary_directory : NULL;
	const char *const folders[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (is_fit(folders[i]))
			return folders[i];
	return NULL;
}

/* A file without a name in @folder, or -1. */
static int open_file(const char *folder)
{
	int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return file;
	char name[4096]; /* the file system knows no such files */
	if ((size_t)snprintf(name, sizeof(name), "%s/libinspect-XXXXXX", folder) >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	file = mkostemp(name, O_CLOEXEC);
	if (file >= 0)
		unlink(name);
	return file;
}

/* ---- room on the disk --------------------------------------------------------------------------------- */

/* What is over the limit of a file's size would be a signal. */
static bool is_allowed(size_t size)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

/* Would @more bytes leave a tenth of what is free? */
static bool is_free(int file, size_t more)
{
	struct statvfs disk;
	if (fstatvfs(file, &disk) != 0)
		return true;
	uint64_t available = (uint64_t)disk.f_bavail * disk.f_frsize;
	return more <= available - available / 10;
}

/* Makes @file, of @before bytes, @size bytes long. An error's number, or 0. */
static int take_room(int file, size_t before, size_t size)
{
	if (!is_allowed(size))
		return EFBIG;
	if (size <= before)
		return ftruncate(file, (off_t)size) == 0 ? 0 : errno;
	if (!is_free(file, size - before))
		return ENOSPC;
	int number;
	do
		number = posix_fallocate(file, (off_t)before, (off_t)(size - before));
	while (number == EINTR);
	return number;
}

/* ---- the blocks that there are ---------------------------------------------------------------------------- */

/* With the lock. */
static struct block *find(const void *address)
{
	for (size_t i = 0; i < external_count; i++)
		if (blocks[i].address == address)
			return &blocks[i];
	return NULL;
}

/* Notes a block. False when out of memory. */
static bool add(const struct block *block)
{
	pthread_mutex_lock(&lock);
	if (external_count == capacity) {
		struct block *grown = (realloc)(blocks, (capacity + 16) * sizeof(*grown));
		if (grown) {
			blocks = grown;
			capacity += 16;
		}
	}
	bool room = external_count < capacity;
	if (room) {
		blocks[external_count] = *block;
		__atomic_store_n(&external_count, external_count + 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&lock);
	return room;
}

size_t external_size_of(const void *pointer)
{
	pthread_mutex_lock(&lock);
	const struct block *block = find(pointer);
	size_t size = block ? block->size : 0;
	pthread_mutex_unlock(&lock);
	return size;
}

/* ---- making, changing, freeing ----------------------------------------------------------------------------- */

static size_t whole_pages(size_t size)
{
	return (size + EXTERNAL_PAGE - 1) / EXTERNAL_PAGE * EXTERNAL_PAGE;
}

/* For limits_explain(): why @size bytes could not be had. */
static void *refuse(int number, size_t size)
{
	limits_note_external(number, size);
	errno = ENOMEM;
	return NULL;
}

/* Maps @size bytes of a new file in @folder. An error's number, or 0. */
static int map_file(const char *folder, size_t size, struct block *block)
{
	*block = (struct block){ .size = size, .file = open_file(folder) };
	if (block->file < 0)
		return errno;
	int number = take_room(block->file, 0, size);
	if (!number) {
		block->address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, block->file, 0);
		number = block->address == MAP_FAILED ? errno : 0;
	}
	if (number)
		close(block->file);
	return number;
}

static void unmap(const struct block *block)
{
	munmap(block->address, block->size);
	close(block->file);
}

void *external_create(size_t size)
{
	const char *folder = limits_current ? external_folder(limits_current) : NULL;
	if (!folder || size > SIZE_MAX / 2)
		return NULL;
	struct block block;
	int number = map_file(folder, whole_pages(size), &block);
	if (number)
		return refuse(number, size);
	if (!add(&block)) {
		unmap(&block);
		return refuse(ENOMEM, size);
	}
	limits_count_external((int64_t)block.size);
	return block.address;
}

void *external_resize(void *address, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size_t pages = whole_pages(size ? size : 1);
	pthread_mutex_lock(&lock);
	struct block *block = find(address);
	size_t before = block->size;
	int number = pages > before ? take_room(block->file, before, pages) : 0;
	void *moved = number ? MAP_FAILED : mremap(address, before, pages, MREMAP_MAYMOVE);
	if (moved == MAP_FAILED) {
		number = number ? number : errno;
		pthread_mutex_unlock(&lock);
		return refuse(number, pages > before ? pages - before : 0);
	}
	block->address = moved;
	block->size = pages;
	if (pages < before)
		take_room(block->file, before, pages); /* which gives some back */
	pthread_mutex_unlock(&lock);
	limits_count_external((int64_t)pages - (int64_t)before);
	return moved;
}

void external_destroy(void *address)
{
	pthread_mutex_lock(&lock);
	struct block *found = find(address), block = *found;
	*found = blocks[external_count - 1];
	__atomic_store_n(&external_count, external_count - 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	unmap(&block);
	limits_count_external(-(int64_t)block.size);
}
