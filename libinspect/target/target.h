/* SPDX-License-Identifier: MIT */
/*
 * target.h - where bytes come from: an address space with ELF images and threads in it.
 *
 * All kinds of target (core, process, debugger) fill the same structure; only opening differs. The layers
 * above read memory with target_read() and target_map() and look up symbols in images. Everything read
 * from here is hostile: any byte may be wrong. Several threads may read a core or a process at once, by
 * target_map(), target_read(), target_has() and target_read_string(); a debugger only the one that opened it.
 */
#ifndef INSPECT_TARGET_TARGET_H
#define INSPECT_TARGET_TARGET_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"
#include "base/notes.h"
#include "inspect.h"

typedef struct Elf Elf;

enum target_kind {
	TARGET_CORE,
	TARGET_PROCESS,
	TARGET_DEBUGGER,
};

/* Why a segment has no bytes. */
enum segment_loss {
	SEGMENT_WHOLE,      /* it has them */
	SEGMENT_LEFT_OUT,   /* whoever wrote the core did not put them in */
	SEGMENT_CUT_OFF,    /* the core file ends before them */
	SEGMENT_IN_FILE,    /* they are in a file that we do not have or do not use; see the image */
	SEGMENT_SHARED,     /* shared memory, too much to be copied */
	SEGMENT_UNREADABLE, /* the process may not read them, or we may not */
};

/* A run of addresses whose bytes all come from one place. Segments are sorted and do not overlap. */
struct target_segment {
	uint64_t start, end; /* [start, end) */
	/* The bytes, or NULL where they are lost (see @image for whose they were). */
	const uint8_t *data;
	/* The image or file that is mapped here: an index into the images, or -1. */
	int32_t image;
	bool readable, writable, executable;
	uint8_t loss; /* enum segment_loss */
};

enum image_state {
	IMAGE_UNCHECKED,  /* not an ELF file that we opened */
	IMAGE_VERIFIED,   /* the file was found and is the one that was mapped */
	IMAGE_UNVERIFIED, /* the file was found; nothing in the target can tell whether it is the same */
	IMAGE_MISSING,    /* no file was found */
	IMAGE_DIFFERENT,  /* a file was found, but its build-id is another */
};

/* An executable, a shared library or another file that is mapped in the target. */
struct target_image {
	char *path;         /* as the target names it; may be "" */
	char *file;         /* the file on this machine that was used or refused, or NULL */
	uint64_t start, end; /* from its first to behind its last mapped address */
	uint64_t bias;      /* what to add to the file's addresses (p_vaddr, st_value) */
	enum image_state state;
	char *problem;      /* why it is missing, different or unverified, or NULL */
	bool alike;         /* unverified, but its headers equal those in memory */
	uint8_t build_id[64];
	size_t build_id_size; /* of the mapped image; 0: unknown */
	bool is_elf;
	struct image_private *private;
};

struct target_thread {
	pid_t tid;
	bool has_registers;
	uint8_t registers[272]; /* struct user_regs_struct on x86-64 and aarch64: elf_gregset_t */
	size_t registers_size;
	/* Only where it is not known what is mapped: where its stack ends at the latest (0: it has none), and whether that is
	 * because nothing longer is searched. */
	uint64_t stack_limit;
	bool stack_is_cut;
};

struct inspect_target {
	enum target_kind kind;
	char *name; /* what was opened: the core's path, "process 4711", ... */
	pid_t pid;  /* 0: unknown */
	char *command_line; /* what ran, with its arguments, which may be secrets; or NULL. See target_program() */
	int signal;    /* the signal that the process died of, or 0 */
	uint16_t machine; /* EM_X86_64, EM_AARCH64; 0: unknown */

	struct target_segment *segments;
	size_t segment_count;

	struct target_image *images; /* in the order of their first addresses */
	size_t image_count;
	int32_t main_image; /* the main executable's, or -1 */

	struct target_thread *threads;
	size_t thread_count;

	uint8_t *auxv; /* pairs of 64-bit words, or NULL */
	size_t auxv_size;

	bool redacted; /* answers have no text and no numbers of the program's data: doc/secrets.md */

	/* What is missing from the target, in sentences: "the core is cut off at ...". */
	struct notes notes;

	struct inspect_target_options options; /* strings copied */
	struct limits limits; /* what may be used for it, and how far the call at hand is */

	const struct target_backend *backend; /* what only one kind knows; see backend.h */
	void *backend_data;
};

/* The bytes at [@address, @address + @size), or NULL if they are not all there in one piece: then
 * target_read() may still be able to copy them together, and says why if not. The pointer stays valid until
 * the target is closed. It may be unaligned. */
static inline const void *target_map(struct inspect_target *target, uint64_t address, uint64_t size);

/* Copies [@address, @address + @size) to @buffer. An error is of the kind INSPECT_ERROR_UNREADABLE and says
 * whether the address is unmapped, was left out of the core, or is in a file that is missing. */
struct inspect_error *target_read(struct inspect_target *target, uint64_t address, void *buffer,
				  size_t size) __attribute__((warn_unused_result));

/* The segment that has @address in it, or NULL. A debugger's target has no segments. */
const struct target_segment *target_segment_at(struct inspect_target *target, uint64_t address);

/* Had the process something at @address that the target lacks (see enum segment_loss)? */
static inline bool target_is_lost(struct inspect_target *target, uint64_t address)
{
	const struct target_segment *segment = target_segment_at(target, address);
	return segment && !segment->data;
}

/* Is the whole range [@address, @address + @size) readable? */
bool target_has(struct inspect_target *target, uint64_t address, uint64_t size);

/* How many bytes can be read; of a debugger's target, how many have been read so far. */
uint64_t target_bytes(const struct inspect_target *target);

struct inspect_error *target_read_u64(struct inspect_target *target, uint64_t address,
				      uint64_t *value_ret) __attribute__((warn_unused_result));
struct inspect_error *target_read_u32(struct inspect_target *target, uint64_t address,
				      uint32_t *value_ret) __attribute__((warn_unused_result));

/* Reads a NUL-terminated string of at most @limit bytes (without the NUL). The caller frees *@text_ret.
 * A longer one is an error of the kind INSPECT_ERROR_CORRUPT. */
struct inspect_error *target_read_string(struct inspect_target *target, uint64_t address, size_t limit,
					 char **text_ret) __attribute__((warn_unused_result));

/* The image that is mapped at @address, or NULL. */
struct target_image *target_image_at(struct inspect_target *target, uint64_t address);

/* Is what stands at @address part of the program, in an executable or a library? */
bool target_is_program(struct inspect_target *target, uint64_t address);

/* The path of the program that ran; NULL: unknown. Owned by @target. */
const char *target_program(const struct inspect_target *target);

/* The @index-th range of addresses with the writable data of @image, .data and .bss, as its program headers say, without
 * what the dynamic linker makes read-only at the start (RELRO). False where there are no more; ranges may be empty. */
bool image_data(const struct target_image *image, size_t index, uint64_t *start_ret, uint64_t *end_ret);

/* Looks up a defined dynamic or static symbol of @image by its exact name. *@address_ret is its address in
 * the target, 0 where there is no such symbol; *@size_ret (may be NULL) its size in bytes.
 * The dynamic symbols are read through the target's memory (PT_DYNAMIC, DT_GNU_HASH or DT_HASH), so this
 * works for deleted files and remote targets too; .symtab needs the file. */
struct inspect_error *image_symbol(struct inspect_target *target, struct target_image *image,
				   const char *name, uint64_t *address_ret, uint64_t *size_ret)
	__attribute__((warn_unused_result));

/* The symbol that covers @address: its name in @image, owned by the image, or NULL; *@offset_ret is how far
 * into it the address is. */
const char *image_symbol_at(struct inspect_target *target, struct target_image *image, uint64_t address,
			    uint64_t *offset_ret);

/* The address range of the section called @name (".PyRuntime"); *@address_ret is 0 where there is none.
 * Needs the image's file. */
struct inspect_error *image_section(struct inspect_target *target, struct target_image *image,
				    const char *name, uint64_t *address_ret, uint64_t *size_ret)
	__attribute__((warn_unused_result));

/* Finds the ELF note @type of @owner ("GNU") in the loaded notes of @image (PT_NOTE), the one that comes after
 * @number others of that kind: the address and size in bytes of its contents, in the target's memory. False if there
 * is none, or where the notes cannot be read. */
bool image_note(struct inspect_target *target, struct target_image *image, const char *owner, uint32_t type,
		size_t number, uint64_t *address_ret, uint64_t *size_ret);

/* The image's file, opened with libelf, or NULL where there is no file that may be used. Owned by @image. */
Elf *image_elf(struct inspect_target *target, struct target_image *image);

/* The file that holds the image's DWARF: its own if it has .debug_info, else the separate debug file with
 * the same build-id (/usr/lib/debug/.build-id/xx/yyyy.debug, under the sysroot first), else NULL.
 * Owned by @image. */
Elf *image_debug_elf(struct inspect_target *target, struct target_image *image);

/* "1f2e…" of the image's build-id into @text (at least 129 bytes), "" where it is unknown. */
void image_build_id_text(const struct target_image *image, char *text);

/* ---- not for callers: the fast path ---- */

const void *target_map_slow(struct inspect_target *target, uint64_t address, uint64_t size);

/* Which segment was hit last in each of many ranges of addresses, by whatever target: only hints, one set for each
 * thread, so that threads do not wait for each other's. */
enum { TARGET_HINTS = 256, TARGET_HINT_SHIFT = 20 };
extern __thread uint32_t target_hints[TARGET_HINTS] __attribute__((tls_model("initial-exec")));

static inline const void *target_map(struct inspect_target *target, uint64_t address, uint64_t size)
{
	uint32_t hint = target_hints[address >> TARGET_HINT_SHIFT & (TARGET_HINTS - 1)];
	if (hint < target->segment_count) {
		const struct target_segment *segment = &target->segments[hint];
		if (segment->data && address >= segment->start && address < segment->end &&
		    size <= segment->end - address)
			return segment->data + (address - segment->start);
	}
	return target_map_slow(target, address, size);
}

#endif
