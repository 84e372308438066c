/* SPDX-License-Identifier: MIT */
/*
 * options.c - reading a verb's options by its table of options.
 */
#include "verbs/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

/* The option number @index of the verb, its own first; NULL past the last. */
static const struct inspect_verb_option *option_at(const struct inspect_verb_info *verb, size_t index)
{
	if (index < verb->option_count)
		return &verb->options[index];
	size_t common_count;
	const struct inspect_verb_option *common = inspect_common_options(&common_count);
	index -= verb->option_count;
	return index < common_count ? &common[index] : NULL;
}

static const struct inspect_verb_option *option_named(const struct inspect_verb_info *verb, const char *name,
						      size_t length)
{
	const struct inspect_verb_option *option;
	for (size_t i = 0; (option = option_at(verb, i)); i++)
		if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
			return option;
	return NULL;
}

static struct inspect_error *unknown_option(const struct inspect_verb_info *verb, const char *name,
					    size_t length)
{
	char *word AUTO_FREE = strndup(name, length);
	if (!word)
		return &inspect_error_no_memory;
	const struct inspect_verb_option *option, *nearest = NULL;
	unsigned int nearest_distance = 4;
	for (size_t i = 0; (option = option_at(verb, i)); i++) {
		unsigned int distance = word_distance(word, option->name);
		if (distance < nearest_distance) {
			nearest_distance = distance;
			nearest = option;
		}
	}
	return inspect_error_create(INSPECT_ERROR_USAGE,
				    "%s has no option --%s%s%s%s; `py-inspect %s --help` lists its options",
				    verb->name, word, nearest ? "; did you mean --" : "",
				    nearest ? nearest->name : "", nearest ? "?" : "", verb->name);
}

/* Is @word one of @words, which '|' separates? */
static bool word_among(const char *words, const char *word)
{
	size_t length = strlen(word);
	for (const char *start = words;; start++) {
		const char *end = strchrnul(start, '|');
		if ((size_t)(end - start) == length && memcmp(start, word, length) == 0)
			return true;
		if (!*end)
			return false;
		start = end;
	}
}

/* The power of two that a unit stands for; -1 for what is no unit. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "kKmMgGtT";
	if (!*unit)
		return 0;
	const char *letter = strchr(letters, *unit);
	if (!letter || (unit[1] && strcmp(unit + 1, "iB") != 0 && strcmp(unit + 1, "B") != 0))
		return -1;
	return 10 * ((letter - letters) / 2 + 1);
}

static struct inspect_error *parse_number(const char *name, const char *argument, uint64_t *number_ret)
{
	bool hexadecimal = strncmp(argument, "0x", 2) == 0;
	char *end = (char *)argument;
	errno = 0;
	uint64_t number = 0;
	if (argument[0] >= '0' && argument[0] <= '9')
		number = strtoull(argument, &end, hexadecimal ? 16 : 10);
	int shift = end == argument ? -1 : unit_shift(end);
	if (shift < 0)
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "--%s takes a number such as 4096, 0x1000 or 4k, not '%s'", name,
					    argument);
	if (errno || number > UINT64_MAX >> shift)
		return inspect_error_create(INSPECT_ERROR_USAGE, "--%s: %s is too large", name, argument);
	*number_ret = number << shift;
	return NULL;
}

/* Digits with or without a decimal point, whatever the locale is. */
static struct inspect_error *parse_seconds(const char *name, const char *argument, double *seconds_ret)
{
	double seconds = 0, unit = 1;
	bool has_digit = false, has_point = false;
	const char *end = argument;
	for (; *end; end++) {
		if (*end == '.' && !has_point) {
			has_point = true;
			continue;
		}
		if (*end < '0' || *end > '9')
			break;
		has_digit = true;
		unit /= has_point ? 10 : 1;
		seconds = has_point ? seconds + (*end - '0') * unit : 10 * seconds + (*end - '0');
	}
	if (*end || !has_digit)
		return inspect_error_create(INSPECT_ERROR_USAGE, "--%s takes seconds such as 90 or 0.5, not '%s'", name,
					    argument);
	*seconds_ret = seconds;
	return NULL;
}

/* An option whose argument is called "N" or "SIZE" takes a number. */
static struct inspect_error *check_argument(const struct inspect_verb_option *option, const char *argument)
{
	uint64_t number;
	double seconds;
	if (strcmp(option->argument, "N") == 0 || strcmp(option->argument, "SIZE") == 0)
		return parse_number(option->name, argument, &number);
	if (strcmp(option->argument, "SECONDS") == 0)
		return parse_seconds(option->name, argument, &seconds);
	if (option->values && !word_among(option->values, argument))
		return inspect_error_create(INSPECT_ERROR_USAGE, "--%s takes one of %s, not '%s'",
					    option->name, option->values, argument);
	return NULL;
}

static struct inspect_error *give(struct options *options, const struct inspect_verb_option *option,
				  const char *argument)
{
	struct inspect_error *error = argument ? check_argument(option, argument) : NULL;
	if (error)
		return error;
	if (!array_reserve(options->given, options->given_count, options->given_capacity))
		return &inspect_error_no_memory;
	options->given[options->given_count++] =
		(struct option_given){ .option = option, .argument = argument };
	return NULL;
}

/* Takes the option at @arguments[0]; *@used_ret is how many arguments that were. */
static struct inspect_error *parse_option(struct options *options, int count, const char *const *arguments,
					  int *used_ret)
{
	const char *name = arguments[0] + 2;
	size_t length = strcspn(name, "=");
	const struct inspect_verb_option *option = option_named(options->verb, name, length);
	*used_ret = 1;
	if (!option)
		return unknown_option(options->verb, name, length);
	if (!option->argument) {
		if (name[length])
			return inspect_error_create(INSPECT_ERROR_USAGE, "--%s takes no argument",
						    option->name);
		return give(options, option, NULL);
	}
	if (name[length])
		return give(options, option, name + length + 1);
	if (count < 2)
		return inspect_error_create(INSPECT_ERROR_USAGE, "--%s needs an argument: --%s=%s",
					    option->name, option->name, option->argument);
	*used_ret = 2;
	return give(options, option, arguments[1]);
}

static struct inspect_error *add_operand(struct options *options, const char *operand)
{
	const struct inspect_verb_info *verb = options->verb;
	if (!*verb->operands)
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "%s takes no operand like '%s'; `py-inspect %s --help` says what "
					    "it takes",
					    verb->name, operand, verb->name);
	if (!array_reserve(options->operands, options->operand_count, options->operand_capacity))
		return &inspect_error_no_memory;
	options->operands[options->operand_count++] = operand;
	return NULL;
}

struct inspect_error *options_parse(const struct inspect_verb_info *verb, int count,
				    const char *const *arguments, struct options *options)
{
	*options = (struct options){ .verb = verb };
	bool only_operands = false;
	for (int i = 0; i < count;) {
		struct inspect_error *error;
		int used = 1;
		if (only_operands || arguments[i][0] != '-' || !arguments[i][1]) {
			error = add_operand(options, arguments[i]);
		} else if (strcmp(arguments[i], "--") == 0) {
			only_operands = true;
			error = NULL;
		} else if (strcmp(arguments[i], "-h") == 0) {
			error = give(options, option_named(verb, "help", strlen("help")), NULL);
		} else if (strncmp(arguments[i], "--", 2) == 0) {
			error = parse_option(options, count - i, arguments + i, &used);
		} else {
			error = inspect_error_create(INSPECT_ERROR_USAGE,
						     "there is no option %s; options begin with two dashes, "
						     "and `py-inspect %s --help` lists them",
						     arguments[i], verb->name);
		}
		if (error)
			return error;
		i += used;
	}
	if (*verb->operands && *verb->operands != '[' && !options->operand_count && !option_flag(options, "help"))
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "%s needs %s; `py-inspect %s --help` says more", verb->name,
					    verb->operands, verb->name);
	return NULL;
}

void options_deinit(struct options *options)
{
	free(options->given);
	free(options->operands);
	*options = (struct options){ 0 };
}

const char *option_next(const struct options *options, const char *name, size_t *position)
{
	while (*position < options->given_count) {
		const struct option_given *given = &options->given[(*position)++];
		if (strcmp(given->option->name, name) == 0)
			return given->argument;
	}
	return NULL;
}

const char *option_argument(const struct options *options, const char *name)
{
	const char *last = NULL, *argument;
	for (size_t position = 0; (argument = option_next(options, name, &position));)
		last = argument;
	return last;
}

bool option_flag(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options->given_count; i++)
		if (strcmp(options->given[i].option->name, name) == 0)
			return true;
	return false;
}

struct inspect_error *option_number(const struct options *options, const char *name, uint64_t fallback,
				    uint64_t *number_ret)
{
	const char *argument = option_argument(options, name);
	*number_ret = fallback;
	return argument ? parse_number(name, argument, number_ret) : NULL;
}

struct inspect_error *option_seconds(const struct options *options, const char *name, double *seconds_ret)
{
	const char *argument = option_argument(options, name);
	return argument ? parse_seconds(name, argument, seconds_ret) : NULL;
}
