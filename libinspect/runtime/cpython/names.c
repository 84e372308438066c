/* SPDX-License-Identifier: MIT */
/*
 * names.c - finding the names that are the program's: in the modules, functions and running calls of the heap.
 *
 * First come the modules and their files, then the code of those files. Code that exec() and eval() made of
 * strings counts for nothing: namedtuple() and dataclasses put names that may be data into such.
 */
#include "runtime/cpython/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/address_set.h"
#include "base/array.h"
#include "base/text_set.h"
#include "runtime/cpython/collector.h"
#include "runtime/cpython/roots.h"

enum {
	NAME_LIMIT = 1024,     /* code points of a name; what is longer is none */
	FILE_LIMIT = 4096,    /* of a file's path */
	TUPLE_LIMIT = 1 << 16, /* names or constants of one code object */
	ITEMS_LIMIT = 1 << 26, /* of all of them */
	C_NAME_LIMIT = 200,
};

struct program_names {
	struct text_set names, modules, files; /* files: without folders */
	struct address_set strings; /* the str objects that names are */
};

/* What is looked through for names. */
struct search {
	struct runtime_sink sink; /* first: the walk over the collector's lists gives it back */
	struct cpython *cpython;
	struct program_names *names;
	uint64_t function_type, module_type, code_type; /* 0: not met yet */
	struct address_set types;  /* others that were met */
	struct address_set seen;   /* dicts, code objects and tuples that were taken */
	uint64_t *dicts, *code;    /* namespaces of modules; code objects */
	size_t dict_count, dict_capacity, code_count, code_capacity;
	uint64_t items; /* of tuples that were looked at */
	bool no_memory;
};

/* ---- what is shown --------------------------------------------------------------------------------- */

static const char HIDDEN[] = "…";

static char *show_if(bool shown, const char *name)
{
	return strdup(shown ? name : HIDDEN);
}

/* Between the names of what is in a function and the function's. */
static bool is_scope(const char *part, size_t length)
{
	static const char locals[] = "<locals>";
	return length == sizeof(locals) - 1 && memcmp(part, locals, length) == 0;
}

static bool has_name(const struct cpython *cpython, const char *name)
{
	const struct program_names *names = cpython->names;
	if (!names)
		return false;
	for (const char *part = name;; part++) {
		size_t length = strcspn(part, ".");
		if (!is_scope(part, length) && !text_set_has(&names->names, part, length))
			return false;
		part += length;
		if (!*part)
			return true;
	}
}

char *names_show(const struct cpython *cpython, const char *name)
{
	return show_if(!cpython->runtime.redacted || has_name(cpython, name), name);
}

static bool has_module(const struct cpython *cpython, const char *name)
{
	return cpython->names && text_set_has(&cpython->names->modules, name, strlen(name));
}

char *names_show_module(const struct cpython *cpython, const char *name)
{
	return show_if(!cpython->runtime.redacted || has_module(cpython, name), name);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Is it "<frozen NAME>" of a module that is compiled in? */
static bool is_frozen(const struct program_names *names, const char *file)
{
	static const char before[] = "<frozen ";
	size_t begin = sizeof(before) - 1, length = strlen(file);
	return length > begin + 1 && memcmp(file, before, begin) == 0 && file[length - 1] == '>' &&
	       text_set_has(&names->modules, file + begin, length - begin - 1);
}

/* Was code of this file loaded by the import system, or typed in? */
static bool has_file(const struct program_names *names, const char *path)
{
	const char *file = base_name(path);
	return names && (text_set_has(&names->files, file, strlen(file)) || is_frozen(names, path) ||
			 strcmp(path, "<stdin>") == 0);
}

char *names_show_file(const struct cpython *cpython, const char *path)
{
	if (!cpython->runtime.redacted)
		return strdup(path);
	bool typed = strcmp(path, "<string>") == 0; /* what exec() and python -c call it */
	return show_if(typed || has_file(cpython->names, path), base_name(path));
}

bool names_has_object(const struct cpython *cpython, uint64_t address)
{
	int64_t length;
	if (!cpython->runtime.redacted)
		return true;
	if (cpython->names && address_set_has(&cpython->names->strings, address))
		return true;
	/* Strings of one character, whatever they come from, are the interpreter's own. */
	return target_is_program(cpython->target, address) &&
	       read_ssize((struct cpython *)cpython, address, cpython->layout.str_length, &length) && length > 1;
}

/* The name of a type that C code made, or NULL: it is in the program, or (PyType_FromSpec() since 3.11) was copied
 * from it to _ht_tpname. Changing __name__ makes tp_name point elsewhere: into a str object. */
static char *c_type_name(struct cpython *cpython, uint64_t type)
{
	uint64_t address, flags, copy;
	char *name = NULL;
	if (!read_pointer(cpython, type, cpython->layout.type_name, &address) ||
	    !read_pointer(cpython, type, cpython->layout.type_flags, &flags))
		return NULL;
	bool on_heap = flags & TPFLAGS_HEAPTYPE && cpython_at_least(cpython, 3, 11);
	bool is_copy = on_heap && read_pointer(cpython, type, cpython->layout.heaptype_tpname, &copy) && copy == address;
	if (!address || !(on_heap ? is_copy : target_is_program(cpython->target, address)))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, address, C_NAME_LIMIT, &name);
	return name;
}

char *names_show_type(struct cpython *cpython, uint64_t type, const char *module, const char *qualname)
{
	char *name = c_type_name(cpython, type);
	if (name)
		return name;
	char hidden[40];
	snprintf(hidden, sizeof(hidden), "<class at 0x%" PRIx64 ">", type);
	const char *shown = qualname && has_name(cpython, qualname) ? qualname : hidden;
	if (!module || strcmp(module, "builtins") == 0)
		return strdup(shown);
	return asprintf(&name, "%s.%s", has_module(cpython, module) ? module : HIDDEN, shown) < 0 ? NULL : name;
}

/* ---- modules --------------------------------------------------------------------------------------- */

static bool add_text(struct search *search, struct text_set *set, const char *text)
{
	if (text_set_add(set, text, strlen(text)))
		return true;
	search->no_memory = true;
	return false;
}

/* Adds @address to what was taken. False if it was there, is no object's address, or when out of memory. */
static bool take(struct search *search, struct address_set *set, uint64_t address)
{
	bool added = false;
	if (!address || address % sizeof(address))
		return false;
	search->no_memory |= !address_set_add(set, address, &added);
	return added;
}

static char *item_text(struct search *search, uint64_t dict, const char *key, size_t limit)
{
	uint64_t value = cpython_dict_get(search->cpython, dict, key);
	int64_t length;
	char *text = value ? cpython_str_text(search->cpython, value, limit, &length) : NULL;
	if (!text || (uint64_t)length <= limit)
		return text;
	free(text);
	return NULL;
}

/* tp_name of @type. */
static char *type_name(struct search *search, uint64_t type)
{
	uint64_t address;
	char *name = NULL;
	if (!read_pointer(search->cpython, type, search->cpython->layout.type_name, &address))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(search->cpython->target, address, C_NAME_LIMIT, &name);
	return name;
}

/* What loaded the module with the namespace @dict: the name of a class of Lib/importlib, whose object or itself is
 * in it. */
static char *loader_name(struct search *search, uint64_t dict)
{
	uint64_t loader = cpython_dict_get(search->cpython, dict, "__loader__"), type;
	if (!loader || !read_pointer(search->cpython, loader, search->cpython->layout.object_type, &type))
		return NULL;
	return type_name(search, type == search->cpython->type_type ? loader : type);
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; word && *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

/* Is @path what the import system looks for when it wants the module @name: "…/app/models.py" for "app.models"? The
 * first parts may have come from elsewhere (__path__), the last may not. */
static bool is_file_of(const char *path, const char *name)
{
	const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name, *file = base_name(path);
	size_t length = strlen(last);
	if (strncmp(file, last, length) == 0 && file[length] == '.')
		return true;
	const char *folder = file - 1;
	return strncmp(file, "__init__.", 9) == 0 && (size_t)(folder - path) > length && folder > path &&
	       strncmp(folder - length, last, length) == 0 && folder[-(ptrdiff_t)length - 1] == '/';
}

/* Learns the name and the file of the module with the namespace @dict, unless they may be data. */
static void learn_module(struct search *search, uint64_t dict)
{
	static const char *const from_files[] = { "SourceFileLoader", "SourcelessFileLoader", "ExtensionFileLoader",
						  "zipimporter", "zipimport.zipimporter", NULL };
	static const char *const compiled_in[] = { "BuiltinImporter", "FrozenImporter", NULL };
	char *loader AUTO_FREE = loader_name(search, dict);
	char *name AUTO_FREE = item_text(search, dict, "__name__", NAME_LIMIT);
	char *file AUTO_FREE = item_text(search, dict, "__file__", FILE_LIMIT);
	struct program_names *names = search->names;
	if (!name || !loader)
		return;
	bool is_main = strcmp(name, "__main__") == 0, is_compiled_in = is_one_of(loader, compiled_in);
	if (!is_compiled_in && (!file || !is_one_of(loader, from_files) || (!is_main && !is_file_of(file, name))))
		return;
	if (add_text(search, &names->modules, name) && file && !is_compiled_in)
		add_text(search, &names->files, base_name(file));
}

/* Those whose names the interpreter writes into its own code. */
static void learn_own_modules(struct search *search)
{
	static const char *const own[] = { "__main__", "builtins", "importlib._bootstrap", "zipimport",
					   "importlib._bootstrap_external", "_frozen_importlib",
					   "_frozen_importlib_external", NULL };
	for (size_t i = 0; own[i]; i++)
		add_text(search, &search->names->modules, own[i]);
}

/* ---- code ------------------------------------------------------------------------------------------ */

/* Learns the parts of the name that the str object at @address is. */
static void learn_name(struct search *search, uint64_t address)
{
	int64_t length;
	if (!take(search, &search->names->strings, address))
		return;
	char *text AUTO_FREE = cpython_str_text(search->cpython, address, NAME_LIMIT, &length);
	if (!text || length > NAME_LIMIT)
		return;
	for (const char *part = text;; part++) {
		size_t size = strcspn(part, ".");
		search->no_memory |= !text_set_add(&search->names->names, part, size);
		part += size;
		if (!*part)
			return;
	}
}

static void learn_name_at(struct search *search, uint64_t address, int32_t offset)
{
	uint64_t name;
	if (read_pointer(search->cpython, address, offset, &name))
		learn_name(search, name);
}

/* Constants may be the code of functions within the function. */
static void learn_constant(struct search *search, uint64_t address)
{
	uint64_t type;
	if (!read_pointer(search->cpython, address, search->cpython->layout.object_type, &type) ||
	    type != search->code_type || !take(search, &search->seen, address))
		return;
	if (array_reserve(search->code, search->code_count, search->code_capacity))
		search->code[search->code_count++] = address;
	else
		search->no_memory = true;
}

/* Gives the items of the tuple at @address + @offset to @learn. */
static void each_item(struct search *search, uint64_t address, int32_t offset,
		      void (*learn)(struct search *search, uint64_t item))
{
	const struct layout *layout = &search->cpython->layout;
	uint64_t tuple, item;
	int64_t count;
	if (!read_pointer(search->cpython, address, offset, &tuple) || !take(search, &search->seen, tuple) ||
	    !read_ssize(search->cpython, tuple, layout->var_size, &count) || count < 0 || count > TUPLE_LIMIT ||
	    layout->tuple_items == LAYOUT_ABSENT)
		return;
	for (int64_t i = 0; i < count && search->items++ < ITEMS_LIMIT && !search->no_memory; i++) {
		if (!read_pointer(search->cpython, tuple + (uint64_t)i * sizeof(item), layout->tuple_items, &item))
			return;
		learn(search, item);
	}
}

static void learn_code(struct search *search, uint64_t code)
{
	const struct layout *layout = &search->cpython->layout;
	const int32_t names[] = { layout->code_names, layout->code_varnames, layout->code_freevars,
				  layout->code_cellvars, layout->code_localsplusnames };
	uint64_t file_object;
	if (!read_pointer(search->cpython, code, layout->code_filename, &file_object))
		return;
	char *file AUTO_FREE = cpython_str_text(search->cpython, file_object, FILE_LIMIT, NULL);
	if (!file || !has_file(search->names, file))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		each_item(search, code, names[i], learn_name);
	learn_name_at(search, code, layout->code_name);
	learn_name_at(search, code, layout->code_qualname);
	each_item(search, code, layout->code_consts, learn_constant);
}

/* ---- what there is --------------------------------------------------------------------------------- */

static void keep_dict(struct search *search, uint64_t dict)
{
	if (!take(search, &search->seen, dict))
		return;
	if (array_reserve(search->dicts, search->dict_count, search->dict_capacity))
		search->dicts[search->dict_count++] = dict;
	else
		search->no_memory = true;
}

/* Keeps the code of a function, or of a running call. */
static void keep_code(void *context, uint64_t code)
{
	struct search *search = context;
	if (!search->code_type)
		read_pointer(search->cpython, code, search->cpython->layout.object_type, &search->code_type);
	learn_constant(search, code);
}

/* Is @type that of functions or modules? A class of Python code may be called so, too. */
static void look_at_type(struct search *search, uint64_t type)
{
	uint64_t flags;
	if (!take(search, &search->types, type) ||
	    !read_pointer(search->cpython, type, search->cpython->layout.type_flags, &flags) ||
	    flags & TPFLAGS_HEAPTYPE)
		return;
	char *name AUTO_FREE = type_name(search, type);
	if (name && strcmp(name, "function") == 0)
		search->function_type = type;
	if (name && strcmp(name, "module") == 0)
		search->module_type = type;
}

/* runtime_sink.add */
static struct inspect_error *look_at(struct runtime_sink *sink, uint64_t address,
				     unsigned int generation __attribute__((unused)),
				     unsigned int collector __attribute__((unused)))
{
	struct search *search = (struct search *)sink;
	const struct layout *layout = &search->cpython->layout;
	uint64_t type, part;
	if (!read_pointer(search->cpython, address, layout->object_type, &type))
		return NULL;
	if (type != search->function_type && type != search->module_type)
		look_at_type(search, type);
	if (type == search->function_type) {
		if (read_pointer(search->cpython, address, layout->function_code, &part))
			keep_code(search, part);
		if (read_pointer(search->cpython, address, layout->function_globals, &part))
			keep_dict(search, part);
	} else if (type == search->module_type) {
		if (read_pointer(search->cpython, address, layout->module_dict, &part))
			keep_dict(search, part);
	}
	return search->no_memory ? &inspect_error_no_memory : NULL;
}

/* Types that were read before have names that were made when none was the program's. */
static void rename_types(struct cpython *cpython)
{
	for (size_t i = 0; i < cpython->runtime.type_count; i++) {
		struct runtime_type *type = &cpython->runtime.types[i];
		char *name = type->address ? cpython_type_name(cpython, type->address) : NULL;
		if (!name)
			continue;
		free(type->name);
		type->name = name;
	}
}

static struct inspect_error *search_heap(struct search *search)
{
	struct notes notes = { 0 }; /* what the walk lacks the answers will say */
	struct inspect_error *error = collectors_walk(&search->cpython->runtime, &search->sink, &notes);
	notes_deinit(&notes);
	if (error)
		return error;
	roots_each_code(search->cpython, keep_code, search);
	learn_own_modules(search);
	for (size_t i = 0; i < search->dict_count; i++)
		learn_module(search, search->dicts[i]);
	for (size_t i = 0; i < search->code_count && !search->no_memory; i++) /* learn_code() appends */
		learn_code(search, search->code[i]);
	return search->no_memory ? &inspect_error_no_memory : NULL;
}

struct inspect_error *cpython_find_names(struct cpython *cpython)
{
	if (!cpython->runtime.redacted)
		return NULL;
	cpython->names = calloc(1, sizeof(*cpython->names));
	if (!cpython->names)
		return &inspect_error_no_memory;
	struct search search = { .sink = { .add = look_at }, .cpython = cpython, .names = cpython->names };
	struct inspect_error *error = search_heap(&search);
	address_set_deinit(&search.types);
	address_set_deinit(&search.seen);
	free(search.dicts);
	free(search.code);
	if (!error)
		rename_types(cpython);
	return error;
}

void cpython_names_destroy(struct cpython *cpython)
{
	if (!cpython->names)
		return;
	text_set_deinit(&cpython->names->names);
	text_set_deinit(&cpython->names->modules);
	text_set_deinit(&cpython->names->files);
	address_set_deinit(&cpython->names->strings);
	free(cpython->names);
}
