/* SPDX-License-Identifier: MIT */
/*
 * stranger.c - another runtime that describes its heap: written by doc/heap-descriptor.md, and in nothing like refgc
 * that the page leaves open. A shared library for whatever program loads it.
 *
 * stranger_fill() makes two collectors with objects, and appends to the file STRANGER_RECORD what is there as lines of
 * JSON. Built with -DDIFFERENT it keeps its objects otherwise.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the runtime ---- */

#ifdef DIFFERENT
enum { PADDING = 4 };
#else
enum { PADDING = 1 };
#endif

struct head {
	uint64_t nothing[2];
	uint64_t next; /* the three low bits are flags: 4, found unreachable */
	uint64_t more;
};

struct object {
	int16_t color;
	int32_t refcount; /* signed; bit 30: immortal */
	uint64_t padding[PADDING];
	const struct type *type;
};
enum { IMMORTAL = 1 << 30 };

struct item {
	uint32_t kind, flags;
	const char *label;
	uint64_t offset, count, stride, member, key;
};

struct type {
	uint8_t flags; /* 0x10: container */
	uint32_t basic_size;
	const struct item *layout;
	uint16_t layout_count;
	const char *name;
};

struct generation {
	int16_t count;
	int32_t threshold;
	struct head head;
};

struct collector {
	char what[24];
	struct generation generations[2];
	uint8_t enabled;
	struct collector *next;
	struct object **roots;
	uint32_t root_count;
};

static struct collector collectors[2];
struct collector *stranger_first = &collectors[0];

enum { REFERENCE = 1, WEAK, LENGTH, BLOCK, INTEGER, DOUBLE, UTF8, BYTES, SIZE, UNKNOWN = 77 };
enum { INDIRECT = 1, NAMED = 2, INDEXED = 4, UNVISITED = 8 };
#define NONE UINT64_MAX

/* ---- its types ---- */

struct number {
	struct object object;
	int8_t small;
};
static const struct item number_layout[] = {
	{ UNKNOWN, 99, NULL, 1, 2, 3, 4, 5 },
	{ .kind = INTEGER, .offset = offsetof(struct number, small), .count = NONE, .stride = 1 },
};
static const struct type number_type = { 0, sizeof(struct number), number_layout, 2, "tiny" };

struct text {
	struct object object;
	uint64_t size;
	char *bytes;
};
static const struct item text_layout[] = {
	{ .kind = BLOCK, .flags = INDIRECT, .offset = offsetof(struct text, bytes), .count = offsetof(struct text, size),
	  .stride = 1 },
	{ .kind = UTF8, .flags = INDIRECT, .offset = offsetof(struct text, bytes), .count = offsetof(struct text, size),
	  .stride = 1 },
};
static const struct type text_type = { 0, sizeof(struct text), text_layout, 2, "words" };

struct real {
	struct object object;
	double value;
};
static const struct item real_layout[] = {
	{ .kind = DOUBLE, .offset = offsetof(struct real, value), .count = NONE, .stride = 8 },
};
static const struct type real_type = { 0, sizeof(struct real), real_layout, 1, "real" };

/* A record of pairs, some of them free, and references of other kinds. */
struct pair {
	uint64_t hash;
	struct object *name;
	uint64_t unused;
	struct object *value;
	uint64_t more;
};
struct box {
	struct object object;
	struct object *owner;  /* counted, and not traversed */
	struct object *friend; /* not counted */
	struct pair *pairs;
	uint64_t pair_count, live_count;
	uint64_t slot_count;
	struct object *slots[3];
};
static const struct item box_layout[] = {
	{ .kind = SIZE, .offset = offsetof(struct box, live_count) },
	{ .kind = REFERENCE, .flags = UNVISITED, .label = "owner", .offset = offsetof(struct box, owner), .count = NONE },
	{ .kind = WEAK, .label = "friend", .offset = offsetof(struct box, friend), .count = NONE },
	{ .kind = REFERENCE, .flags = INDIRECT | NAMED, .label = "key", .offset = offsetof(struct box, pairs),
	  .count = offsetof(struct box, pair_count), .stride = sizeof(struct pair), .member = offsetof(struct pair, name),
	  .key = offsetof(struct pair, name) },
	{ .kind = REFERENCE, .flags = INDIRECT | NAMED, .label = "attribute", .offset = offsetof(struct box, pairs),
	  .count = offsetof(struct box, pair_count), .stride = sizeof(struct pair), .member = offsetof(struct pair, value),
	  .key = offsetof(struct pair, name) },
	{ .kind = BLOCK, .flags = INDIRECT, .offset = offsetof(struct box, pairs), .count = offsetof(struct box, pair_count),
	  .stride = sizeof(struct pair) },
	{ .kind = REFERENCE, .flags = INDEXED, .label = "slots", .offset = offsetof(struct box, slots),
	  .count = offsetof(struct box, slot_count), .stride = 8 },
};
static const struct type box_type = { 0x10 | 1, sizeof(struct box), box_layout, 7, "ns.Box" };

/* ---- its descriptor: longer entries than a reader knows, in another order, with names that nobody knows ---- */

struct entry {
	char name[32];
	uint32_t kind, width;
	uint64_t value;
	uint64_t future[2];
};

#define FIELD(name, type, member) { name, 2, sizeof(((struct type *)0)->member), offsetof(struct type, member), { 1, 2 } }
#define NUMBER(name, value) { name, 1, 0, value, { 3, 4 } }

__attribute__((visibility("hidden"))) extern const struct entry stranger_table[];
__attribute__((visibility("hidden"))) extern const uint64_t stranger_count;

const struct entry stranger_table[] = {
	FIELD("type.name", type, name),
	FIELD("type.flags", type, flags),
	FIELD("type.basic_size", type, basic_size),
	FIELD("type.layout", type, layout),
	FIELD("type.layout_count", type, layout_count),
	NUMBER("type.flags.container", 0x10),
	NUMBER("gc.size", sizeof(struct head)),
	NUMBER("gc.next.mask", ~UINT64_C(7)),
	NUMBER("gc.next.unreachable", 4),
	FIELD("gc.next", head, next),
	FIELD("object.type", object, type),
	FIELD("object.refcount", object, refcount),
	NUMBER("object.immortal", IMMORTAL),
	FIELD("object.color", object, color),
	{ "future.kind", 55, 3, 12345, { 5, 6 } },
	NUMBER("generation.size", sizeof(struct generation)),
	FIELD("generation.head", generation, head),
	FIELD("generation.count", generation, count),
	FIELD("generation.threshold", generation, threshold),
	NUMBER("collector.generation_count", 2),
	FIELD("collector.generations", collector, generations),
	FIELD("collector.enabled", collector, enabled),
	FIELD("collector.next", collector, next),
	FIELD("collector.roots", collector, roots),
	FIELD("collector.root_count", collector, root_count),
	{ "collectors.first", 3, 8, (uint64_t)&stranger_first, { 7, 8 } },
	NUMBER("pointer.size", 8),
	{ "runtime.name", 4, 8, (uint64_t)"stranger", { 9, 10 } },
};
const uint64_t stranger_count = sizeof(stranger_table) / sizeof(stranger_table[0]);

/* Behind a note of somebody else's. */
__asm__(".pushsection .note.somebody, \"a\", @note\n"
	".balign 4\n"
	".long 9, 3, 2\n"
	".asciz \"somebody\"\n"
	".balign 4\n"
	".ascii \"abc\"\n"
	".balign 4\n"
	".long 9, 28, 1\n"
	".asciz \"heapdesc\"\n"
	".balign 4\n"
	".long 1\n"
	".long 64\n"
	"1: .quad stranger_table - 1b\n"
	"2: .quad stranger_count - 2b\n"
	".long 0xffffffff\n"
	".popsection\n");

/* ---- its heap ---- */

static void *create(const struct type *type, int32_t refcount)
{
	size_t head = type->flags & 0x10 ? sizeof(struct head) : 0;
	struct object *object = (struct object *)((char *)calloc(1, head + type->basic_size) + head);
	object->type = type;
	object->refcount = refcount;
	object->color = -1;
	return object;
}

static void track(struct generation *generation, void *object, uint64_t flags)
{
	struct head *head = (struct head *)object - 1;
	head->next = generation->head.next | flags;
	generation->head.next = (uint64_t)head;
}

static void *number(int value, int32_t refcount)
{
	struct number *number = create(&number_type, refcount);
	number->small = (int8_t)value;
	return number;
}

static void *text(const char *words, int32_t refcount)
{
	struct text *text = create(&text_type, refcount);
	text->size = strlen(words);
	text->bytes = strdup(words);
	return text;
}

/* ---- what it writes down ---- */

static FILE *record;

static void say_object(void *object, uint64_t size, int generation, const char *value)
{
	const struct object *o = object;
	fprintf(record, "{\"object\": [\"%p\", \"%s\", %lu, ", object, o->type->name, (unsigned long)size);
	if (o->refcount & IMMORTAL)
		fprintf(record, "null, true, ");
	else
		fprintf(record, "%d, false, ", o->refcount);
	if (generation < 0)
		fprintf(record, "null, false, ");
	else
		fprintf(record, "%d, true, ", generation);
	fprintf(record, "\"%s\"]}\n", value);
}

static void say_reference(void *from, void *to, const char *label, int visited)
{
	fprintf(record, "{\"reference\": [\"%p\", \"%p\", \"%s\", %s]}\n", from, to, label, visited ? "true" : "false");
}

static void say_root(void *to, int number)
{
	fprintf(record, "{\"root\": [\"%p\", %d]}\n", to, number);
}

static void say_collector(const struct collector *collector)
{
	fprintf(record, "{\"collector\": [%s, %d, %d, %d, %d]}\n", collector->enabled ? "true" : "false",
	       collector->generations[0].threshold, collector->generations[1].threshold,
	       collector->generations[0].count, collector->generations[1].count);
}

/* Two boxes that refer to each other, and what they hold. */
static void fill(struct collector *collector)
{
	struct box *one = create(&box_type, 2), *other = create(&box_type, 3);
	struct object *size = number(-7, 2), *immortal = number(100, IMMORTAL | 5), *alone = number(3, 1);
	struct object *name = text("it's a \"na\xc3\xafve\" name", 1), *lost = text("", 1), *called = text("colour", 1);
	struct real *real = create(&real_type, 1);
	real->value = 0.1;
	*one = (struct box){ .object = one->object, .owner = &other->object, .friend = alone, .pair_count = 4, .live_count = 2,
			     .slot_count = 3, .slots = { size, NULL, &one->object } };
	one->pairs = calloc(4, sizeof(*one->pairs));
	one->pairs[1] = (struct pair){ 1, name, 0x1234, immortal, 3 };
	one->pairs[3] = (struct pair){ 1, called, 0x1234, &real->object, 3 };
	*other = (struct box){ .object = other->object, .slot_count = 2, .slots = { &one->object, size } };
	track(&collector->generations[0], one, 0);
	track(&collector->generations[1], other, 4);
	collector->roots = calloc(5, sizeof(*collector->roots));
	collector->root_count = 5;
	collector->roots[0] = alone;
	collector->roots[2] = &other->object;
	collector->roots[3] = &other->object;
	collector->roots[4] = lost;
	uint64_t box = sizeof(struct head) + sizeof(struct box);
	say_object(one, box + 4 * sizeof(struct pair), 0, "ns.Box, 2 items");
	say_object(other, box, 1, "ns.Box, 0 items");
	say_object(size, sizeof(struct number), -1, "-7");
	say_object(immortal, sizeof(struct number), -1, "100");
	say_object(alone, sizeof(struct number), -1, "3");
	say_object(name, sizeof(struct text) + 20, -1, "'it\\\\'s a \\\"na\xc3\xafve\\\" name'");
	say_object(lost, sizeof(struct text), -1, "''");
	say_object(called, sizeof(struct text) + 6, -1, "'colour'");
	say_object(real, sizeof(struct real), -1, "0.1");
	say_reference(one, other, "owner", 0);
	say_reference(one, name, "key 'it\\\\'s a \\\"na\xc3\xafve\\\" name'", 1);
	say_reference(one, immortal, ".it's a \\\"na\xc3\xafve\\\" name", 1);
	say_reference(one, called, "key 'colour'", 1);
	say_reference(one, real, ".colour", 1);
	say_reference(one, size, "slots[0]", 1);
	say_reference(one, one, "slots[2]", 1);
	say_reference(other, one, "slots[0]", 1);
	say_reference(other, size, "slots[1]", 1);
	say_root(alone, 0);
	say_root(other, 2);
	say_root(other, 3);
	say_root(lost, 4);
	say_collector(collector);
}

__attribute__((visibility("default"))) void stranger_fill(void)
{
	record = fopen(getenv("STRANGER_RECORD"), "a");
	for (int i = 0; i < 2; i++) {
		struct collector *collector = &collectors[i];
		collector->next = i == 0 ? &collectors[1] : NULL;
		collector->enabled = i == 0;
		for (int j = 0; j < 2; j++) {
			collector->generations[j].count = (int16_t)(-3 * i + j);
			collector->generations[j].threshold = 70000 - 70001 * i;
			collector->generations[j].head.next = (uint64_t)&collector->generations[j].head;
		}
		fill(collector);
	}
	fclose(record);
}
