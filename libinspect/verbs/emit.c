/* SPDX-License-Identifier: MIT */
/*
 * emit.c - buffered output, and the spelling of numbers.
 */
#include "verbs/emit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emit_flush(struct emitter *emitter)
{
	if (emitter->used && !emitter->closed)
		emitter->closed =
			!emitter->output->write(emitter->output->context, emitter->buffer, emitter->used);
	emitter->used = 0;
}

void emit(struct emitter *emitter, const char *text, size_t size)
{
	if (size <= sizeof(emitter->buffer) - emitter->used && !emitter->closed) {
		memcpy(emitter->buffer + emitter->used, text, size);
		emitter->used += size;
		return;
	}
	while (size && !emitter->closed) {
		if (emitter->used == sizeof(emitter->buffer))
			emit_flush(emitter);
		size_t part = sizeof(emitter->buffer) - emitter->used;
		if (part > size)
			part = size;
		memcpy(emitter->buffer + emitter->used, text, part);
		emitter->used += part;
		text += part;
		size -= part;
	}
}

void emit_text(struct emitter *emitter, const char *text)
{
	emit(emitter, text, strlen(text));
}

void emit_address(struct emitter *emitter, uint64_t address)
{
	static const char digits[] = "0123456789abcdef";
	char text[18], *start = text + sizeof(text);
	do
		*--start = digits[address & 15];
	while (address >>= 4);
	*--start = 'x';
	*--start = '0';
	emit(emitter, start, (size_t)(text + sizeof(text) - start));
}

void emit_number(struct emitter *emitter, int64_t number)
{
	char text[NUMBER_TEXT_SIZE], *start = text + sizeof(text);
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	do
		*--start = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		*--start = '-';
	emit(emitter, start, (size_t)(text + sizeof(text) - start));
}

void emit_real(struct emitter *emitter, double real)
{
	char text[NUMBER_TEXT_SIZE];
	real_text(real, text);
	emit_text(emitter, text);
}

void emit_format(struct emitter *emitter, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length > 0)
		emit(emitter, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

/* The decimal point may be another one in the program around us. */
static void make_point(char *text)
{
	for (; *text; text++)
		if (!strchr("+-0123456789e", *text))
			*text = '.';
}

void real_text(double real, char text[NUMBER_TEXT_SIZE])
{
	if (isnan(real) || isinf(real)) {
		snprintf(text, NUMBER_TEXT_SIZE, "%s", isnan(real) ? "null" : real > 0 ? "9e999" : "-9e999");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, NUMBER_TEXT_SIZE, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	make_point(text);
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");
}

void number_grouped(int64_t number, char text[NUMBER_TEXT_SIZE])
{
	char digits[NUMBER_TEXT_SIZE];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64,
			      number < 0 ? -(uint64_t)number : (uint64_t)number);
	if (number < 0)
		*text++ = '-';
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*text++ = ' ';
		*text++ = digits[i];
	}
	*text = '\0';
}

void bytes_human(int64_t bytes, char text[NUMBER_TEXT_SIZE])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	text[0] = '\0';
	if (bytes < 1024)
		return;
	double amount = bytes / 1024.0;
	unsigned int unit = 0;
	while (amount >= 1023.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
		amount /= 1024;
		unit++;
	}
	unsigned int tenths = (unsigned int)(amount * 10 + 0.5);
	snprintf(text, NUMBER_TEXT_SIZE, "%u.%u %s", tenths / 10, tenths % 10, units[unit]);
}
