/* SPDX-License-Identifier: MIT */
/*
 * checks.c - reading ready-made checks: by sentences of words, in which capital letters stand for what may vary.
 */
#include "audit/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/words.h"

enum {
	SENTENCE_WORDS_MAX = 9, /* and a NULL after the last one */
	WORDS_MAX = 2 * SENTENCE_WORDS_MAX, /* a text with more of them fits no sentence, whatever they are */
	WORD_SHOWN = 60, /* bytes of a word that an error shows */
};

/* A sentence and what it is about. Capital letters stand for what may vary. */
struct sentence {
	enum check_subject subject;
	const char *words[SENTENCE_WORDS_MAX];
};

static const struct sentence sentences[] = {
	{ CHECK_UNREACHABLE_OBJECTS, { "unreachable", "objects", "at", "most", "N" } },
	{ CHECK_UNREACHABLE_BYTES, { "unreachable", "bytes", "at", "most", "SIZE" } },
	{ CHECK_RECLAIMABLE_OBJECTS, { "reclaimable", "objects", "at", "most", "N" } },
	{ CHECK_RECLAIMABLE_BYTES, { "reclaimable", "bytes", "at", "most", "SIZE" } },
	{ CHECK_UNCOLLECTABLE_OBJECTS, { "uncollectable", "none" } },
	{ CHECK_UNCOLLECTABLE_OBJECTS, { "uncollectable", "objects", "at", "most", "N" } },
	{ CHECK_HEAP_OBJECTS, { "objects", "at", "most", "N" } },
	{ CHECK_HEAP_BYTES, { "bytes", "at", "most", "SIZE" } },
	{ CHECK_TYPE_COUNT, { "count", "of", "TYPE", "at", "most", "N" } },
	{ CHECK_TYPE_COUNT, { "count", "of", "TYPE", "at", "least", "N" } },
	{ CHECK_TYPE_BYTES, { "bytes", "of", "TYPE", "at", "most", "SIZE" } },
	{ CHECK_TYPE_BYTES, { "bytes", "of", "TYPE", "at", "least", "SIZE" } },
	{ CHECK_NO_OBJECT, { "no", "object", "of", "type", "TYPE" } },
	{ CHECK_NO_OBJECT, { "no", "object", "of", "type", "TYPE", "larger", "than", "SIZE" } },
	{ CHECK_NO_OBJECT, { "no", "object", "larger", "than", "SIZE" } },
	{ CHECK_THREADS, { "threads", "at", "most", "N" } },
	{ CHECK_GC_ENABLED, { "gc", "enabled" } },
	{ CHECK_GC_DEBUG, { "no", "gc", "debug", "flags" } },
	{ CHECK_REFCOUNTS, { "no", "refcount", "finding" } },
	{ CHECK_INTEGRITY, { "no", "integrity", "finding" } },
};

enum { SENTENCE_COUNT = sizeof(sentences) / sizeof(*sentences) };

/* Words, each a text of its own. */
struct words {
	char *items[WORDS_MAX];
	size_t count;
	char *text; /* has them all */
};

static bool split(const char *text, struct words *words)
{
	words->count = 0;
	words->text = strdup(text);
	char *rest = words->text, *word;
	while (words->count < WORDS_MAX && (word = strtok_r(rest, " \t\r\n", &rest)))
		words->items[words->count++] = word;
	return words->text;
}

static void words_cleanup(struct words *words)
{
	free(words->text);
}

#define WORDS_AUTO __attribute__((cleanup(words_cleanup)))

/* ---- numbers ---------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned int shift;
} units[] = {
	{ "bytes", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 },
	{ "k", 10 }, { "K", 10 }, { "M", 20 }, { "G", 30 }, { "T", 40 },
};

enum { UNITS_SHOWN = 5 }; /* the others are short for these */

static bool find_unit(const char *word, unsigned int *shift_ret)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		*shift_ret = units[i].shift;
		if (strcmp(word, units[i].name) == 0)
			return true;
	}
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits, which _ may group; the rest of the word is *@end_ret. */
static bool parse_digits(const char *word, uint64_t *number_ret, const char **end_ret)
{
	uint64_t number = 0;
	const char *at = word;
	for (; is_digit(*at) || (*at == '_' && at > word); at++)
		if (*at != '_' && (__builtin_mul_overflow(number, 10, &number) ||
				   __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)))
			return false;
	*number_ret = number;
	*end_ret = at;
	return at > word;
}

static bool parse_count(const char *word, uint64_t *count_ret)
{
	const char *end;
	return parse_digits(word, count_ret, &end) && !*end && *count_ret <= INT64_MAX;
}

/* "10 MiB", "10MiB" or "10485760"; how many words that is, or 0. */
static size_t parse_size(char *const *words, size_t count, uint64_t *size_ret)
{
	const char *end;
	unsigned int shift = 0;
	size_t used = 1;
	if (!parse_digits(words[0], size_ret, &end))
		return 0;
	if (*end && !find_unit(end, &shift))
		return 0;
	if (!*end && count > 1 && find_unit(words[1], &shift))
		used = 2;
	if (*size_ret > (uint64_t)INT64_MAX >> shift)
		return 0;
	*size_ret <<= shift;
	return used;
}

/* ---- sentences -------------------------------------------------------------------------------------- */

/* How far a sentence fits. */
struct progress {
	size_t words;         /* of the text that fit */
	const char *expected; /* the word of the sentence that the next one does not fit; NULL: nothing should follow, */
	bool unit;            /* but perhaps a unit */
};

/* How many of @words, of which there is one at least, @expected takes; 0: it does not fit. What they say goes to @check,
 * where a type is a word of the text for now. */
static size_t take(const char *expected, char *const *words, size_t count, struct check *check)
{
	if (strcmp(expected, "N") == 0)
		return parse_count(words[0], &check->limit);
	if (strcmp(expected, "SIZE") == 0)
		return parse_size(words, count, check->has_larger ? &check->larger : &check->limit);
	if (strcmp(expected, "TYPE") == 0) {
		check->type = words[0];
		return 1;
	}
	check->has_larger |= strcmp(expected, "larger") == 0;
	if (strcmp(expected, "least") == 0)
		check->comparison = CHECK_AT_LEAST;
	return strcmp(expected, words[0]) == 0;
}

/* Does @sentence fit all of @words? */
static bool fit(const struct sentence *sentence, const struct words *words, struct check *check, struct progress *progress)
{
	*check = (struct check){ .subject = sentence->subject };
	*progress = (struct progress){ 0 };
	for (size_t i = 0; i < SENTENCE_WORDS_MAX && sentence->words[i]; i++) {
		progress->expected = sentence->words[i];
		size_t left = words->count - progress->words;
		size_t used = left ? take(sentence->words[i], words->items + progress->words, left, check) : 0;
		if (!used)
			return false;
		progress->words += used;
	}
	const char *last = words->items[progress->words - 1];
	progress->unit = strcmp(progress->expected, "SIZE") == 0 && is_digit(last[strlen(last) - 1]);
	progress->expected = NULL;
	return progress->words == words->count;
}

/* ---- errors ----------------------------------------------------------------------------------------- */

/* What may come at a place. */
struct expectations {
	size_t place;
	const char *items[SENTENCE_COUNT + UNITS_SHOWN];
	size_t count;
};

static const char *describe(const char *expected)
{
	if (!expected)
		return "nothing more";
	if (strcmp(expected, "N") == 0)
		return "a whole number";
	if (strcmp(expected, "SIZE") == 0)
		return "a whole number of bytes, KiB, MiB, GiB or TiB";
	if (strcmp(expected, "TYPE") == 0)
		return "a type such as app.Session or app.*";
	return expected;
}

static void expect_item(struct expectations *expectations, const char *item)
{
	for (size_t i = 0; i < expectations->count; i++)
		if (strcmp(expectations->items[i], item) == 0)
			return;
	expectations->items[expectations->count++] = item;
}

/* Keeps what comes next in those sentences that fit furthest. */
static void expect(struct expectations *expectations, const struct progress *progress)
{
	if (progress->words < expectations->place)
		return;
	if (progress->words > expectations->place) {
		expectations->place = progress->words;
		expectations->count = 0;
	}
	for (size_t i = 0; progress->unit && i < UNITS_SHOWN; i++)
		expect_item(expectations, units[i].name);
	expect_item(expectations, describe(progress->expected));
}

/* "a", "a or b", "a, b or c". */
static char *list_expected(const struct expectations *expectations)
{
	char *list = NULL;
	size_t size;
	FILE *stream = open_memstream(&list, &size);
	if (!stream)
		return NULL;
	for (size_t i = 0; i < expectations->count; i++)
		fprintf(stream, "%s%s", !i ? "" : i + 1 < expectations->count ? ", " : " or ", expectations->items[i]);
	if (fclose(stream) == 0)
		return list;
	free(list);
	return NULL;
}

/* Which of several words was meant? */
static const char *nearest(const struct expectations *expectations, const char *word)
{
	const char *found = NULL;
	unsigned int distance = WORD_DISTANCE_MAX;
	for (size_t i = 0; expectations->count > 1 && i < expectations->count; i++)
		if (!strchr(expectations->items[i], ' ') && word_is_nearer(word, expectations->items[i], &distance))
			found = expectations->items[i];
	return found;
}

static struct inspect_error *misfit(const struct words *words, const struct expectations *expectations)
{
	char *list AUTO_FREE = list_expected(expectations);
	if (!list)
		return &inspect_error_no_memory;
	size_t place = expectations->place;
	if (place == words->count)
		return inspect_error_create(INSPECT_ERROR_USAGE, "the check ends too early: after '%.*s' comes %s", WORD_SHOWN,
					    words->items[place - 1], list);
	const char *word = words->items[place], *near = nearest(expectations, word);
	return inspect_error_create(INSPECT_ERROR_USAGE, "the check says '%.*s' where it should say %s%s%s%s", WORD_SHOWN, word,
				    list, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

struct inspect_error *check_parse(const char *text, struct check *check)
{
	struct words WORDS_AUTO words;
	struct expectations expectations = { 0 };
	bool fits = false;
	*check = (struct check){ 0 };
	if (!split(text, &words))
		return &inspect_error_no_memory;
	if (!words.count)
		return inspect_error_create(INSPECT_ERROR_USAGE, "the check is empty");
	for (size_t i = 0; i < SENTENCE_COUNT && !fits; i++) {
		struct progress progress;
		fits = fit(&sentences[i], &words, check, &progress);
		if (!fits)
			expect(&expectations, &progress);
	}
	if (!fits) {
		*check = (struct check){ 0 };
		return misfit(&words, &expectations);
	}
	if (check->type && !(check->type = strdup(check->type)))
		return &inspect_error_no_memory;
	return NULL;
}

void check_deinit(struct check *check)
{
	free(check->type);
	*check = (struct check){ 0 };
}

bool check_has_limit(const struct check *check)
{
	return check_has_bytes(check) || check->subject == CHECK_THREADS;
}

bool check_has_bytes(const struct check *check)
{
	switch (check->subject) {
	case CHECK_UNREACHABLE_OBJECTS:
	case CHECK_UNREACHABLE_BYTES:
	case CHECK_RECLAIMABLE_OBJECTS:
	case CHECK_RECLAIMABLE_BYTES:
	case CHECK_UNCOLLECTABLE_OBJECTS:
	case CHECK_HEAP_OBJECTS:
	case CHECK_HEAP_BYTES:
	case CHECK_TYPE_COUNT:
	case CHECK_TYPE_BYTES:
	case CHECK_NO_OBJECT:
		return true;
	default:
		return false;
	}
}
