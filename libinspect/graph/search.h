/* SPDX-License-Identifier: MIT */
/*
 * search.h - how objects are searched for: what discovery.c shares with the files that search in another order.
 */
#ifndef INSPECT_GRAPH_SEARCH_H
#define INSPECT_GRAPH_SEARCH_H

#include <pthread.h>

#include "base/slab.h"
#include "graph/discovery.h"
#include "graph/tally.h"

enum { BATCH = 1024 }; /* objects that are looked at together */

static const uint64_t ADDRESS_LIMIT = UINT64_C(1) << 56;

/* What is being found out about a region. */
struct region_search {
	struct index_region *next; /* in the queue */
	bool queued; /* atomic; it is in the queue, or a worker has it who will look again */
	uint64_t *guessed; /* guessed references lead here; NULL: none */
	uint64_t *refused; /* what has a bit and is no object; NULL: none */
	uint64_t *claimed; /* where lists are compared: what says of itself that it is listed; NULL: nothing does */
	uint64_t *starts;  /* where the unheld are searched for: starts; NULL: none */
	uint64_t dirty[REGION_WORDS / 64]; /* which words have new bits */
	uint64_t visited[REGION_WORDS];    /* whose references have been followed */
};

/* A tracked object that a root holds, and the references that tracked objects hold to it. */
struct start {
	uint64_t address;
	uint64_t references; /* atomic */
};

/* An object that is held, and references that the rest have to it. */
struct border {
	uint64_t address;
	uint64_t references;
};

enum { BORDERS_AT_HAND = 1024 }; /* a power of two */

struct borders {
	struct border *items; /* several of one object are to be added */
	size_t count, capacity;
};

/* A search for what nothing holds: see discover_unheld(). */
struct unheld {
	struct address_index held; /* what is found first */
	bool rest;                 /* now what is left is looked at */
	size_t scanned;            /* atomic; tracked objects that are held, of types that are not described */
	struct start *starts;
	size_t start_count, start_capacity;
	struct borders borders;    /* under the lock of the search */
};

struct discovery {
	struct runtime *runtime;
	struct address_index *index;
	struct listed_objects *listed;
	struct graph_roots *roots;
	struct notes *notes;
	struct tally *tally; /* where nothing but numbers is wanted */
	struct unheld *unheld; /* where only what nothing holds is wanted */
	bool by_levels;        /* only what is held for certain, at distance after distance from the roots: levels.c */
	struct slab slab;    /* has what is being found out about regions */
	struct runtime_sink sink;
	struct runtime_root_sink root_sink;

	size_t new_listed;     /* objects that were first found on a list */
	size_t refused_listed; /* entries of the lists that cannot be objects */
	uint64_t first_refused_listed;

	uint64_t references_limit;
	bool careful; /* one object at a time, by one worker, with an eye on the number of references: */
	uint64_t allowance; /* what an object may have */
	uint64_t settled;   /* the largest allowance with which all that was cut has had another chance */
	bool guesses; /* there are some that have not been looked at */
	bool doubt;   /* all that is certain has been found */

	pthread_mutex_t lock; /* of what follows, and of the index while it gets regions */
	pthread_cond_t changed;
	struct index_region *first, *last; /* the queue of regions with new bits */
	size_t queue_length;
	unsigned int busy; /* workers that have a region */
	bool listing;      /* the lists are still being walked */
	bool listing_permanent; /* and permanent generations, which come first, have to be known; for who walks, and under the lock */
	struct inspect_error *error;

	/* atomic */
	bool stopped; /* for an error, or: */
	bool too_many_references;
	bool unsound; /* there is damage, or something else that a short way does not lead through */
	size_t objects;
	size_t damaged;      /* of whose references some could not be read */
	uint64_t visited;    /* how many of them have been looked at */
	uint64_t references; /* how many have been counted */
	uint64_t kept;       /* careful: of these, those of objects that are not cut */
	uint64_t looked;     /* careful: words of arrays that have been looked at */
};

/* One of the workers that follow references. */
struct searcher {
	struct discovery *discovery;
	struct index_region *region; /* the one that it has */
	struct runtime_references references;
	struct tally tally;
	size_t new_objects;
	bool tracked;  /* where the unheld are searched for: the references are those of tracked objects */
	struct borders borders; /* with the ones at hand, by a hash of their addresses: */
	struct border at_hand[BORDERS_AT_HAND];
	bool cut;      /* careful: the object has too many references */
	uint64_t allowance; /* careful: what the present object may have */
	uint64_t addresses[BATCH];
	uint32_t types[BATCH];
	uint64_t sizes[BATCH]; /* for a tally */
	uint8_t flags[BATCH];
};

/* ---- discovery.c ------------------------------------------------------------------------------------ */

/* Calls @find with the lock that discovery_mark() takes. Returns the error that the search ended with. */
struct inspect_error *discovery_run(struct discovery *discovery, void (*find)(struct discovery *discovery));
/* Finds all that the lists, the roots and what is marked lead to, for discovery_run(); or what is marked alone. */
void discovery_find_all(struct discovery *discovery);
void discovery_find_more(struct discovery *discovery);

/* Ends the search with @error, which it takes over; or because of something that this search is not made for. */
void discovery_fail(struct discovery *discovery, struct inspect_error *error);
void discovery_find_unsound(struct discovery *discovery);
bool discovery_is_stopped(const struct discovery *discovery);

/* Makes the region of @address. NULL if there is nothing, or out of memory (which is an error). */
struct index_region *discovery_add_region(struct discovery *discovery, uint64_t address);
/* The region of @address, made if there is none. NULL as above. */
static inline struct index_region *discovery_region(struct discovery *discovery, uint64_t address)
{
	struct index_region *region = index_region_at(discovery->index, address);
	return region ? region : discovery_add_region(discovery, address);
}

/* Sets the bit of @address. False if it was set. The region is put in the queue. */
bool discovery_mark(struct discovery *discovery, struct index_region *region, uint64_t address);
/* Notes a reference that is only guessed. */
void discovery_guess(struct discovery *discovery, struct index_region *region, uint64_t address);
/* A reference leads to where an object may be. Returns whether its bit is new. */
bool discovery_meet(struct discovery *discovery, uint64_t reference);
/* A bitmap like the region's that is made when it is first wanted; and sets a bit of it. NULL when out of memory, an error. */
uint64_t *discovery_bits(struct discovery *discovery, uint64_t **bits);
void discovery_set_bit(struct discovery *discovery, uint64_t **bits, uint64_t address);
static inline bool discovery_has_bit(uint64_t *const *bits, uint64_t address)
{
	const uint64_t *words = __atomic_load_n(bits, __ATOMIC_ACQUIRE);
	return words && words[region_word(address)] >> region_bit(address) & 1;
}

/* Take what is on the lists, and roots: for discovery->sink and ->root_sink. */
struct inspect_error *discovery_note_listed(struct runtime_sink *sink, uint64_t address, unsigned int generation,
					    unsigned int collector);
struct inspect_error *discovery_note_root(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
					  const char *place, const struct runtime_label *label);
/* Are the objects of @index that the lists have those that say so themselves, here or in @other (may be NULL)? */
bool discovery_lists_are_true(const struct discovery *discovery, const struct address_index *index,
			      const struct address_index *other);
void discovery_free_searches(struct address_index *index);

/* The address of the granule of bit @bit of word @word. */
uint64_t granule_address(const struct index_region *region, size_t word, int bit);
/* How many references there can be: each takes a word of the target's memory. */
uint64_t discovery_references_limit(const struct inspect_target *target);

struct searcher *searcher_create(struct discovery *discovery);
void searcher_destroy(struct searcher *searcher);
/* Follows the references of @count objects. How many there were is added to the region's number. */
void searcher_follow(struct searcher *searcher, const uint64_t *addresses, const uint32_t *types, size_t count);
/* Notes which of the batch's @count objects say that they are listed. They are in the order of addresses. */
void searcher_claim(struct searcher *searcher, size_t count);
/* Counts @count objects as visited, and says how far the search is. */
void searcher_count_visited(struct searcher *searcher, size_t count);

/* ---- unheld.c: what discovery.c does otherwise where discovery->unheld is set ----------------------- */

/* Takes a root. */
struct inspect_error *unheld_note_root(struct discovery *discovery, uint64_t reference, enum runtime_root_kind kind)
	__attribute__((warn_unused_result));
/* All roots have been taken. */
void unheld_sort_starts(struct unheld *unheld);
/* Looks at the @count objects of the batch and follows their references. */
void unheld_visit(struct searcher *searcher, size_t count);
/* A reference of an object that is held leads to where an object may be. Returns whether its bit is new. */
bool unheld_meet_held(struct discovery *discovery, uint64_t reference);
/* Is the object held that a reference of one of the rest leads to? Then the reference is counted. */
bool unheld_is_held(struct searcher *searcher, uint64_t reference);
/* A worker is done. False when out of memory. */
bool unheld_join(struct searcher *searcher);

#endif
