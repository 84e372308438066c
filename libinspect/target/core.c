/* SPDX-License-Identifier: MIT */
/*
 * core.c - core files, of the kernel and of gdb's gcore.
 *
 * The file is mapped whole and read where it lies. A core leaves file-backed pages out (.text, .rodata):
 * they come from the executables and libraries that NT_FILE names, once these have been compared with what
 * the core has of them. The program headers are read here and not with libelf, which refuses a whole file
 * for damage in section headers that a core does not need.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "target/backend.h"
#include "target/elf_note.h"
#include "target/image.h"
#include "target/link_map.h"
#include "target/mappings.h"

/* The mapped core. */
struct core {
	const uint8_t *bytes;
	uint64_t size;
	Elf64_Ehdr header;
	Elf64_Phdr *headers; /* program headers */
	size_t header_count;
};

static void core_close(struct inspect_target *target)
{
	struct core *core = target->backend_data;
	munmap((void *)core->bytes, core->size);
	free(core->headers);
	free(core);
}

static const struct target_backend core_backend = { .close = core_close };

/* ---- the file ------------------------------------------------------------------------------------ */

static struct inspect_error *format_error(const struct inspect_target *target, const char *words)
{
	return inspect_error_create(INSPECT_ERROR_FORMAT, "%s %s", target->name, words);
}

/* Maps the file at target->name; from then on the target owns the core. */
static struct inspect_error *map_core(struct inspect_target *target)
{
	/* O_NONBLOCK: a pipe would wait for its other end. */
	int fd = open(target->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	if (fd < 0)
		return inspect_error_from_errno(errno, "cannot open %s", target->name);
	struct inspect_error *error = NULL;
	void *bytes = MAP_FAILED;
	if (fstat(fd, &status) != 0)
		error = inspect_error_from_errno(errno, "cannot open %s", target->name);
	else if (!S_ISREG(status.st_mode))
		error = format_error(target, "is not a core file: it is not even a regular file");
	else if (!status.st_size)
		error = format_error(target, "is empty; was there no space for the core, or does ulimit -c "
					     "forbid it?");
	else if ((bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		error = inspect_error_from_errno(errno, "cannot map %s", target->name);
	close(fd);
	if (error)
		return error;
	struct core *core = calloc(1, sizeof(*core));
	if (!core) {
		munmap(bytes, (size_t)status.st_size);
		return &inspect_error_no_memory;
	}
	core->bytes = bytes;
	core->size = (uint64_t)status.st_size;
	target->backend = &core_backend;
	target->backend_data = core;
	return NULL;
}

/* Says what a file that does not begin as ELF may be. */
static struct inspect_error *not_elf(const struct inspect_target *target, const struct core *core)
{
	static const struct {
		const char magic[8];
		size_t size;
		const char *words;
	} kinds[] = {
		{ "\x28\xb5\x2f\xfd", 4, "is compressed; unpack it first: zstd -d" },
		{ "\x04\x22\x4d\x18", 4, "is compressed; unpack it first: lz4 -d" },
		{ "\xfd"
		  "7zXZ",
		  5, "is compressed; unpack it first: xz -dk" },
		{ "\x1f\x8b", 2, "is compressed; unpack it first: gzip -dk" },
		{ "BZh", 3, "is compressed; unpack it first: bzip2 -dk" },
		{ "MDMP", 4, "is a minidump, which does not hold the heap; a full core file is needed" },
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (core->size >= kinds[i].size && memcmp(core->bytes, kinds[i].magic, kinds[i].size) == 0)
			return format_error(target, kinds[i].words);
	return format_error(target, "is not an ELF file; give a core file or the number of a process");
}

static struct inspect_error *check_header(struct inspect_target *target, struct core *core)
{
	if (core->size < SELFMAG || memcmp(core->bytes, ELFMAG, SELFMAG) != 0)
		return not_elf(target, core);
	if (core->size >= EI_NIDENT && core->bytes[EI_CLASS] == ELFCLASS32)
		return format_error(target, "is of a 32-bit process; only 64-bit ones can be read");
	if (core->size >= EI_NIDENT && core->bytes[EI_DATA] == ELFDATA2MSB)
		return format_error(target, "is of a big-endian machine; only little-endian ones can be "
					    "read");
	if (core->size < sizeof(core->header))
		return format_error(target, "is cut off inside its ELF header; take a new core");
	memcpy(&core->header, core->bytes, sizeof(core->header));
	const Elf64_Ehdr *header = &core->header;
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return format_error(target, "has a damaged ELF header");
	switch (header->e_type) {
	case ET_CORE:
		break;
	case ET_EXEC:
	case ET_DYN:
		return format_error(target, "is an executable or a shared library, not a core; give the core "
					    "that "
					    "it left or the number of its process (and this file with "
					    "--executable)");
	case ET_REL:
		return format_error(target, "is an object file, not a core; give a core file or the number "
					    "of a "
					    "process");
	default:
		return format_error(target, "is not a core, or its ELF header is damaged");
	}
	if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64)
		return inspect_error_create(INSPECT_ERROR_FORMAT,
					    "%s is of a machine that is not supported (ELF machine number "
					    "%u); "
					    "x86-64 and aarch64 are",
					    target->name, header->e_machine);
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return format_error(target, "has a damaged ELF header: its program headers have a wrong "
					    "size");
	target->machine = header->e_machine;
	return NULL;
}

/* How many program headers there are. With 65535 or more of them the number is in the first section header,
 * which the kernel writes at the end of the file; if that is cut off, the first segment's data, the notes,
 * begin where the headers end. */
static uint64_t count_headers(const struct core *core)
{
	const Elf64_Ehdr *header = &core->header;
	if (header->e_phnum != PN_XNUM)
		return header->e_phnum;
	Elf64_Shdr section;
	if (header->e_shoff && header->e_shoff <= core->size &&
	    core->size - header->e_shoff >= sizeof(section)) {
		memcpy(&section, core->bytes + header->e_shoff, sizeof(section));
		return section.sh_info;
	}
	Elf64_Phdr first;
	if (header->e_phoff > core->size || core->size - header->e_phoff < sizeof(first))
		return 0;
	memcpy(&first, core->bytes + header->e_phoff, sizeof(first));
	if (first.p_type != PT_NOTE || first.p_offset < header->e_phoff)
		return 0;
	return (first.p_offset - header->e_phoff) / sizeof(first);
}

static struct inspect_error *read_headers(struct inspect_target *target, struct core *core)
{
	uint64_t count = count_headers(core), start = core->header.e_phoff;
	if (!count || start < sizeof(core->header))
		return format_error(target, "has a damaged ELF header: it has no program headers");
	if (start > core->size || count > (core->size - start) / sizeof(*core->headers))
		return inspect_error_create(INSPECT_ERROR_FORMAT,
					    "%s is cut off inside its program headers, or they are damaged: "
					    "%" PRIu64 " bytes do not hold %" PRIu64 " of them; take a new "
					    "core",
					    target->name, core->size, count);
	core->headers = calloc(count, sizeof(*core->headers));
	if (!core->headers)
		return &inspect_error_no_memory;
	memcpy(core->headers, core->bytes + start, count * sizeof(*core->headers));
	core->header_count = count;
	return NULL;
}

/* ---- memory -------------------------------------------------------------------------------------- */

/* The parts of the address space that the program headers tell of. */
struct core_memory {
	struct segments held;   /* the core has their bytes, or had before it was cut off */
	struct segments absent; /* the core never had their bytes */
	uint64_t cut;           /* bytes that are cut off */
	uint64_t first_cut;     /* the lowest address of one */
	size_t damaged;         /* headers that make no sense */
	bool writable;          /* the core has writable memory at all */
};

static void core_memory_deinit(struct core_memory *memory)
{
	segments_deinit(&memory->held);
	segments_deinit(&memory->absent);
}

static struct inspect_error *add_load(struct core_memory *memory, const struct core *core,
				      const Elf64_Phdr *header)
{
	uint64_t start = header->p_vaddr, end = start + header->p_memsz;
	if (end < start) {
		memory->damaged++;
		return NULL;
	}
	struct target_segment segment = {
		.start = start,
		.image = -1,
		.readable = header->p_flags & PF_R,
		.writable = header->p_flags & PF_W,
		.executable = header->p_flags & PF_X,
	};
	uint64_t claimed = header->p_filesz < header->p_memsz ? header->p_filesz : header->p_memsz;
	uint64_t there = header->p_offset < core->size ? core->size - header->p_offset : 0;
	uint64_t held = claimed < there ? claimed : there;
	memory->writable |= segment.writable && held;

	segment.end = start + held;
	segment.data = held ? core->bytes + header->p_offset : NULL;
	struct inspect_error *error = segments_add(&memory->held, &segment);
	if (error)
		return error;
	segment.data = NULL;
	if (held < claimed) {
		memory->cut += claimed - held;
		if (start + held < memory->first_cut)
			memory->first_cut = start + held;
		segment.start = start + held;
		segment.end = start + claimed;
		segment.loss = SEGMENT_CUT_OFF;
		error = segments_add(&memory->held, &segment);
		if (error)
			return error;
	}
	segment.start = start + claimed;
	segment.end = end;
	segment.loss = SEGMENT_LEFT_OUT;
	return segments_add(&memory->absent, &segment);
}

static struct inspect_error *read_loads(struct inspect_target *target, const struct core *core,
					struct core_memory *memory)
{
	memory->first_cut = UINT64_MAX;
	for (size_t i = 0; i < core->header_count; i++) {
		if (core->headers[i].p_type != PT_LOAD)
			continue;
		struct inspect_error *error = add_load(memory, core, &core->headers[i]);
		if (error)
			return error;
	}
	memory->damaged += segments_sort(&memory->held);
	segments_sort(&memory->absent);
	if (!memory->held.count && !memory->absent.count)
		return format_error(target, "is a core without any memory in it; take a new core");
	struct inspect_error *error = NULL;
	if (memory->damaged)
		error = notes_add(&target->notes, true,
				  "%s is damaged: %zu of its %zu program headers overlap others "
				  "or make no sense",
				  target->name, memory->damaged, core->header_count);
	if (!error && memory->cut)
		error = notes_add(&target->notes, true,
				  "%s is cut off: %.1f MiB of the process's memory are missing, "
				  "the first at 0x%" PRIx64 "; see ulimit -c and the space on the disk",
				  target->name, (double)memory->cut / (1 << 20), memory->first_cut);
	if (!error && !memory->writable)
		error = notes_add(&target->notes, true,
				  "%s holds no writable memory; see coredump_filter in core(5)",
				  target->name);
	return error;
}

/* ---- notes --------------------------------------------------------------------------------------- */

/* Where things are in the kernel's structures of 64-bit machines (Linux 6.1, include/linux/elfcore.h,
 * include/uapi/linux/elfcore.h): struct elf_prstatus and struct elf_prpsinfo. */
enum {
	PRSTATUS_SIGNAL = 12, /* u16 */
	PRSTATUS_PID = 32,
	PRSTATUS_REGISTERS = 112,
	PRPSINFO_PID = 24,
	PRPSINFO_NAME = 40,      /* 16 bytes */
	PRPSINFO_ARGUMENTS = 56, /* 80 bytes */
	PRPSINFO_SIZE = 136,
};

/* Sixteen times what a process may map by default (vm.max_map_count). */
static const size_t MAPPING_LIMIT = 1 << 20;

static size_t registers_size(uint16_t machine)
{
	return machine == EM_X86_64 ? 27 * 8 : 34 * 8;
}

static struct inspect_error *read_prstatus(struct inspect_target *target, const struct elf_note *note,
					   size_t *capacity)
{
	size_t size = registers_size(target->machine);
	if (note->size < PRSTATUS_REGISTERS + size)
		return NULL;
	if (!array_reserve(target->threads, target->thread_count, *capacity))
		return &inspect_error_no_memory;
	struct target_thread thread = { .has_registers = true, .registers_size = size };
	int32_t tid;
	memcpy(&tid, note->data + PRSTATUS_PID, sizeof(tid));
	thread.tid = tid;
	memcpy(thread.registers, note->data + PRSTATUS_REGISTERS, size);
	if (!target->thread_count) {
		uint16_t signal;
		memcpy(&signal, note->data + PRSTATUS_SIGNAL, sizeof(signal));
		target->signal = signal;
	}
	target->threads[target->thread_count++] = thread;
	return NULL;
}

static struct inspect_error *read_prpsinfo(struct inspect_target *target, const struct elf_note *note)
{
	if (note->size < PRPSINFO_SIZE)
		return NULL;
	int32_t pid;
	memcpy(&pid, note->data + PRPSINFO_PID, sizeof(pid));
	target->pid = pid;
	const char *command = (const char *)note->data + PRPSINFO_ARGUMENTS;
	size_t size = strnlen(command, 80);
	while (size && command[size - 1] == ' ')
		size--;
	if (!size) {
		command = (const char *)note->data + PRPSINFO_NAME;
		size = strnlen(command, 16);
	}
	free(target->command_line);
	target->command_line = strndup(command, size);
	return target->command_line ? NULL : &inspect_error_no_memory;
}

static struct inspect_error *read_auxv(struct inspect_target *target, const struct elf_note *note)
{
	free(target->auxv);
	target->auxv_size = 0;
	target->auxv = malloc(note->size + 1);
	if (!target->auxv)
		return &inspect_error_no_memory;
	memcpy(target->auxv, note->data, note->size);
	target->auxv_size = note->size;
	return NULL;
}

/* NT_FILE: a count, the unit of offsets, that many {start, end, offset}, then as many terminated paths
 * (Linux 6.1, fs/binfmt_elf.c:fill_files_note). */
static struct inspect_error *read_files(const struct elf_note *note, struct mappings *mappings)
{
	uint64_t header[2];
	if (note->size < sizeof(header))
		return NULL;
	memcpy(header, note->data, sizeof(header));
	uint64_t count = header[0], unit = header[1];
	if (count > (note->size - sizeof(header)) / 24 || count > MAPPING_LIMIT - mappings->count)
		return NULL;
	const uint8_t *entry = note->data + sizeof(header);
	const char *path = (const char *)entry + count * 24, *end = (const char *)note->data + note->size;
	for (uint64_t i = 0; i < count; i++, entry += 24) {
		size_t length = strnlen(path, (size_t)(end - path));
		uint64_t values[3];
		memcpy(values, entry, sizeof(values));
		if (length == (size_t)(end - path))
			break;
		struct mapping mapping = {
			.start = values[0], .end = values[1], .readable = true, .image = -1
		};
		const char *name = path;
		path += length + 1;
		if (mapping.start >= mapping.end || __builtin_mul_overflow(values[2], unit, &mapping.offset))
			continue;
		mapping.path = strdup(name);
		struct inspect_error *error = mappings_add(mappings, &mapping);
		if (error)
			return error;
	}
	return NULL;
}

static struct inspect_error *read_note(struct inspect_target *target, const struct elf_note *note,
				       struct mappings *mappings, size_t *thread_capacity)
{
	if (elf_note_is(note, "CORE", NT_PRSTATUS))
		return read_prstatus(target, note, thread_capacity);
	if (elf_note_is(note, "CORE", NT_PRPSINFO))
		return read_prpsinfo(target, note);
	if (elf_note_is(note, "CORE", NT_AUXV))
		return read_auxv(target, note);
	if (elf_note_is(note, "CORE", NT_FILE))
		return read_files(note, mappings);
	if (elf_note_is(note, "CORE", NT_SIGINFO) && note->size >= 4) {
		int32_t signal;
		memcpy(&signal, note->data, sizeof(signal));
		target->signal = signal;
	}
	return NULL;
}

static struct inspect_error *read_notes(struct inspect_target *target, const struct core *core,
					struct mappings *mappings)
{
	size_t thread_capacity = 0;
	uint64_t left = core->size; /* notes do not overlap: there are not more of them than bytes */
	for (size_t i = 0; i < core->header_count; i++) {
		const Elf64_Phdr *header = &core->headers[i];
		if (header->p_type != PT_NOTE || header->p_offset >= core->size)
			continue;
		uint64_t there = core->size - header->p_offset;
		uint64_t size = header->p_filesz < there ? header->p_filesz : there;
		if (size > left)
			break;
		left -= size;
		struct elf_note note;
		for (size_t at = 0;
		     elf_note_next(core->bytes + header->p_offset, size, header->p_align, &at, &note);) {
			struct inspect_error *error = read_note(target, &note, mappings, &thread_capacity);
			if (error)
				return error;
		}
	}
	mappings_sort(mappings);
	return NULL;
}

/* ---- files --------------------------------------------------------------------------------------- */

/* Makes the images of what NT_FILE lists. The kernel leaves that note out where it would be too long (4 MiB,
 * Linux 6.1, fs/binfmt_elf.c), and old gcores have none: then the dynamic linker knows the images, and their
 * program headers say what was mapped. */
static struct inspect_error *make_images(struct inspect_target *target, struct mappings *mappings)
{
	if (!mappings->count) {
		struct inspect_error *error = link_map_make_images(target);
		return error ? error : mappings_of_images(target, mappings);
	}
	struct inspect_error *error = mappings_make_images(target, mappings);
	if (!error)
		mappings_find_main_image(target);
	return error;
}

/* Finds the files of the images, as far as they are needed: every ELF file, and every file of which the core
 * does not tell whether it is one. */
static struct inspect_error *find_files(struct inspect_target *target)
{
	struct inspect_error *error = files_use_executable(target);
	for (size_t i = 0; !error && i < target->image_count; i++) {
		struct target_image *image = &target->images[i];
		bool unknown = !image->is_elf && !target_has(target, image->start, EI_NIDENT);
		if (!image->private->file && (image->is_elf || unknown))
			error = files_find(target, image);
	}
	files_settle(target);
	mappings_settle_images(target);
	return error;
}

/* One note for all files that are missing or different. */
static struct inspect_error *note_lost_files(struct inspect_target *target)
{
	size_t lost = 0;
	const struct target_image *first = NULL;
	for (size_t i = 0; i < target->image_count; i++) {
		const struct target_image *image = &target->images[i];
		if (!image->is_elf || (image->state != IMAGE_MISSING && image->state != IMAGE_DIFFERENT))
			continue;
		if (!first || (int32_t)i == target->main_image)
			first = image;
		lost++;
	}
	if (!lost)
		return NULL;
	char others[64] = "";
	if (lost > 1)
		snprintf(others, sizeof(others), " (and %zu more files are missing or different)", lost - 1);
	return notes_add(&target->notes, false, "the core leaves out what is in %s, %s%s", first->path,
			 first->problem, others);
}

/* Gives the mappings the permissions of the segments that they are in. */
static void set_permissions(struct mappings *mappings, const struct segments *segments)
{
	for (size_t i = 0; i < mappings->count; i++) {
		struct mapping *mapping = &mappings->items[i];
		const struct target_segment *segment =
			segments_find(segments->items, segments->count, mapping->start);
		if (!segment)
			continue;
		mapping->readable = segment->readable;
		mapping->writable = segment->writable;
		mapping->executable = segment->executable;
	}
}

/* Fills what the core leaves out from the files. A writable mapping that is not in the core was never written
 * to, and so is as in its file - unless the core was written without writable memory. */
static struct inspect_error *fill(struct inspect_target *target, struct mappings *mappings,
				  const struct core_memory *memory)
{
	struct segments files SEGMENTS_AUTO = { 0 }, filled SEGMENTS_AUTO = { 0 }, all SEGMENTS_AUTO = { 0 };
	set_permissions(mappings, &memory->absent);
	struct inspect_error *error = mappings_file_segments(target, mappings, &files);
	if (error)
		return error;
	for (size_t i = 0; i < files.count && !memory->writable; i++)
		if (files.items[i].writable) {
			files.items[i].data = NULL;
			files.items[i].loss = SEGMENT_LEFT_OUT;
		}
	segments_sort(&files);
	error = segments_overlay(&memory->held, &files, &filled);
	if (!error)
		error = segments_overlay(&filled, &memory->absent, &all);
	if (error)
		return error;
	mappings_label(target, mappings, &all);
	segments_join(&all);
	target_set_segments(target, &all);
	return NULL;
}

/* ---- opening ------------------------------------------------------------------------------------- */

static struct inspect_error *open_core(const void *path, const struct inspect_target_options *options,
				       struct inspect_target **target_ret)
{
	struct inspect_target *target TARGET_AUTO = NULL;
	struct mappings mappings MAPPINGS_AUTO = { 0 };
	struct core_memory memory __attribute__((cleanup(core_memory_deinit))) = { .cut = 0 };
	struct inspect_error *error = target_create(TARGET_CORE, path, options, &target);
	if (!error)
		error = map_core(target);
	if (error)
		return error;
	struct core *core = target->backend_data;
	error = check_header(target, core);
	if (!error)
		error = read_headers(target, core);
	if (!error)
		error = read_loads(target, core, &memory);
	if (!error)
		error = read_notes(target, core, &mappings);
	if (error)
		return error;

	/* What the core itself has is enough to know the images; then come their files. */
	struct segments held SEGMENTS_AUTO = { 0 };
	error = segments_overlay(&memory.held, &(struct segments){ 0 }, &held);
	if (error)
		return error;
	target_set_segments(target, &held);
	error = make_images(target, &mappings);
	if (!error)
		error = find_files(target);
	if (!error)
		error = fill(target, &mappings, &memory);
	if (!error)
		error = note_lost_files(target);
	if (error)
		return error;
	link_map_correct_main_image(target);
	*target_ret = target;
	target = NULL;
	return NULL;
}

struct inspect_error *inspect_target_open_core(const char *path, const struct inspect_target_options *options,
					       struct inspect_target **target_ret)
{
	return target_open_within(options, open_core, path, target_ret);
}
