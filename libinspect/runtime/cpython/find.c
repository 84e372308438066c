/* SPDX-License-Identifier: MIT */
/*
 * find.c - finding CPython's own state in a target: which image has it, and where.
 *
 * A place is a candidate only: bind.c believes it when a layout validates there.
 */
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/find.h"

/* The cookie that _Py_DebugOffsets begin with: internal/pycore_debug_offsets.h, 3.13. */
static const char debug_offsets_cookie[8] = "xdebugpy";

static struct inspect_error *add_place(struct runtime_places *places, struct runtime_place place)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->items[i].runtime == place.runtime &&
		    places->items[i].statics.generations == place.statics.generations)
			return NULL;
	if (!array_reserve(places->items, places->count, places->capacity))
		return &inspect_error_no_memory;
	places->items[places->count++] = place;
	return NULL;
}

/* ---- CPython 3.6: the state is in static variables of Modules/gcmodule.c and Python/pystate.c ---- */

/* The local symbols that follow the file symbol called @file in .symtab: their values by name. */
static void file_statics(struct inspect_target *target, struct target_image *image, const char *file,
			 const char *const *names, uint64_t *const *values, size_t count)
{
	Elf *elf = image_elf(target, image);
	Elf_Scn *section = NULL;
	while (elf && (section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		Elf_Data *data = elf_getdata(section, NULL);
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB || !data ||
		    !header.sh_entsize)
			continue;
		bool inside = false;
		GElf_Sym symbol;
		for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
			const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
			if (!name)
				continue;
			if (GELF_ST_TYPE(symbol.st_info) == STT_FILE)
				inside = strcmp(name, file) == 0;
			for (size_t j = 0; inside && j < count; j++)
				if (strcmp(name, names[j]) == 0 && symbol.st_shndx != SHN_UNDEF)
					*values[j] = symbol.st_value + image->bias;
		}
	}
}

static struct inspect_error *find_statics(struct inspect_target *target, struct target_image *image,
					  struct runtime_places *places)
{
	uint64_t pointer;
	struct runtime_place place = { .image = image };
	struct inspect_error *error = image_symbol(target, image, "_PyGC_generation0", &pointer, NULL);
	if (error || !pointer)
		return error;
	struct inspect_error *unreadable INSPECT_ERROR_AUTO =
		target_read_u64(target, pointer, &place.statics.generations);
	if (unreadable || !place.statics.generations)
		return NULL;

	struct collector_statics *statics = &place.statics;
	static const char *const names[] = { "enabled", "debug", "collecting", "generation_stats", "garbage", "callbacks" };
	uint64_t *const values[] = { &statics->enabled, &statics->debug, &statics->collecting,
				     &statics->stats, &statics->garbage, &statics->callbacks };
	file_statics(target, image, "gcmodule.c", names, values, sizeof(names) / sizeof(names[0]));
	static const char *const head_name[] = { "interp_head" };
	uint64_t *const head_value[] = { &statics->interpreters_head };
	file_statics(target, image, "pystate.c", head_name, head_value, 1);
	error = image_symbol(target, image, "_PyThreadState_Current", &statics->current_thread, NULL);
	return error ? error : add_place(places, place);
}

/* ---- CPython 3.7 and later: _PyRuntime ---- */

static struct inspect_error *find_in_image(struct inspect_target *target, struct target_image *image,
					   struct runtime_places *places)
{
	struct runtime_place place = { .image = image };
	uint64_t size;
	struct inspect_error *error = image_symbol(target, image, "_PyRuntime", &place.runtime, NULL);
	if (!error && !place.runtime) /* .PyRuntime: 3.10, Python/pylifecycle.c; kept by strip */
		error = image_section(target, image, ".PyRuntime", &place.runtime, &size);
	if (error)
		return error;
	return place.runtime ? add_place(places, place) : find_statics(target, image, places);
}

/* More than this much initialised data no program has together: the bound of a search through a damaged core. */
static const uint64_t search_limit = UINT64_C(1) << 30;

/* Looks for _Py_DebugOffsets in the images' writable data: for when neither a symbol nor the file is there. */
static struct inspect_error *find_by_cookie(struct inspect_target *target, struct runtime_places *places)
{
	uint64_t searched = 0;
	for (size_t i = 0; i < target->segment_count; i++) {
		const struct target_segment *segment = &target->segments[i];
		uint64_t size = segment->end - segment->start;
		if (!segment->writable || !segment->data || segment->image < 0 || size > search_limit - searched)
			continue;
		searched += size;
		const uint8_t *at = segment->data, *end = at + size;
		while ((at = memmem(at, (size_t)(end - at), debug_offsets_cookie, sizeof(debug_offsets_cookie)))) {
			uint64_t address = segment->start + (uint64_t)(at - segment->data);
			struct runtime_place place = { .runtime = address, .image = target_image_at(target, address) };
			struct inspect_error *error = address % 8 ? NULL : add_place(places, place);
			if (error)
				return error;
			if (places->count >= 64)
				return NULL;
			at++;
		}
	}
	return NULL;
}

struct inspect_error *find_runtimes(struct inspect_target *target, struct runtime_places *places)
{
	for (size_t i = 0; i < target->image_count; i++) {
		struct target_image *image = &target->images[i];
		if (!image->is_elf)
			continue;
		struct inspect_error *error = find_in_image(target, image, places);
		if (error && inspect_error_kind(error) == INSPECT_ERROR_NO_MEMORY)
			return error;
		inspect_error_destroy(error); /* a damaged image has no runtime that we could use */
	}
	return places->count ? NULL : find_by_cookie(target, places);
}

void runtime_places_deinit(struct runtime_places *places)
{
	free(places->items);
	*places = (struct runtime_places){ 0 };
}
