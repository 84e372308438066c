/* SPDX-License-Identifier: MIT */
/*
 * holder_text.c - where C code may hold an object, in words.
 */
#include "verbs/holder_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "target/target.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

/* "libfoo.so: cache+0x8", "libfoo.so .bss+0x40" where there is no symbol, or "libfoo.so+0x4040", the address that nm and
 * objdump show. */
static char *describe_global(struct inspect_target *target, uint64_t address)
{
	static const char *const sections[] = { ".bss", ".data" };
	struct target_image *image = target_image_at(target, address);
	uint64_t offset, start, size;
	char *text = NULL;
	if (!image)
		return strdup("?");
	const char *file = base_name(image->path), *symbol = image_symbol_at(target, image, address, &offset);
	int length = -1;
	if (symbol && offset)
		length = asprintf(&text, "%s: %.200s+0x%" PRIx64, file, symbol, offset);
	else if (symbol)
		length = asprintf(&text, "%s: %.200s", file, symbol);
	for (size_t i = 0; length < 0 && i < sizeof(sections) / sizeof(*sections); i++) {
		struct inspect_error *error INSPECT_ERROR_AUTO = image_section(target, image, sections[i], &start, &size);
		if (!error && start && address >= start && address - start < size)
			length = asprintf(&text, "%s %s+0x%" PRIx64, file, sections[i], address - start);
	}
	if (length < 0)
		length = asprintf(&text, "%s+0x%" PRIx64, file, address - image->bias);
	return length < 0 ? NULL : text;
}

/* @kind: of many such places. */
static char *describe_word(struct inspect_target *target, const struct outside_word *word, bool kind)
{
	char *text = NULL;
	int length = -1;
	switch (word->kind) {
	case OUTSIDE_GLOBAL:
		return describe_global(target, word->address);
	case OUTSIDE_STACK:
		length = word->thread ? asprintf(&text, "C stack of thread %d", (int)word->thread) : asprintf(&text, "C stack");
		break;
	case OUTSIDE_REGISTER:
		length = asprintf(&text, "register %s", word->name[0] == '.' ? word->name + 1 : word->name);
		break;
	case OUTSIDE_FRAME:
		length = asprintf(&text, "stack of a running function");
		break;
	case OUTSIDE_THREAD:
		length = asprintf(&text, "thread-local memory of thread %d", (int)word->thread);
		break;
	case OUTSIDE_BLOCK:
	case OUTSIDE_MALLOC: {
		const char *what = word->kind == OUTSIDE_MALLOC ? "malloc block" : "allocated block";
		length = kind ? asprintf(&text, "%ss of %" PRIu64 " bytes", what, word->size) :
				asprintf(&text, "%s 0x%" PRIx64 " of %" PRIu64 " bytes", what, word->block, word->size);
		break;
	}
	case OUTSIDE_MEMORY:
	case OUTSIDE_OBJECT:
		length = kind ? asprintf(&text, "memory") : asprintf(&text, "memory at 0x%" PRIx64, word->address);
		break;
	}
	return length < 0 ? NULL : text;
}

/* Appends how many places more there are to *@text. */
static bool append_more(char **text, int64_t more)
{
	char *longer;
	if (!*text || !more)
		return *text;
	if (asprintf(&longer, "%s, and %" PRId64 " more", *text, more) < 0)
		return false;
	free(*text);
	*text = longer;
	return true;
}

struct inspect_error *holder_describe(struct inspect_target *target, const struct outside_word *words, size_t count,
				      int64_t objects, struct holder_text *text)
{
	int64_t more = (int64_t)count + objects - 1;
	text->exact = count ? describe_word(target, words, false) : strdup("an object, perhaps");
	text->kind = count ? describe_word(target, words, true) : strdup("objects, perhaps");
	if (append_more(&text->exact, more) && text->kind)
		return NULL;
	holder_deinit(text);
	return &inspect_error_no_memory;
}

void holder_deinit(struct holder_text *text)
{
	free(text->exact);
	free(text->kind);
	*text = (struct holder_text){ 0 };
}
