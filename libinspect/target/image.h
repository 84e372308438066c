/* SPDX-License-Identifier: MIT */
/*
 * image.h - what target/ itself knows and does about images. Only for the files of target/.
 */
#ifndef INSPECT_TARGET_IMAGE_H
#define INSPECT_TARGET_IMAGE_H

#include "target/files.h"
#include "target/target.h"

/* One symbol of an image with its address in the target. */
struct image_symbol_entry {
	uint64_t address, size;
	const char *name;
	bool global;
};

/* The dynamic linking tables, as addresses in the target; 0 where there is none. */
struct image_dynamic {
	bool known;
	uint64_t symbols, strings, hash, gnu_hash, debug;
	uint64_t strings_size;
};

struct image_private {
	/* The program headers: from the target's memory, else from the file. */
	Elf64_Phdr *headers;
	size_t header_count;
	uint16_t type;         /* ET_EXEC or ET_DYN */
	uint16_t machine;
	uint64_t first_offset; /* where in the file the image's first mapped byte is */
	bool headers_from_memory;
	bool notes_known; /* the notes in memory were read: if there is no build-id in them, there is none */

	struct mapped_file *file; /* what image->file names, where it may be used */
	struct opened_elf *debug; /* the separate debug file */
	bool debug_looked_for;

	struct image_dynamic dynamic;
	bool dynamic_read;

	/* All symbols of all tables by address; made when first asked for. */
	struct image_symbol_entry *symbols;
	size_t symbol_count;
	char **names; /* that belong to us */
	size_t name_count;
	bool symbols_read;
};

/* Makes image->private; @path is copied. */
struct inspect_error *image_init(struct target_image *image, const char *path, uint64_t start, uint64_t end)
	__attribute__((warn_unused_result));
void image_deinit(struct target_image *image);

/* Takes over the program headers found in the @size bytes at @bytes, the beginning of an ELF file. Returns
 * false if they are not those of an executable or library of 64 bits and our byte order, or not all there. */
bool image_take_headers(struct target_image *image, const uint8_t *bytes, size_t size);

/* Takes what image_take_headers() took away again. */
void image_forget_headers(struct target_image *image);

/* image_take_headers() with the target's memory at image->start. */
bool image_read_headers(struct inspect_target *target, struct target_image *image);

/* Sets image->bias by image->start and private->first_offset. */
void image_set_bias(struct target_image *image);

/* How many bytes of addresses the loadable segments cover, in pages from the first byte of the first one. */
uint64_t image_span(const struct target_image *image);

static inline void image_cleanup(struct target_image *image)
{
	image_deinit(image);
}

/* struct target_image image AUTO_IMAGE = { 0 }; */
#define AUTO_IMAGE __attribute__((cleanup(image_cleanup)))

/* Looks for the build-id in the target's memory; sets private->notes_known. */
void image_read_build_id(struct inspect_target *target, struct target_image *image);

/* Does the image have a program header of @type? */
const Elf64_Phdr *image_header(const struct target_image *image, uint32_t type);

/* The dynamic linking tables; @dynamic_ret->known is false where they cannot be read. */
void image_dynamic(struct inspect_target *target, struct target_image *image,
		   struct image_dynamic *dynamic_ret);

/* Gives @file to the image, as the one that was mapped. */
void image_use_file(struct target_image *image, struct mapped_file *file);

#endif
