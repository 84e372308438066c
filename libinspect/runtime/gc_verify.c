/* SPDX-License-Identifier: MIT */
/*
 * gc_verify.c - are the collectors' lists whole?
 *
 * A list is walked from its beginning as long as each object links back to the one before. Where that ends, it is walked
 * from its end, as long as each object links forward to the one behind: so the damage lies between two objects, and what
 * the two say of each other tells whose link is wrong.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "runtime/gc_list.h"

enum { WORD = sizeof(uint64_t) };

/* How far a walk from one end comes. */
struct side {
	uint64_t last;    /* the head that was reached last; the list's own if none was */
	uint64_t link;    /* where that leads next: to nothing good */
	uint64_t objects; /* passed */
	uint64_t next, previous; /* what stands in the head where it leads; 0 if that cannot be read */
};

struct list_check {
	const struct gc_heap *heap;
	const struct gc_lists *lists;
	const struct gc_list *list;
	struct runtime_verifier *verifier;
	char name[80];
};

/* The links of the head that the side leads to; false if it is none that can be read. Objects' heads are aligned, the
 * list's own need not be. */
static bool look_ahead(const struct list_check *check, struct side *side)
{
	side->next = side->previous = 0;
	return side->link && (side->link % WORD == 0 || side->link == check->list->head) &&
	       gc_head_links(check->heap, side->link, &side->next, &side->previous);
}

/* Walks from the beginning. *@closed_ret: all the way round. */
static struct inspect_error *walk_forward(const struct list_check *check, struct side *side, bool *closed_ret)
{
	const struct gc_heap *heap = check->heap;
	uint64_t head = check->list->head, previous, mark = 0, steps = 0, limit = 1;
	*side = (struct side){ .last = head };
	*closed_ret = false;
	if (!gc_head_links(heap, head, &side->link, &previous))
		return NULL;
	while (look_ahead(check, side) && (side->previous == side->last || !heap->links.has_previous)) {
		if (side->link == head) {
			*closed_ret = true;
			return NULL;
		}
		if (side->link == mark) /* without backward links a list may lead into its own middle */
			return NULL;
		if (++steps == limit) {
			mark = side->link;
			steps = 0;
			limit *= 2;
		}
		side->last = side->link;
		side->link = side->next;
		side->objects++;
		struct inspect_error *error = gc_list_progress(side->objects);
		if (error)
			return error;
	}
	return NULL;
}

/* Walks from the end of a list that does not close. */
static struct inspect_error *walk_backward(const struct list_check *check, struct side *side)
{
	const struct gc_heap *heap = check->heap;
	uint64_t head = check->list->head, next;
	*side = (struct side){ .last = head };
	if (!heap->links.has_previous || !gc_head_links(heap, head, &next, &side->link))
		return NULL;
	while (look_ahead(check, side) && side->next == side->last && side->link != head) {
		side->last = side->link;
		side->link = side->previous;
		side->objects++;
		struct inspect_error *error = gc_list_progress(side->objects);
		if (error)
			return error;
	}
	return NULL;
}

/* "0x7f… (an object)" or the list's own head. */
static void describe_node(const struct list_check *check, uint64_t node, char *text, size_t size)
{
	if (node == check->list->head)
		snprintf(text, size, "the list's own head at 0x%" PRIx64, node);
	else
		snprintf(text, size, "the object at 0x%" PRIx64, node + check->heap->links.head_size);
}

/* The link of @node is wrong: its forward one or its backward one. */
static void report(const struct list_check *check, uint64_t node, bool forward, uint64_t link, uint64_t neighbour,
		   const struct side *front, const struct side *back)
{
	const struct gc_heap *heap = check->heap;
	char whose[80], other[80];
	describe_node(check, node, whose, sizeof(whose));
	describe_node(check, neighbour, other, sizeof(other));
	uint64_t place = node + (forward ? heap->links.next : heap->links.previous);
	runtime_found(check->verifier,
		      (struct runtime_finding){
			      .check = RUNTIME_CHECK_LISTS,
			      .address = node == check->list->head ? 0 : node + heap->links.head_size,
			      .place = place,
		      },
		      "%s: the %s link of %s leads to 0x%" PRIx64 " instead of to %s; %" PRIu64
		      " objects before and %" PRIu64 " behind the damage are linked well",
		      check->name, forward ? "forward" : "backward", whose, link, other, front->objects, back->objects);
}

/* The head of the object between two others that lead to it leads to neither. */
static void report_between(const struct list_check *check, const struct side *front, const struct side *back)
{
	uint64_t object = front->link + check->heap->links.head_size;
	runtime_found(check->verifier,
		      (struct runtime_finding){ .check = RUNTIME_CHECK_LISTS, .address = object, .place = front->link },
		      "%s: both links of the object at 0x%" PRIx64 " are wrong: forward to 0x%" PRIx64
		      ", backward to 0x%" PRIx64 "; %" PRIu64 " objects before and %" PRIu64 " behind it are linked well",
		      check->name, object, front->next, front->previous, front->objects, back->objects);
}

/* Where backward links are not kept. */
static void report_forward_only(const struct list_check *check, const struct side *front)
{
	runtime_found(check->verifier,
		      (struct runtime_finding){
			      .check = RUNTIME_CHECK_LISTS,
			      .address = front->last == check->list->head ? 0 : front->last + check->heap->links.head_size,
			      .place = front->last + check->heap->links.next,
		      },
		      "%s: the link after 0x%" PRIx64 " leads to 0x%" PRIx64 ", where the list does not go on; %" PRIu64
		      " objects before it are linked well",
		      check->name, front->last, front->link, front->objects);
}

static void localise(const struct list_check *check, const struct side *front, const struct side *back)
{
	if (!check->heap->links.has_previous)
		report_forward_only(check, front);
	else if (front->link == back->last)
		report(check, back->last, false, back->link, front->last, front, back);
	else if (back->link == front->last)
		report(check, front->last, true, front->link, back->last, front, back);
	else if (front->link == back->link && front->link)
		report_between(check, front, back);
	else {
		report(check, front->last, true, front->link, back->last, front, back);
		report(check, back->last, false, back->link, front->last, front, back);
	}
}

static struct inspect_error *verify_list(struct list_check *check)
{
	struct side front, back;
	bool closed;
	char name[32];
	gc_list_name(check->list, name);
	snprintf(check->name, sizeof(check->name), "%s of %s", name, check->lists->owner);
	check->verifier->verified.lists++;
	struct inspect_error *error = walk_forward(check, &front, &closed);
	if (error)
		return error;
	if (closed) {
		check->verifier->verified.listed += front.objects;
		return NULL;
	}
	check->verifier->verified.damaged_lists++;
	error = walk_backward(check, &back);
	if (!error)
		localise(check, &front, &back);
	return error;
}

struct inspect_error *gc_lists_verify(const struct gc_heap *heap, struct runtime_verifier *verifier, struct notes *notes)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < heap->collector_count && !error; i++) {
		const struct gc_lists *lists = &heap->collectors[i];
		if (lists->collecting)
			error = notes_add(
				notes, false,
				"%s was in the middle of a collection, which uses backward links for counts: its lists "
				"are followed forward alone",
				lists->owner);
		for (size_t j = 0; j < lists->count && !lists->collecting && !error; j++) {
			struct list_check check = {
				.heap = heap, .lists = lists, .list = &lists->items[j], .verifier = verifier,
			};
			error = verify_list(&check);
		}
	}
	return error;
}
