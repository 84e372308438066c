/* SPDX-License-Identifier: MIT */
/*
 * image.c - ELF images in a target: program headers, build-ids, symbols, sections.
 *
 * What the dynamic linker uses is read through the target's memory; the rest (static symbols, sections,
 * DWARF) from the image's file, which files.c has compared with the memory.
 */
#include "target/image.h"

#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "target/elf_note.h"

static const uint64_t page_size = 4096;

/* More than any real file has; what is above is damage, and must not cost time or memory. */
enum {
	HEADER_LIMIT = 64,       /* program headers */
	SYMBOL_LIMIT = 16 << 20, /* dynamic symbols */
	CHAIN_LIMIT = 65536,     /* symbols in one chain of a hash table */
	NOTES_LIMIT = 64 << 10,  /* bytes of one segment of notes */
};

/* ---- making and freeing -------------------------------------------------------------------------- */

struct inspect_error *image_init(struct target_image *image, const char *path, uint64_t start, uint64_t end)
{
	*image = (struct target_image){ .start = start, .end = end };
	image->path = strdup(path);
	image->private = calloc(1, sizeof(*image->private));
	if (image->path && image->private)
		return NULL;
	image_deinit(image);
	return &inspect_error_no_memory;
}

static void free_names(struct image_private *private)
{
	for (size_t i = 0; i < private->name_count; i++)
		free(private->names[i]);
	free(private->names);
	private->names = NULL;
	private->name_count = 0;
}

void image_deinit(struct target_image *image)
{
	struct image_private *private = image->private;
	if (private) {
		free(private->headers);
		free(private->symbols);
		free_names(private);
		opened_elf_close(private->debug);
		mapped_file_close(private->file);
		free(private);
	}
	free(image->path);
	free(image->file);
	free(image->problem);
	*image = (struct target_image){ 0 };
}

void image_use_file(struct target_image *image, struct mapped_file *file)
{
	mapped_file_close(image->private->file);
	image->private->file = file;
	if (!image->private->headers)
		image_take_headers(image, file->bytes, file->size);
}

/* ---- headers ------------------------------------------------------------------------------------- */

static bool is_image_header(const Elf64_Ehdr *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN) &&
	       header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum &&
	       header->e_phnum <= HEADER_LIMIT;
}

/* Takes the headers over if they make sense: at least one loadable segment, none around the end of the
 * address space. */
static bool take_headers(struct target_image *image, Elf64_Phdr *headers, const Elf64_Ehdr *header)
{
	bool loads = false;
	for (size_t i = 0; i < header->e_phnum; i++) {
		loads |= headers[i].p_type == PT_LOAD;
		if (headers[i].p_vaddr + headers[i].p_memsz < headers[i].p_vaddr)
			return false;
	}
	if (!loads)
		return false;
	free(image->private->headers);
	image->private->headers = headers;
	image->private->header_count = header->e_phnum;
	image->private->type = header->e_type;
	image->private->machine = header->e_machine;
	image->is_elf = true;
	return true;
}

bool image_take_headers(struct target_image *image, const uint8_t *bytes, size_t size)
{
	Elf64_Ehdr header;
	if (size < sizeof(header))
		return false;
	memcpy(&header, bytes, sizeof(header));
	if (!is_image_header(&header) || header.e_phoff > size ||
	    header.e_phnum > (size - header.e_phoff) / sizeof(Elf64_Phdr))
		return false;
	Elf64_Phdr *headers AUTO_FREE = calloc(header.e_phnum, sizeof(*headers));
	if (!headers)
		return false;
	memcpy(headers, bytes + header.e_phoff, header.e_phnum * sizeof(*headers));
	if (!take_headers(image, headers, &header))
		return false;
	headers = NULL;
	return true;
}

void image_forget_headers(struct target_image *image)
{
	free(image->private->headers);
	image->private->headers = NULL;
	image->private->header_count = 0;
	image->build_id_size = 0;
	image->is_elf = false;
}

/* Reads memory where failing is nothing to talk about. */
static bool try_read(struct inspect_target *target, uint64_t address, void *buffer, size_t size)
{
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read(target, address, buffer, size);
	return !error;
}

bool image_read_headers(struct inspect_target *target, struct target_image *image)
{
	Elf64_Ehdr header;
	if (!try_read(target, image->start, &header, sizeof(header)) || !is_image_header(&header))
		return false;
	Elf64_Phdr *headers AUTO_FREE = calloc(header.e_phnum, sizeof(*headers));
	if (!headers || image->start + header.e_phoff < image->start ||
	    !try_read(target, image->start + header.e_phoff, headers, header.e_phnum * sizeof(*headers)) ||
	    !take_headers(image, headers, &header))
		return false;
	headers = NULL;
	image->private->headers_from_memory = true;
	return true;
}

static uint64_t page_down(uint64_t address)
{
	return address & ~(page_size - 1);
}

/* The loadable segment that the image's first mapped byte comes from, else the first one. */
static const Elf64_Phdr *first_load(const struct target_image *image)
{
	const struct image_private *private = image->private;
	const Elf64_Phdr *first = NULL;
	for (size_t i = 0; i < private->header_count; i++) {
		const Elf64_Phdr *header = &private->headers[i];
		if (header->p_type != PT_LOAD)
			continue;
		if (page_down(header->p_offset) <= private->first_offset &&
		    private->first_offset - page_down(header->p_offset) < header->p_filesz)
			return header;
		if (!first)
			first = header;
	}
	return first;
}

void image_set_bias(struct target_image *image)
{
	const Elf64_Phdr *load = first_load(image);
	if (load)
		image->bias = image->start -
			      page_down(load->p_vaddr - load->p_offset + image->private->first_offset);
}

uint64_t image_span(const struct target_image *image)
{
	uint64_t start = UINT64_MAX, end = 0;
	for (size_t i = 0; i < image->private->header_count; i++) {
		const Elf64_Phdr *header = &image->private->headers[i];
		if (header->p_type != PT_LOAD)
			continue;
		if (header->p_vaddr < start)
			start = header->p_vaddr;
		if (header->p_vaddr + header->p_memsz > end)
			end = header->p_vaddr + header->p_memsz;
	}
	return start < end ? page_down(end - page_down(start) + page_size - 1) : 0;
}

const Elf64_Phdr *image_header(const struct target_image *image, uint32_t type)
{
	for (size_t i = 0; i < image->private->header_count; i++)
		if (image->private->headers[i].p_type == type)
			return &image->private->headers[i];
	return NULL;
}

/* ---- build-ids ----------------------------------------------------------------------------------- */

void image_read_build_id(struct inspect_target *target, struct target_image *image)
{
	bool all = image->private->headers_from_memory;
	for (size_t i = 0; i < image->private->header_count; i++) {
		const Elf64_Phdr *header = &image->private->headers[i];
		uint8_t notes[4096]; /* notes of real files take some hundred bytes */
		if (header->p_type != PT_NOTE)
			continue;
		if (header->p_filesz > sizeof(notes) ||
		    !try_read(target, image->bias + header->p_vaddr, notes, header->p_filesz)) {
			all = false;
			continue;
		}
		struct elf_note note;
		for (size_t at = 0; elf_note_next(notes, header->p_filesz, header->p_align, &at, &note);) {
			if (!elf_note_is(&note, "GNU", NT_GNU_BUILD_ID) || !note.size ||
			    note.size > sizeof(image->build_id))
				continue;
			memcpy(image->build_id, note.data, note.size);
			image->build_id_size = note.size;
		}
	}
	image->private->notes_known = all || image->build_id_size;
}

void image_build_id_text(const struct target_image *image, char *text)
{
	*text = '\0';
	for (size_t i = 0; i < image->build_id_size; i++)
		sprintf(text + 2 * i, "%02x", image->build_id[i]);
}

/* ---- other notes --------------------------------------------------------------------------------- */

/* A copy of the notes in the segment @header, or NULL where they cannot be had. */
static uint8_t *read_notes(struct inspect_target *target, const struct target_image *image,
			   const Elf64_Phdr *header)
{
	if (header->p_type != PT_NOTE || !header->p_filesz || header->p_filesz > NOTES_LIMIT)
		return NULL;
	uint8_t *notes AUTO_FREE = malloc(header->p_filesz);
	if (!notes || !try_read(target, image->bias + header->p_vaddr, notes, header->p_filesz))
		return NULL;
	uint8_t *result = notes;
	notes = NULL;
	return result;
}

bool image_note(struct inspect_target *target, struct target_image *image, const char *owner, uint32_t type,
		size_t number, uint64_t *address_ret, uint64_t *size_ret)
{
	for (size_t i = 0; i < image->private->header_count; i++) {
		const Elf64_Phdr *header = &image->private->headers[i];
		uint8_t *notes AUTO_FREE = read_notes(target, image, header);
		if (!notes)
			continue;
		struct elf_note note;
		for (size_t at = 0; elf_note_next(notes, header->p_filesz, header->p_align, &at, &note);) {
			if (!elf_note_is(&note, owner, type) || number-- > 0)
				continue;
			*address_ret = image->bias + header->p_vaddr + (uint64_t)(note.data - notes);
			*size_ret = note.size;
			return true;
		}
	}
	return false;
}

/* ---- the dynamic linking tables ------------------------------------------------------------------ */

/* glibc puts addresses in place of the file's in the dynamic section, except where it is read-only; musl and
 * others never do (glibc 2.36, elf/get-dynamic-info.h). An address inside the image is one already. */
static uint64_t dynamic_address(const struct target_image *image, uint64_t value)
{
	if (!value || (value >= image->start && value < image->end))
		return value;
	return image->bias + value;
}

static void read_dynamic(struct inspect_target *target, struct target_image *image,
			 struct image_dynamic *dynamic)
{
	const Elf64_Phdr *header = image_header(image, PT_DYNAMIC);
	if (!header)
		return;
	uint64_t count = header->p_memsz / sizeof(Elf64_Dyn);
	for (uint64_t i = 0; i < count && i < 4096; i++) {
		Elf64_Dyn entry;
		if (!try_read(target, image->bias + header->p_vaddr + i * sizeof(entry), &entry,
			      sizeof(entry)))
			return;
		uint64_t value = entry.d_un.d_val;
		switch (entry.d_tag) {
		case DT_SYMTAB:
			dynamic->symbols = dynamic_address(image, value);
			break;
		case DT_STRTAB:
			dynamic->strings = dynamic_address(image, value);
			break;
		case DT_STRSZ:
			dynamic->strings_size = value;
			break;
		case DT_HASH:
			dynamic->hash = dynamic_address(image, value);
			break;
		case DT_GNU_HASH:
			dynamic->gnu_hash = dynamic_address(image, value);
			break;
		case DT_DEBUG:
			dynamic->debug = value;
			break;
		}
		if (entry.d_tag == DT_NULL)
			break;
	}
	dynamic->known = true;
}

void image_dynamic(struct inspect_target *target, struct target_image *image,
		   struct image_dynamic *dynamic_ret)
{
	struct image_private *private = image->private;
	if (!private->dynamic_read) {
		private->dynamic = (struct image_dynamic){ 0 };
		read_dynamic(target, image, &private->dynamic);
		private->dynamic_read = private->dynamic.known;
	}
	*dynamic_ret = private->dynamic;
}

/* Is it something that has an address in the image? (A thread-local one has an offset instead.) */
static bool is_definition(const Elf64_Sym *symbol)
{
	int type = ELF64_ST_TYPE(symbol->st_info);
	return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && type != STT_TLS &&
	       type != STT_FILE && type != STT_SECTION;
}

/* No table of symbols is larger than its image. */
static uint64_t symbol_limit(const struct target_image *image)
{
	uint64_t most = (image->end - image->start) / sizeof(Elf64_Sym) + 1;
	return most < SYMBOL_LIMIT ? most : SYMBOL_LIMIT;
}

/* Is dynamic symbol number @index a definition of @name? */
static struct inspect_error *match_symbol(struct inspect_target *target, const struct target_image *image,
					  const struct image_dynamic *dynamic, uint64_t index,
					  const char *name, Elf64_Sym *symbol_ret, bool *match_ret)
{
	size_t size = strlen(name) + 1;
	char found[256];
	*match_ret = false;
	if (size > sizeof(found) || index >= symbol_limit(image))
		return NULL;
	struct inspect_error *error = target_read(target, dynamic->symbols + index * sizeof(*symbol_ret),
						  symbol_ret, sizeof(*symbol_ret));
	if (error)
		return error;
	if (!is_definition(symbol_ret) || (uint64_t)symbol_ret->st_name + size > dynamic->strings_size)
		return NULL;
	error = target_read(target, dynamic->strings + symbol_ret->st_name, found, size);
	if (!error)
		*match_ret = memcmp(found, name, size) == 0;
	return error;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;
	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* Looks @name up as the dynamic linker does: buckets of the hash, then a chain that an odd value ends
 * (glibc 2.36, elf/dl-lookup.c:do_lookup_x). */
static struct inspect_error *lookup_gnu_hash(struct inspect_target *target, const struct target_image *image,
					     const struct image_dynamic *dynamic, const char *name,
					     Elf64_Sym *symbol_ret, bool *match_ret)
{
	uint32_t header[4]; /* buckets, first symbol, words in the Bloom filter, its shift */
	struct inspect_error *error = target_read(target, dynamic->gnu_hash, header, sizeof(header));
	if (error || !header[0])
		return error;
	uint32_t hash = gnu_hash(name);
	uint64_t buckets = dynamic->gnu_hash + sizeof(header) + 8 * (uint64_t)header[2];
	uint64_t chains = buckets + 4 * (uint64_t)header[0];
	uint32_t index;
	error = target_read_u32(target, buckets + 4 * (uint64_t)(hash % header[0]), &index);
	if (error || index < header[1])
		return error;
	for (uint32_t steps = 0; steps < CHAIN_LIMIT && index < symbol_limit(image); steps++, index++) {
		uint32_t value;
		error = target_read_u32(target, chains + 4 * (uint64_t)(index - header[1]), &value);
		if (error)
			return error;
		if ((value | 1) == (hash | 1)) {
			error = match_symbol(target, image, dynamic, index, name, symbol_ret, match_ret);
			if (error || *match_ret)
				return error;
		}
		if (value & 1)
			break;
	}
	return NULL;
}

static uint32_t system_v_hash(const char *name)
{
	uint32_t hash = 0;
	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		uint32_t high = hash & 0xf0000000;
		hash ^= high >> 24;
		hash &= ~high;
	}
	return hash;
}

static struct inspect_error *lookup_hash(struct inspect_target *target, const struct target_image *image,
					 const struct image_dynamic *dynamic, const char *name,
					 Elf64_Sym *symbol_ret, bool *match_ret)
{
	uint32_t header[2]; /* buckets, chain entries */
	struct inspect_error *error = target_read(target, dynamic->hash, header, sizeof(header));
	if (error || !header[0])
		return error;
	uint64_t buckets = dynamic->hash + sizeof(header);
	uint64_t chains = buckets + 4 * (uint64_t)header[0];
	uint32_t index;
	error = target_read_u32(target, buckets + 4 * (uint64_t)(system_v_hash(name) % header[0]), &index);
	for (uint32_t steps = 0; !error && index && steps < CHAIN_LIMIT; steps++) {
		error = match_symbol(target, image, dynamic, index, name, symbol_ret, match_ret);
		if (error || *match_ret)
			return error;
		error = target_read_u32(target, chains + 4 * (uint64_t)index, &index);
	}
	return error;
}

/* How many dynamic symbols there are: DT_HASH says it; DT_GNU_HASH's last chain ends at the last one. */
static uint64_t dynamic_symbol_count(struct inspect_target *target, const struct target_image *image,
				     const struct image_dynamic *dynamic)
{
	uint32_t header[4];
	if (dynamic->hash && try_read(target, dynamic->hash, header, 8))
		return header[1] < symbol_limit(image) ? header[1] : symbol_limit(image);
	if (!dynamic->gnu_hash || !try_read(target, dynamic->gnu_hash, header, sizeof(header)))
		return 0;
	uint64_t buckets = dynamic->gnu_hash + sizeof(header) + 8 * (uint64_t)header[2];
	uint64_t chains = buckets + 4 * (uint64_t)header[0];
	uint64_t last = 0;
	for (uint64_t i = 0; i < header[0] && i < symbol_limit(image); i++) {
		uint32_t first;
		if (!try_read(target, buckets + 4 * i, &first, sizeof(first)))
			return 0;
		if (first > last)
			last = first;
	}
	if (last < header[1])
		return 0;
	for (; last < symbol_limit(image); last++) {
		uint32_t value;
		if (!try_read(target, chains + 4 * (last - header[1]), &value, sizeof(value)))
			return 0;
		if (value & 1)
			return last + 1;
	}
	return 0;
}

/* ---- all symbols, for lookups by address --------------------------------------------------------- */

struct symbol_list {
	struct image_symbol_entry *items;
	size_t count, capacity;
};

static struct inspect_error *add_symbol(struct symbol_list *list, const struct target_image *image,
					const Elf64_Sym *symbol, const char *name)
{
	if (!name || !*name || !is_definition(symbol))
		return NULL;
	if (!array_reserve(list->items, list->count, list->capacity))
		return &inspect_error_no_memory;
	list->items[list->count++] = (struct image_symbol_entry){
		.address = image->bias + symbol->st_value,
		.size = symbol->st_size,
		.name = name,
		.global = ELF64_ST_BIND(symbol->st_info) != STB_LOCAL,
	};
	return NULL;
}

/* The section of @type (SHT_SYMTAB, ...) with its header. */
static Elf_Scn *section_of_type(Elf *elf, uint32_t type, GElf_Shdr *header)
{
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section))
		if (gelf_getshdr(section, header) && header->sh_type == type)
			return section;
	return NULL;
}

/* Adds the symbols of the section of @type of the file. */
static struct inspect_error *add_file_symbols(struct symbol_list *list, const struct target_image *image,
					      Elf *elf, uint32_t type)
{
	GElf_Shdr header;
	Elf_Scn *section = elf ? section_of_type(elf, type, &header) : NULL;
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	if (!data || !data->d_buf)
		return NULL;
	size_t count = data->d_size / sizeof(Elf64_Sym);
	for (size_t i = 0; i < count; i++) {
		GElf_Sym symbol;
		if (!gelf_getsym(data, (int)i, &symbol))
			break;
		struct inspect_error *error =
			add_symbol(list, image, &symbol, elf_strptr(elf, header.sh_link, symbol.st_name));
		if (error)
			return error;
	}
	return NULL;
}

/* Adds the dynamic symbols as they are in the target's memory. */
static struct inspect_error *add_memory_symbols(struct symbol_list *list, struct inspect_target *target,
						struct target_image *image)
{
	struct image_private *private = image->private;
	struct image_dynamic dynamic;
	image_dynamic(target, image, &dynamic);
	uint64_t count = dynamic.known ? dynamic_symbol_count(target, image, &dynamic) : 0;
	free_names(private);
	private->names = count ? calloc(count, sizeof(*private->names)) : NULL;
	if (count && !private->names)
		return &inspect_error_no_memory;
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Sym symbol;
		char *name;
		if (!try_read(target, dynamic.symbols + i * sizeof(symbol), &symbol, sizeof(symbol)))
			break;
		if (!is_definition(&symbol) || symbol.st_name >= dynamic.strings_size)
			continue;
		struct inspect_error *error INSPECT_ERROR_AUTO =
			target_read_string(target, dynamic.strings + symbol.st_name, 4096, &name);
		if (error)
			continue;
		private->names[private->name_count++] = name;
		error = add_symbol(list, image, &symbol, name);
		if (error) {
			struct inspect_error *failure = error;
			error = NULL;
			return failure;
		}
	}
	return NULL;
}

/* By address; of those at the same one, global ones and larger ones come last, to be found first. */
static int compare_addresses(const void *left, const void *right)
{
	const struct image_symbol_entry *a = left, *b = right;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->global != b->global)
		return a->global ? 1 : -1;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return -strcmp(a->name, b->name);
}

static struct inspect_error *read_symbols(struct inspect_target *target, struct target_image *image)
{
	struct image_private *private = image->private;
	struct symbol_list list = { 0 };
	Elf *elf = image_elf(target, image), *debug = image_debug_elf(target, image);
	struct inspect_error *error = add_file_symbols(&list, image, elf, SHT_SYMTAB);
	if (!error && debug && debug != elf)
		error = add_file_symbols(&list, image, debug, SHT_SYMTAB);
	if (!error)
		error = elf ? add_file_symbols(&list, image, elf, SHT_DYNSYM) :
			      add_memory_symbols(&list, target, image);
	if (error) {
		free(list.items);
		return error;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare_addresses);
	private->symbols = list.items;
	private->symbol_count = list.count;
	private->symbols_read = true;
	return NULL;
}

/* Looks for a definition of @name in the file's static symbols; a global one is preferred. */
static bool find_static_symbol(Elf *elf, const char *name, Elf64_Sym *symbol_ret)
{
	GElf_Shdr header;
	Elf_Scn *section = elf ? section_of_type(elf, SHT_SYMTAB, &header) : NULL;
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	Elf_Data *strings = data ? elf_getdata(elf_getscn(elf, header.sh_link), NULL) : NULL;
	if (!data || !data->d_buf || !strings || !strings->d_buf)
		return false;
	size_t size = strlen(name) + 1;
	bool found = false;
	for (size_t i = 0; i < data->d_size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym symbol;
		memcpy(&symbol, (const Elf64_Sym *)data->d_buf + i, sizeof(symbol));
		if (!is_definition(&symbol) || symbol.st_name > strings->d_size ||
		    size > strings->d_size - symbol.st_name ||
		    memcmp((const char *)strings->d_buf + symbol.st_name, name, size) != 0)
			continue;
		bool global = ELF64_ST_BIND(symbol.st_info) != STB_LOCAL;
		if (!found || global)
			*symbol_ret = symbol;
		found = true;
		if (global)
			break;
	}
	return found;
}

struct inspect_error *image_symbol(struct inspect_target *target, struct target_image *image,
				   const char *name, uint64_t *address_ret, uint64_t *size_ret)
{
	struct image_dynamic dynamic;
	Elf64_Sym symbol;
	bool match = false;
	*address_ret = 0;
	if (size_ret)
		*size_ret = 0;
	image_dynamic(target, image, &dynamic);
	struct inspect_error *error INSPECT_ERROR_AUTO = NULL;
	if (dynamic.known && dynamic.symbols && dynamic.gnu_hash)
		error = lookup_gnu_hash(target, image, &dynamic, name, &symbol, &match);
	else if (dynamic.known && dynamic.symbols && dynamic.hash)
		error = lookup_hash(target, image, &dynamic, name, &symbol, &match);
	if (error || !match) {
		Elf *elf = image_elf(target, image);
		match = find_static_symbol(elf, name, &symbol);
		if (!match) {
			Elf *debug = image_debug_elf(target, image);
			match = debug != elf && find_static_symbol(debug, name, &symbol);
		}
	}
	if (!match) {
		struct inspect_error *failure = error;
		error = NULL;
		return failure;
	}
	*address_ret = image->bias + symbol.st_value;
	if (size_ret)
		*size_ret = symbol.st_size;
	return NULL;
}

const char *image_symbol_at(struct inspect_target *target, struct target_image *image, uint64_t address,
			    uint64_t *offset_ret)
{
	struct image_private *private = image->private;
	if (!private->symbols_read) {
		struct inspect_error *error INSPECT_ERROR_AUTO = read_symbols(target, image);
		if (error)
			return NULL;
	}
	size_t low = 0, high = private->symbol_count; /* the first symbol behind @address */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (private->symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* A few steps back: a small symbol may lie inside a larger one. */
	for (size_t steps = 0; low && steps < 16; steps++) {
		const struct image_symbol_entry *symbol = &private->symbols[--low];
		uint64_t offset = address - symbol->address;
		if (offset < symbol->size || offset == 0) {
			*offset_ret = offset;
			return symbol->name;
		}
	}
	return NULL;
}

/* ---- data ---------------------------------------------------------------------------------------- */

bool image_data(const struct target_image *image, size_t index, uint64_t *start_ret, uint64_t *end_ret)
{
	const struct image_private *private = image->private;
	const Elf64_Phdr *constant = image->is_elf ? image_header(image, PT_GNU_RELRO) : NULL;
	for (size_t i = 0; image->is_elf && i < private->header_count; i++) {
		const Elf64_Phdr *header = &private->headers[i];
		if (header->p_type != PT_LOAD || !(header->p_flags & PF_W) || index--)
			continue;
		*start_ret = image->bias + header->p_vaddr;
		*end_ret = *start_ret + header->p_memsz;
		if (*end_ret < *start_ret)
			*end_ret = *start_ret;
		uint64_t constant_end = constant ? image->bias + constant->p_vaddr + constant->p_memsz : 0;
		if (constant_end > *start_ret && image->bias + constant->p_vaddr <= *start_ret)
			*start_ret = constant_end < *end_ret ? constant_end : *end_ret;
		return true;
	}
	return false;
}

/* ---- the file ------------------------------------------------------------------------------------ */

Elf *image_elf(struct inspect_target *target, struct target_image *image)
{
	(void)target;
	return image->private->file ? image->private->file->elf : NULL;
}

static Elf_Scn *section_called(Elf *elf, const char *name, GElf_Shdr *header)
{
	size_t names;
	if (elf_getshdrstrndx(elf, &names) != 0)
		return NULL;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		const char *found =
			gelf_getshdr(section, header) ? elf_strptr(elf, names, header->sh_name) : NULL;
		if (found && strcmp(found, name) == 0)
			return section;
	}
	return NULL;
}

struct inspect_error *image_section(struct inspect_target *target, struct target_image *image,
				    const char *name, uint64_t *address_ret, uint64_t *size_ret)
{
	GElf_Shdr header;
	Elf *elf = image_elf(target, image);
	*address_ret = 0;
	*size_ret = 0;
	if (elf && section_called(elf, name, &header) && (header.sh_flags & SHF_ALLOC) &&
	    header.sh_addr + header.sh_size >= header.sh_addr) {
		*address_ret = image->bias + header.sh_addr;
		*size_ret = header.sh_size;
	}
	return NULL;
}

static bool has_dwarf(Elf *elf)
{
	GElf_Shdr header;
	return (section_called(elf, ".debug_info", &header) ||
		section_called(elf, ".zdebug_info", &header)) &&
	       header.sh_type != SHT_NOBITS;
}

Elf *image_debug_elf(struct inspect_target *target, struct target_image *image)
{
	struct image_private *private = image->private;
	Elf *elf = image_elf(target, image);
	if (elf && has_dwarf(elf))
		return elf;
	if (!private->debug_looked_for) {
		private->debug_looked_for = true;
		struct inspect_error *error INSPECT_ERROR_AUTO =
			files_find_debug(target, image, &private->debug);
		if (error)
			return NULL;
	}
	return private->debug ? private->debug->elf : NULL;
}
