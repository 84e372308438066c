/* SPDX-License-Identifier: MIT */
/*
 * traverse.c - an extension module with a type for each way to write a tp_traverse, for test_traverse.py: built by several
 * compilers with all kinds of options, it shows whether the machine code is understood, or known not to be.
 *
 * Each type has objects with SLOTS references, of which it visits some. make() gives {name: object}, held(object) what it
 * holds. Types called "plain_..." must be understood whatever the compiler makes of them.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <alloca.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#define AS_IT_IS NOINLINE
#else
#define NOINLINE __attribute__((noinline))
#define AS_IT_IS __attribute__((noipa)) /* gets its arguments as they are written */
#endif

enum { SLOTS = 12 };

struct part {
	PyObject *first, *second;
};

struct object {
	PyObject_HEAD
	PyObject *slots[SLOTS]; /* held */
	long kind;
	PyObject **pointer;     /* into the object, or to other memory */
	struct object *self;
	int (*function)(struct object *object, visitproc visit, void *arg);
};

static int traverse_plain_some(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[1]);
	Py_VISIT(object->slots[2]);
	Py_VISIT(object->slots[7]);
	return 0;
}

static int traverse_plain_one(struct object *object, visitproc visit, void *arg)
{
	return object->slots[4] ? visit(object->slots[4], arg) : 0;
}

static int traverse_plain_condition(struct object *object, visitproc visit, void *arg)
{
	if (object->kind == 3)
		Py_VISIT(object->slots[3]);
	else
		Py_VISIT(object->slots[5]);
	if (object->kind > 1 && object->kind < 9)
		Py_VISIT(object->slots[8]);
	return 0;
}

static NOINLINE int visit_object(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[3]);
	Py_VISIT(object->slots[9]);
	return 0;
}

static int traverse_plain_helper(struct object *object, visitproc visit, void *arg)
{
	int result = visit_object(object, visit, arg);
	if (result)
		return result;
	Py_VISIT(object->slots[10]);
	return 0;
}

static NOINLINE int visit_part(visitproc visit, struct part *part, void *arg)
{
	Py_VISIT(part->second);
	return 0;
}

static int traverse_plain_part(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[0]);
	return visit_part(visit, (struct part *)&object->slots[4], arg);
}

static NOINLINE int visit_value(PyObject *value, visitproc visit, void *arg)
{
	Py_VISIT(value);
	return 0;
}

static int traverse_plain_value(struct object *object, visitproc visit, void *arg)
{
	int result = visit_value(object->slots[2], visit, arg);
	return result ? result : visit_value(object->slots[11], visit, arg);
}

static int traverse_plain_tagged(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT((PyObject *)((uintptr_t)object->slots[6] & ~(uintptr_t)1));
	return 0;
}

/* Interposable: called through the procedure linkage table. */
int MODULE_SYMBOL(struct object *object, visitproc visit, void *arg);
NOINLINE int MODULE_SYMBOL(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[8]);
	return 0;
}

static int traverse_plain_exported(struct object *object, visitproc visit, void *arg)
{
	return MODULE_SYMBOL(object, visit, arg);
}

static int traverse_choice(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->kind == 5 ? object->slots[1] : object->slots[2]);
	return 0;
}

static NOINLINE PyObject **find_slot(struct object *object, long i)
{
	return &object->slots[i];
}

static int traverse_slot(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(*find_slot(object, 4));
	Py_VISIT(*find_slot(object, object->kind));
	return 0;
}

static int traverse_array(struct object *object, visitproc visit, void *arg)
{
	for (int i = 0; i < SLOTS; i++)
		Py_VISIT(object->slots[i]);
	return 0;
}

static int traverse_counted(struct object *object, visitproc visit, void *arg)
{
	for (long i = 0; i < object->kind; i++)
		Py_VISIT(object->slots[i]);
	return 0;
}

static int traverse_pointers(struct object *object, visitproc visit, void *arg)
{
	for (PyObject **slot = object->slots + SLOTS; slot > object->slots; slot -= 2)
		Py_VISIT(slot[-1]);
	return 0;
}

/* A container that has its first elements in itself. */
static int traverse_inside(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[0]);
	for (long i = 0; i < object->kind; i++)
		Py_VISIT(object->pointer[i]);
	return 0;
}

static int traverse_self(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->self->slots[3]);
	return 0;
}

static int traverse_switch(struct object *object, visitproc visit, void *arg)
{
	switch (object->kind) {
	case 0: Py_VISIT(object->slots[3]); break;
	case 1: Py_VISIT(object->slots[1]); break;
	case 2: Py_VISIT(object->slots[4]); Py_VISIT(object->slots[0]); break;
	case 3: Py_VISIT(object->slots[9]); Py_VISIT(object->slots[2]); break;
	case 4: Py_VISIT(object->slots[5]); break;
	case 5: Py_VISIT(object->slots[6]); Py_VISIT(object->slots[7]); break;
	case 6: Py_VISIT(object->slots[8]); break;
	}
	return 0;
}

static NOINLINE int visit_last(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[11]);
	return 0;
}

static int (*const table[])(struct object *object, visitproc visit, void *arg) = {
	traverse_plain_some, traverse_plain_one, visit_last, traverse_plain_helper, visit_last, visit_last, visit_object,
};

static int traverse_table(struct object *object, visitproc visit, void *arg)
{
	return table[object->kind](object, visit, arg);
}

static int traverse_method(struct object *object, visitproc visit, void *arg)
{
	return object->function(object, visit, arg);
}

struct closure {
	struct object *object;
	visitproc visit;
	void *arg;
	int result;
};

static NOINLINE void visit_closure(struct closure *closure)
{
	closure->result = closure->visit(closure->object->slots[10], closure->arg);
}

static int traverse_closure(struct object *object, visitproc visit, void *arg)
{
	struct closure closure = { object, visit, arg, 0 };
	void (*volatile call)(struct closure *) = visit_closure;
	call(&closure);
	return closure.result;
}

static int traverse_closure_direct(struct object *object, visitproc visit, void *arg)
{
	struct closure closure = { object, visit, arg, 0 };
	visit_closure(&closure);
	return closure.result;
}

static int visit_in_closure(PyObject *other, void *arg)
{
	struct closure *closure = arg;
	return closure->visit(other, closure->arg);
}

static int traverse_other_visit(struct object *object, visitproc visit, void *arg)
{
	struct closure closure = { object, visit, arg, 0 };
	return traverse_plain_some(object, visit_in_closure, &closure);
}

static int traverse_copy(struct object *object, visitproc visit, void *arg)
{
	struct object copy;
	memcpy(&copy, object, sizeof(copy));
	for (int i = 0; i < SLOTS; i += 3)
		Py_VISIT(copy.slots[i]);
	return 0;
}

static int traverse_pair(struct object *object, visitproc visit, void *arg)
{
	struct part part;
	memcpy(&part, &object->slots[5], sizeof(part));
	Py_VISIT(part.first);
	Py_VISIT(part.second);
	return 0;
}

static NOINLINE int visit_pair(struct part part, visitproc visit, void *arg)
{
	Py_VISIT(part.second);
	return 0;
}

static int traverse_by_value(struct object *object, visitproc visit, void *arg)
{
	struct part part = { object->slots[1], object->slots[2] };
	return visit_pair(part, visit, arg);
}

static struct object *current;
static __thread struct object *thread_current;

static NOINLINE int visit_current(visitproc visit, void *arg)
{
	Py_VISIT(current->slots[5]);
	Py_VISIT(thread_current->slots[6]);
	return 0;
}

static int traverse_global(struct object *object, visitproc visit, void *arg)
{
	current = thread_current = object;
	return visit_current(visit, arg);
}

static int traverse_offset(struct object *object, visitproc visit, void *arg)
{
	size_t offset = offsetof(struct object, slots) + (size_t)object->kind * sizeof(PyObject *);
	Py_VISIT(*(PyObject **)((char *)object + offset));
	return 0;
}

static NOINLINE int visit_from(struct object *object, long i, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[i]);
	return i ? visit_from(object, i - 1, visit, arg) : 0;
}

static int traverse_recursion(struct object *object, visitproc visit, void *arg)
{
	return visit_from(object, 5, visit, arg);
}

static NOINLINE int visit_many(visitproc visit, void *arg, int count, ...)
{
	va_list values;
	va_start(values, count);
	for (int i = 0; i < count; i++) {
		PyObject *value = va_arg(values, PyObject *);
		Py_VISIT(value);
	}
	va_end(values);
	return 0;
}

static int traverse_many(struct object *object, visitproc visit, void *arg)
{
	return visit_many(visit, arg, 7, object->slots[1], object->slots[2], object->slots[3], object->slots[4],
			  object->slots[5], object->slots[6], object->slots[7]);
}

static int traverse_room(struct object *object, visitproc visit, void *arg)
{
	struct object **room = alloca((size_t)(object->kind + 4) * sizeof(*room));
	memset(room, 0, (size_t)(object->kind + 4) * sizeof(*room));
	room[object->kind] = object;
	for (long i = 0; i < object->kind + 4; i++)
		if (room[i])
			Py_VISIT(room[i]->slots[2]);
	return 0;
}

static AS_IT_IS int visit_stacked(long a, long b, long c, long d, long e, long f, struct object *object, visitproc visit,
				  void *arg)
{
	if (a + b + c + d + e + f == 21)
		Py_VISIT(object->slots[3]);
	return 0;
}

static int traverse_stacked(struct object *object, visitproc visit, void *arg)
{
	return visit_stacked(1, 2, 3, 4, 5, 6, object, visit, arg);
}

/* Some functions leave registers alone, which their callers know of: -fipa-ra. */
static NOINLINE int count(long kind)
{
	return kind == 77;
}

static int traverse_plain_around(struct object *object, visitproc visit, void *arg)
{
	if (count(7))
		return 1;
	Py_VISIT(object->slots[6]);
	return count(5);
}

static NOINLINE int is_odd(const struct object *object)
{
	return object->kind == 99;
}

static int traverse_plain_asked(struct object *object, visitproc visit, void *arg)
{
	if (is_odd(object))
		return 0;
	Py_VISIT(object->slots[7]);
	return 0;
}

/* ---- types ---- */

static PyTypeObject plain_base_type;

static int traverse_plain_base(struct object *object, visitproc visit, void *arg)
{
	Py_VISIT(object->slots[2]);
	return 0;
}

struct derived {
	struct object object;
	PyObject *more[2]; /* held */
};

static int traverse_plain_derived(struct derived *derived, visitproc visit, void *arg)
{
	int result = plain_base_type.tp_traverse((PyObject *)derived, visit, arg);
	if (result)
		return result;
	Py_VISIT(derived->more[1]);
	return 0;
}

static int traverse_plain_last_call(struct derived *derived, visitproc visit, void *arg)
{
	Py_VISIT(derived->more[0]);
	return plain_base_type.tp_traverse((PyObject *)derived, visit, arg);
}

static int traverse_plain_by_type(struct derived *derived, visitproc visit, void *arg)
{
	Py_VISIT(derived->more[1]);
	return Py_TYPE(derived)->tp_base->tp_traverse((PyObject *)derived, visit, arg);
}

static int traverse_of_dict(struct derived *derived, visitproc visit, void *arg)
{
	struct { PyDictObject dict; PyObject *more[2]; } *object = (void *)derived;
	Py_VISIT(object->more[1]);
	return PyDict_Type.tp_traverse((PyObject *)derived, visit, arg);
}

#define HEADER .ob_base = { PyObject_HEAD_INIT(NULL) 0 }
#define TYPES(X) \
	X(plain_some) X(plain_one) X(plain_condition) X(plain_helper) X(plain_part) X(plain_value) X(plain_tagged) \
	X(plain_exported) X(plain_around) X(plain_asked) X(choice) X(slot) X(array) X(counted) X(pointers) X(inside) X(self) \
	X(switch) X(table) X(method) X(closure) X(closure_direct) X(other_visit) X(copy) X(pair) X(by_value) X(global) \
	X(offset) X(recursion) X(many) X(room) X(stacked)
#define DERIVED(X) X(plain_derived) X(plain_last_call) X(plain_by_type)

#define TYPE(name) static PyTypeObject name##_type = { \
	HEADER, .tp_name = "made_up." #name, .tp_basicsize = sizeof(struct object), \
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, .tp_traverse = (traverseproc)traverse_##name };
#define DERIVED_TYPE(name) static PyTypeObject name##_type = { \
	HEADER, .tp_name = "made_up." #name, .tp_basicsize = sizeof(struct derived), .tp_base = &plain_base_type, \
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, .tp_traverse = (traverseproc)traverse_##name };
TYPES(TYPE)
static PyTypeObject plain_base_type = {
	HEADER, .tp_name = "made_up.plain_base", .tp_basicsize = sizeof(struct object),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)traverse_plain_base,
};
DERIVED(DERIVED_TYPE)
static PyTypeObject plain_inherited_type = {
	HEADER, .tp_name = "made_up.plain_inherited", .tp_basicsize = sizeof(struct derived), .tp_base = &plain_base_type,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
};
static PyTypeObject plain_of_dict_type = {
	HEADER, .tp_name = "made_up.plain_of_dict", .tp_basicsize = sizeof(PyDictObject) + 2 * sizeof(PyObject *),
	.tp_base = &PyDict_Type, .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)traverse_of_dict,
};

/* ---- the module ---- */

static long kind;

static PyObject *add(PyObject *result, PyTypeObject *type)
{
	size_t skipped = type->tp_base == &PyDict_Type ? sizeof(PyDictObject) : offsetof(struct object, slots);
	size_t slots = type->tp_base == &PyDict_Type ? 2 : SLOTS;
	PyObject *args = PyTuple_New(0);
	if (PyType_Ready(type) < 0)
		return NULL;
	PyObject *object = type->tp_base == &PyDict_Type ? PyDict_Type.tp_new(type, args, NULL) :
							   PyType_GenericNew(type, args, NULL);
	PyObject **slot = (PyObject **)((char *)object + skipped);
	for (size_t i = 0; i < slots; i++)
		slot[i] = PyList_New(0);
	if (slots == SLOTS) {
		struct object *plain = (struct object *)object;
		plain->kind = kind;
		plain->pointer = plain->slots + 2;
		plain->self = plain;
		plain->function = visit_last;
	}
	if ((size_t)type->tp_basicsize == sizeof(struct derived))
		for (int i = 0; i < 2; i++)
			((struct derived *)object)->more[i] = PyList_New(0);
	PyDict_SetItemString(result, type->tp_name, object);
	return object;
}

/* make(kind): an object of each type */
static PyObject *make(PyObject *module, PyObject *argument)
{
	(void)module;
	kind = PyLong_AsLong(argument);
	PyObject *result = PyDict_New();
#define ADD(name) if (!add(result, &name##_type)) return NULL;
	TYPES(ADD)
	ADD(plain_base)
	DERIVED(ADD)
	ADD(plain_inherited)
	ADD(plain_of_dict)
	return result;
}

static PyMethodDef methods[] = { { "make", make, METH_O, NULL }, { NULL, NULL, 0, NULL } };
static struct PyModuleDef definition = { PyModuleDef_HEAD_INIT, "made_up", NULL, -1, methods, NULL, NULL, NULL, NULL };

PyMODINIT_FUNC MODULE_INIT(void)
{
	return PyModule_Create(&definition);
}
