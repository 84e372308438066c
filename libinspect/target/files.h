/* SPDX-License-Identifier: MIT */
/*
 * files.h - the files on this machine that a target's images were mapped from. Only for target/.
 */
#ifndef INSPECT_TARGET_FILES_H
#define INSPECT_TARGET_FILES_H

#include "target/target.h"

/* A file that is mapped read-only into this process. */
struct mapped_file {
	char *path;
	const uint8_t *bytes;
	size_t size;
	Elf *elf; /* NULL if it is not an ELF file */
	uint8_t build_id[64];
	size_t build_id_size;
	dev_t device;
	ino_t inode;
	uint64_t mapped_device; /* the device that /proc/PID/maps shows for it, which may not be stat()'s */
	unsigned int owners;
};

/* Maps the regular file at @path. *@file_ret is NULL if there is none that can be read; then *@reason_ret
 * (may be NULL) is an errno. */
struct inspect_error *mapped_file_open(const char *path, struct mapped_file **file_ret, int *reason_ret)
	__attribute__((warn_unused_result));
/* Adds an owner, who also calls mapped_file_close(). */
struct mapped_file *mapped_file_share(struct mapped_file *file);
void mapped_file_close(struct mapped_file *file);

static inline void mapped_file_cleanup(struct mapped_file **file)
{
	mapped_file_close(*file);
}

/* struct mapped_file *file MAPPED_FILE_AUTO = NULL; */
#define MAPPED_FILE_AUTO __attribute__((cleanup(mapped_file_cleanup)))

/* A file opened with libelf, its descriptor kept for what libdw looks up beside it. */
struct opened_elf {
	int fd;
	Elf *elf;
};
void opened_elf_close(struct opened_elf *file);

/* Finds the file of @image among the places where it may be on this machine, compares it with what is mapped
 * and sets image->state, ->file and ->problem; a file that fits is given to the image. */
struct inspect_error *files_find(struct inspect_target *target, struct target_image *image)
	__attribute__((warn_unused_result));

/* What is unverified after all files were looked for, but is one more mapping of a file that is verified
 * elsewhere, is verified too: libffi, for one, maps pages of itself once more. */
void files_settle(struct inspect_target *target);

/* Gives options.executable to the image that it belongs to. An error if it cannot be read, is no ELF file or
 * belongs to none of the images. */
struct inspect_error *files_use_executable(struct inspect_target *target) __attribute__((warn_unused_result));

/* Finds the separate debug file of @image; *@file_ret is NULL where there is none. */
struct inspect_error *files_find_debug(struct inspect_target *target, struct target_image *image,
				       struct opened_elf **file_ret) __attribute__((warn_unused_result));

#endif
