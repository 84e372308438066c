/* SPDX-License-Identifier: MIT */
/*
 * files.c - the files on this machine that a target's images were mapped from.
 *
 * A file is used only if it is the one that was mapped. Its build-id says so; where neither the file nor the
 * target has one, the program headers and the dynamic section must at least not contradict it.
 */
#include "target/files.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "target/image.h"

/* ---- mapped files -------------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define FD_AUTO __attribute__((cleanup(close_fd)))

/* Copies the build-id of @elf to @id (64 bytes) and returns its size, 0 where there is none. */
static size_t read_build_id(Elf *elf, uint8_t *id)
{
	const void *found;
	ssize_t size = elf ? dwelf_elf_gnu_build_id(elf, &found) : 0;
	if (size <= 0 || size > 64)
		return 0;
	memcpy(id, found, (size_t)size);
	return (size_t)size;
}

/* Opens the regular file at @path for reading; -1 and errno if there is none. The path may come from a
 * hostile core: what is no regular file is not even opened, for that can rewind a tape or wait for the end of
 * a pipe. */
static int open_regular(const char *path, struct stat *status)
{
	if (stat(path, status) != 0)
		return -1;
	if (!S_ISREG(status->st_mode)) {
		errno = S_ISDIR(status->st_mode) ? EISDIR : EINVAL;
		return -1;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

/* libelf writes to the section headers that it was given when it unpacks a section, though that is a copy (elfutils 0.188,
 * libelf/elf_compress.c and elf_compress_gnu.c): such a file needs pages of its own. Other files have none, since pages that
 * may be written to count as memory in use (RLIMIT_DATA). */
static bool has_compressed_sections(Elf *elf)
{
	size_t names;
	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header))
			continue;
		const char *name = elf_strptr(elf, names, header.sh_name);
		if (header.sh_flags & SHF_COMPRESSED || (name && strncmp(name, ".zdebug", strlen(".zdebug")) == 0))
			return true;
	}
	return false;
}

struct inspect_error *mapped_file_open(const char *path, struct mapped_file **file_ret, int *reason_ret)
{
	int reason;
	*file_ret = NULL;
	elf_version(EV_CURRENT);
	struct stat status = { 0 };
	int fd FD_AUTO = open_regular(path, &status);
	if (fd < 0 || !status.st_size) {
		reason = fd < 0 ? errno : ENODATA;
		if (reason_ret)
			*reason_ret = reason;
		return NULL;
	}
	struct mapped_file *file MAPPED_FILE_AUTO = calloc(1, sizeof(*file));
	if (file)
		file->owners = 1;
	if (!file || !(file->path = strdup(path)))
		return &inspect_error_no_memory;
	void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		if (reason_ret)
			*reason_ret = errno;
		return NULL;
	}
	file->bytes = bytes;
	file->size = (size_t)status.st_size;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	file->elf = elf_memory(bytes, file->size);
	if (file->elf && elf_kind(file->elf) != ELF_K_ELF) {
		elf_end(file->elf);
		file->elf = NULL;
	}
	if (file->elf && has_compressed_sections(file->elf))
		mprotect(bytes, file->size, PROT_READ | PROT_WRITE);
	file->build_id_size = read_build_id(file->elf, file->build_id);
	*file_ret = file;
	file = NULL;
	return NULL;
}

struct mapped_file *mapped_file_share(struct mapped_file *file)
{
	file->owners++;
	return file;
}

void mapped_file_close(struct mapped_file *file)
{
	if (!file || --file->owners)
		return;
	if (file->elf)
		elf_end(file->elf);
	if (file->bytes)
		munmap((void *)file->bytes, file->size);
	free(file->path);
	free(file);
}

/* ---- is it the file that was mapped? ------------------------------------------------------------- */

/* Do the program headers of the file equal those in the target's memory? */
static bool same_headers(const struct target_image *image, const struct mapped_file *file)
{
	struct target_image other AUTO_IMAGE = { 0 };
	struct inspect_error *error INSPECT_ERROR_AUTO = image_init(&other, "", 0, 0);
	if (error || !image_take_headers(&other, file->bytes, file->size))
		return false;
	const struct image_private *a = image->private, *b = other.private;
	return a->type == b->type && a->header_count == b->header_count &&
	       memcmp(a->headers, b->headers, a->header_count * sizeof(*a->headers)) == 0;
}

/* Is the value of the dynamic entry a number that the dynamic linker leaves alone? */
static bool is_plain_entry(int64_t tag)
{
	switch (tag) {
	case DT_NEEDED:
	case DT_SONAME:
	case DT_RPATH:
	case DT_RUNPATH:
	case DT_STRSZ:
	case DT_SYMENT:
	case DT_RELASZ:
	case DT_RELAENT:
	case DT_RELACOUNT:
	case DT_PLTRELSZ:
	case DT_PLTREL:
	case DT_FLAGS:
	case DT_FLAGS_1:
	case DT_INIT_ARRAYSZ:
	case DT_FINI_ARRAYSZ:
	case DT_VERNEEDNUM:
	case DT_VERDEFNUM:
		return true;
	default:
		return false;
	}
}

/* Compares the dynamic section in memory with the file's, entry by entry. False in *@known_ret if either
 * cannot be read. */
static bool same_dynamic(struct inspect_target *target, const struct target_image *image,
			 const struct mapped_file *file, bool *known_ret)
{
	const Elf64_Phdr *header = image_header(image, PT_DYNAMIC);
	*known_ret = false;
	if (!header || header->p_offset > file->size || header->p_filesz > file->size - header->p_offset)
		return true;
	for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= header->p_filesz; at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn mapped, filed;
		memcpy(&filed, file->bytes + header->p_offset + at, sizeof(filed));
		struct inspect_error *error INSPECT_ERROR_AUTO =
			target_read(target, image->bias + header->p_vaddr + at, &mapped, sizeof(mapped));
		if (error)
			return true;
		*known_ret = true;
		if (mapped.d_tag != filed.d_tag ||
		    (is_plain_entry(mapped.d_tag) && mapped.d_un.d_val != filed.d_un.d_val))
			return false;
		if (mapped.d_tag == DT_NULL)
			break;
	}
	return true;
}

/* What comparing said; @words goes on after "the file FILE ". */
struct comparison {
	enum image_state state;
	bool fingerprint; /* not verified, but something was compared and is equal */
	const char *words;
};

static struct comparison compare(struct inspect_target *target, struct target_image *image,
				 const struct mapped_file *file)
{
	/* Where the first page is not in memory, the file's headers say where to look for the rest. */
	if (!image->private->headers_from_memory && image_take_headers(image, file->bytes, file->size)) {
		image_set_bias(image);
		image_read_build_id(target, image);
	}
	if (!file->elf)
		return (struct comparison){ IMAGE_DIFFERENT, false, "is not an ELF file" };
	if (image->build_id_size && file->build_id_size) {
		if (image->build_id_size == file->build_id_size &&
		    memcmp(image->build_id, file->build_id, file->build_id_size) == 0)
			return (struct comparison){ IMAGE_VERIFIED, false, "" };
		return (struct comparison){ IMAGE_DIFFERENT, false, "has another build-id" };
	}
	if (image->build_id_size || (file->build_id_size && image->private->notes_known))
		return (struct comparison){ IMAGE_DIFFERENT, false,
					    image->build_id_size ? "has no build-id" : "has a build-id" };
	bool headers = image->private->headers_from_memory, dynamic;
	if (headers && !same_headers(image, file))
		return (struct comparison){ IMAGE_DIFFERENT, false, "has other program headers" };
	if (!same_dynamic(target, image, file, &dynamic))
		return (struct comparison){ IMAGE_DIFFERENT, false, "has another dynamic section" };
	return (struct comparison){ IMAGE_UNVERIFIED, headers || dynamic, "" };
}

static void build_id_text(const uint8_t *id, size_t size, char *text)
{
	*text = '\0';
	for (size_t i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
}

/* ---- places -------------------------------------------------------------------------------------- */

enum { PLACE_LIMIT = 8 };

struct places {
	char *paths[PLACE_LIMIT];
	bool exact[PLACE_LIMIT]; /* only a file with the right build-id will do */
	size_t count;
};

static void places_deinit(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->paths[i]);
}

static struct inspect_error *add_place(struct places *places, bool exact, const char *root,
				       const char *middle, const char *path)
{
	char *place;
	if (places->count == PLACE_LIMIT)
		return NULL;
	if (asprintf(&place, "%s%s%s", root, middle, path) < 0)
		return &inspect_error_no_memory;
	places->exact[places->count] = exact;
	places->paths[places->count++] = place;
	return NULL;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* @path under @root, and where it is if one of the two machines has merged /lib into /usr/lib and the other
 * has not. */
static struct inspect_error *add_under(struct places *places, bool exact, const char *root, const char *path)
{
	struct inspect_error *error = add_place(places, exact, root, "", path);
	if (error)
		return error;
	if (starts_with(path, "/usr/lib") || starts_with(path, "/usr/bin/") ||
	    starts_with(path, "/usr/sbin/"))
		return add_place(places, exact, root, "", path + strlen("/usr"));
	if (starts_with(path, "/lib") || starts_with(path, "/bin/") || starts_with(path, "/sbin/"))
		return add_place(places, exact, root, "/usr", path);
	return NULL;
}

/* The path that the kernel gives for a file, without what it appends to that of an unlinked one. */
static char *plain_path(const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path), end = sizeof(deleted) - 1;
	if (length > end && strcmp(path + length - end, deleted) == 0)
		length -= end;
	return strndup(path, length);
}

static struct inspect_error *places_of(const struct inspect_target *target, const char *path,
				       struct places *places)
{
	const char *sysroot = target->options.sysroot;
	if (*path != '/')
		return NULL;
	if (sysroot) {
		struct inspect_error *error = add_under(places, false, sysroot, path);
		if (!error)
			error = add_place(places, false, sysroot, "", strrchr(path, '/'));
		if (error)
			return error;
	}
	return add_under(places, sysroot != NULL, "", path);
}

/* ---- finding ------------------------------------------------------------------------------------- */

static struct inspect_error *set_text(char **text, char *value)
{
	free(*text);
	*text = value;
	return value ? NULL : &inspect_error_no_memory;
}

static const char advice[] = "give --sysroot DIR with the files of the machine that it ran on";

/* Records that the image's file is missing, or that @file is another than the one that was mapped. */
static struct inspect_error *refuse(struct target_image *image, const struct mapped_file *file,
				    const char *words)
{
	char *problem = NULL;
	int length;
	if (file) {
		char wanted[129], found[129];
		image_build_id_text(image, wanted);
		build_id_text(file->build_id, file->build_id_size, found);
		length = asprintf(&problem, "but the file %s %s%s%s%s%s%s; %s", file->path, words,
				  *found ? " (" : "", found, *found ? ")" : "",
				  *wanted ? " instead of " : " than the one that ran", wanted, advice);
	} else {
		length = asprintf(&problem,
				  "which is missing on this machine; %s or, for the main executable, "
				  "--executable FILE",
				  advice);
	}
	if (length < 0)
		return &inspect_error_no_memory;
	image->state = file ? IMAGE_DIFFERENT : IMAGE_MISSING;
	if (!image->private->headers_from_memory)
		image_forget_headers(image);
	struct inspect_error *error = set_text(&image->problem, problem);
	if (!error && file)
		error = set_text(&image->file, strdup(file->path));
	return error;
}

/* Gives @file to the image (it takes it over) and says what is not certain about that. */
static struct inspect_error *accept_file(struct target_image *image, struct mapped_file *file,
					 struct comparison comparison)
{
	image->state = comparison.state;
	image_use_file(image, file);
	free(image->problem);
	image->problem = NULL;
	struct inspect_error *error = set_text(&image->file, strdup(file->path));
	if (error || comparison.state == IMAGE_VERIFIED)
		return error;
	image->alike = comparison.fingerprint;
	const char *doubt = "has nothing to compare it with in memory";
	if (image->alike)
		doubt = file->build_id_size ? "has a build-id, which is not in memory; its headers equal "
					      "those there" :
					      "has no build-id; its headers equal those in memory";
	return set_text(&image->problem, strdup(doubt));
}

void files_settle(struct inspect_target *target)
{
	for (size_t i = 0; i < target->image_count; i++) {
		struct target_image *image = &target->images[i];
		for (size_t j = 0; j < target->image_count && image->state == IMAGE_UNVERIFIED; j++) {
			const struct target_image *other = &target->images[j];
			if (other->state != IMAGE_VERIFIED || strcmp(other->path, image->path) != 0)
				continue;
			image->state = IMAGE_VERIFIED;
			free(image->problem);
			image->problem = NULL;
		}
	}
}

struct inspect_error *files_find(struct inspect_target *target, struct target_image *image)
{
	struct places places __attribute__((cleanup(places_deinit))) = { .count = 0 };
	char *path AUTO_FREE = plain_path(image->path);
	if (!path)
		return &inspect_error_no_memory;
	struct inspect_error *error = places_of(target, path, &places);
	if (error)
		return error;
	struct mapped_file *fallback MAPPED_FILE_AUTO = NULL; /* the first that may be it, else the first */
	struct comparison verdict = { IMAGE_MISSING, false, "" };
	for (size_t i = 0; i < places.count; i++) {
		struct mapped_file *file MAPPED_FILE_AUTO = NULL;
		error = mapped_file_open(places.paths[i], &file, NULL);
		if (error)
			return error;
		if (!file)
			continue;
		if (!file->elf && !image->is_elf)
			return NULL; /* a data file */
		struct comparison comparison = compare(target, image, file);
		if (comparison.state == IMAGE_VERIFIED) {
			struct mapped_file *found = file;
			file = NULL;
			return accept_file(image, found, comparison);
		}
		if (places.exact[i] && comparison.state == IMAGE_UNVERIFIED)
			continue;
		if (!fallback || (verdict.state == IMAGE_DIFFERENT && comparison.state == IMAGE_UNVERIFIED)) {
			mapped_file_close(fallback);
			fallback = file;
			file = NULL;
			verdict = comparison;
		}
	}
	if (fallback && verdict.state == IMAGE_UNVERIFIED) {
		struct mapped_file *found = fallback;
		fallback = NULL;
		return accept_file(image, found, verdict);
	}
	return refuse(image, fallback, verdict.words);
}

/* The image that the file is the one of, by build-id; else the main image if nothing contradicts that. */
static struct target_image *owner_of(struct inspect_target *target, const struct mapped_file *file,
				     struct comparison *comparison_ret)
{
	for (size_t i = 0; i < target->image_count && file->build_id_size; i++) {
		struct target_image *image = &target->images[i];
		if (!image->is_elf || !image->build_id_size)
			continue;
		*comparison_ret = compare(target, image, file);
		if (comparison_ret->state == IMAGE_VERIFIED)
			return image;
	}
	if (target->main_image < 0)
		return NULL;
	struct target_image *image = &target->images[target->main_image];
	*comparison_ret = compare(target, image, file);
	return comparison_ret->state == IMAGE_UNVERIFIED ? image : NULL;
}

struct inspect_error *files_use_executable(struct inspect_target *target)
{
	const char *path = target->options.executable;
	struct mapped_file *file MAPPED_FILE_AUTO = NULL;
	int reason = 0;
	if (!path)
		return NULL;
	struct inspect_error *error = mapped_file_open(path, &file, &reason);
	if (error)
		return error;
	if (!file)
		return inspect_error_from_errno(reason, "cannot use the executable %s", path);
	if (!file->elf)
		return inspect_error_create(INSPECT_ERROR_FORMAT, "the executable %s is not an ELF file",
					    path);
	struct comparison comparison = { IMAGE_MISSING, false, "" };
	struct target_image *image = owner_of(target, file, &comparison);
	if (image) {
		struct mapped_file *found = file;
		file = NULL;
		target->main_image = (int32_t)(image - target->images);
		return accept_file(image, found, comparison);
	}
	char wanted[129] = "", found[129];
	build_id_text(file->build_id, file->build_id_size, found);
	if (target->main_image < 0)
		return inspect_error_create(INSPECT_ERROR_FORMAT,
					    "nothing in %s tells which executable ran, so "
					    "%s cannot be used",
					    target->name, path);
	image = &target->images[target->main_image];
	image_build_id_text(image, wanted);
	return inspect_error_create(INSPECT_ERROR_FORMAT,
				    "%s is not what ran in %s: its build-id is %s, that of %s there %s; "
				    "give the executable of the very same build",
				    path, target->name, *found ? found : "missing", image->path,
				    *wanted ? wanted : "is missing");
}

/* ---- debug files --------------------------------------------------------------------------------- */

void opened_elf_close(struct opened_elf *file)
{
	if (!file)
		return;
	if (file->elf)
		elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

/* Opens the ELF file at @path with libelf; *@file_ret is NULL if there is none. */
static struct inspect_error *open_elf(const char *path, struct opened_elf **file_ret)
{
	struct stat status = { 0 };
	*file_ret = NULL;
	int fd = open_regular(path, &status);
	if (fd < 0)
		return NULL;
	struct opened_elf *file = calloc(1, sizeof(*file));
	if (!file) {
		close(fd);
		return &inspect_error_no_memory;
	}
	file->fd = fd;
	file->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (file->elf && elf_kind(file->elf) == ELF_K_ELF) {
		*file_ret = file;
		return NULL;
	}
	opened_elf_close(file);
	return NULL;
}

/* The checksum in .gnu_debuglink: the CRC-32 of zlib and Ethernet. */
static uint32_t crc32_of(const uint8_t *bytes, size_t size)
{
	uint32_t table[256], crc = 0xffffffff;
	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = (table[i] >> 1) ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	for (size_t i = 0; i < size; i++)
		crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
	return ~crc;
}

/* Does the debug file belong to the image? By build-id; where either has none, by @crc if there is one. */
static bool is_debug_of(const struct target_image *image, const struct opened_elf *debug, const uint32_t *crc)
{
	uint8_t id[64];
	size_t size = read_build_id(debug->elf, id);
	if (size && image->build_id_size)
		return size == image->build_id_size && memcmp(id, image->build_id, size) == 0;
	size_t file_size;
	const char *bytes = crc ? elf_rawfile(debug->elf, &file_size) : NULL;
	return bytes && crc32_of((const uint8_t *)bytes, file_size) == *crc;
}

static struct inspect_error *add_link_places(struct places *places, const char *root, const char *directory,
					     const char *link)
{
	static const char *const forms[] = { "%s%s/.debug/%s", "%s/usr/lib/debug%s/%s", "%s%s/%s" };
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		char *path AUTO_FREE = NULL;
		if (asprintf(&path, forms[i], root, directory, link) < 0) {
			path = NULL;
			return &inspect_error_no_memory;
		}
		struct inspect_error *error = add_place(places, false, "", "", path);
		if (error)
			return error;
	}
	return NULL;
}

static struct inspect_error *debug_places(struct inspect_target *target, struct target_image *image,
					  const char *link, struct places *places)
{
	char process_root[64] = "";
	const char *roots[3];
	size_t root_count = 0;
	if (target->options.sysroot)
		roots[root_count++] = target->options.sysroot;
	if (target->kind == TARGET_PROCESS) {
		snprintf(process_root, sizeof(process_root), "/proc/%d/root", (int)target->pid);
		roots[root_count++] = process_root;
	}
	roots[root_count++] = "";
	char id[129];
	image_build_id_text(image, id);
	for (size_t i = 0; i < root_count && image->build_id_size >= 2; i++) {
		char path[256];
		snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", id, id + 2);
		struct inspect_error *error = add_place(places, false, roots[i], "", path);
		if (error)
			return error;
	}
	if (!link || !image->file || strchr(link, '/'))
		return NULL;
	const char *slash = strrchr(image->file, '/');
	char *directory AUTO_FREE = strndup(image->file, slash ? (size_t)(slash - image->file) : 0);
	if (!directory)
		return &inspect_error_no_memory;
	return add_link_places(places, "", directory, link);
}

struct inspect_error *files_find_debug(struct inspect_target *target, struct target_image *image,
				       struct opened_elf **file_ret)
{
	struct places places __attribute__((cleanup(places_deinit))) = { .count = 0 };
	GElf_Word crc;
	Elf *elf = image_elf(target, image);
	const char *link = elf ? dwelf_elf_gnu_debuglink(elf, &crc) : NULL;
	*file_ret = NULL;
	elf_version(EV_CURRENT);
	struct inspect_error *error = debug_places(target, image, link, &places);
	for (size_t i = 0; !error && i < places.count; i++) {
		struct opened_elf *file;
		error = open_elf(places.paths[i], &file);
		if (error || !file)
			continue;
		if (is_debug_of(image, file, link ? &crc : NULL)) {
			*file_ret = file;
			return NULL;
		}
		opened_elf_close(file);
	}
	return error;
}
