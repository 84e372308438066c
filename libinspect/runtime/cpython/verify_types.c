/* SPDX-License-Identifier: MIT */
/*
 * verify_types.c - types: what PyType_Ready() leaves is what bases, MRO and flags have in common (Objects/typeobject.c).
 */
#include "runtime/cpython/verify.h"

enum {
	TPFLAGS_READY = 1 << 12, TPFLAGS_READYING = 1 << 13,
	MRO_LIMIT = 10000,
	BASICSIZE_LIMIT = 1 << 30,
};
/* inherit_special() gives these to whoever has the base; all but the one of BaseException are in cpython.h. */
static const uint64_t INHERITED = UINT64_C(0xff) << 24;

#define type_found(object, field, ...) \
	found((object)->verification, TYPES, (object)->address, \
	      (object)->address + (uint64_t)(object)->verification->cpython->layout.field, __VA_ARGS__)

static bool is_type_object(const struct inspected *object, uint64_t address)
{
	return is_instance(object->verification, address, TPFLAGS_TYPE_SUBCLASS);
}

static void check_mro(struct inspected *object, uint64_t base)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t mro, class;
	int64_t length;
	bool has_base = !base, has_itself = false;
	if (!read_pointer(cpython, object->address, layout->type_mro, &mro))
		return;
	if (!is_instance(object->verification, mro, TPFLAGS_TUPLE_SUBCLASS) ||
	    !read_ssize(cpython, mro, layout->var_size, &length)) {
		type_found(object, type_mro, "its MRO at 0x%" PRIx64 " is no tuple", mro);
		return;
	}
	for (int64_t i = 0; i < length && i < MRO_LIMIT; i++) {
		if (!read_pointer(cpython, mro + (uint64_t)layout->tuple_items + (uint64_t)i * WORD_SIZE, 0, &class))
			return;
		has_base |= class == base;
		has_itself |= class == object->address;
		if (is_type_object(object, class))
			continue;
		found(object->verification, TYPES, mro, mro + (uint64_t)layout->tuple_items + (uint64_t)i * WORD_SIZE,
		      "item %" PRId64 " is 0x%" PRIx64 ", which is no type: it is the MRO of the type at 0x%" PRIx64, i,
		      class, object->address);
		return;
	}
	if (!has_itself || !has_base)
		type_found(object, type_mro, "its MRO at 0x%" PRIx64 " of %" PRId64 " types has not %s in it", mro, length,
			   has_itself ? "its base" : "itself");
}

static void check_bases(struct inspected *object, uint64_t base)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t bases, class;
	int64_t length;
	bool has_base = false;
	if (!read_pointer(cpython, object->address, layout->type_bases, &bases) || !bases)
		return;
	if (!is_instance(object->verification, bases, TPFLAGS_TUPLE_SUBCLASS) ||
	    !read_ssize(cpython, bases, layout->var_size, &length)) {
		type_found(object, type_bases, "its bases at 0x%" PRIx64 " are no tuple", bases);
		return;
	}
	for (int64_t i = 0; i < length && i < MRO_LIMIT; i++)
		if (read_pointer(cpython, bases + (uint64_t)layout->tuple_items + (uint64_t)i * WORD_SIZE, 0, &class))
			has_base |= class == base;
	if (base && !has_base)
		type_found(object, type_base, "its base, 0x%" PRIx64 ", is none of its %" PRId64 " bases", base, length);
}

/* What a class has from its base. */
static void check_inherited(struct inspected *object, uint64_t base, uint64_t flags, int64_t basicsize, int64_t itemsize)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t base_flags;
	int64_t base_size, base_itemsize;
	if (!read_pointer(cpython, base, layout->type_flags, &base_flags) ||
	    !read_ssize(cpython, base, layout->type_basicsize, &base_size) ||
	    !read_ssize(cpython, base, layout->type_itemsize, &base_itemsize))
		return;
	if (basicsize < base_size)
		type_found(object, type_basicsize,
			   "its objects have %" PRId64 " bytes, fewer than those of its base, which have %" PRId64,
			   basicsize, base_size);
	if (base_itemsize && itemsize != base_itemsize)
		type_found(object, type_itemsize,
			   "its objects' items have %" PRId64 " bytes, and those of its base %" PRId64, itemsize,
			   base_itemsize);
	if (((flags ^ base_flags) & base_flags & INHERITED) ||
	    ((base_flags & TPFLAGS_HAVE_GC) && !(flags & TPFLAGS_HAVE_GC)))
		type_found(object, type_flags, "its flags 0x%" PRIx64 " lack some that its base has: 0x%" PRIx64, flags,
			   base_flags);
}

/* The bits of INHERITED that say what a type is are given to subclasses alone, by a base that has them. */
static void check_flags(struct inspected *object, uint64_t base, uint64_t flags)
{
	struct cpython *cpython = object->verification->cpython;
	uint64_t base_flags = 0;
	bool builtin = !(flags & TPFLAGS_HEAPTYPE);
	if (!(flags & TPFLAGS_READY) || (flags & TPFLAGS_READYING))
		type_found(object, type_flags, "its flags 0x%" PRIx64 " say that it is not ready", flags);
	if (!builtin && read_pointer(cpython, base, cpython->layout.type_flags, &base_flags) &&
	    (flags & ~base_flags & INHERITED))
		type_found(object, type_flags, "its flags 0x%" PRIx64 " say that it is what its base is not: 0x%" PRIx64,
			   flags, base_flags);
}

static void check_names(struct inspected *object, uint64_t flags)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t name, qualname, text;
	char first;
	if (!read_pointer(cpython, object->address, layout->type_name, &text) ||
	    (!read_field(cpython, text, 0, &first, 1) && !target_is_lost(cpython->target, text)))
		type_found(object, type_name, "its name cannot be read");
	if (!(flags & TPFLAGS_HEAPTYPE))
		return;
	if (read_pointer(cpython, object->address, layout->heaptype_name, &name) &&
	    !is_instance(object->verification, name, TPFLAGS_UNICODE_SUBCLASS))
		type_found(object, heaptype_name, "its __name__ at 0x%" PRIx64 " is no str", name);
	if (read_pointer(cpython, object->address, layout->heaptype_qualname, &qualname) &&
	    !is_instance(object->verification, qualname, TPFLAGS_UNICODE_SUBCLASS))
		type_found(object, heaptype_qualname, "its __qualname__ at 0x%" PRIx64 " is no str", qualname);
}

static void check_sizes(struct inspected *object, int64_t basicsize, int64_t itemsize)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	int64_t dictoffset, weaklistoffset;
	if (basicsize < layout->size_of_object || basicsize > BASICSIZE_LIMIT) {
		type_found(object, type_basicsize, "its objects have %" PRId64 " bytes", basicsize);
		return;
	}
	if (itemsize < 0 || itemsize > BASICSIZE_LIMIT)
		type_found(object, type_itemsize, "its objects' items have %" PRId64 " bytes", itemsize);
	const int64_t managed = 8 * WORD_SIZE; /* before the object */
	if (read_ssize(cpython, object->address, layout->type_dictoffset, &dictoffset) &&
	    (dictoffset > basicsize || dictoffset < -basicsize - managed))
		type_found(object, type_dictoffset, "its objects' __dict__ is at %" PRId64 " of %" PRId64 " bytes",
			   dictoffset, basicsize);
	if (read_ssize(cpython, object->address, layout->type_weaklistoffset, &weaklistoffset) &&
	    (weaklistoffset > basicsize || weaklistoffset < -managed))
		type_found(object, type_weaklistoffset,
			   "its objects' list of weak references is at %" PRId64 " of %" PRId64 " bytes", weaklistoffset,
			   basicsize);
}

void check_type(struct inspected *object)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t flags, base, dict = cpython_type_dict(cpython, object->address);
	int64_t basicsize, itemsize;
	if (!read_pointer(cpython, object->address, layout->type_flags, &flags) ||
	    !read_pointer(cpython, object->address, layout->type_base, &base) ||
	    !read_ssize(cpython, object->address, layout->type_basicsize, &basicsize) ||
	    !read_ssize(cpython, object->address, layout->type_itemsize, &itemsize))
		return;
	uint64_t mro;
	if (!(flags & TPFLAGS_READY) && read_pointer(cpython, object->address, layout->type_mro, &mro) && !mro)
		return; /* a static type that nobody has made ready */
	check_flags(object, base, flags);
	check_sizes(object, basicsize, itemsize);
	check_names(object, flags);
	if (base && !is_type_object(object, base)) {
		type_found(object, type_base, "its base at 0x%" PRIx64 " is no type", base);
		return;
	}
	if (base)
		check_inherited(object, base, flags, basicsize, itemsize);
	check_bases(object, base);
	check_mro(object, base);
	if (dict && !is_instance(object->verification, dict, TPFLAGS_DICT_SUBCLASS))
		type_found(object, type_dict, "its __dict__ at 0x%" PRIx64 " is no dict", dict);
	uint64_t keys;
	if ((flags & TPFLAGS_HEAPTYPE) && wants(object->verification, RUNTIME_CHECK_CONTAINERS) &&
	    read_pointer(cpython, object->address, layout->heaptype_cached_keys, &keys))
		check_shared_keys(object, keys);
}
