/* SPDX-License-Identifier: MIT */
/*
 * external.c - blocks in temporary files.
 *
 * The room on the disk is taken when a block is made (fallocate), since a page of a file that finds none when it is
 * written to means SIGBUS. A twentieth of a disk, or a GiB, is left to others.
 */
#include "base/external.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"

struct block {
	void *address;
	size_t size;
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

/* Would @size bytes leave enough of the disk to others? */
static bool is_free(int file, size_t size)
{
	const uint64_t most_kept = 1 << 30;
	struct statvfs disk;
	if (fstatvfs(file, &disk) != 0)
		return true;
	uint64_t available = (uint64_t)disk.f_bavail * disk.f_frsize, kept = (uint64_t)disk.f_blocks * disk.f_frsize / 20;
	if (kept > most_kept)
		kept = most_kept;
	return available >= kept && size <= available - kept;
}

/* Makes @file @size bytes long. An error's number, or 0. */
static int take_room(int file, size_t size)
{
	int number = is_allowed(size) ? is_free(file, size) ? 0 : ENOSPC : EFBIG;
	if (number)
		return number;
	do
		number = posix_fallocate(file, 0, (off_t)size);
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

/* Maps @size bytes of a new file in @folder, which lasts as long as it is mapped. An error's number, or 0. */
static int map_file(const char *folder, size_t size, void **address_ret)
{
	int file = open_file(folder);
	if (file < 0)
		return errno;
	int number = take_room(file, size);
	if (!number) {
		*address_ret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		number = *address_ret == MAP_FAILED ? errno : 0;
	}
	close(file);
	return number;
}

void *external_create(size_t size)
{
	const char *folder = limits_current ? external_folder(limits_current) : NULL;
	if (!folder || size > SIZE_MAX / 2)
		return NULL;
	struct block block = { .size = whole_pages(size) };
	int number = map_file(folder, block.size, &block.address);
	if (number)
		return refuse(number, size);
	if (!add(&block)) {
		munmap(block.address, block.size);
		return refuse(ENOMEM, size);
	}
	limits_count_external((int64_t)block.size);
	return block.address;
}

/* Gives back what of the block is behind its first @size bytes, whole pages. */
static void shrink(void *address, size_t size)
{
	pthread_mutex_lock(&lock);
	struct block *block = find(address);
	size_t before = block->size;
	block->size = size;
	pthread_mutex_unlock(&lock);
	if (size == before)
		return;
	madvise((char *)address + size, before - size, MADV_REMOVE); /* of the disk, too, where that can be */
	munmap((char *)address + size, before - size);
	limits_count_external((int64_t)size - (int64_t)before);
}

void *external_resize(void *address, size_t size)
{
	size_t before = external_size_of(address);
	if (size <= before) {
		shrink(address, whole_pages(size ? size : 1));
		return address;
	}
	void *grown = external_create(size);
	if (!grown)
		return NULL;
	memcpy(grown, address, before);
	external_destroy(address);
	return grown;
}

void external_destroy(void *address)
{
	pthread_mutex_lock(&lock);
	struct block *found = find(address), block = *found;
	*found = blocks[external_count - 1];
	__atomic_store_n(&external_count, external_count - 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	munmap(block.address, block.size);
	limits_count_external(-(int64_t)block.size);
}
