/* SPDX-License-Identifier: MIT */
/*
 * sample.c - structs with the names of CPython's and other members' places, for the test of layouts. Run, it
 * prints what the compiler says; the debug information must say the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct sample_object {
	char before[3];
	long ob_refcnt;
	void *ob_type;
} PyObject;

/* members of anonymous structs and unions, and an alternative name */
typedef union _gc_head {
	struct {
		short padding;
		union _gc_head *gc_next;
		struct {
			union {
				union _gc_head *gc_prev;
				long other;
			};
		};
		ptrdiff_t gc_refs;
	} gc;
	long double dummy;
} PyGC_Head;

/* a typedef of a declaration, the definition later */
typedef struct _is PyInterpreterState;
extern PyInterpreterState *declared;

typedef const volatile struct {
	int a;
	char data[5];
	int (*values[])(int, struct _is *);
} values_t;

struct pair {
	char first;
	int second[3];
};

typedef struct pair pairs[4];

/* an array of arrays of structs behind typedefs: "types.builtins.initialized", "threads.head" */
struct _is {
	char c;
	struct {
		int number;
		PyInterpreterState *head;
	} threads;
	const pairs table[2];
	values_t *pointer;
	struct {
		struct {
			long count;
			pairs initialized;
		} builtins;
		struct {
			PyGC_Head initialized;
		} for_extensions;
	} types;
	unsigned int bits : 3;
	unsigned int more_bits : 7;
	PyInterpreterState *next;
	_Alignas(64) int64_t id;
};

/* "old[0].items" of struct gc_stats: a member of an array's item */
struct ring {
	char name[7];
	short items[11];
	int8_t index;
};

struct gc_stats {
	int before;
	struct ring young;
	struct ring old[2];
};

PyInterpreterState *declared;
PyObject *object;
PyGC_Head *head;
struct gc_stats *stats;

int main(void)
{
#define PLACE(name, type, member) printf(#name " %zu\n", offsetof(type, member))
	PLACE(object_refcnt, PyObject, ob_refcnt);
	PLACE(object_type, PyObject, ob_type);
	printf("size_of_object %zu\n", sizeof(PyObject));
	PLACE(gc_head_next, PyGC_Head, gc.gc_next);
	PLACE(gc_head_prev, PyGC_Head, gc.gc_prev);
	PLACE(gc_head_refs, PyGC_Head, gc.gc_refs);
	printf("size_of_gc_head %zu\n", sizeof(PyGC_Head));
	PLACE(interpreter_next, struct _is, next);
	PLACE(interpreter_id, struct _is, id);
	PLACE(interpreter_threads, struct _is, threads.head);
	PLACE(interpreter_static_types, struct _is, types.builtins.initialized);
	PLACE(interpreter_extension_types, struct _is, types.for_extensions.initialized);
	printf("size_of_interpreter %zu\n", sizeof(struct _is));
	PLACE(gc_stats_young, struct gc_stats, young.items);
	PLACE(gc_stats_young_index, struct gc_stats, young.index);
	PLACE(gc_stats_old0, struct gc_stats, old[0].items);
	PLACE(gc_stats_old0_index, struct gc_stats, old[0].index);
	PLACE(gc_stats_old1, struct gc_stats, old[1].items);
	PLACE(gc_stats_old1_index, struct gc_stats, old[1].index);
	return !declared + !object + !head + !stats > 4;
}
