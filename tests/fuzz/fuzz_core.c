/* SPDX-License-Identifier: MIT */
/*
 * fuzz_core.c - the input is a core file: its headers, notes, mappings, images and what is in their memory.
 */
#include "fuzz.h"

#include "base/error.h"
#include "target/target.h"

/* What the layers above ask of a target. */
static void look_around(struct inspect_target *target)
{
	for (size_t i = 0; i < target->image_count && i < 4; i++) {
		struct target_image *image = &target->images[i];
		uint64_t address = 0, size = 0, offset;
		inspect_error_destroy(image_symbol(target, image, "_PyRuntime", &address, &size));
		inspect_error_destroy(image_symbol(target, image, "marker", &address, &size));
		inspect_error_destroy(image_section(target, image, ".PyRuntime", &address, &size));
		image_symbol_at(target, image, image->start + 64, &offset);
		image_note(target, image, "GNU", 3, 0, &address, &size);
		for (size_t index = 0; image_data(image, index, &address, &size) && index < 8; index++) {
			uint64_t word;
			inspect_error_destroy(target_read_u64(target, address, &word));
		}
	}
	for (size_t i = 0; i < target->segment_count && i < 8; i++) {
		const struct target_segment *segment = &target->segments[i];
		uint64_t words[4];
		char *text = NULL;
		inspect_error_destroy(target_read(target, segment->end - 16, words, sizeof(words)));
		inspect_error_destroy(target_read_string(target, segment->start, 100, &text));
		free(text);
		target_has(target, segment->start, 1 << 20);
	}
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct inspect_target *target;
	struct inspect_error *error = inspect_target_open_core(fuzz_file(0, data, size), &fuzz_options, &target);
	if (error) {
		inspect_error_destroy(error);
		return;
	}
	look_around(target);
	struct inspect_session *session = inspect_session_create(target);
	fuzz_run_verbs(session, size % 2 ? 1 : 1 | 1 << 11, 0);
	inspect_session_destroy(session);
}
