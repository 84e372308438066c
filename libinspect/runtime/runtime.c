/* SPDX-License-Identifier: MIT */
/*
 * runtime.c - finding a runtime in a target, and what all adapters share.
 */
#include "runtime/runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "target/target.h"

/* Why there may be no runtime of the kind @name, and what to do about it. */
static struct inspect_error *no_runtime(const struct inspect_target *target, const char *name)
{
	bool described = name && strcmp(name, "described") == 0;
	for (size_t i = 0; i < target->image_count; i++) {
		const struct target_image *image = &target->images[i];
		if (image->problem && (image->state == IMAGE_MISSING || image->state == IMAGE_DIFFERENT))
			return inspect_error_create(
				INSPECT_ERROR_NO_RUNTIME,
				"%s: no %s found in it, but files that it had mapped are missing here "
				"(%s: %s); give the original files with --sysroot or --executable",
				target->name, described ? "heap descriptor was" : "Python", image->path, image->problem);
	}
	const char *executable = "";
	if (target->main_image >= 0 && (size_t)target->main_image < target->image_count)
		executable = target->images[target->main_image].path;
	return inspect_error_create(INSPECT_ERROR_NO_RUNTIME, "%s: there is no %s in it%s%s; %s", target->name,
				    described ? "heap that describes itself" : "Python",
				    *executable ? ": the program is " : "", executable,
				    described ? "a runtime does that by a note in its binary, called heapdesc" :
						"CPython 3.6 and newer can be read");
}

/* Of two reasons why there is no runtime to read, keeps the more telling one. */
static struct inspect_error *keep_error(struct inspect_error *kept, struct inspect_error *error)
{
	bool tells_more = error && (!kept || (inspect_error_kind(kept) == INSPECT_ERROR_NO_RUNTIME &&
					      inspect_error_kind(error) != INSPECT_ERROR_NO_RUNTIME));
	inspect_error_destroy(tells_more ? kept : error);
	return tells_more ? error : kept;
}

/* Says in the notes of @runtime which others are in the target. */
static struct inspect_error *note_others(struct runtime *runtime, const struct runtime_operations *const *others)
{
	struct inspect_error *error = NULL;
	for (; *others && !error; others++) {
		struct runtime *other = NULL;
		struct inspect_error *unreadable INSPECT_ERROR_AUTO = (*others)->attach(runtime->target, &other);
		if (other && other->collector_count)
			error = notes_add(&runtime->notes, false,
					  "the program has another heap, too, which --runtime=%s shows", (*others)->name);
		runtime_detach(other);
	}
	return error;
}

struct inspect_error *runtime_attach(struct inspect_target *target, const char *name, struct runtime **runtime_ret)
{
	struct inspect_error *kept = NULL;
	*runtime_ret = NULL;
	for (const struct runtime_operations *const *adapter = runtime_adapters; *adapter; adapter++) {
		if (name && strcmp(name, (*adapter)->name) != 0)
			continue;
		struct inspect_error *error = (*adapter)->attach(target, runtime_ret);
		if (*runtime_ret) {
			inspect_error_destroy(kept);
			return name ? NULL : note_others(*runtime_ret, adapter + 1);
		}
		kept = keep_error(kept, error);
		if (kept && inspect_error_kind(kept) != INSPECT_ERROR_NO_RUNTIME)
			return kept;
	}
	return kept ? kept : no_runtime(target, name);
}

void runtime_detach(struct runtime *runtime)
{
	if (runtime)
		runtime->operations->detach(runtime);
}

struct inspect_error *runtime_fact_add(struct runtime_facts *facts, const char *item, const char *format, ...)
{
	if (!array_reserve(facts->items, facts->count, facts->capacity))
		return &inspect_error_no_memory;
	va_list arguments;
	va_start(arguments, format);
	char *value;
	int length = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (length < 0)
		return &inspect_error_no_memory;
	char *name;
	if (asprintf(&name, "%s", item) < 0) {
		free(value);
		return &inspect_error_no_memory;
	}
	facts->items[facts->count++] = (struct runtime_fact){ .item = name, .value = value };
	return NULL;
}

bool runtime_references_grow(struct runtime_references *references)
{
	if (references->drain) {
		if (!references->drain(references))
			return false;
		references->drained += references->count;
		references->count = 0;
		return true;
	}
	size_t capacity = references->capacity ? references->capacity * 2 : 1024;
	uint64_t *items = reallocarray(references->items, capacity, sizeof(*items));
	if (!items)
		return false;
	references->items = items;
	if (references->labelled) {
		struct runtime_label *labels = reallocarray(references->labels, capacity, sizeof(*labels));
		if (!labels)
			return false;
		references->labels = labels;
	}
	references->capacity = capacity;
	return true;
}

void runtime_references_deinit(struct runtime_references *references)
{
	free(references->items);
	free(references->labels);
	*references = (struct runtime_references){ .labelled = references->labelled };
}

void runtime_threads_deinit(struct runtime_threads *threads)
{
	for (size_t i = 0; i < threads->count; i++)
		free(threads->items[i].call);
	free(threads->items);
	*threads = (struct runtime_threads){ 0 };
}

void runtime_facts_deinit(struct runtime_facts *facts)
{
	for (size_t i = 0; i < facts->count; i++) {
		free(facts->items[i].item);
		free(facts->items[i].value);
	}
	free(facts->items);
	*facts = (struct runtime_facts){ 0 };
}

void runtime_object_deinit(struct runtime_object *object)
{
	free(object->type);
	free(object->gc_flags);
	free(object->value);
	*object = (struct runtime_object){ 0 };
}

void runtime_found(struct runtime_verifier *verifier, struct runtime_finding finding, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&finding.message, format, arguments) < 0)
		finding.message = NULL;
	va_end(arguments);
	verifier->found(verifier, &finding);
}
