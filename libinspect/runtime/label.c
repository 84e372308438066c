/* SPDX-License-Identifier: MIT */
/*
 * label.c - what a reference is called, as text.
 */
#include "runtime/label.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "target/target.h"

enum { NAME_LIMIT = 100 }; /* bytes of a C string */

static char *format(const char *before, const char *text, const char *after)
{
	char *label;
	return asprintf(&label, "%s%s%s", before, text, after) < 0 ? NULL : label;
}

/* The C string at @address, made safe; "?" if it cannot be read. */
static char *c_string(struct runtime *runtime, uint64_t address)
{
	char *text AUTO_FREE = NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(runtime->target, address, NAME_LIMIT, &text);
	return error ? strdup("?") : text_safe(text);
}

/* A label around a description that it frees. */
static char *around(const char *before, char *text, const char *after)
{
	char *label = text ? format(before, text, after) : NULL;
	free(text);
	return label;
}

static char *index_label(const struct runtime_label *label)
{
	char *text;
	return asprintf(&text, "%s[%" PRIu64 "]", label->text ? label->text : "", label->value) < 0 ? NULL : text;
}

static char *attribute_label(struct runtime *runtime, const struct runtime_label *label, label_describe_fn *describe)
{
	char *name = describe(runtime, label->value, true);
	if (!label->text)
		return around(".", name, "");
	char *before AUTO_FREE = format(label->text, " ", "");
	if (!before) {
		free(name);
		return NULL;
	}
	return around(before, name, "");
}

static char *offset_label(const struct runtime_label *label)
{
	char *text;
	return asprintf(&text, "+0x%" PRIx64, label->value) < 0 ? NULL : text;
}

/* Keys are data: who wants them redacted sees that there is one. */
static char *key_label(struct runtime *runtime, const struct runtime_label *label, label_describe_fn *describe,
		       const char *before, const char *after)
{
	return runtime->redacted ? format(before, "…", after) :
				   around(before, describe(runtime, label->value, false), after);
}

/* The name of a member is the program's if it is in the program; those of `__slots__` are on the heap. */
static char *member_label(struct runtime *runtime, const struct runtime_label *label)
{
	if (runtime->redacted && !target_is_program(runtime->target, label->value))
		return strdup(".…");
	return around(".", c_string(runtime, label->value), "");
}

char *runtime_label_text(struct runtime *runtime, const struct runtime_label *label, label_describe_fn *describe)
{
	switch (label->kind) {
	case RUNTIME_LABEL_NONE:
		return strdup("?");
	case RUNTIME_LABEL_TEXT:
		return strdup(label->text);
	case RUNTIME_LABEL_INDEX:
		return index_label(label);
	case RUNTIME_LABEL_KEY:
		return key_label(runtime, label, describe, "[", "]");
	case RUNTIME_LABEL_DICT_KEY:
		return key_label(runtime, label, describe, "key ", "");
	case RUNTIME_LABEL_ITEM:
		return strdup("{\u2026}");
	case RUNTIME_LABEL_ATTRIBUTE:
		return attribute_label(runtime, label, describe);
	case RUNTIME_LABEL_MEMBER:
		return member_label(runtime, label);
	case RUNTIME_LABEL_OFFSET:
		return offset_label(label);
	}
	return strdup("?");
}
