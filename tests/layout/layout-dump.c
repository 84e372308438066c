/* SPDX-License-Identifier: MIT */
/*
 * layout-dump.c - shows the test of layouts what the three sources say.
 *
 *     layout-dump fields                          "name<TAB>types<TAB>members" of each field
 *     layout-dump elf FILE [VERSION]              "name value" of each field that its debug information has, looking for
 *                                                 what builds of VERSION (a number) have
 *     layout-dump offsets FILE                    the same from the _Py_DebugOffsets in it
 *     layout-dump table VERSION FLAVOUR MACHINE   the same of the tables that are chosen (numbers), best
 *                                                 first, each after a line "table FIRST LAST SOURCE"
 *     layout-dump damage FILE COUNT SEED          reads COUNT copies of it with random bytes changed
 */
#include <elf.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "runtime/cpython/layout.h"

enum {
	DAMAGED_BYTES = 64,
	SECONDS_EACH = 60, /* a copy that takes longer hangs */
};

struct file {
	const char *path;
	uint8_t *data;
	size_t size;
};

static void die(struct inspect_error *problem)
{
	if (problem)
		error(1, 0, "%s", inspect_error_message(problem));
}

static void print_layout(struct layout *layout)
{
	for (unsigned int i = 0; i < layout_field_count; i++)
		if (*layout_at(layout, i) != LAYOUT_ABSENT)
			printf("%s %d\n", layout_fields[i].name, *layout_at(layout, i));
}

static void file_open(const char *path, struct file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status))
		error(1, errno, "%s", path);
	file->path = path;
	file->size = status.st_size;
	file->data = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (file->data == MAP_FAILED)
		error(1, errno, "%s", path);
	close(fd);
}

static void file_close(struct file *file)
{
	munmap(file->data, file->size);
}

static Elf *file_elf(struct file *file)
{
	Elf *elf = elf_memory((char *)file->data, file->size);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		error(1, 0, "%s: not an ELF file", file->path);
	return elf;
}

static void dump_elf(const char *path, uint32_t version)
{
	/* By descriptor, so that libdw finds files beside it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		error(1, errno, "%s: not an ELF file", path);
	struct layout layout;
	unsigned int found;
	layout_init(&layout);
	die(layout_from_elf(elf, version, &layout, &found));
	print_layout(&layout);
	elf_end(elf);
	close(fd);
}

/* ---- _Py_DebugOffsets: in the file's initialised data ---- */

static uint64_t find_symbol(Elf *elf, const char *name)
{
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		const Elf64_Shdr *header = elf64_getshdr(section);
		if (!header || header->sh_type != SHT_DYNSYM)
			continue;
		Elf_Data *data = elf_getdata(section, NULL);
		const Elf64_Sym *symbols = data->d_buf;
		for (size_t i = 0; i < data->d_size / sizeof(*symbols); i++) {
			const char *found = elf_strptr(elf, header->sh_link, symbols[i].st_name);
			if (found && !strcmp(found, name) && symbols[i].st_shndx != SHN_UNDEF)
				return symbols[i].st_value;
		}
	}
	return 0;
}

static void dump_offsets(const char *path)
{
	struct file file;
	file_open(path, &file);
	Elf *elf = file_elf(&file);
	uint64_t address = find_symbol(elf, "_PyRuntime");
	const Elf64_Ehdr *header = elf64_getehdr(elf);
	const Elf64_Phdr *programs = elf64_getphdr(elf);
	struct target_segment segments[header->e_phnum];
	struct inspect_target target = { .segments = segments, .machine = header->e_machine };
	for (unsigned int i = 0; i < header->e_phnum; i++)
		if (programs[i].p_type == PT_LOAD)
			segments[target.segment_count++] = (struct target_segment){
				.start = programs[i].p_vaddr,
				.end = programs[i].p_vaddr + programs[i].p_filesz,
				.data = file.data + programs[i].p_offset,
				.image = -1,
				.readable = true,
			};
	struct layout layout;
	layout_init(&layout);
	uint32_t version;
	bool free_threaded;
	die(layout_from_debug_offsets(&target, address, &layout, &version, &free_threaded));
	printf("version %u\n", version);
	print_layout(&layout);
	elf_end(elf);
	file_close(&file);
}

static void dump_tables(uint32_t version, enum layout_flavour flavour, uint16_t machine)
{
	const struct layout_table *tables[layout_table_count];
	unsigned int count = layout_candidates(version, flavour, machine, tables, layout_table_count);
	for (unsigned int i = 0; i < count; i++) {
		struct layout layout;
		layout_table_read(tables[i], &layout);
		printf("table %u %u %s\n", tables[i]->version, tables[i]->last_version, tables[i]->source);
		print_layout(&layout);
	}
}

static void read_damaged(const char *path, int count, unsigned int seed)
{
	for (int i = 0; i < count; i++) {
		struct file file;
		file_open(path, &file);
		srand(seed + i);
		/* some of it close together: a damaged part, not only single bits */
		size_t start = ((size_t)rand() << 16 ^ rand()) % file.size, range = 1UL << rand() % 24;
		for (int j = rand() % DAMAGED_BYTES; j >= 0; j--)
			file.data[(start + rand() % range) % file.size] ^= 1 + rand() % 255;
		alarm(SECONDS_EACH);
		Elf *elf = elf_memory((char *)file.data, file.size);
		struct layout layout;
		unsigned int found = 0;
		layout_init(&layout);
		if (elf)
			inspect_error_destroy(layout_from_elf(elf, 0, &layout, &found));
		for (unsigned int j = 0; j < layout_field_count; j++)
			if (*layout_at(&layout, j) < LAYOUT_ABSENT)
				error(1, 0, "%s with seed %u: %s is %d", path, seed + i,
				      layout_fields[j].name, *layout_at(&layout, j));
		elf_end(elf);
		file_close(&file);
	}
}

int main(int argc, char **argv)
{
	elf_version(EV_CURRENT);
	const char *what = argc > 1 ? argv[1] : "";
	if (argc == 2 && !strcmp(what, "fields")) {
		for (unsigned int i = 0; i < layout_field_count; i++)
			printf("%s\t%s\t%s\n", layout_fields[i].name, layout_fields[i].types,
			       layout_fields[i].members ? layout_fields[i].members : "");
	} else if ((argc == 3 || argc == 4) && !strcmp(what, "elf")) {
		dump_elf(argv[2], argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 0) : 0);
	} else if (argc == 3 && !strcmp(what, "offsets")) {
		dump_offsets(argv[2]);
	} else if (argc == 5 && !strcmp(what, "table")) {
		dump_tables(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0),
			    strtoul(argv[4], NULL, 0));
	} else if (argc == 5 && !strcmp(what, "damage")) {
		read_damaged(argv[2], atoi(argv[3]), strtoul(argv[4], NULL, 0));
	} else {
		error(2, 0, "see the comment at the top of layout-dump.c");
	}
	return 0;
}
