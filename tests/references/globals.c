// SPDX-License-Identifier: MIT
// A module whose C code holds objects in variables and on the stack of a thread: for test_scan.py.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <unistd.h>

static PyObject *volatile kept;                        // .bss, a local symbol
PyObject *exported_table[4] = { NULL };       // found by its exported symbol
static volatile struct {
	long number;
	PyObject *second;
} initialised = { 7, NULL };                  // .data
static PyObject *volatile borrowed_none = Py_None;     // the linker's: no root
static PyTypeObject *const constant = &PyList_Type;
static PyObject *volatile not_aligned[2];

// A static type that ends where the module's memory does: behind it is no room for what heap types have.
static struct {
	char before[2 * 4096 - sizeof(PyTypeObject)];
	PyTypeObject type;
} last __attribute__((aligned(4096), section(".bss.last")));

static int make_last(void)
{
	Py_SET_REFCNT(&last.type, 1);
	last.type.tp_name = "scan_globals.Last";
	last.type.tp_basicsize = sizeof(PyObject);
	last.type.tp_flags = Py_TPFLAGS_DEFAULT;
	return PyType_Ready(&last.type);
}

static PyObject *keep(PyObject *self, PyObject *args)
{
	PyObject *a, *b, *c, *d;
	if (!PyArg_ParseTuple(args, "OOOO", &a, &b, &c, &d))
		return NULL;
	kept = Py_NewRef(a);
	exported_table[2] = Py_NewRef(b);
	initialised.second = Py_NewRef(c);
	*(PyObject *volatile *)((char *)not_aligned + 4) = d; // no pointer is found there
	return PyLong_FromVoidPtr(borrowed_none == (PyObject *)constant ? NULL : &kept);
}

// Has the object nowhere but on the C stack, and waits.
static PyObject *hold(PyObject *self, PyObject *make)
{
	PyObject *volatile object = PyObject_CallNoArgs(make);
	Py_BEGIN_ALLOW_THREADS
	for (;;)
		pause();
	Py_END_ALLOW_THREADS
	return object;
}

static PyMethodDef methods[] = {
	{ "keep", keep, METH_VARARGS, NULL },
	{ "hold", hold, METH_O, NULL },
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = { PyModuleDef_HEAD_INIT, "scan_globals", NULL, -1, methods };

PyMODINIT_FUNC PyInit_scan_globals(void)
{
	return make_last() < 0 ? NULL : PyModule_Create(&definition);
}
