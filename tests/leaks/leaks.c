/* SPDX-License-Identifier: MIT */
/*
 * leaks.c - an extension that makes every mistake with references that it is asked for, for test_leaks.py.
 *
 * Only functions count references here, no macros: so it may be built with the headers of an older release.
 */
#include <Python.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { SCRUBBED = 1 << 17 };

/* In .bss; hidden() is known by no symbol when the library is stripped. */
PyObject *leaks_kept;
static PyObject *hidden[4];
static __thread PyObject *local_to_thread __attribute__((tls_model("initial-exec")));

static PyObject *none(void)
{
	Py_IncRef(Py_None);
	return Py_None;
}

/* leak(object, count): references that nobody will release */
static PyObject *leak(PyObject *module, PyObject *arguments)
{
	PyObject *object;
	int count;
	(void)module;
	if (!PyArg_ParseTuple(arguments, "Oi", &object, &count))
		return NULL;
	for (int i = 0; i < count; i++)
		Py_IncRef(object);
	return none();
}

/* warn(): no mistake; up to 3.10 CPython forgets references to its own strings when C code warns first */
static PyObject *warn(PyObject *module, PyObject *arguments)
{
	(void)module;
	(void)arguments;
	return PyErr_WarnEx(PyExc_DeprecationWarning, "old", 2) ? NULL : none();
}

/* release(object): a borrowed reference is released */
static PyObject *release(PyObject *module, PyObject *object)
{
	(void)module;
	Py_DecRef(object);
	return none();
}

/* lose(function): calls it and forgets what it returns; where that is */
static PyObject *lose(PyObject *module, PyObject *function)
{
	(void)module;
	PyObject *result = PyObject_CallObject(function, NULL);
	return result ? PyLong_FromVoidPtr(result) : NULL;
}

static PyObject *keep_in_variable(PyObject *module, PyObject *object)
{
	(void)module;
	Py_IncRef(object);
	leaks_kept = object;
	return none();
}

static PyObject *keep_hidden(PyObject *module, PyObject *object)
{
	(void)module;
	Py_IncRef(object);
	hidden[2] = object;
	return PyLong_FromVoidPtr(&hidden[2]);
}

static PyObject *keep_in_thread(PyObject *module, PyObject *object)
{
	(void)module;
	Py_IncRef(object);
	local_to_thread = object;
	return PyLong_FromVoidPtr(&local_to_thread);
}

/* keep_in_malloc(object, size, times): blocks with one reference each; (address, usable size) of the last one */
static PyObject *keep_in_malloc(PyObject *module, PyObject *arguments)
{
	PyObject *object;
	int size, times;
	char *block = NULL;
	(void)module;
	if (!PyArg_ParseTuple(arguments, "Oii", &object, &size, &times))
		return NULL;
	for (int i = 0; i < times; i++) {
		block = calloc(1, size);
		Py_IncRef(object);
		memcpy(block + size / 2 / sizeof(object) * sizeof(object), &object, sizeof(object));
	}
	return Py_BuildValue("(Nn)", PyLong_FromVoidPtr(block), (Py_ssize_t)malloc_usable_size(block));
}

/* keep_in_block(object): in a block of Python's allocator; its address */
static PyObject *keep_in_block(PyObject *module, PyObject *object)
{
	(void)module;
	PyObject **block = PyObject_Malloc(6 * sizeof(*block));
	memset(block, 0, 6 * sizeof(*block));
	Py_IncRef(object);
	block[3] = object;
	return PyLong_FromVoidPtr(block);
}

/* forget(object): a reference in a block that is freed, and never released */
static PyObject *forget(PyObject *module, PyObject *object)
{
	enum { BLOCKS = 12 }; /* more than the thread's cache takes */
	static const int sizes[] = { 104, 440, 1800 };
	PyObject **blocks[BLOCKS];
	(void)module;
	Py_IncRef(object);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (int j = 0; j < BLOCKS; j++) {
			blocks[j] = calloc(1, sizes[i]);
			blocks[j][5] = object;
		}
		for (int j = 0; j < BLOCKS; j++)
			free(blocks[j]);
	}
	PyObject **block = PyObject_Malloc(480);
	memset(block, 0, 480);
	block[4] = object;
	PyObject_Free(block);
	return none();
}

/* Overwrites what calls that have returned left on the stack. */
static PyObject *scrub(PyObject *module, PyObject *nothing)
{
	volatile char bytes[SCRUBBED];
	(void)module;
	(void)nothing;
	for (int i = 0; i < SCRUBBED; i++)
		bytes[i] = 0;
	return none();
}

/* keep_on_stack(object, function): holds it while the function is called */
static PyObject *keep_on_stack(PyObject *module, PyObject *arguments)
{
	PyObject *volatile kept;
	PyObject *object, *function;
	(void)module;
	if (!PyArg_ParseTuple(arguments, "OO", &object, &function))
		return NULL;
	Py_IncRef(object);
	kept = object;
	PyObject *result = PyObject_CallObject(function, NULL);
	Py_DecRef(kept);
	return result;
}

static PyMethodDef methods[] = {
	{ "leak", leak, METH_VARARGS, NULL },
	{ "warn", warn, METH_NOARGS, NULL },
	{ "release", release, METH_O, NULL },
	{ "lose", lose, METH_O, NULL },
	{ "keep_in_variable", keep_in_variable, METH_O, NULL },
	{ "keep_hidden", keep_hidden, METH_O, NULL },
	{ "keep_in_thread", keep_in_thread, METH_O, NULL },
	{ "keep_in_malloc", keep_in_malloc, METH_VARARGS, NULL },
	{ "keep_in_block", keep_in_block, METH_O, NULL },
	{ "forget", forget, METH_O, NULL },
	{ "scrub", scrub, METH_NOARGS, NULL },
	{ "keep_on_stack", keep_on_stack, METH_VARARGS, NULL },
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = { PyModuleDef_HEAD_INIT, "leaks", NULL, -1, methods, NULL, NULL, NULL, NULL };

PyMODINIT_FUNC PyInit_leaks(void)
{
	return PyModule_Create(&definition);
}
