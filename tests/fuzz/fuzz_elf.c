/* SPDX-License-Identifier: MIT */
/*
 * fuzz_elf.c - the input is an ELF file: an executable or a library that is mapped in the target, with its symbols, sections,
 * notes and debug information, from which the layout is read.
 */
#include <elf.h>

#include "fuzz.h"

#include "base/error.h"
#include "runtime/cpython/layout.h"
#include "target/backend.h"
#include "target/image.h"

static const uint64_t BASE = 0x400000;

static void look_up(struct inspect_target *target, struct target_image *image)
{
	uint64_t address = 0, size = 0, offset;
	char id[129];
	inspect_error_destroy(image_symbol(target, image, "_PyRuntime", &address, &size));
	inspect_error_destroy(image_symbol(target, image, "PyType_Type", &address, &size));
	inspect_error_destroy(image_section(target, image, ".PyRuntime", &address, &size));
	image_symbol_at(target, image, BASE + 0x100, &offset);
	image_symbol_at(target, image, image->end - 1, &offset);
	image_note(target, image, "GNU", 3, 1, &address, &size);
	image_build_id_text(image, id);
	for (size_t index = 0; image_data(image, index, &address, &size) && index < 64; index++)
		;
}

static void read_layout(struct inspect_target *target, struct target_image *image)
{
	struct layout layout;
	unsigned int found;
	layout_init(&layout);
	inspect_error_destroy(layout_from_dwarf(image, target, 0, &layout, &found));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct mapped_file *file MAPPED_FILE_AUTO = NULL;
	int reason;
	inspect_error_destroy(mapped_file_open(fuzz_file(0, data, size), &file, &reason));
	if (!file || !file->elf)
		return;
	struct inspect_target *target TARGET_AUTO = NULL;
	inspect_error_destroy(target_create(TARGET_CORE, "fuzz", &fuzz_options, &target));
	struct segments segments SEGMENTS_AUTO = { 0 };
	const struct target_segment segment = {
		.start = BASE, .end = BASE + size, .data = file->bytes, .image = 0, .readable = true,
	};
	inspect_error_destroy(segments_add(&segments, &segment));
	target_set_segments(target, &segments);
	target->images = calloc(1, sizeof(*target->images));
	if (!target->images)
		return;
	target->image_count = 1;
	struct inspect_error *error = image_init(target->images, "/usr/bin/fuzz", BASE, BASE + size);
	if (error) {
		inspect_error_destroy(error);
		return;
	}
	struct target_image *image = target->images;
	/* The headers are those of the memory, or those of the file. */
	if (size % 2 ? !image_read_headers(target, image) : !image_take_headers(image, file->bytes, size))
		return;
	image_set_bias(image);
	image_read_build_id(target, image);
	image_use_file(image, mapped_file_share(file));
	image->is_elf = true;
	image->state = IMAGE_VERIFIED;
	look_up(target, image);
	read_layout(target, image);
}
