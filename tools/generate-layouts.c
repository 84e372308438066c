/* SPDX-License-Identifier: MIT */
/*
 * generate-layouts.c - prints the fields of layout.def as the debug information of ELF files has them.
 *
 *     generate-layouts FILE...              "name value" for each field; files that disagree are an error
 *     generate-layouts --objects FILE...    "name offset" for each field of a struct that begins with a
 *                                           PyObject
 *     generate-layouts --fields             "name<TAB>types" for each field
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

/* How CPython's structs begin that begin with a PyObject. */
static const char object_members[] = "ob_base|dict.ob_base|od_dict.ob_base|ht_type.ob_base";

/* Takes the values that one file has over to @values. */
static bool merge(const char *path, const struct layout_field *fields, const int32_t *found, int32_t *values)
{
	for (unsigned int i = 0; i < layout_field_count; i++) {
		if (found[i] == LAYOUT_ABSENT)
			continue;
		if (values[i] != LAYOUT_ABSENT && values[i] != found[i]) {
			fprintf(stderr, "%s: %s is %d, but %d in a file before it\n", path, fields[i].name,
				found[i], values[i]);
			return false;
		}
		values[i] = found[i];
	}
	return true;
}

static bool add_file(const char *path, const struct layout_field *fields, int32_t *values)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	bool fine = false;
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		fprintf(stderr, "%s: not an ELF file\n", path);
	} else {
		int32_t found[layout_field_count];
		unsigned int found_count;
		for (unsigned int i = 0; i < layout_field_count; i++)
			found[i] = LAYOUT_ABSENT;
		struct inspect_error *error INSPECT_ERROR_AUTO =
			layout_fields_from_elf(elf, fields, layout_field_count, NULL, found, &found_count);
		if (error)
			fprintf(stderr, "%s: %s\n", path, inspect_error_message(error));
		fine = !error && merge(path, fields, found, values);
	}
	elf_end(elf);
	close(fd);
	return fine;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--fields")) {
		for (unsigned int i = 0; i < layout_field_count; i++)
			printf("%s\t%s\n", layout_fields[i].name, layout_fields[i].types);
		return 0;
	}
	bool objects = argc > 1 && !strcmp(argv[1], "--objects");
	struct layout_field fields[layout_field_count];
	int32_t values[layout_field_count];
	for (unsigned int i = 0; i < layout_field_count; i++) {
		fields[i] = layout_fields[i];
		if (objects)
			fields[i].members = object_members;
		values[i] = LAYOUT_ABSENT;
	}
	elf_version(EV_CURRENT);
	for (int i = objects ? 2 : 1; i < argc; i++)
		if (!add_file(argv[i], fields, values))
			return 1;
	for (unsigned int i = 0; i < layout_field_count; i++)
		if (values[i] != LAYOUT_ABSENT)
			printf("%s %d\n", layout_fields[i].name, values[i]);
	return 0;
}
