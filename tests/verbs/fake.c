/* SPDX-License-Identifier: MIT */
/*
 * fake.c - a target and a runtime that are made up, for testing the verbs without a CPython.
 *
 * Linked with the command's own main(), this is the program fake-inspect. Its TARGET is a list of words:
 * "fake,count=300,untracked=50,collectors=2,hostile". Every fact about object number i comes from mix(i, salt), which
 * test_verbs.py computes too; so the test knows the truth without asking us.
 */
#include "fake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "runtime/label.h"
#include "runtime/runtime.h"
#include "target/malloc.h"
#include "target/target.h"
#include "target/threads.h"

static const struct runtime_operations fake_operations;

unsigned int fake_attached, fake_walked, fake_closed;

static const uint64_t BASE = 0x7f0000000000, UNTRACKED = 0x7effffff0000, MEMBER_NAME = 0x5000;
enum { SPACING = 64 };

static const char *const plain_types[] = {
	"dict", "list", "lxml.etree._Element", "app.models.Session", "app.models.User", "function",
	"dict", "cell",
};
static const char *const hostile_types[] = {
	"dict", "evil\x1b[31m\nred", "comma,\"quote\"", "bad\xff\xfe" "bytes", "turn\xe2\x80\xae" "ed",
	"back\\slash", "surrogate\xed\xa0\x80", "\xc3\x9cml\xc3\xa4ut",
};
enum { TYPE_COUNT = 8 };

/* What the words of the target's name ask for. */
struct wishes {
	uint64_t count;     /* objects on the collector's lists */
	uint64_t untracked; /* and behind them in memory others, to which these refer */
	unsigned int collectors;
	unsigned int seconds; /* that the walk takes */
	bool hostile, broken, no_runtime, bad_runtime, missing, unreadable, damaged, collecting,
		long_values, graph, dangling, counted;
};
static struct wishes wanted;

static uint64_t mix(uint64_t number, uint64_t salt)
{
	uint64_t x = number * 0x9e3779b97f4a7c15u + salt * 0xd1b54a32d192ed03u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* ---- objects --------------------------------------------------------------------------------------- */

/* The lists have the objects in another order than memory has. */
static uint64_t address_of(uint64_t position)
{
	return BASE + SPACING * (wanted.count - 1 - position);
}

static uint64_t number_at(uint64_t address)
{
	return (address - BASE) / SPACING;
}

static uint32_t type_of(uint64_t number)
{
	return mix(number, 1) % TYPE_COUNT;
}

static uint64_t size_of(uint64_t number)
{
	return 16 + (mix(number, 4) % 100 == 0 ? mix(number, 7) % 5000000 : mix(number, 7) % 500);
}

static int64_t count_references(uint64_t number);

static int64_t refcount_of(uint64_t number)
{
	if (wanted.counted)
		return count_references(number);
	return 1 + (int64_t)(mix(number, 5) % 3000);
}

/* With "graph" others, too, are on no list, and are there if something refers to them. */
static bool is_tracked(uint64_t number)
{
	return number < wanted.count && (!wanted.graph || mix(number, 9) % 4);
}

static uint8_t flags_of(uint64_t number)
{
	return (mix(number, 6) % (wanted.counted ? 100 : 10) == 0 ? RUNTIME_IMMORTAL : 0) |
	       (type_of(number) == 2 ? RUNTIME_SIZE_BASIC : 0) |
	       (is_tracked(number) ? RUNTIME_TRACKED : 0) |
	       (number >= wanted.count + wanted.untracked ? RUNTIME_DAMAGED : 0) |
	       (wanted.damaged && mix(number, 8) % 20 == 0 ? RUNTIME_DAMAGED : 0);
}

/* ---- the runtime ----------------------------------------------------------------------------------- */

static struct inspect_error *fake_attach(struct inspect_target *target, struct runtime **runtime_ret)
{
	*runtime_ret = NULL;
	fake_attached++;
	if (wanted.no_runtime)
		return NULL;
	if (wanted.bad_runtime)
		return inspect_error_create(INSPECT_ERROR_LAYOUT, "no layout fits this Python 9.9");
	struct runtime *runtime = calloc(1, sizeof(*runtime));
	runtime->operations = &fake_operations;
	runtime->target = target;
	runtime->collectors = calloc(wanted.collectors, sizeof(*runtime->collectors));
	runtime->collector_count = wanted.collectors;
	for (unsigned int i = 0; i < wanted.collectors; i++) {
		struct runtime_collector *collector = &runtime->collectors[i];
		*collector = (struct runtime_collector){
			.id = 3 * i,
			.enabled = i == 0,
			.collecting = wanted.collecting && i == 0,
			.debug = i ? 0 : 36,
			.debug_text = strdup(i ? "" : "DEBUG_UNCOLLECTABLE|DEBUG_SAVEALL"),
			.garbage = 5 + i,
			.callbacks = i ? RUNTIME_UNKNOWN : 2,
			.generation_count = 3,
		};
		for (unsigned int g = 0; g < 3; g++)
			collector->generations[g] = (struct runtime_generation){
				.threshold = 700 + g,
				.count = 10 * i + g,
				.collections = 1000000 + g,
				.collected = 20 + g,
				.uncollectable = g == 2 ? RUNTIME_UNKNOWN : 0,
			};
	}
	runtime->types = calloc(TYPE_COUNT, sizeof(*runtime->types));
	runtime->type_count = runtime->type_capacity = TYPE_COUNT;
	for (unsigned int i = 0; i < TYPE_COUNT; i++)
		runtime->types[i] = (struct runtime_type){
			.address = 0x1000 + 8 * i,
			.name = strdup(wanted.hostile ? hostile_types[i] : plain_types[i]),
		};
	*runtime_ret = runtime;
	return NULL;
}

static void fake_detach(struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->collector_count; i++)
		free(runtime->collectors[i].debug_text);
	free(runtime->collectors);
	for (size_t i = 0; i < runtime->type_count; i++)
		free(runtime->types[i].name);
	free(runtime->types);
	notes_deinit(&runtime->notes);
	free(runtime);
}

static struct inspect_error *fake_describe(struct runtime *runtime __attribute__((unused)),
					   struct runtime_facts *facts)
{
	struct inspect_error *error = runtime_fact_add(facts, "runtime", "CPython");
	return error ? error : runtime_fact_add(facts, "version", "%d.%d.%d", 3, 99, 1);
}

/* Takes three seconds, and says so on the way. */
static struct inspect_error *dawdle(void)
{
	struct inspect_error *error = NULL;
	for (unsigned int i = 0; i < 100 * wanted.seconds && !error; i++) {
		usleep(10000);
		error = progress_report("dawdling", i, 100 * wanted.seconds);
	}
	return error;
}

static struct inspect_error *fake_walk(struct runtime *runtime __attribute__((unused)), struct runtime_sink *sink,
				       struct notes *notes)
{
	fake_walked++;
	struct inspect_error *error = wanted.seconds ? dawdle() : progress_report("walking", 0, 0);
	for (uint64_t i = 0; i < wanted.count && !error; i++) {
		uint64_t address = address_of(i), number = number_at(address);
		if (!is_tracked(number))
			continue;
		error = sink->add(sink, address, mix(number, 2) % 4, mix(number, 3) % wanted.collectors);
		if (!error && wanted.broken && i == 1)
			error = sink->add(sink, address, 0, 0);
	}
	if (!error && wanted.broken)
		error = notes_add(notes, true, "a list breaks at 0x%" PRIx64, BASE);
	return error;
}

static struct inspect_error *fake_examine(struct runtime *runtime __attribute__((unused)),
					  const uint64_t *addresses, size_t count,
					  const struct runtime_columns *columns)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number = number_at(addresses[i]);
		if (number >= wanted.count + wanted.untracked && !wanted.dangling) {
			fprintf(stderr, "there is no object at 0x%" PRIx64 "\n", addresses[i]);
			abort();
		}
		if (columns->type)
			columns->type[i] = type_of(number);
		if (columns->size)
			columns->size[i] = size_of(number);
		if (columns->refcount)
			columns->refcount[i] = refcount_of(number);
		if (columns->flags)
			columns->flags[i] = flags_of(number);
	}
	return NULL;
}

static struct inspect_error *fake_object(struct runtime *runtime, uint64_t address,
					 struct runtime_object *object)
{
	*object = (struct runtime_object){
		.address = address,
		.type_address = 0x1000,
		.gc_flags = strdup(""),
	};
	if (address == UNTRACKED) {
		object->type = strdup("str");
		object->size = 12345;
		object->refcount = 7;
		object->value = strdup("'text'");
		return NULL;
	}
	uint64_t number = number_at(address);
	bool exists = address >= BASE && address % SPACING == 0 && number < wanted.count + wanted.untracked;
	if (!exists || (wanted.unreadable && number % 2)) {
		runtime_object_deinit(object);
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "0x%" PRIx64 ": not in the target's memory", address);
	}
	object->type = strdup(runtime->types[type_of(number)].name);
	object->type_address = runtime->types[type_of(number)].address;
	object->size = size_of(number);
	object->size_basic = flags_of(number) & RUNTIME_SIZE_BASIC;
	object->refcount = refcount_of(number);
	object->immortal = flags_of(number) & RUNTIME_IMMORTAL;
	object->tracked = is_tracked(number);
	char end[181] = ">";
	if (wanted.long_values)
		memset(end, '>', sizeof(end) - 1);
	const char *format = wanted.hostile ? "<\x1b]0;%" PRIu64 "\a,\"\n\xff%s" : "<number %" PRIu64 "%s";
	if (asprintf(&object->value, format, number, end) < 0)
		object->value = NULL;
	return NULL;
}

/* ---- references ------------------------------------------------------------------------------------ */

/* Without "graph" each tracked object refers to one that is not tracked. */
static bool add_untracked(struct runtime_references *references, uint64_t number)
{
	if (number >= wanted.count || !wanted.untracked)
		return true;
	uint64_t referent = BASE + SPACING * (wanted.count + number % wanted.untracked);
	return runtime_reference_add(references, referent, RUNTIME_LABEL_TEXT, 0, ".one");
}

static const char *const label_texts[] = { ".attribute", "cell", ".__dict__", ".__mro__" };

/* What reference number @reference of object @number, or root number @reference of object -1, is called. */
static struct runtime_label label_of(uint64_t number, uint64_t reference)
{
	enum { KINDS = 15 };
	uint64_t value = mix(number, 300 + reference) % wanted.count;
	switch (mix(number, 200 + reference) % KINDS) {
	case 0:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_NONE };
	case 1:
	case 2:
	case 3:
	case 4:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_TEXT, .text = label_texts[value % 4] };
	case 5:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_INDEX, .value = value };
	case 6:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_INDEX, .value = value, .text = "stack" };
	case 7:
	case 8:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_KEY, .value = BASE + SPACING * value };
	case 9:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_DICT_KEY, .value = BASE + SPACING * value };
	case 10:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_ITEM };
	case 11:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_ATTRIBUTE, .value = BASE + SPACING * value };
	case 12:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_ATTRIBUTE, .value = BASE + SPACING * value, .text = "local" };
	case 13:
		return (struct runtime_label){ .kind = RUNTIME_LABEL_MEMBER, .value = MEMBER_NAME };
	}
	return (struct runtime_label){ .kind = RUNTIME_LABEL_OFFSET, .value = value };
}

/* Which flags a reference has: mostly none. */
static unsigned int flags_of_reference(uint64_t number, uint64_t reference)
{
	return mix(number, 400 + reference) % 3 ? 0 : mix(number, 500 + reference) % 8;
}

/* With "counted" to a neighbour, so that there are many small cycles. */
static uint64_t target_of(uint64_t number, uint64_t reference)
{
	if (wanted.counted && number < wanted.count)
		return BASE + SPACING * ((number + wanted.count + mix(number, 100 + reference) % 9 - 4) % wanted.count);
	uint64_t address = BASE + SPACING * (mix(number, 100 + reference) % wanted.count);
	return wanted.dangling && mix(number, 600 + reference) % 10 == 0 ? address + SPACING * wanted.count : address;
}

/* How many references hold object @number: those of its neighbours, and sometimes one from elsewhere. */
static int64_t count_references(uint64_t number)
{
	int64_t count = mix(number, 11) % 16 == 0;
	for (uint64_t i = 0; i < 9 && i < wanted.count; i++) {
		uint64_t holder = (number + wanted.count + i - 4) % wanted.count;
		for (uint64_t j = 0; j < mix(holder, 10) % 5; j++)
			count += number_at(target_of(holder, j)) == number &&
				 !(flags_of_reference(holder, j) & RUNTIME_UNCOUNTED);
	}
	return count;
}

/* With "graph" it refers to anything. */
static bool add_random(struct runtime_references *references, uint64_t number)
{
	for (uint64_t j = 0; j < mix(number, 10) % 5; j++) {
		struct runtime_label label = label_of(number, j);
		if (!runtime_reference_add(references, target_of(number, j) | flags_of_reference(number, j), label.kind,
					   label.value, label.text))
			return false;
	}
	return true;
}

static struct inspect_error *fake_references(struct runtime *runtime __attribute__((unused)), const uint64_t *addresses,
					     const uint32_t *types __attribute__((unused)), size_t count,
					     struct runtime_references *references, size_t *ends,
					     size_t *damaged_ret __attribute__((unused)))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number = number_at(addresses[i]);
		if (!(wanted.graph ? add_random : add_untracked)(references, number))
			return &inspect_error_no_memory;
		if (ends)
			ends[i] = references->drained + references->count;
	}
	return NULL;
}

static struct inspect_error *fake_roots(struct runtime *runtime __attribute__((unused)), struct runtime_root_sink *sink,
					struct notes *notes __attribute__((unused)))
{
	static const struct runtime_label modules = { .kind = RUNTIME_LABEL_TEXT, .text = ".modules" };
	if (!wanted.graph)
		return wanted.count ? sink->add(sink, BASE, RUNTIME_ROOT_INTERPRETER, "sys", &modules) : NULL;
	struct inspect_error *error = NULL;
	for (uint64_t i = 0; i < wanted.count / 50 && !error; i++) {
		char place[32];
		snprintf(place, sizeof(place), wanted.hostile ? "\x1b[%" PRIu64 "m" : "place %" PRIu64, i / 2);
		struct runtime_label label = label_of(-1, i);
		error = sink->add(sink, target_of(-1, i) | flags_of_reference(-1, i),
				  mix(-1, 700 + i) % RUNTIME_ROOT_KINDS, place, &label);
	}
	return error;
}

/* An object as a name or a key: identifiers, and what is none. */
static char *describe(struct runtime *runtime __attribute__((unused)), uint64_t address, bool bare)
{
	static const char *const names[] = { "name%" PRIu64, "no name %" PRIu64, "class", "__name%" PRIu64 "__" };
	uint64_t number = number_at(address);
	char name[64];
	char *text;
	snprintf(name, sizeof(name), names[number % 4], number);
	const char *hostile = wanted.hostile ? "\x1b\n\"\xff" : "";
	return asprintf(&text, bare ? "%s%s" : "'%s%s'", name, hostile) < 0 ? NULL : text;
}

static char *fake_label(struct runtime *runtime, const struct runtime_label *label)
{
	return runtime_label_text(runtime, label, describe);
}

/* Objects of type 5 have finalizers, those of type 7 are weak references to their neighbours. */
static unsigned int fake_traits(struct runtime *runtime __attribute__((unused)), uint32_t type)
{
	static const unsigned int traits[TYPE_COUNT] = {
		[1] = RUNTIME_WEAK_SET, [4] = RUNTIME_LEGACY_FINALIZER | RUNTIME_FINALIZER, [5] = RUNTIME_FINALIZER,
		[7] = RUNTIME_WEAKREF,
	};
	return type < TYPE_COUNT ? traits[type] : 0;
}

static bool fake_weakref(struct runtime *runtime __attribute__((unused)), uint64_t address,
			 struct runtime_weakref *weakref)
{
	uint64_t number = number_at(address);
	*weakref = (struct runtime_weakref){
		.referent = number % 3 ? BASE + SPACING * ((number + 1) % wanted.count) : 0,
		.callback = number % 2 ? BASE : 0,
		.next = number % 5 ? 0 : address, /* damaged: it never ends */
	};
	return number % 50;
}

/* ---- integrity: nothing of its own to be checked ---- */

static struct inspect_error *fake_verify_begin(struct runtime *runtime, struct runtime_verifier *verifier,
					       struct notes *notes, struct runtime_verification **verification_ret)
{
	(void)runtime, (void)verifier, (void)notes;
	*verification_ret = NULL;
	return NULL;
}

static struct inspect_error *fake_verify_objects(struct runtime_verification *verification, const uint64_t *addresses,
						 const bool *listed, size_t count)
{
	(void)verification, (void)addresses, (void)listed, (void)count;
	return NULL;
}

static bool fake_verify_target(struct runtime_verification *verification, uint64_t address, size_t holders,
			       struct runtime_finding *finding)
{
	(void)verification, (void)address, (void)holders, (void)finding;
	return false;
}

static void fake_verify_end(struct runtime_verification *verification)
{
	(void)verification;
}

static const struct runtime_verify_operations fake_verify_operations = {
	.begin = fake_verify_begin, .objects = fake_verify_objects, .target = fake_verify_target, .end = fake_verify_end,
};

static const struct runtime_operations fake_operations = {
	.name = "fake",
	.attach = fake_attach,
	.detach = fake_detach,
	.describe = fake_describe,
	.walk = fake_walk,
	.examine = fake_examine,
	.references = fake_references,
	.roots = fake_roots,
	.traits = fake_traits,
	.weakref = fake_weakref,
	.label = fake_label,
	.object = fake_object,
	.verify = &fake_verify_operations,
};

/* In the place of the real ones. */
const struct runtime_operations *const runtime_adapters[] = { &fake_operations, NULL };

/* ---- the target ------------------------------------------------------------------------------------ */

static bool read_words(const char *specification)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "hostile", &wanted.hostile }, { "broken", &wanted.broken },
		{ "noruntime", &wanted.no_runtime },
		{ "badruntime", &wanted.bad_runtime }, { "missing", &wanted.missing },
		{ "unreadable", &wanted.unreadable }, { "damaged", &wanted.damaged },
		{ "collecting", &wanted.collecting },
		{ "long", &wanted.long_values }, { "graph", &wanted.graph },
		{ "counted", &wanted.counted },
		{ "dangling", &wanted.dangling },
	};
	char *words = strdup(specification), *rest = NULL;
	bool fake = false;
	for (char *word = strtok_r(words, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		fake |= strcmp(word, "fake") == 0;
		if (strncmp(word, "count=", 6) == 0)
			wanted.count = strtoull(word + 6, NULL, 10);
		if (strncmp(word, "untracked=", 10) == 0)
			wanted.untracked = strtoull(word + 10, NULL, 10);
		if (strncmp(word, "collectors=", 11) == 0)
			wanted.collectors = strtoul(word + 11, NULL, 10);
		if (strncmp(word, "seconds=", 8) == 0)
			wanted.seconds = strtoul(word + 8, NULL, 10);
		for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
			*flags[i].flag |= strcmp(word, flags[i].word) == 0;
	}
	free(words);
	return fake;
}

struct inspect_error *inspect_target_open(const char *specification,
					  const struct inspect_target_options *options,
					  struct inspect_target **target_ret)
{
	wanted = (struct wishes){ .count = 100, .collectors = 1 };
	if (!read_words(specification))
		return inspect_error_create(INSPECT_ERROR_FORMAT, "%s: not a fake", specification);
	struct inspect_target *target = calloc(1, sizeof(*target));
	target->kind = TARGET_CORE;
	target->name = strdup(specification);
	target->pid = 1234567;
	target->command_line = strdup(wanted.hostile ? "sh\x1b[2J\xff" : "service --port=80");
	target->signal = 11;
	target->thread_count = 1;
	target->main_image = 0;
	target->image_count = 2;
	target->images = calloc(2, sizeof(*target->images));
	target->images[0].path = strdup(wanted.hostile ? "/usr/bin/fake\x1b[2J\xff" : "/usr/bin/fake");
	target->images[0].state = IMAGE_VERIFIED;
	target->images[1].path = strdup("/usr/lib/libfake.so.1");
	target->images[1].state = wanted.missing ? IMAGE_MISSING : IMAGE_VERIFIED;
	target->images[1].problem = wanted.missing ? strdup("no such file here") : NULL;
	target->options = *options;
	target->limits = (struct limits){
		.allowed = options->limits,
		.progress = options->progress,
		.progress_context = options->progress_context,
	};
	*target_ret = target;
	return NULL;
}

void inspect_target_close(struct inspect_target *target)
{
	if (!target)
		return;
	fake_closed++;
	for (size_t i = 0; i < target->image_count; i++) {
		free(target->images[i].path);
		free(target->images[i].problem);
	}
	free(target->images);
	free(target->name);
	free(target->command_line);
	notes_deinit(&target->notes);
	free(target);
}

/* Nothing of it is mapped, but what the functions above say. */
struct target_image *target_image_at(struct inspect_target *target __attribute__((unused)), uint64_t address __attribute__((unused)))
{
	return NULL;
}

const struct target_segment *target_segment_at(struct inspect_target *target __attribute__((unused)),
					       uint64_t address __attribute__((unused)))
{
	return NULL;
}

const void *target_map_slow(struct inspect_target *target __attribute__((unused)), uint64_t address __attribute__((unused)),
			    uint64_t size __attribute__((unused)))
{
	return NULL;
}

struct inspect_error *image_section(struct inspect_target *target __attribute__((unused)),
				    struct target_image *image __attribute__((unused)), const char *name __attribute__((unused)),
				    uint64_t *address_ret, uint64_t *size_ret)
{
	*address_ret = *size_ret = 0;
	return NULL;
}

const char *image_symbol_at(struct inspect_target *target __attribute__((unused)),
			    struct target_image *image __attribute__((unused)), uint64_t address __attribute__((unused)),
			    uint64_t *offset_ret __attribute__((unused)))
{
	return NULL;
}

uint64_t thread_pointer(const struct inspect_target *target __attribute__((unused)),
			const struct target_thread *thread __attribute__((unused)))
{
	return 0;
}

struct inspect_error *malloc_heaps_find(struct inspect_target *target __attribute__((unused)), struct malloc_heaps *heaps)
{
	*heaps = (struct malloc_heaps){ 0 };
	return NULL;
}

void malloc_heaps_deinit(struct malloc_heaps *heaps __attribute__((unused)))
{
}

void malloc_blocks_at(const struct malloc_heaps *heaps __attribute__((unused)), const uint64_t *addresses __attribute__((unused)),
		      size_t count, struct malloc_block *blocks)
{
	for (size_t i = 0; i < count; i++)
		blocks[i] = (struct malloc_block){ 0 };
}

__thread uint32_t target_hints[TARGET_HINTS] __attribute__((tls_model("initial-exec")));

bool thread_stack(struct inspect_target *target __attribute__((unused)), const struct target_thread *thread __attribute__((unused)),
		  uint64_t *start_ret __attribute__((unused)), uint64_t *end_ret __attribute__((unused)))
{
	return false;
}

bool target_is_program(struct inspect_target *target __attribute__((unused)),
		       uint64_t address __attribute__((unused)))
{
	return true;
}

const char *target_program(const struct inspect_target *target)
{
	return target->images[target->main_image].path;
}

uint64_t target_bytes(const struct inspect_target *target __attribute__((unused)))
{
	return SPACING * (wanted.count + wanted.untracked);
}

bool target_has(struct inspect_target *target __attribute__((unused)), uint64_t address, uint64_t size)
{
	return (address >= BASE && address + size <= BASE + SPACING * (wanted.count + wanted.untracked)) ||
	       (address >= UNTRACKED && address + size <= UNTRACKED + SPACING);
}

struct inspect_error *target_read_string(struct inspect_target *target __attribute__((unused)), uint64_t address,
					 size_t limit __attribute__((unused)), char **string_ret)
{
	if (address != MEMBER_NAME)
		return inspect_error_create(INSPECT_ERROR_UNREADABLE, "no text at 0x%" PRIx64, address);
	*string_ret = strdup("member");
	return NULL;
}
