/* SPDX-License-Identifier: MIT */
/*
 * size.c - sys.getsizeof() from outside.
 *
 * sys.getsizeof(o) is type(o).__sizeof__(o) and what lies before the object in memory (_PySys_GetSizeOf() in
 * Python/sysmodule.c). Most types inherit object.__sizeof__; each __sizeof__ of CPython's own C types has
 * its rule here, named after that type. Offsets that this build of CPython is not known to have make a size
 * a basic one.
 */
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/size.h"

/* ---- reading ---- */

bool read_word(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	sizing->absent |= offset == LAYOUT_ABSENT;
	return read_pointer(sizing->cpython, address, offset, value_ret);
}

bool read_int(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	int32_t value;
	sizing->absent |= offset == LAYOUT_ABSENT;
	bool readable = read_int32(sizing->cpython, address, offset, &value);
	*value_ret = (uint64_t)(int64_t)value;
	return readable;
}

bool read_byte(struct sizing *sizing, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	uint8_t value;
	sizing->absent |= offset == LAYOUT_ABSENT;
	bool readable = read_uint8(sizing->cpython, address, offset, &value);
	*value_ret = value;
	return readable;
}

bool known(struct sizing *sizing, int32_t number)
{
	sizing->absent |= number == LAYOUT_ABSENT;
	return number != LAYOUT_ABSENT;
}

bool read_var_size(struct sizing *sizing, uint64_t address, uint64_t *value_ret)
{
	return read_word(sizing, address, sizing->layout->var_size, value_ret);
}

bool read_string_size(struct sizing *sizing, uint64_t address, uint64_t *size_ret)
{
	enum { CHUNK = 4096, STRING_LIMIT = 1 << 26 };
	char buffer[CHUNK];
	*size_ret = 0;
	if (!address)
		return true;
	for (uint64_t start = address; start - address < STRING_LIMIT;) {
		uint64_t size = CHUNK - start % CHUNK;
		const char *bytes = target_map(sizing->cpython->target, start, size);
		if (!bytes) {
			struct inspect_error *error INSPECT_ERROR_AUTO =
				target_read(sizing->cpython->target, start, buffer, size);
			if (error)
				return false;
			bytes = buffer;
		}
		const char *end = memchr(bytes, 0, size);
		if (end) {
			*size_ret = start - address + (uint64_t)(end - bytes) + 1;
			return true;
		}
		start += size;
	}
	return false;
}

/* ---- which rule ---- */

/* The types of CPython that have a __sizeof__, by tp_name: 3.6 … 3.15. Where the layout knows the size of
 * the type's struct, the type's tp_basicsize must be it, or else the layout is that of another release: so
 * many bytes larger as `difference` says. */
struct rule {
	const char *provider;
	size_fn *size;
	size_t struct_size; /* where in struct layout; 0: not compared */
	int32_t difference;
};

#define STRUCT(name) offsetof(struct layout, size_of_##name)

static const struct rule rules[] = {
	[SIZE_GENERIC] = { "object", generic_size, 0, 0 },
	[SIZE_UNKNOWN] = { "", generic_size, 0, 0 },
	{ "int", int_size, 0, 0 },
	{ "str", str_size, STRUCT(str), 0 },
	{ "bytearray", bytearray_size, STRUCT(bytearray), 0 },
	{ "list", list_size, STRUCT(list), 0 },
	{ "dict", dict_size, STRUCT(dict), 0 },
	{ "frozendict", dict_size, 0, 0 },
	{ "set", set_size, STRUCT(set), 0 },
	{ "frozenset", set_size, STRUCT(set), 0 },
	{ "type", type_size, STRUCT(heaptype), 0 },
	{ "code", code_size, 0, 0 },
	{ "frame", frame_size, 0, 0 },
	{ "generator", generator_size, 0, 0 },
	{ "coroutine", generator_size, 0, 0 },
	{ "async_generator", generator_size, 0, 0 },
	{ "collections.OrderedDict", ordered_dict_size, 0, 0 },
	{ "collections.deque", deque_size, STRUCT(deque), 0 },
	{ "itertools.product", product_size, STRUCT(product), 0 },
	{ "itertools.combinations", combinations_size, STRUCT(combinations), 0 },
	{ "itertools.combinations_with_replacement", combinations_with_replacement_size,
	  STRUCT(combinations_with_replacement), 0 },
	{ "itertools.permutations", permutations_size, STRUCT(permutations), 0 },
	{ "_io.BytesIO", bytesio_size, STRUCT(bytesio), 0 },
	{ "_io.BufferedReader", buffered_size, STRUCT(buffered), 0 },
	{ "_io.BufferedWriter", buffered_size, STRUCT(buffered), 0 },
	{ "_io.BufferedRandom", buffered_size, STRUCT(buffered), 0 },
	{ "array.array", array_size, STRUCT(array), 0 },
	{ "Struct", struct_size, STRUCT(struct), 0 },
	{ "_struct.Struct", struct_size, STRUCT(struct), 0 },
	{ "_pickle.Pickler", pickler_size, STRUCT(pickler), 0 },
	{ "_pickle.Unpickler", unpickler_size, STRUCT(unpickler), 0 },
	{ "_pickle.Unpickler", older_unpickler_size, STRUCT(unpickler), -UNPICKLER_NEW_MEMBERS },
	{ "_pickle.Unpickler", newer_unpickler_size, STRUCT(unpickler), UNPICKLER_NEW_MEMBERS },
	{ "_queue.SimpleQueue", simple_queue_size, STRUCT(simple_queue), 0 },
	{ "xml.etree.ElementTree.Element", element_size, STRUCT(element), 0 },
	{ "decimal.Decimal", decimal_size, STRUCT(decimal), 0 },
	{ "StgDict", stgdict_size, STRUCT(stgdict), 0 },
	{ "_ctypes.CType_Type", ctypes_type_size, 0, 0 },
	{ "parser.st", st_size, STRUCT(st), 0 },
};

#undef STRUCT

/* Is @rule for the type @provider, whose tp_name is @name? */
static bool rule_fits(struct cpython *cpython, const struct rule *rule, uint64_t provider, const char *name)
{
	if (strcmp(rule->provider, name) != 0)
		return false;
	int32_t size;
	memcpy(&size, (const char *)&cpython->layout + rule->struct_size, sizeof(size));
	if (!rule->struct_size || size == LAYOUT_ABSENT)
		return rule->difference == 0;
	int64_t basicsize;
	return read_ssize(cpython, provider, cpython->layout.type_basicsize, &basicsize) &&
	       basicsize == size + rule->difference;
}

static char *read_type_name(struct cpython *cpython, uint64_t type)
{
	enum { NAME_LIMIT = 256 };
	uint64_t address;
	char *name = NULL;
	if (!read_pointer(cpython, type, cpython->layout.type_name, &address))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, address, NAME_LIMIT, &name);
	return name;
}

/* The rule for the method @method, called __sizeof__. Methods of C types are method_descriptor objects,
 * which say whose they are; anything else is Python code. */
static uint8_t rule_of_method(struct cpython *cpython, uint64_t method)
{
	uint64_t method_type, provider;
	if (!read_pointer(cpython, method, cpython->layout.object_type, &method_type))
		return SIZE_UNKNOWN;
	char *method_type_name AUTO_FREE = read_type_name(cpython, method_type);
	if (!method_type_name || strcmp(method_type_name, "method_descriptor") != 0 ||
	    !read_pointer(cpython, method, cpython->layout.descriptor_type, &provider))
		return SIZE_UNKNOWN;
	char *provider_name AUTO_FREE = read_type_name(cpython, provider);
	if (!provider_name)
		return SIZE_UNKNOWN;
	for (uint8_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rule_fits(cpython, &rules[i], provider, provider_name))
			return i;
	return SIZE_UNKNOWN;
}

/* The rule for @class if it has a __sizeof__ of its own, else -1. */
static int rule_of_class(struct cpython *cpython, uint64_t class)
{
	uint64_t method = cpython_dict_get(cpython, cpython_type_dict(cpython, class), "__sizeof__");
	return method ? rule_of_method(cpython, method) : -1;
}

uint8_t cpython_size_rule(struct cpython *cpython, uint64_t type)
{
	enum { DEPTH_LIMIT = 100 };
	uint64_t classes, class = type;
	int rule = -1;
	int64_t length = cpython_mro(cpython, type, &classes);
	for (int64_t i = 0; i < length && rule < 0; i++) {
		if (!read_pointer(cpython, classes + (uint64_t)i * POINTER_SIZE, 0, &class))
			return SIZE_UNKNOWN;
		rule = rule_of_class(cpython, class);
	}
	if (length > 0)
		return rule < 0 ? SIZE_UNKNOWN : (uint8_t)rule;

	/* A C type that nobody has asked for anything yet has no MRO, only bases, and no base means object:
	 * sys.getsizeof() calls PyType_Ready() first. */
	for (int depth = 0; class && depth < DEPTH_LIMIT; depth++) {
		rule = rule_of_class(cpython, class);
		if (rule >= 0)
			return (uint8_t)rule;
		if (!read_pointer(cpython, class, cpython->layout.type_base, &class))
			return SIZE_UNKNOWN;
	}
	return class ? SIZE_UNKNOWN : SIZE_GENERIC;
}

/* ---- before the object ---- */

uint32_t cpython_preheader(struct cpython *cpython, uint64_t flags)
{
	uint32_t size = 0;
	if ((flags & TPFLAGS_HAVE_GC) && cpython->layout.size_of_gc_head != LAYOUT_ABSENT)
		size += (uint32_t)cpython->layout.size_of_gc_head;

	/* _PyType_PreHeaderSize(): internal/pycore_object.h */
	uint64_t managed = 0;
	if (cpython_at_least(cpython, 3, 12))
		managed = TPFLAGS_MANAGED_DICT | TPFLAGS_MANAGED_WEAKREF;
	else if (cpython_at_least(cpython, 3, 11))
		managed = TPFLAGS_MANAGED_DICT;
	if (flags & managed)
		size += 2 * POINTER_SIZE;
	return size;
}

/* Types that are not on the heap have nothing before them. 3.11 and 3.12 count it all the same, and since
 * 3.13 only those of the type `type` are looked at. */
static bool read_preheader(struct sizing *sizing, uint64_t *size_ret)
{
	struct cpython *cpython = sizing->cpython;
	uint64_t flags;
	*size_ret = sizing->type->preheader;
	if (!(sizing->type->flags & TPFLAGS_TYPE_SUBCLASS))
		return true;
	if (cpython_at_least(cpython, 3, 11) && !cpython_at_least(cpython, 3, 13))
		return true;
	if (cpython_at_least(cpython, 3, 13) && sizing->type->address != cpython->type_type)
		return true;
	if (!read_word(sizing, sizing->address, sizing->layout->type_flags, &flags))
		return false;
	if (!(flags & TPFLAGS_HEAPTYPE))
		*size_ret = 0;
	return true;
}

bool cpython_size(struct cpython *cpython, const struct cpython_type *type, uint64_t address,
		  uint64_t *size_ret, bool *basic_ret)
{
	struct sizing sizing = { cpython, &cpython->layout, type, address, false };
	uint64_t size, preheader;
	bool known_size = rules[type->size_rule].size(&sizing, &size);
	*basic_ret = type->size_rule == SIZE_UNKNOWN || sizing.absent;
	if (!known_size && (!sizing.absent || !generic_size(&sizing, &size)))
		return false;
	if (!read_preheader(&sizing, &preheader))
		return false;
	*size_ret = size + preheader;
	return *size_ret < size_limit;
}
