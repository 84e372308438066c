/* SPDX-License-Identifier: MIT */
/*
 * path_text.c - a path as a Python expression.
 *
 * Labels read as Python already, so an expression is mostly one label after the other. What is done here is to write
 * `.__dict__['x']` as `.x` where that is the same.
 */
#include "verbs/path_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/edges.h"

/* An expression being written. */
struct expression {
	struct labels *labels;
	const struct graph *graph;
	FILE *stream;
};

/* ---- labels ---------------------------------------------------------------------------------------- */

/* The label of @step, which is not the first of its path. */
static struct inspect_error *label_of(struct labels *labels, const struct graph *graph, const struct path_step *step,
				      struct runtime_label *label_ret)
{
	const struct label_list *list;
	struct inspect_error *error = labels_of_object(labels, graph, step->from, &list);
	if (error)
		return error;
	*label_ret = step->position < list->count ? list->items[step->position] : (struct runtime_label){ 0 };
	return NULL;
}

struct inspect_error *path_step_label(struct labels *labels, const struct graph *graph, const struct path_step *step,
				      char **text_ret)
{
	struct runtime_label label;
	struct inspect_error *error = label_of(labels, graph, step, &label);
	if (error)
		return error;
	const char *text = labels_text(labels, &label);
	*text_ret = text ? strdup(text) : NULL;
	return *text_ret ? NULL : &inspect_error_no_memory;
}

static bool is_text(const struct runtime_label *label, const char *text)
{
	return label->kind == RUNTIME_LABEL_TEXT && strcmp(label->text, text) == 0;
}

/* Is object @id a type? Types refer to the order in which their bases are asked. */
static struct inspect_error *is_type(struct labels *labels, const struct graph *graph, uint32_t id, bool *is_type_ret)
{
	const struct label_list *list;
	struct inspect_error *error = labels_of_object(labels, graph, id, &list);
	*is_type_ret = false;
	for (size_t i = 0; !error && i < list->count; i++)
		*is_type_ret |= is_text(&list->items[i], ".__mro__");
	return error;
}

/* ---- names ----------------------------------------------------------------------------------------- */

static bool is_keyword(const char *name, size_t length)
{
	static const char *const keywords[] = {
		"False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
		"del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
		"lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
	};
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (strlen(keywords[i]) == length && memcmp(keywords[i], name, length) == 0)
			return true;
	return false;
}

/* Can the @length bytes at @name stand behind a dot? */
static bool is_identifier(const char *name, size_t length)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	return length && strspn(name, characters) >= length && !(*name >= '0' && *name <= '9') && !is_keyword(name, length);
}

/* Sets *@name_ret to the identifier in the text of a key, "['name']", or its length to 0. */
static size_t identifier_in(const char *text, const char **name_ret)
{
	size_t length = strlen(text);
	*name_ret = text + 2;
	if (length <= 4 || memcmp(text, "['", 2) != 0 || memcmp(text + length - 2, "']", 2) != 0)
		return 0;
	return is_identifier(text + 2, length - 4) ? length - 4 : 0;
}

/* Does attribute access give values of this type as they are, when they are in the namespace of a class? Others may
 * be descriptors. */
static bool is_plain_value(const char *type)
{
	static const char *const types[] = {
		"bool", "bytearray", "bytes", "collections.OrderedDict", "collections.defaultdict", "collections.deque",
		"dict", "float", "frozenset", "int", "list", "set", "str", "tuple", "type",
		"weakref.WeakKeyDictionary", "weakref.WeakSet", "weakref.WeakValueDictionary",
	};
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static bool is_special(const char *name, size_t length)
{
	return length > 4 && memcmp(name, "__", 2) == 0 && memcmp(name + length - 2, "__", 2) == 0;
}

/* ---- expressions ----------------------------------------------------------------------------------- */

/* A key is hidden; as the name of an attribute it may be one of the program's. */
static struct inspect_error *write_redacted_item(struct expression *expression, const char *before,
						 const struct runtime_label *key, bool *written_ret)
{
	const struct runtime_label attribute = { .kind = RUNTIME_LABEL_ATTRIBUTE, .value = key->value };
	const char *text = labels_text(expression->labels, &attribute);
	if (!text)
		return &inspect_error_no_memory;
	fprintf(expression->stream, "%s%s", before, text);
	*written_ret = true;
	return NULL;
}

/* Writes @before and the attribute that is item @item of a dictionary of attributes, as `.name`, if it is that:
 * *@written_ret. @of_type: the attributes are a type's. */
static struct inspect_error *write_item(struct expression *expression, const char *before, bool of_type,
					const struct path_step *item, bool *written_ret)
{
	struct runtime_label label;
	*written_ret = false;
	struct inspect_error *error = label_of(expression->labels, expression->graph, item, &label);
	if (error || label.kind != RUNTIME_LABEL_KEY)
		return error;
	if (expression->labels->runtime->redacted)
		return write_redacted_item(expression, before, &label, written_ret);
	const char *text = labels_text(expression->labels, &label), *name;
	if (!text)
		return &inspect_error_no_memory;
	size_t length = identifier_in(text, &name);
	if (of_type && (is_special(name, length) || !is_plain_value(heap_type_name(expression->graph->heap, item->object))))
		return NULL;
	*written_ret = length;
	if (length)
		fprintf(expression->stream, "%s.%.*s", before, (int)length, name);
	return NULL;
}

/* The same for the dictionary to which the step @dict leads. */
static struct inspect_error *write_attribute(struct expression *expression, const struct path_step *dict,
					     const struct path_step *item, bool *written_ret)
{
	bool of_type;
	struct inspect_error *error = is_type(expression->labels, expression->graph, dict->from, &of_type);
	return error ? error : write_item(expression, "", of_type, item, written_ret);
}

/* Writes @variable, a step from a frame that is the root's object, as if the variable were the root; if it is one:
 * *@written_ret. */
static struct inspect_error *write_variable(struct expression *expression, const struct path_step *variable,
					    const char *place, bool *written_ret)
{
	struct runtime_label label;
	struct inspect_error *error = label_of(expression->labels, expression->graph, variable, &label);
	if (error || label.kind != RUNTIME_LABEL_ATTRIBUTE || !label.text)
		return error;
	char *text AUTO_FREE = place_text(expression->labels->runtime, place, &label);
	if (!text)
		return &inspect_error_no_memory;
	fputs(text, expression->stream);
	*written_ret = true;
	return NULL;
}

/* Writes the root; *@written_ret is how many steps that were. */
static struct inspect_error *write_root(struct expression *expression, const struct path *path, size_t *written_ret)
{
	const struct graph *graph = expression->graph;
	const struct graph_root *root = &graph->roots.items[path->steps[0].from];
	const char *place = graph->roots.places[root->place];
	bool joined = false;
	struct inspect_error *error = NULL;
	if (path->count > 1 && is_text(&root->label, ".__dict__"))
		error = write_item(expression, place, false, &path->steps[1], &joined);
	else if (path->count > 1 && is_text(&root->label, "frame"))
		error = write_variable(expression, &path->steps[1], place, &joined);
	*written_ret = 1 + joined;
	if (error || joined)
		return error;
	char *text AUTO_FREE = place_text(expression->labels->runtime, place, &root->label);
	if (!text)
		return &inspect_error_no_memory;
	fputs(text, expression->stream);
	return NULL;
}

/* An attribute whose name may be anything that setattr() takes. */
static struct inspect_error *write_named(struct expression *expression, const struct runtime_label *label,
					 const char *text)
{
	if (expression->labels->runtime->redacted || is_identifier(text + 1, strlen(text + 1))) {
		fputs(text, expression->stream);
		return NULL;
	}
	const struct runtime_label key = { .kind = RUNTIME_LABEL_KEY, .value = label->value };
	text = labels_text(expression->labels, &key);
	if (!text)
		return &inspect_error_no_memory;
	fprintf(expression->stream, ".__dict__%s", text);
	return NULL;
}

static struct inspect_error *write_label(struct expression *expression, const struct runtime_label *label)
{
	const char *text = is_text(label, "cell") ? ".cell_contents" : labels_text(expression->labels, label);
	if (!text)
		return &inspect_error_no_memory;
	if (label->kind == RUNTIME_LABEL_ATTRIBUTE && !label->text)
		return write_named(expression, label, text);
	bool joined = *text == '.' || *text == '[' || *text == '{';
	fprintf(expression->stream, joined ? "%s" : "<%s>", text);
	return NULL;
}

/* Writes step *@index of @path, and the one behind it where the two are one attribute; *@index is then that one's. */
static struct inspect_error *write_step(struct expression *expression, const struct path *path, size_t *index)
{
	struct runtime_label label;
	bool written = false;
	const struct path_step *step = &path->steps[*index];
	struct inspect_error *error = label_of(expression->labels, expression->graph, step, &label);
	if (!error && is_text(&label, ".__dict__") && *index + 1 < path->count)
		error = write_attribute(expression, step, step + 1, &written);
	*index += written;
	return error || written ? error : write_label(expression, &label);
}

static struct inspect_error *write_path(struct expression *expression, const struct path *path)
{
	size_t i;
	struct inspect_error *error = write_root(expression, path, &i);
	for (; i < path->count && !error; i++)
		error = write_step(expression, path, &i);
	return error;
}

struct inspect_error *path_step_text(struct labels *labels, const struct graph *graph, const struct path *path,
				     size_t *index, char **text_ret)
{
	size_t size;
	char *text AUTO_FREE = NULL;
	struct expression expression = { .labels = labels, .graph = graph, .stream = open_memstream(&text, &size) };
	if (!expression.stream)
		return &inspect_error_no_memory;
	struct inspect_error *error = write_step(&expression, path, index);
	if (fclose(expression.stream) != 0 && !error)
		error = &inspect_error_no_memory;
	if (error)
		return error;
	*text_ret = text;
	text = NULL;
	return NULL;
}

struct inspect_error *path_text(struct labels *labels, const struct graph *graph, const struct path *path,
				char **text_ret)
{
	size_t size;
	char *text AUTO_FREE = NULL;
	struct expression expression = { .labels = labels, .graph = graph, .stream = open_memstream(&text, &size) };
	if (!expression.stream)
		return &inspect_error_no_memory;
	struct inspect_error *error = write_path(&expression, path);
	if (fclose(expression.stream) != 0 && !error)
		error = &inspect_error_no_memory;
	if (error)
		return error;
	*text_ret = text;
	text = NULL;
	return NULL;
}

/* ---- places ---------------------------------------------------------------------------------------- */

struct inspect_error *path_place_steps(struct labels *labels, const struct graph *graph, const struct path *path,
				       size_t *count_ret)
{
	struct inspect_error *error = NULL;
	size_t count = 1;
	if (count < path->count && strcmp(heap_type_name(graph->heap, path->steps[count].object), "module") == 0)
		count++;
	if (count == 2 && count < path->count) {
		struct runtime_label label;
		error = label_of(labels, graph, &path->steps[count], &label);
		count += !error && is_text(&label, ".__dict__");
	}
	*count_ret = count;
	return error;
}
