/* SPDX-License-Identifier: MIT */
/*
 * test_descriptor.c - a reader that knows doc/heap-descriptor.md and nothing of refgc's structures, against
 * what refgc says about itself.
 */
#include "support.h"

#include <elf.h>
#include <link.h>

#include "heapdesc.h"

/* ---- the reader ---- */

static const struct heapdesc_entry *table;
static uint64_t table_count;

static int find_note(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_NOTE)
			continue;
		const char *at = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		const char *end = at + info->dlpi_phdr[i].p_memsz;
		while (at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const char *name = (const char *)(note + 1),
				   *contents = name + (note->n_namesz + 3) / 4 * 4;
			at = contents + (note->n_descsz + 3) / 4 * 4;
			if (note->n_namesz == 9 && !strcmp(name, "heapdesc")) {
				*(const char **)context = contents;
				return 1;
			}
		}
	}
	return 0;
}

static uint64_t word_at(uint64_t address, uint64_t width)
{
	uint64_t word = 0;
	memcpy(&word, (const void *)address, width);
	return word;
}

static void read_table(void)
{
	const char *note = NULL;
	dl_iterate_phdr(find_note, &note);
	assert_non_null(note);
	assert_int_equal(word_at((uint64_t)note, 4), HEAPDESC_VERSION);
	assert_int_equal(word_at((uint64_t)note + 4, 4), sizeof(struct heapdesc_entry));
	uint64_t here = (uint64_t)note + 8;
	table = (const void *)(here + word_at(here, 8));
	here += 8;
	table_count = word_at(here + word_at(here, 8), 8);
	assert_true(table_count > 10 && table_count < 1000);
}

static const struct heapdesc_entry *entry(const char *name)
{
	for (uint64_t i = 0; i < table_count; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	fail_msg("the table has no %s", name);
	return NULL;
}

static uint64_t number(const char *name)
{
	return entry(name)->value;
}

static uint64_t field(uint64_t structure, const char *name)
{
	return word_at(structure + number(name), entry(name)->width);
}

/* ---- comparisons ---- */

static uint64_t collector_of(struct refgc_runtime *runtime)
{
	uint64_t collector = word_at(number("collectors.first"), 8);
	while (collector && collector != (uint64_t)runtime)
		collector = field(collector, "collector.next");
	assert_int_equal(collector, (uint64_t)runtime);
	return collector;
}

static void test_table(void **state)
{
	(void)state;
	read_table();
	assert_string_equal((const char *)number("runtime.name"), "refgc");
	assert_int_equal(number("pointer.size"), 8);
	for (uint64_t i = 0; i < table_count; i++) {
		assert_true(strlen(table[i].name) < sizeof(table[i].name));
		for (uint64_t j = 0; j < i; j++)
			assert_string_not_equal(table[i].name, table[j].name);
	}
}

struct list {
	uint64_t at;  /* the head in front of the next object that the visitor will come to */
	size_t count;
};

static void compare_next(struct refgc_object *object, void *context)
{
	struct list *list = context;
	assert_int_equal(list->at + number("gc.size"), (uint64_t)object);
	list->at = field(list->at, "gc.next") & number("gc.next.mask");
	list->count++;
}

static void test_collector(void **state)
{
	(void)state;
	read_table();
	struct told told;
	struct refgc_runtime *other = runtime_new(&told), *runtime = runtime_new(&told),
			     *last = runtime_new(&told);
	uint64_t collector = collector_of(runtime);
	struct refgc_object *lists[10];
	for (size_t i = 0; i < 10; i++) {
		lists[i] = refgc_list_create(runtime);
		if (i % 3 == 0)
			refgc_collect(runtime, i % 2);
		if (i == 2)
			refgc_freeze(runtime);
	}
	refgc_threshold_set(runtime, 1, 17);
	refgc_debug_set(runtime, REFGC_DEBUG_SAVEALL);
	for (unsigned int i = 0; i < number("collector.generation_count"); i++) {
		uint64_t generation =
			collector + number("collector.generations") + i * number("generation.size");
		assert_int_equal(field(generation, "generation.threshold"), refgc_threshold(runtime, i));
		assert_int_equal(field(generation, "generation.count"), refgc_count(runtime, i));
		assert_int_equal(field(generation, "generation.collections"),
				 refgc_stats(runtime, i).collections);
		uint64_t head = generation + number("generation.head");
		struct list list = {.at = field(head, "gc.next")};
		refgc_generation_visit(runtime, i, compare_next, &list);
		assert_int_equal(list.at, head);
	}
	uint64_t head = collector + number("collector.permanent");
	struct list permanent = {.at = field(head, "gc.next")};
	refgc_generation_visit(runtime, REFGC_GENERATIONS, compare_next, &permanent);
	assert_int_equal(permanent.at, head);
	assert_int_equal(permanent.count, 3);
	assert_int_equal(field(collector, "collector.enabled"), 0);
	assert_int_equal(field(collector, "collector.debug"), number("debug.saveall"));
	assert_int_equal(field(collector, "collector.garbage"), (uint64_t)refgc_garbage(runtime));
	refgc_debug_set(runtime, 0);
	for (size_t i = 0; i < 10; i++)
		refgc_release(runtime, lists[i]);
	runtime_end(last);
	runtime_end(runtime);
	runtime_end(other);
}

struct referents {
	uint64_t items[64];
	size_t count;
};

static void add_referent(struct referents *referents, uint64_t to)
{
	assert_true(referents->count < 64);
	referents->items[referents->count++] = to;
}

static void visit_referent(struct refgc_object *object, void *context)
{
	add_referent(context, (uint64_t)object);
}

static uint64_t type_of(uint64_t object)
{
	return field(object, "object.type");
}

static struct referents read_referents(uint64_t object)
{
	struct referents referents = {0};
	const struct heapdesc_item *items = (const void *)field(type_of(object), "type.layout");
	for (uint64_t i = 0; i < field(type_of(object), "type.layout_count"); i++) {
		if (items[i].kind != HEAPDESC_REFERENCE)
			continue;
		uint64_t base = object + items[i].offset;
		if (items[i].flags & HEAPDESC_INDIRECT)
			base = word_at(base, 8);
		uint64_t count = items[i].count == HEAPDESC_NONE ? 1 : word_at(object + items[i].count, 8);
		for (uint64_t j = 0; base && j < count; j++) {
			uint64_t to = word_at(base + j * items[i].stride + items[i].member, 8);
			if (to)
				add_referent(&referents, to);
		}
	}
	return referents;
}

static uint64_t read_size(uint64_t object)
{
	uint64_t type = type_of(object), size = field(type, "type.basic_size");
	if (field(type, "type.flags") & number("type.flags.container"))
		size += number("gc.size");
	const struct heapdesc_item *items = (const void *)field(type, "type.layout");
	for (uint64_t i = 0; i < field(type, "type.layout_count"); i++) {
		if (items[i].kind == HEAPDESC_LENGTH)
			size += word_at(object + items[i].offset, 8) * field(type, "type.item_size");
		if (items[i].kind == HEAPDESC_BLOCK)
			size += word_at(object + items[i].count, 8) * items[i].stride;
	}
	return size;
}

static int compare_words(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return (a > b) - (a < b);
}

/* The layouts tell the same references as the traverse functions do, for an object of every type. */
static void test_references(void **state)
{
	(void)state;
	read_table();
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	const struct refgc_type *class = refgc_class_create(runtime, "Class", NULL, NULL);
	struct refgc_object *key = refgc_str_create(runtime, "key"),
			    *other = refgc_str_create(runtime, "other"), *list = refgc_list_create(runtime),
			    *dict = refgc_dict_create(runtime), *set = refgc_set_create(runtime),
			    *instance = refgc_instance_create(runtime, class), *items[] = {key, other, key},
			    *tuple = refgc_tuple_create(runtime, items, 3),
			    *cell = refgc_cell_create(runtime, key),
			    *empty = refgc_cell_create(runtime, NULL),
			    *cells = refgc_tuple_create(runtime, &cell, 1),
			    *function = refgc_function_create(runtime, "f", call_and_tell, cells),
			    *module = refgc_module_create(runtime, "m"),
			    *weakref = refgc_weakref_create(runtime, instance, function),
			    *number_object = refgc_int_create(runtime, -5),
			    *real = refgc_float_create(runtime, 1.5),
			    *bytes = refgc_bytes_create(runtime, "\0\1\2", 3);
	for (int i = 0; i < 8; i++)
		append(runtime, list, i % 2 ? key : tuple);
	assert_true(refgc_list_delete(runtime, list, 7)); /* what was there may still be seen */
	for (int i = 0; i < 20; i++) {
		struct refgc_object *new_key = refgc_int_create(runtime, i);
		assert_true(refgc_dict_set(runtime, dict, new_key, key));
		assert_true(refgc_set_add(runtime, set, new_key));
		if (i % 4 == 0) {
			assert_true(refgc_dict_delete(runtime, dict, new_key));
			assert_true(refgc_set_delete(runtime, set, new_key));
		}
		refgc_release(runtime, new_key);
	}
	assert_true(refgc_attribute_set(runtime, instance, "x", other));
	assert_true(refgc_attribute_set(runtime, instance, "y", list));
	struct refgc_object *all[] = {weakref, module, function, cells, empty, cell, tuple, instance, set,
				      dict, list, other, key, number_object, real, bytes};
	size_t with_references = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct referents visited = {0}, read = read_referents((uint64_t)all[i]);
		all[i]->type->traverse(all[i], visit_referent, &visited);
		qsort(visited.items, visited.count, sizeof(uint64_t), compare_words);
		qsort(read.items, read.count, sizeof(uint64_t), compare_words);
		assert_int_equal(read.count, visited.count);
		assert_memory_equal(read.items, visited.items, read.count * sizeof(uint64_t));
		assert_string_equal((const char *)field(type_of((uint64_t)all[i]), "type.name"),
				    all[i]->type->name);
		assert_int_equal(field((uint64_t)all[i], "object.refcount"), all[i]->refcount);
		assert_int_equal(read_size((uint64_t)all[i]), refgc_object_size(all[i]));
		with_references += read.count > 0;
	}
	assert_int_equal(with_references, 10);
	assert_true(refgc_none(runtime)->refcount & number("object.immortal"));
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		refgc_release(runtime, all[i]);
	runtime_end(runtime);
}

/* The values of atoms, and what a weak reference refers to. */
static const struct heapdesc_item *item_of(struct refgc_object *object, uint32_t kind)
{
	for (uint64_t i = 0; i < object->type->layout_count; i++)
		if (object->type->layout[i].kind == kind)
			return &object->type->layout[i];
	fail_msg("%s has no item of the kind %u", object->type->name, kind);
	return NULL;
}

static void test_values(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *integer = refgc_int_create(runtime, -5),
			    *real = refgc_float_create(runtime, 1.5),
			    *text = refgc_str_create(runtime, "text"), *set = refgc_set_create(runtime),
			    *weakref = refgc_weakref_create(runtime, set, NULL);
	const struct heapdesc_item *item = item_of(integer, HEAPDESC_INTEGER);
	assert_int_equal((int64_t)word_at((uint64_t)integer + item->offset, item->stride), -5);
	double value;
	memcpy(&value, (char *)real + item_of(real, HEAPDESC_DOUBLE)->offset, sizeof(value));
	assert_true(value == 1.5);
	item = item_of(text, HEAPDESC_UTF8);
	assert_int_equal(word_at((uint64_t)text + item->count, 8), 4);
	assert_memory_equal((char *)text + item->offset, "text", 4);
	item = item_of(weakref, HEAPDESC_WEAK);
	assert_int_equal(word_at((uint64_t)weakref + item->offset, 8), (uint64_t)set);
	struct refgc_object *all[] = {weakref, set, text, real, integer};
	for (size_t i = 0; i < 5; i++)
		refgc_release(runtime, all[i]);
	runtime_end(runtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_collector),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
