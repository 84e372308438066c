/* SPDX-License-Identifier: MIT */
/*
 * address_set.h - a set of addresses that are multiples of 8: a bit each, in pages of 4 KiB of the address space.
 */
#ifndef INSPECT_BASE_ADDRESS_SET_H
#define INSPECT_BASE_ADDRESS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_page;

/* All zero is the empty set. A page with an address of it takes about 100 bytes. */
struct address_set {
	struct address_page *pages; /* a hash table of a power of two of them, at most half full */
	size_t capacity, used;
	size_t count; /* of addresses */
};

void address_set_deinit(struct address_set *set);
bool address_set_has(const struct address_set *set, uint64_t address);
/* Adds @address; *@added_ret (may be NULL): it was not there. False when out of memory. */
bool address_set_add(struct address_set *set, uint64_t address, bool *added_ret) __attribute__((warn_unused_result));

#endif
