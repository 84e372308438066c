/* SPDX-License-Identifier: MIT */
/*
 * value.c - a short description of an object: its value where that is short, else what it is called.
 *
 * How an object is described depends on the first class in its MRO that is in the table at the end, so that
 * instances of subclasses are described like those of the built-in type.
 */
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/cpython.h"
#include "runtime/cpython/names.h"
#include "runtime/repr.h"
#include "runtime/cpython/str.h"

/* An object that is being described. */
struct subject {
	struct cpython *cpython;
	const struct layout *layout;
	struct cpython_type type; /* a copy: others are read meanwhile */
	uint64_t address;
	struct line line;
};

/* Appends to the subject's line what it is; false if it cannot be read. */
typedef bool describe_fn(struct subject *subject);

enum { NAME_LIMIT = 120 /* characters of a name in a description */ };

/* ---- names ---- */

/* What may be shown of a name: names_show() or one like it. */
typedef char *show_fn(const struct cpython *cpython, const char *name);

/* Appends what may be shown of the str object at @address: names that are the program's. */
static bool append_redacted(struct subject *subject, uint64_t address, show_fn *show)
{
	enum { WHOLE = 1024 };
	char *name AUTO_FREE = address ? cpython_str_text(subject->cpython, address, WHOLE, NULL) : NULL;
	char *shown AUTO_FREE = name ? show(subject->cpython, name) : NULL;
	line_text(&subject->line, shown ? shown : "…");
	return name;
}

/* Appends the str object at @address, a name, as it is, its end rather than its beginning if it is long; redacted: as
 * @show says. */
static bool append_str(struct subject *subject, uint64_t address, show_fn *show)
{
	if (subject->cpython->runtime.redacted)
		return append_redacted(subject, address, show);
	struct cpython_str str;
	uint32_t text[NAME_LIMIT];
	if (!address || !cpython_str_open(subject->cpython, address, &str))
		return false;
	size_t count = str.length < NAME_LIMIT ? (size_t)str.length : NAME_LIMIT;
	if (!cpython_str_copy(subject->cpython, &str, str.length - (int64_t)count, count, text))
		return false;
	if ((uint64_t)str.length > count)
		line_text(&subject->line, "…");
	for (size_t i = 0; i < count; i++)
		line_character(&subject->line, text[i]);
	return true;
}

/* Appends the str object that the pointer at @address + @offset leads to, or @otherwise. */
static void append_str_at(struct subject *subject, uint64_t address, int32_t offset, show_fn *show)
{
	uint64_t str;
	if (!read_pointer(subject->cpython, address, offset, &str) || !append_str(subject, str, show))
		line_text(&subject->line, "?");
}

/* The type of the object at @address, or NULL. Valid until the next call. */
static const struct cpython_type *type_at(struct subject *subject, uint64_t address)
{
	uint64_t type;
	if (!read_pointer(subject->cpython, address, subject->layout->object_type, &type))
		return NULL;
	return cpython_type(subject->cpython, type);
}

static const char *type_name(struct subject *subject, const struct cpython_type *type)
{
	return type ? subject->cpython->runtime.types[type->index].name : "?";
}

/* Appends "app.models.Session object at 0x7f…". */
static void append_reference(struct subject *subject, uint64_t address)
{
	line_format(&subject->line, "%s object at 0x%llx", type_name(subject, type_at(subject, address)),
		    (unsigned long long)address);
}

static bool is_type_called(struct subject *subject, uint64_t address, const char *name)
{
	return strcmp(type_name(subject, type_at(subject, address)), name) == 0;
}

/* ---- numbers and constants ---- */

static bool describe_none(struct subject *subject)
{
	line_text(&subject->line, "None");
	return true;
}

static bool describe_ellipsis(struct subject *subject)
{
	line_text(&subject->line, "Ellipsis");
	return true;
}

static bool describe_not_implemented(struct subject *subject)
{
	line_text(&subject->line, "NotImplemented");
	return true;
}

enum {
	DIGIT_BITS = 30, /* PYLONG_BITS_IN_DIGIT of all 64-bit builds */
	DIGIT_SIZE = 4,
	DIGITS_LIMIT = 1 << 24,
};

/* How many digits the int has, and its sign: ob_size says both until lv_tag (cpython/longintrepr.h, 3.12)
 * does. */
static bool read_int_header(struct subject *subject, uint64_t *count_ret, bool *negative_ret)
{
	int64_t size;
	uint64_t tag;
	if (subject->layout->int_tag == LAYOUT_ABSENT) {
		if (!read_ssize(subject->cpython, subject->address, subject->layout->var_size, &size))
			return false;
		*negative_ret = size < 0;
		*count_ret = size < 0 ? -(uint64_t)size : (uint64_t)size;
		return true;
	}
	enum { SIGN_MASK = 3, SIGN_NEGATIVE = 2, NON_SIZE_BITS = 3 };
	if (!read_pointer(subject->cpython, subject->address, subject->layout->int_tag, &tag))
		return false;
	*negative_ret = (tag & SIGN_MASK) == SIGN_NEGATIVE;
	*count_ret = tag >> NON_SIZE_BITS;
	return true;
}

static bool describe_int(struct subject *subject)
{
	uint64_t count;
	bool negative;
	if (!read_int_header(subject, &count, &negative) || subject->layout->int_digits == LAYOUT_ABSENT)
		return false;
	uint64_t start = subject->address + (uint64_t)subject->layout->int_digits;
	if (count > DIGITS_LIMIT || !target_has(subject->cpython->target, start, count * DIGIT_SIZE))
		return false;
	uint32_t *digits AUTO_FREE = malloc(count * DIGIT_SIZE + DIGIT_SIZE);
	if (!digits)
		return false;
	struct inspect_error *error INSPECT_ERROR_AUTO = NULL;
	if (count)
		error = target_read(subject->cpython->target, start, digits, count * DIGIT_SIZE);
	if (error)
		return false;
	for (uint64_t i = 0; i < count; i++)
		digits[i] &= (1u << DIGIT_BITS) - 1;
	line_integer(&subject->line, negative, digits, count, DIGIT_BITS);
	return true;
}

static bool describe_bool(struct subject *subject)
{
	int32_t digit;
	if (subject->layout->int_digits == LAYOUT_ABSENT ||
	    !read_int32(subject->cpython, subject->address, subject->layout->int_digits, &digit))
		return false;
	uint64_t count;
	bool negative;
	if (!read_int_header(subject, &count, &negative))
		return false;
	line_text(&subject->line, count && digit ? "True" : "False");
	return true;
}

static bool read_double(struct subject *subject, int32_t offset, double *value_ret)
{
	uint64_t bits;
	bool readable = read_pointer(subject->cpython, subject->address, offset, &bits);
	memcpy(value_ret, &bits, sizeof(bits));
	return readable;
}

static bool describe_float(struct subject *subject)
{
	double value;
	if (!read_double(subject, subject->layout->float_value, &value))
		return false;
	line_float(&subject->line, value);
	return true;
}

static bool describe_complex(struct subject *subject)
{
	int32_t offset = subject->layout->complex_value;
	double real, imaginary;
	if (offset == LAYOUT_ABSENT || !read_double(subject, offset, &real) ||
	    !read_double(subject, offset + (int32_t)sizeof(double), &imaginary))
		return false;
	line_complex(&subject->line, real, imaginary);
	return true;
}

/* ---- text ---- */

/* Looks for quotes in the text of @width bytes a character at @start; not further than SEARCH_LIMIT bytes. */
static void find_quotes(struct subject *subject, uint64_t start, unsigned int width, struct quoted *quoted)
{
	enum { CHUNK = 4096, SEARCH_LIMIT = 1 << 24 };
	uint8_t bytes[CHUNK];
	uint64_t size = quoted->length < SEARCH_LIMIT / width ? quoted->length * width : SEARCH_LIMIT;
	for (uint64_t done = 0; done < size; done += CHUNK) {
		size_t count = size - done < CHUNK ? (size_t)(size - done) : CHUNK;
		struct inspect_error *error INSPECT_ERROR_AUTO =
			target_read(subject->cpython->target, start + done, bytes, count);
		if (error)
			return;
		for (size_t i = 0; i < count; i += width) {
			uint32_t unit = 0;
			memcpy(&unit, bytes + i, width);
			quoted->has_single |= unit == '\'';
			quoted->has_double |= unit == '"';
		}
	}
}

static bool describe_str(struct subject *subject)
{
	struct cpython_str str;
	uint32_t text[LINE_LIMIT];
	if (!cpython_str_open(subject->cpython, subject->address, &str))
		return false;
	size_t count = str.length < LINE_LIMIT ? (size_t)str.length : LINE_LIMIT;
	if (!cpython_str_copy(subject->cpython, &str, 0, count, text))
		return false;
	struct quoted quoted = {
		.prefix = "", .suffix = "", .unit = "characters",
		.text = text, .count = count, .length = (uint64_t)str.length,
	};
	find_quotes(subject, str.data, str.kind, &quoted);
	line_quoted(&subject->line, &quoted);
	return true;
}

/* Bytes at @start, as many as the ob_size of the object says. @quoted says what is around them. */
static bool describe_byte_string(struct subject *subject, uint64_t start, struct quoted *quoted)
{
	uint8_t bytes[LINE_LIMIT];
	uint32_t text[LINE_LIMIT];
	int64_t length;
	if (!read_ssize(subject->cpython, subject->address, subject->layout->var_size, &length) || length < 0)
		return false;
	size_t count = length < LINE_LIMIT ? (size_t)length : LINE_LIMIT;
	struct inspect_error *error INSPECT_ERROR_AUTO = NULL;
	if (count)
		error = target_read(subject->cpython->target, start, bytes, count);
	if (error)
		return false;
	for (size_t i = 0; i < count; i++)
		text[i] = bytes[i];
	quoted->unit = "bytes";
	quoted->bytes = true;
	quoted->text = text;
	quoted->count = count;
	quoted->length = (uint64_t)length;
	find_quotes(subject, start, 1, quoted);
	line_quoted(&subject->line, quoted);
	return true;
}

static bool describe_bytes(struct subject *subject)
{
	if (subject->layout->bytes_data == LAYOUT_ABSENT)
		return false;
	struct quoted quoted = { .prefix = "b", .suffix = "" };
	uint64_t start = subject->address + (uint64_t)subject->layout->bytes_data;
	return describe_byte_string(subject, start, &quoted);
}

static bool describe_bytearray(struct subject *subject)
{
	struct quoted quoted = { .prefix = "bytearray(b", .suffix = ")" };
	quoted.escape_single = !cpython_at_least(subject->cpython, 3, 15); /* Objects/bytearrayobject.c */
	uint64_t start;
	return read_pointer(subject->cpython, subject->address, subject->layout->bytearray_start, &start) &&
	       describe_byte_string(subject, start, &quoted);
}

/* ---- containers ---- */

static bool describe_items(struct subject *subject, int32_t count_offset)
{
	int64_t count;
	if (!read_ssize(subject->cpython, subject->address, count_offset, &count) || count < 0)
		return false;
	line_format(&subject->line, "%s, %lld item%s", type_name(subject, &subject->type), (long long)count,
		    count == 1 ? "" : "s");
	return true;
}

static bool describe_sequence(struct subject *subject)
{
	return describe_items(subject, subject->layout->var_size);
}

static bool describe_dict(struct subject *subject)
{
	return describe_items(subject, subject->layout->dict_used);
}

static bool describe_set(struct subject *subject)
{
	return describe_items(subject, subject->layout->set_used);
}

/* ---- code ---- */

/* Appends @separator and "app.py:12" of the code object at @code. */
static void append_place(struct subject *subject, const char *separator, uint64_t code)
{
	int32_t line;
	line_text(&subject->line, separator);
	append_str_at(subject, code, subject->layout->code_filename, names_show_file);
	if (read_int32(subject->cpython, code, subject->layout->code_firstlineno, &line))
		line_format(&subject->line, ":%d", line);
}

static bool describe_function(struct subject *subject)
{
	uint64_t module, code;
	line_text(&subject->line, "<function ");
	if (read_pointer(subject->cpython, subject->address, subject->layout->function_module, &module) &&
	    append_str(subject, module, names_show_module))
		line_text(&subject->line, ".");
	append_str_at(subject, subject->address, subject->layout->function_qualname, names_show);
	if (read_pointer(subject->cpython, subject->address, subject->layout->function_code, &code))
		append_place(subject, " at ", code);
	line_text(&subject->line, ">");
	return true;
}

static bool describe_method(struct subject *subject)
{
	uint64_t function, self;
	if (!read_pointer(subject->cpython, subject->address, subject->layout->method_function, &function) ||
	    !read_pointer(subject->cpython, subject->address, subject->layout->method_self, &self))
		return false;
	line_text(&subject->line, "<bound method ");
	if (is_type_called(subject, function, "function"))
		append_str_at(subject, function, subject->layout->function_qualname, names_show);
	else
		append_reference(subject, function);
	line_text(&subject->line, " of ");
	append_reference(subject, self);
	line_text(&subject->line, ">");
	return true;
}

static bool describe_builtin(struct subject *subject)
{
	const struct layout *layout = subject->layout;
	uint64_t definition, name, self;
	char *text AUTO_FREE = NULL;
	if (!read_pointer(subject->cpython, subject->address, layout->builtin_method_def, &definition) ||
	    !read_pointer(subject->cpython, definition, layout->method_def_name, &name))
		return false;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(subject->cpython->target, name, NAME_LIMIT, &text);
	if (error)
		return false;
	bool is_method = read_pointer(subject->cpython, subject->address, layout->builtin_self, &self) &&
			 self && !is_type_called(subject, self, "module");
	bool shown = !subject->cpython->runtime.redacted || target_is_program(subject->cpython->target, name);
	line_format(&subject->line, "<built-in %s %s", is_method ? "method" : "function", shown ? text : "…");
	if (is_method) {
		line_text(&subject->line, " of ");
		append_reference(subject, self);
	}
	line_text(&subject->line, ">");
	return true;
}

/* Methods and attributes of C types: "<method 'append' of 'list' objects>" */
static bool append_descriptor(struct subject *subject, const char *kind)
{
	uint64_t owner;
	if (!read_pointer(subject->cpython, subject->address, subject->layout->descriptor_type, &owner))
		return false;
	line_format(&subject->line, "<%s '", kind);
	append_str_at(subject, subject->address, subject->layout->descriptor_name, names_show);
	line_format(&subject->line, "' of '%s' objects>",
		    type_name(subject, cpython_type(subject->cpython, owner)));
	return true;
}

static bool describe_method_descriptor(struct subject *subject)
{
	return append_descriptor(subject, "method");
}

static bool describe_wrapper_descriptor(struct subject *subject)
{
	return append_descriptor(subject, "slot wrapper");
}

static bool describe_getset_descriptor(struct subject *subject)
{
	return append_descriptor(subject, "attribute");
}

static bool describe_member_descriptor(struct subject *subject)
{
	return append_descriptor(subject, "member");
}

static void append_code(struct subject *subject, const char *kind, uint64_t code)
{
	line_format(&subject->line, "<%s ", kind);
	int32_t name = subject->layout->code_qualname;
	append_str_at(subject, code, name == LAYOUT_ABSENT ? subject->layout->code_name : name, names_show);
	append_place(subject, " at ", code);
	line_text(&subject->line, ">");
}

static bool describe_code(struct subject *subject)
{
	append_code(subject, "code", subject->address);
	return true;
}

/* Up to 3.10 a frame object is the frame; then it leads to one. The low bits of its code are tags since
 * 3.14. */
static bool describe_frame(struct subject *subject)
{
	const struct layout *layout = subject->layout;
	struct cpython *cpython = subject->cpython;
	uint64_t frame = subject->address, code;
	int32_t offset = layout->frame_code;
	if (layout->frame_frame != LAYOUT_ABSENT) {
		offset = layout->interpreter_frame_code;
		if (!read_pointer(cpython, subject->address, layout->frame_frame, &frame))
			return false;
	}
	if (!read_pointer(cpython, frame, offset, &code))
		return false;
	append_code(subject, "frame", code & ~UINT64_C(3));
	return true;
}

static bool describe_generator(struct subject *subject)
{
	line_format(&subject->line, "<%s ", type_name(subject, &subject->type));
	append_str_at(subject, subject->address, subject->layout->generator_qualname, names_show);
	line_text(&subject->line, ">");
	return true;
}

/* ---- the rest ---- */

static bool describe_type(struct subject *subject)
{
	char *name AUTO_FREE = cpython_type_name(subject->cpython, subject->address);
	line_format(&subject->line, "<class '%s'>", name ? name : "?");
	return true;
}

static bool describe_module(struct subject *subject)
{
	uint64_t name, dict;
	line_text(&subject->line, "<module '");
	if (!read_pointer(subject->cpython, subject->address, subject->layout->module_name, &name) ||
	    !append_str(subject, name, names_show_module)) {
		if (!read_pointer(subject->cpython, subject->address, subject->layout->module_dict, &dict) ||
		    !append_str(subject, cpython_dict_get(subject->cpython, dict, "__name__"), names_show_module))
			line_text(&subject->line, "?");
	}
	line_text(&subject->line, "'>");
	return true;
}

static bool describe_cell(struct subject *subject)
{
	uint64_t contents;
	if (!read_pointer(subject->cpython, subject->address, subject->layout->cell_contents, &contents))
		return false;
	if (!contents) {
		line_text(&subject->line, "<cell: empty>");
		return true;
	}
	line_text(&subject->line, "<cell: ");
	append_reference(subject, contents);
	line_text(&subject->line, ">");
	return true;
}

static bool describe_weakref(struct subject *subject)
{
	uint64_t referent;
	if (!read_pointer(subject->cpython, subject->address, subject->layout->weakref_object, &referent))
		return false;
	line_format(&subject->line, "<%s", type_name(subject, &subject->type));
	if (!referent || is_type_called(subject, referent, "NoneType")) {
		line_text(&subject->line, "; dead>");
		return true;
	}
	line_text(&subject->line, " to ");
	append_reference(subject, referent);
	line_text(&subject->line, ">");
	return true;
}

static bool describe_instance(struct subject *subject)
{
	line_format(&subject->line, "<%s object>", type_name(subject, &subject->type));
	return true;
}

/* ---- without the value ---- */

static bool hide_value(struct subject *subject)
{
	line_format(&subject->line, "<%s>", type_name(subject, &subject->type));
	return true;
}

static bool hide_str(struct subject *subject)
{
	struct cpython_str str;
	if (!cpython_str_open(subject->cpython, subject->address, &str))
		return false;
	line_format(&subject->line, "<%s of %lld character%s>", type_name(subject, &subject->type), (long long)str.length,
		    str.length == 1 ? "" : "s");
	return true;
}

static bool hide_bytes(struct subject *subject)
{
	int64_t length;
	if (!read_ssize(subject->cpython, subject->address, subject->layout->var_size, &length) || length < 0)
		return false;
	line_format(&subject->line, "<%s of %lld byte%s>", type_name(subject, &subject->type), (long long)length,
		    length == 1 ? "" : "s");
	return true;
}

/* ---- which description ---- */

/* Types by tp_name. A name without a dot is a static type's: Python's own classes have such names too. @redacted must
 * show names as names.h has them, types, counts and addresses, and nothing else; a type without it is only named. */
struct description {
	const char *type;
	describe_fn *describe, *redacted;
};

static const struct description descriptions[] = {
	{ "object", describe_instance, describe_instance },
	{ "NoneType", describe_none, describe_none },
	{ "ellipsis", describe_ellipsis, describe_ellipsis },
	{ "NotImplementedType", describe_not_implemented, describe_not_implemented },
	{ "bool", describe_bool, hide_value },
	{ "int", describe_int, hide_value },
	{ "float", describe_float, hide_value },
	{ "complex", describe_complex, hide_value },
	{ "str", describe_str, hide_str },
	{ "bytes", describe_bytes, hide_bytes },
	{ "bytearray", describe_bytearray, hide_bytes },
	{ "list", describe_sequence, describe_sequence },
	{ "tuple", describe_sequence, describe_sequence },
	{ "dict", describe_dict, describe_dict },
	{ "frozendict", describe_dict, describe_dict },
	{ "set", describe_set, describe_set },
	{ "frozenset", describe_set, describe_set },
	{ "collections.deque", describe_sequence, describe_sequence },
	{ "array.array", describe_sequence, describe_sequence },
	{ "type", describe_type, describe_type },
	{ "module", describe_module, describe_module },
	{ "function", describe_function, describe_function },
	{ "method", describe_method, describe_method },
	{ "builtin_function_or_method", describe_builtin, describe_builtin },
	{ "method_descriptor", describe_method_descriptor, describe_method_descriptor },
	{ "classmethod_descriptor", describe_method_descriptor, describe_method_descriptor },
	{ "wrapper_descriptor", describe_wrapper_descriptor, describe_wrapper_descriptor },
	{ "getset_descriptor", describe_getset_descriptor, describe_getset_descriptor },
	{ "member_descriptor", describe_member_descriptor, describe_member_descriptor },
	{ "code", describe_code, describe_code },
	{ "frame", describe_frame, describe_frame },
	{ "generator", describe_generator, describe_generator },
	{ "coroutine", describe_generator, describe_generator },
	{ "async_generator", describe_generator, describe_generator },
	{ "cell", describe_cell, describe_cell },
	{ "weakref", describe_weakref, describe_weakref },
	{ "weakref.ReferenceType", describe_weakref, describe_weakref }, /* since 3.12 */
	{ "weakproxy", describe_weakref, describe_weakref },
	{ "weakcallableproxy", describe_weakref, describe_weakref },
	{ "weakref.ProxyType", describe_weakref, describe_weakref },
	{ "weakref.CallableProxyType", describe_weakref, describe_weakref },
};

static const struct description *description_of_class(struct cpython *cpython, uint64_t class)
{
	uint64_t name, flags;
	char *text AUTO_FREE = NULL;
	if (!read_pointer(cpython, class, cpython->layout.type_name, &name) ||
	    !read_pointer(cpython, class, cpython->layout.type_flags, &flags))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, name, NAME_LIMIT, &text);
	if (error || ((flags & TPFLAGS_HEAPTYPE) && !strchr(text, '.')))
		return NULL;
	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++)
		if (!strcmp(descriptions[i].type, text))
			return &descriptions[i];
	return NULL;
}

static describe_fn *description_of_type(struct cpython *cpython, uint64_t type)
{
	uint64_t classes, class;
	int64_t length = cpython_mro(cpython, type, &classes);
	for (int64_t i = 0; i < length; i++) {
		if (!read_pointer(cpython, classes + (uint64_t)i * sizeof(uint64_t), 0, &class))
			break;
		const struct description *found = description_of_class(cpython, class);
		describe_fn *describe = !found ? NULL : cpython->runtime.redacted ? found->redacted : found->describe;
		if (found)
			return describe ? describe : describe_instance;
	}
	return describe_instance;
}

char *cpython_value(struct cpython *cpython, const struct cpython_type *type, uint64_t address)
{
	struct subject *subject AUTO_FREE = calloc(1, sizeof(*subject));
	if (!subject)
		return NULL;
	*subject = (struct subject){
		.cpython = cpython, .layout = &cpython->layout, .type = *type, .address = address,
	};
	if (!description_of_type(cpython, type->address)(subject)) {
		subject->line = (struct line){ 0 };
		line_format(&subject->line, "<unreadable %s>", type_name(subject, &subject->type));
	}
	return line_finish(&subject->line);
}
