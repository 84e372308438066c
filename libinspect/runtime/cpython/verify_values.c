/* SPDX-License-Identifier: MIT */
/*
 * verify_values.c - str, bytes and int: Objects/unicodeobject.c, bytesobject.c, longobject.c.
 *
 * A str or bytes that has been asked for its hash keeps it, and the hash is of all that it says: siphash with a key that
 * the process made at its start (_Py_HashSecret; Python/pyhash.c, Python/bootstrap_hash.c).
 */
#include "runtime/cpython/str.h"
#include "runtime/cpython/verify.h"

/* ---- hashes ----------------------------------------------------------------------------------------- */

static inline uint64_t rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

/* One round of siphash: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012. */
static inline void siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* siphash of @size bytes with @rounds for each word and 2 more at the end than that: siphash13 and siphash24. */
static uint64_t siphash(const uint64_t key[2], unsigned int rounds, const uint8_t *bytes, uint64_t size)
{
	uint64_t v[4] = {
		key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t last = size << 56;
	for (; size >= WORD_SIZE; size -= WORD_SIZE, bytes += WORD_SIZE) {
		uint64_t word;
		memcpy(&word, bytes, sizeof(word));
		v[3] ^= word;
		for (unsigned int i = 0; i < rounds; i++)
			siphash_round(v);
		v[0] ^= word;
	}
	for (uint64_t i = 0; i < size; i++)
		last |= (uint64_t)bytes[i] << (8 * i);
	v[3] ^= last;
	for (unsigned int i = 0; i < rounds; i++)
		siphash_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (unsigned int i = 0; i < rounds + 2; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* _Py_HashBytes(): the hash of nothing is 0, and none is -1. */
static int64_t hash_bytes(const struct verification *verification, const uint8_t *bytes, uint64_t size)
{
	if (!size)
		return 0;
	int64_t hash = (int64_t)siphash(verification->hash_key, verification->hash_rounds, bytes, size);
	return hash == -1 ? -2 : hash;
}

/* The hash that the str at @address should have; false if its text is not in one piece, or it is not made yet. */
static bool hash_str(struct verification *verification, uint64_t address, int64_t *hash_ret)
{
	struct cpython_str str;
	if (!cpython_str_open(verification->cpython, address, &str) || !str.ready)
		return false;
	uint64_t size = (uint64_t)str.length * str.kind;
	const uint8_t *bytes = target_map(verification->cpython->target, str.data, size);
	if (bytes)
		*hash_ret = hash_bytes(verification, bytes, size);
	return bytes;
}

/* Do most names of modules have the hash that they should? */
static bool agrees(struct verification *verification)
{
	struct cpython *cpython = verification->cpython;
	enum { ENOUGH = 64 };
	int right = 0, wrong = 0;
	uint64_t modules, key, value;
	struct dict_iterator iterator;
	if (!read_pointer(cpython, cpython->interpreters[0].address, cpython->layout.interpreter_modules, &modules) ||
	    !dict_iterator_init(&iterator, cpython, modules))
		return false;
	while (right + wrong < ENOUGH && dict_iterator_next(&iterator, &key, &value)) {
		int64_t hash, kept;
		if (!hash_str(verification, key, &hash) || !read_ssize(cpython, key, cpython->layout.str_hash, &kept) ||
		    kept == -1)
			continue;
		right += kept == hash;
		wrong += kept != hash;
	}
	return right > 4 * wrong && right > 2;
}

void find_hash(struct verification *verification)
{
	struct cpython *cpython = verification->cpython;
	uint64_t secret = 0;
	if (!cpython->image)
		return;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		image_symbol(cpython->target, cpython->image, "_Py_HashSecret", &secret, NULL);
	if (error || !read_field(cpython, secret, 0, verification->hash_key, sizeof(verification->hash_key)))
		return;
	for (unsigned int rounds = 1; rounds <= 2 && !verification->hash_known; rounds++) {
		verification->hash_rounds = rounds;
		verification->hash_known = agrees(verification);
	}
}

bool has_right_hash(struct verification *verification, uint64_t address)
{
	int64_t hash, kept;
	return !verification->hash_known || !hash_str(verification, address, &hash) ||
	       !read_ssize(verification->cpython, address, verification->cpython->layout.str_hash, &kept) || kept == -1 ||
	       kept == hash;
}

static void check_kept_hash(struct inspected *object, uint64_t place, int64_t hash)
{
	int64_t kept;
	if (!read_ssize(object->verification->cpython, place, 0, &kept) || kept == -1 || kept == hash)
		return;
	found(object->verification, CONTAINERS, object->address, place,
	      "its hash is 0x%" PRIx64 ", but that of what it says is 0x%" PRIx64
	      ": either was written to, or its length", (uint64_t)kept, (uint64_t)hash);
}

/* ---- str -------------------------------------------------------------------------------------------- */

static bool is_ascii(const uint8_t *bytes, uint64_t size)
{
	uint64_t all = 0, word;
	for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		all |= word;
	}
	for (uint64_t i = 0; i < size; i++)
		all |= bytes[i];
	return !(all & UINT64_C(0x8080808080808080));
}

/* The @size bytes of the text at @str->data, with a NUL behind. */
static void check_text(struct inspected *object, const struct cpython_str *str, const uint8_t *bytes, uint64_t size)
{
	struct verification *verification = object->verification;
	const struct layout *layout = &verification->cpython->layout;
	uint32_t end = 0;
	memcpy(&end, bytes + size, str->kind);
	if (end) {
		found(verification, CONTAINERS, object->address, str->data + size,
		      "its text of %" PRId64 " characters does not end with NUL: its length or the text was written to",
		      str->length);
		return;
	}
	/* A str that nobody has asked for its hash may be the buffer of somebody who still writes to it. */
	int64_t hash;
	bool finished = read_ssize(verification->cpython, object->address, layout->str_hash, &hash) && hash != -1;
	if (finished && str->ascii && !is_ascii(bytes, size))
		found(verification, CONTAINERS, object->address, object->address + (uint64_t)layout->str_state,
		      "it is said to be ASCII, and has other characters");
	if (verification->hash_known)
		check_kept_hash(object, object->address + (uint64_t)layout->str_hash,
				hash_bytes(verification, bytes, size));
}

/* The UTF-8 that a str keeps once somebody has asked for it. */
static void check_utf8(struct inspected *object, const struct cpython_str *str)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t utf8;
	int64_t length;
	uint8_t end;
	if ((str->compact && str->ascii) || !read_pointer(cpython, object->address, layout->str_utf8, &utf8) || !utf8 ||
	    !read_ssize(cpython, object->address, layout->str_utf8_length, &length))
		return;
	if (length < 0 || !read_uint8(cpython, utf8 + (uint64_t)length, 0, &end) || end)
		found(object->verification, CONTAINERS, object->address, object->address + (uint64_t)layout->str_utf8,
		      "its UTF-8 is at 0x%" PRIx64 " and %" PRId64 " bytes long, where it does not end", utf8, length);
}

void check_str(struct inspected *object)
{
	struct verification *verification = object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	struct cpython_str str;
	int64_t length;
	if (!cpython_str_open(cpython, object->address, &str)) {
		bool wrong_length =
			read_ssize(cpython, object->address, layout->str_length, &length) && (length < 0 || length >> 60);
		found(verification, CONTAINERS, object->address,
		      object->address + (uint64_t)(wrong_length ? layout->str_length : layout->str_state),
		      wrong_length ? "its length is none that a str can have"
				   : "its state (kind, ASCII, compact) is none that a str can have");
		return;
	}
	if (!str.ready || (!str.compact && !str.data))
		return;
	uint64_t size = (uint64_t)str.length * str.kind, place = object->address + (uint64_t)layout->str_length;
	if (str.compact && !check_room(object, str.data - object->address + size + str.kind, place))
		return;
	if (!may_look(verification, size / WORD_SIZE))
		return;
	const uint8_t *bytes = target_map(cpython->target, str.data, size + str.kind);
	if (bytes)
		check_text(object, &str, bytes, size);
	else if (!target_has(cpython->target, str.data, size + str.kind))
		found(verification, CONTAINERS, object->address, object->address + (uint64_t)layout->str_data,
		      "its text at 0x%" PRIx64 " of %" PRIu64 " bytes cannot be read", str.data, size);
	check_utf8(object, &str);
}

/* ---- bytes ------------------------------------------------------------------------------------------ */

void check_bytes(struct inspected *object)
{
	struct verification *verification = object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t place = object->address + (uint64_t)layout->var_size;
	int64_t length;
	if (!read_ssize(cpython, place, 0, &length))
		return;
	if (length < 0) {
		found(verification, CONTAINERS, object->address, place, "its length is %" PRId64, length);
		return;
	}
	if (!check_room(object, (uint64_t)layout->bytes_data + (uint64_t)length + 1, place))
		return;
	if (!may_look(verification, (uint64_t)length / WORD_SIZE))
		return;
	const uint8_t *bytes =
		target_map(cpython->target, object->address + (uint64_t)layout->bytes_data, (uint64_t)length + 1);
	if (bytes && bytes[length])
		found(verification, CONTAINERS, object->address,
		      object->address + (uint64_t)layout->bytes_data + (uint64_t)length,
		      "its %" PRId64 " bytes do not end with NUL: its length or the end was written to", length);
	else if (bytes && verification->hash_known && layout->bytes_hash != LAYOUT_ABSENT)
		check_kept_hash(object, object->address + (uint64_t)layout->bytes_hash,
				hash_bytes(verification, bytes, (uint64_t)length));
}

/* ---- int -------------------------------------------------------------------------------------------- */

enum {
	DIGIT_SIZE = 4, DIGIT_BITS = 30, /* PyLong_SHIFT where pointers have 64 bits */
	SIGN_MASK = 3, SIGN_ZERO = 1, NON_SIZE_BITS = 3, /* of lv_tag: cpython/longintrepr.h, 3.12 */
};

/* How many digits the int says that it has; false if it contradicts itself. */
static bool read_digit_count(struct inspected *object, uint64_t *count_ret, uint64_t *place_ret)
{
	struct cpython *cpython = object->verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t word;
	bool tagged = layout->int_tag != LAYOUT_ABSENT;
	*place_ret = object->address + (uint64_t)(tagged ? layout->int_tag : layout->var_size);
	if (!read_pointer(cpython, *place_ret, 0, &word))
		return false;
	*count_ret = tagged ? word >> NON_SIZE_BITS : (int64_t)word < 0 ? -word : word;
	bool zero = *count_ret == 0;
	if (tagged && ((word & SIGN_MASK) == SIGN_MASK || zero != ((word & SIGN_MASK) == SIGN_ZERO))) {
		found(object->verification, CONTAINERS, object->address, *place_ret,
		      "it has %" PRIu64 " digits and the sign %u, which contradict each other", *count_ret,
		      (unsigned int)(word & SIGN_MASK));
		return false;
	}
	return true;
}

void check_int(struct inspected *object)
{
	struct cpython *cpython = object->verification->cpython;
	uint64_t count, place, digits = object->address + (uint64_t)cpython->layout.int_digits;
	const uint64_t limit = UINT64_C(1) << 44;
	if (!read_digit_count(object, &count, &place))
		return;
	if (count > limit) {
		found(object->verification, CONTAINERS, object->address, place, "it is said to have %" PRIu64 " digits",
		      count);
		return;
	}
	if (!check_room(object, digits - object->address + count * DIGIT_SIZE, place))
		return;
	if (!may_look(object->verification, count / 2))
		return;
	for (uint64_t i = 0; i < count; i++) {
		int32_t digit;
		if (!read_int32(cpython, digits + i * DIGIT_SIZE, 0, &digit))
			return;
		if ((uint32_t)digit >> DIGIT_BITS) {
			found(object->verification, CONTAINERS, object->address, digits + i * DIGIT_SIZE,
			      "digit %" PRIu64 " of %" PRIu64 " is 0x%" PRIx32 ", larger than a digit can be", i, count,
			      (uint32_t)digit);
			return;
		}
		if (i + 1 == count && !digit)
			found(object->verification, CONTAINERS, object->address, place,
			      "it is said to have %" PRIu64 " digits, and the last one is 0", count);
	}
}
