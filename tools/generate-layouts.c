/* SPDX-License-Identifier: MIT */
/*
 * generate-layouts.c - prints the fields of layout.def as the debug information of ELF files has them.
 *
 *     generate-layouts FILE...       "name value" for each field that is found; the first file counts
 *     generate-layouts --fields      "name<TAB>types<TAB>members" for each field
 *
 * tools/generate-layouts makes libinspect's compiled-in tables of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "runtime/cpython/layout.h"

/* The program that the tables are made with has none, and no target either. */
const struct layout_table layout_tables[1] = { 0 };
const unsigned int layout_table_count = 0;

Elf *image_debug_elf(struct inspect_target *target, struct target_image *image)
{
	(void)target;
	(void)image;
	return NULL;
}

static int add_file(const char *path, struct layout *layout)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	int status = 0;
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		fprintf(stderr, "%s: not an ELF file\n", path);
		status = 1;
	} else {
		unsigned int found;
		struct inspect_error *error INSPECT_ERROR_AUTO = layout_from_elf(elf, layout, &found);
		if (error) {
			fprintf(stderr, "%s: %s\n", path, inspect_error_message(error));
			status = 1;
		}
	}
	elf_end(elf);
	close(fd);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--fields")) {
		for (unsigned int i = 0; i < layout_field_count; i++)
			printf("%s\t%s\t%s\n", layout_fields[i].name, layout_fields[i].types,
			       layout_fields[i].members ? layout_fields[i].members : "");
		return 0;
	}
	elf_version(EV_CURRENT);
	struct layout layout;
	layout_init(&layout);
	for (int i = 1; i < argc; i++)
		if (add_file(argv[i], &layout))
			return 1;
	for (unsigned int i = 0; i < layout_field_count; i++)
		if (*layout_at(&layout, i) != LAYOUT_ABSENT)
			printf("%s %d\n", layout_fields[i].name, *layout_at(&layout, i));
	return 0;
}
