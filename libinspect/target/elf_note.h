/* SPDX-License-Identifier: MIT */
/*
 * elf_note.h - walking over ELF notes that lie in memory and may be damaged.
 *
 * libelf's gelf_getnote() wants data that libelf itself made; these notes come from a target's memory too.
 */
#ifndef INSPECT_TARGET_ELF_NOTE_H
#define INSPECT_TARGET_ELF_NOTE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct elf_note {
	uint32_t type;
	const char *name; /* not terminated where damaged: see elf_note_is() */
	size_t name_size;
	const uint8_t *data;
	size_t size;
};

/* The note at *@at of the @size bytes at @notes; moves *@at to the next. False at the end or where the
 * notes do not make sense any more. @align is p_align of their segment: 8 means padding to 8 bytes, all
 * else to 4. */
static inline bool elf_note_next(const uint8_t *notes, size_t size, uint64_t align, size_t *at,
				 struct elf_note *note)
{
	Elf64_Nhdr header;
	size_t mask = align == 8 ? 7 : 3;
	if (*at > size || size - *at < sizeof(header))
		return false;
	memcpy(&header, notes + *at, sizeof(header));
	size_t name = *at + sizeof(header);
	if (header.n_namesz > size - name)
		return false;
	size_t data = (name + header.n_namesz + mask) & ~mask;
	if (data > size || header.n_descsz > size - data)
		return false;
	*note = (struct elf_note){
		.type = header.n_type,
		.name = (const char *)notes + name,
		.name_size = header.n_namesz,
		.data = notes + data,
		.size = header.n_descsz,
	};
	*at = (data + header.n_descsz + mask) & ~mask;
	return true;
}

/* Is it the note @type of the owner @name ("CORE", "GNU")? */
static inline bool elf_note_is(const struct elf_note *note, const char *name, uint32_t type)
{
	return note->type == type && note->name_size == strlen(name) + 1 &&
	       memcmp(note->name, name, note->name_size) == 0;
}

#endif
