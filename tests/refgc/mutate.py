#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks each step of the reference collector on purpose, and demands that a test fails.

    mutate.py [--cc COMPILER] [--only NAME]... [check | check-full]

A mutation is one place of fixtures/refgc/ written differently, in a copy. A mutant that all tests pass is a rule
without a test. The last line printed is the sum, for tests/run. `check`: a few of the mutations.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The slowest last: the first that fails is enough.
TESTS = ("collection", "finalizers", "tracking", "descriptor", "memory", "objects")
SLICE = 12          # `check` makes every twelfth mutation
TIME_LIMIT = 60     # seconds: a mutant may well hang

# Name, file, what is there, what is there instead.
MUTATIONS = (
    # reachability
    ("counts begin at zero", "reachability.c", "set_count(gc, object->refcount);", "set_count(gc, 0);"),
    ("counts are one too high", "reachability.c", "set_count(gc, object->refcount);", "set_count(gc, object->refcount + 1);"),
    ("nothing is subtracted", "reachability.c", "	subtract_refs(list);\n", ""),
    ("subtracts from older objects", "reachability.c", "	if (gc_is_collecting(gc))\n		gc->prev -=",
     "	if (gc_is_tracked(gc))\n		gc->prev -="),
    ("nothing moves away", "reachability.c", "if (count_of(gc) > 0) {", "if (true) {"),
    ("everything moves away", "reachability.c", "if (count_of(gc) > 0) {", "if (false) {"),
    ("what was moved away does not come back", "reachability.c", "if (gc->next & GC_NEXT_UNREACHABLE) {", "if (false) {"),
    ("what is found early does not stay", "reachability.c", "		set_count(gc, 1); /* move_unreachable has",
     "		set_count(gc, 0); /* move_unreachable has"),
    ("what comes back is not looked at", "reachability.c", "		set_count(gc, 1);\n	} else", "		set_count(gc, 0);\n	} else"),
    ("survivors keep their flag", "reachability.c", "			gc_clear_collecting(gc);\n", ""),
    ("prev is not an address again", "reachability.c", "			gc_set_prev(gc, prev);\n", ""),
    ("the last one is not the list's prev", "reachability.c", "	list->prev = (uintptr_t)prev;\n", ""),
    ("the unreachable keep their flag", "reachability.c", "	clear_unreachable_flags(unreachable);\n", ""),
    ("immortals are counted", "reachability.c", "if (refgc_is_immortal(object)) {", "if (false) {"),
    # generations
    ("the youngest are not merged in", "collection.c", "gc_list_merge(&runtime->generations[i].head, young);", ";"),
    ("survivors do not grow older", "collection.c", "generation + 1 : generation;", "generation : generation;"),
    ("survivors are not moved", "collection.c", "	gc_list_merge(young, old);\n", ""),
    ("a collection does not count for the next generation", "collection.c", "runtime->generations[generation + 1].count++;", ";"),
    ("counts are not reset", "collection.c", "runtime->generations[i].count = 0;", ";"),
    ("pending is not counted", "collection.c", "runtime->long_lived_pending += (int64_t)survivors;", ";"),
    ("pending is never reset", "collection.c", "		runtime->long_lived_pending = 0;\n", ""),
    ("total is not counted", "collection.c", "runtime->long_lived_total = (int64_t)survivors;", ";"),
    ("tuples stay tracked", "collection.c", "size_t survivors = tracking_untrack_tuples(young, &dicts);",
     "size_t survivors = gc_list_size(young); dicts = true;"),
    ("dicts stay tracked", "collection.c", "survivors -= tracking_untrack_dicts(young);", ";"),
    ("untracked dicts survive", "collection.c", "survivors -= tracking_untrack_dicts(young);", "tracking_untrack_dicts(young);"),
    ("untracked tuples survive", "tracking.c", "			gc_list_remove(gc);\n		else\n			remaining++;\n",
     "			gc_list_remove(gc);\n		remaining++;\n"),
    ("no statistics of collections", "collection.c", "	stats->collections++;\n", ""),
    ("no statistics of the collected", "collection.c", "	stats->collected += result->collected;\n", ""),
    ("no statistics of the uncollectable", "collection.c", "	stats->uncollectable += result->uncollectable;\n", ""),
    ("stats flag ignored", "collection.c", "	if (!(runtime->debug & REFGC_DEBUG_STATS))", "	if (true)"),
    ("collectable flag ignored", "collection.c", "	if (!(runtime->debug & REFGC_DEBUG_COLLECTABLE))", "	if (true)"),
    ("allocations are not counted", "generations.c", "	youngest->count++;\n", ""),
    ("older thresholds are met too early", "generations.c", "[i].count <= runtime->generations[i].threshold", "[i].count < runtime->generations[i].threshold"),
    ("threshold zero collects", "generations.c", "youngest->threshold && runtime->enabled", "runtime->enabled"),
    ("disabling does nothing", "generations.c", "youngest->threshold && runtime->enabled &&", "youngest->threshold &&"),
    ("collects while collecting", "generations.c", "	    !runtime->collecting)", "	    true)"),
    ("collect() while collecting", "generations.c", "if (runtime->collecting || generation >= REFGC_GENERATIONS)", "if (generation >= REFGC_GENERATIONS)"),
    ("a generation that is none", "generations.c", "if (runtime->collecting || generation >= REFGC_GENERATIONS)", "if (runtime->collecting)"),
    ("the youngest that is due", "generations.c", "for (unsigned int i = REFGC_GENERATIONS; i-- > 0;) {",
     "for (unsigned int i = 0; i < REFGC_GENERATIONS; i++) {"),
    ("no ratio", "generations.c", "return runtime->long_lived_pending >= runtime->long_lived_total / 4;", "return true;"),
    ("a quarter is not enough", "generations.c", "return runtime->long_lived_pending >= runtime->long_lived_total / 4;",
     "return runtime->long_lived_pending > runtime->long_lived_total / 4;"),
    ("frees are not counted", "generations.c", "		runtime->generations[0].count--;\n", "		;\n"),
    ("counts go below zero", "generations.c", "	if (runtime->generations[0].count > 0)\n", ""),
    ("no callback before", "generations.c", "	tell_callbacks(runtime, &(struct refgc_collection){.generation = generation});\n", ""),
    ("no callback after", "generations.c", "	tell_callbacks(runtime, &result);\n", ""),
    ("callbacks stay", "generations.c", "	runtime->callback_count = kept;\n", ""),
    ("freeze does not move", "generations.c", "gc_list_merge(&runtime->generations[i].head, &runtime->permanent);", ";"),
    ("freeze does not reset counts", "generations.c", "		runtime->generations[i].count = 0;\n", ""),
    ("unfreeze into the youngest", "generations.c", "&runtime->generations[REFGC_GENERATIONS - 1].head);", "&runtime->generations[0].head);"),
    ("default threshold", "runtime.c", "{700, 10, 10}", "{700, 10, 5}"),
    ("born disabled", "runtime.c", "runtime->enabled = true;", "runtime->enabled = false;"),
    # finalizers
    ("finalizers are not called in cycles", "finalizing.c", "object->type->finalize(runtime, object);", ";"),
    ("finalizers are called again in cycles", "finalizing.c", " || gc_is_finalized(gc))", ")"),
    ("finalizers in cycles leave no mark", "finalizing.c", "	gc->prev |= GC_PREV_FINALIZED;\n", ""),
    ("finalizers without a reference", "finalizing.c", "	refgc_retain(object);\n", "	object->refcount += 0;\n"),
    ("the resurrected are cleared", "collection.c", "	finalizing_find_dead(runtime, &unreachable, called, &dead, old);\n",
     "	finalizing_find_dead(runtime, &unreachable, false, &dead, old);\n"),
    ("the resurrected are lost", "finalizing.c", "	gc_list_merge(unreachable, old);\n", "	(void)old;\n"),
    ("flags stay before the second look", "finalizing.c", "		gc_clear_collecting(gc);\n", "		;\n"),
    ("cleared before finalizers", "collection.c", "	bool called = finalizing_call(runtime, &unreachable);\n",
     "	for (struct refgc_gc_head *gc = gc_next(&unreachable); gc != &unreachable; gc = gc_next(gc))\n"
     "		gc_object_of(gc)->refcount++;\n"
     "	for (struct refgc_gc_head *gc = gc_next(&unreachable); gc != &unreachable; gc = gc_next(gc))\n"
     "		if (gc_object_of(gc)->type->clear)\n"
     "			gc_object_of(gc)->type->clear(runtime, gc_object_of(gc));\n"
     "	for (struct refgc_gc_head *gc = gc_next(&unreachable); gc != &unreachable; gc = gc_next(gc))\n"
     "		gc_object_of(gc)->refcount--;\n"
     "	bool called = finalizing_call(runtime, &unreachable);\n"),
    ("weak references after finalizers", "collection.c",
     "	result.collected = dead_weakrefs_handle(runtime, &unreachable, old);\n	bool called = finalizing_call(runtime, &unreachable);\n",
     "	bool called = finalizing_call(runtime, &unreachable);\n	result.collected = dead_weakrefs_handle(runtime, &unreachable, old);\n"),
    ("finalizers are not called at the last release", "destroy.c", "bool asked = type->finalize && !gc_is_finalized(gc);", "bool asked = false; (void)gc;"),
    ("finalizers are called again at the last release", "destroy.c", "bool asked = type->finalize && !gc_is_finalized(gc);", "bool asked = type->finalize;"),
    ("resurrection at the last release is ignored", "destroy.c", "		if (!survives_not(runtime, object, type->finalize))\n			return false;\n",
     "		survives_not(runtime, object, type->finalize);\n"),
    ("the resurrected are not tracked", "destroy.c", "	refgc_track(runtime, object);\n", ""),
    ("legacy finalizers are collectable", "uncollectable.c", "if (gc_object_of(gc)->type->legacy_finalize)", "if (false)"),
    ("what legacy finalizers need is freed", "uncollectable.c",
     "		gc_object_of(gc)->type->traverse(gc_object_of(gc), move_if_unreachable, uncollectable);\n", "		(void)move_if_unreachable;\n"),
    ("no garbage", "uncollectable.c", "			refgc_list_append(runtime, runtime->garbage, object);\n", "			;\n"),
    ("all of the uncollectable are garbage", "uncollectable.c", " || object->type->legacy_finalize)\n			refgc_list_append", " || true)\n			refgc_list_append"),
    ("the uncollectable are lost", "uncollectable.c", "	gc_list_merge(uncollectable, old);\n", "	(void)old;\n"),
    ("uncollectable flag ignored", "uncollectable.c", "if (runtime->debug & REFGC_DEBUG_UNCOLLECTABLE)", "if (false)"),
    ("legacy finalizers are never called", "destroy.c", "if (type->legacy_finalize && !survives_not(", "if (false && !survives_not("),
    # clearing
    ("nothing is cleared", "clearing.c", "		object->type->clear(runtime, object);\n", "		;\n"),
    ("saveall is ignored", "clearing.c", "if (runtime->debug & REFGC_DEBUG_SAVEALL)", "if (false)"),
    ("saveall saves nothing", "clearing.c", "		refgc_list_append(runtime, runtime->garbage, object); /*", "		; /*"),
    ("clearing without a reference", "clearing.c", "		refgc_retain(object);\n		clear(runtime, object);\n		refgc_release(runtime, object);\n",
     "		clear(runtime, object);\n"),
    ("survivors of clearing are young", "clearing.c", "gc_list_move(gc, old);", "gc_list_move(gc, &runtime->generations[0].head); (void)old;"),
    ("survivors of clearing keep their flag", "clearing.c", "			gc_clear_collecting(gc);\n", ""),
    # weak references
    ("weak references stay alive", "dead_weakrefs.c", "		weakref_kill(weakref);\n		if (!weakref->callback",
     "		list = &weakref->next;\n		if (!weakref->callback"),
    ("callbacks are not called in collections", "dead_weakrefs.c", "		weakref_call_back(runtime, (struct refgc_weakref *)weakref);\n", ""),
    ("unreachable weak references call", "dead_weakrefs.c", " || gc_is_collecting(gc_head_of(&weakref->object)))", ")"),
    ("weak references that called stay", "dead_weakrefs.c", "			gc_list_move(gc, old);\n", "			gc_list_move(gc, &runtime->generations[0].head), (void)old;\n"),
    ("weak references that callbacks free are not told", "dead_weakrefs.c", "			freed++;\n", "			;\n"),
    ("callers are not kept", "dead_weakrefs.c", "		refgc_retain(&weakref->object);\n", "		weakref->object.refcount += 0;\n"),
    ("weak references stay at the last release", "destroy.c", "		weakref_clear_all(runtime, object);\n", "		;\n"),
    ("callbacks are not called at the last release", "weakref.c", "			call_last(runtime, weakref);\n", "			(void)call_last;\n"),
    ("the first callback finds others alive", "weakref.c", "		weakref->referent = NULL;\n	while (dead)", "		;\n	while (dead)"),
    # tracking
    ("containers are born untracked", "tracking.c", "gc_list_append(gc, &runtime->generations[0].head);", "(void)gc;"),
    ("tracked twice", "tracking.c", "if (is_container(object) && !gc_is_tracked(gc))", "if (is_container(object))"),
    ("untracked twice", "tracking.c", "	if (refgc_is_tracked(object))\n		gc_list_remove", "	if (is_container(object))\n		gc_list_remove"),
    ("tuples may always be tracked", "tracking.c", "(object->type != &refgc_tuple_type || refgc_is_tracked(object))", "true"),
    ("untracked dicts may not be tracked", "tracking.c", "object->type != &refgc_tuple_type || refgc_is_tracked", "refgc_is_tracked"),
    ("dicts are never tracked", "dict.c", "		refgc_track(runtime, dict);\n", "		;\n"),
    ("dicts are always tracked", "dict.c", "	if (tracked)\n", "	if (tracked || true)\n"),
    ("keys of dicts do not matter", "tracking.c", "tracking_may_be_tracked(entry->key) || ", ""),
    # the memory
    ("no trashcan", "destroy.c", "if (runtime->destroy_depth >= DESTROY_DEPTH) {", "if (false) {"),
    ("the trashcan is not emptied", "destroy.c", "	if (runtime->destroy_depth == 1)\n		destroy_postponed(runtime);\n", "	(void)destroy_postponed;\n"),
    ("the trashcan loses flags", "destroy.c", "	gc_set_prev(gc, runtime->postponed);\n	runtime", "	gc->prev = (uintptr_t)runtime->postponed;\n	runtime"),
    ("immortals are retained", "refgc.h", "	if (!refgc_is_immortal(object))\n		object->refcount++;", "	object->refcount++;"),
    ("immortals are released", "refgc.h", "if (!refgc_is_immortal(object) && --object->refcount == 0)", "if (--object->refcount == 0)"),
    ("immortals are no roots", "immortal.c", "	if (refgc_root_add(runtime, object) == SIZE_MAX)\n		return false;\n", ""),
    ("immortals are roots more than once", "immortal.c", "	if (refgc_is_immortal(object))\n		return true;\n", ""),
    ("what immortals keep is lost", "runtime.c", "runtime->memory.blocks - immortals_count_blocks(runtime);", "runtime->memory.blocks;"),
    ("what immortals refer to is lost", "immortal.c", "		kept.items[i]->type->traverse(kept.items[i], reach, &kept);\n", ""),
    ("the tables of immortals are lost", "immortal.c", "			blocks += *(void *const *)((const char *)object + item->offset) != NULL;\n", "			;\n"),
    ("the limit is ignored by large blocks", "memory.c", "|| !fits_limit(memory, size))", "|| (!fits_limit(memory, size) && false))"),
    ("the limit is ignored by arenas", "arena.c", "	if (memory->heap_limit && memory->system_bytes", "	if (false && memory->system_bytes"),
    ("freed blocks are not used again", "pool.c", "	if (block) {\n", "	if (false) {\n"),
    ("full pools are not used again", "pool.c", "	if (pool->used-- == pool->capacity)\n		ring_add(", "	if (pool->used-- == 0)\n		ring_add("),
    ("empty pools do not go back", "pool.c", "	if (pool->used == 0) {\n", "	if (false) {\n"),
    ("empty arenas do not go back", "arena.c", "	if (arena->free_count == ARENA_POOLS)\n", "	if (false)\n"),
    ("arenas are not sorted", "arena.c", "before->next->free_count < arena->free_count)", "false)"),
    ("size classes are too small", "pool.c", "(uint32_t)((size - 1) / MEMORY_ALIGNMENT)", "(uint32_t)(size / (MEMORY_ALIGNMENT + 1))"),
    # the types
    ("lists hide their first item", "list.c", "	for (uint64_t i = 0; i < list->count; i++)\n		visit", "	for (uint64_t i = 1; i < list->count; i++)\n		visit"),
    ("tuples hide their first item", "tuple.c", "	for (uint64_t i = 0; i < tuple->count; i++)\n		visit", "	for (uint64_t i = 1; i < tuple->count; i++)\n		visit"),
    ("tables hide their values", "table.c", "			visit(entry->value, context);\n", "			;\n"),
    ("tables hide their keys", "table.c", "		visit(entry->key, context);\n", ""),
    ("cells hide their content", "cell.c", "		visit(cell_of(object)->content, context);\n", "		;\n"),
    ("functions hide their cells", "function.c", "		visit(function_of(object)->closure, context);\n", "		;\n"),
    ("modules hide their dict", "module.c", "		visit(module_of(object)->dict, context);\n", "		;\n"),
    ("weak references hide their callback", "weakref.c", "		visit(weakref_of(object)->callback, context);\n", "		;\n"),
    ("dicts do not clear", "dict.c", "	.clear = tabled_clear,\n", ""),
    ("equal keys are different", "table.c", "entry->hash == hash && are_equal(entry->key, key)", "entry->hash == hash && entry->key == key"),
    ("a layout is wrong", "list.c", ".count = offsetof(struct refgc_list, count),", ".count = offsetof(struct refgc_list, capacity),"),
    ("a field is wrong", "describe.c", "FIELD(\"gc.next\", struct refgc_gc_head, next)", "FIELD(\"gc.next\", struct refgc_gc_head, prev)"),
)


class Build:
    """The library and its tests, compiled once; a mutant compiles what it changes."""

    def __init__(self, folder, compiler):
        self.folder, self.compiler = folder, compiler.split()
        self.sources = os.path.join(folder, "refgc")
        shutil.copytree(os.path.join(ROOT, "fixtures", "refgc"), self.sources)
        self.objects = {}
        for name in sorted(os.listdir(self.sources)):
            if name.endswith(".c"):
                self.objects[name] = self.compile(os.path.join(self.sources, name), name + ".o")
        self.tests = self.compile_tests("")

    def compile_tests(self, prefix):
        return {test: self.compile(os.path.join(ROOT, "tests", "refgc", "test_%s.c" % test), prefix + test + ".test.o")
                for test in TESTS}

    def compile(self, source, name):
        target = os.path.join(self.folder, name)
        subprocess.run(self.compiler + ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-w", "-I", self.sources, "-c", source, "-o", target],
                       check=True)
        return target

    def fails(self, objects, tests):
        """The first of @tests that fails with @objects, or None."""
        for test in TESTS:
            program = os.path.join(self.folder, "test")
            subprocess.run(self.compiler + ["-o", program, tests[test], *objects.values(), "-lcmocka", "-lpthread"], check=True)
            try:
                status = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        cwd=self.folder, timeout=TIME_LIMIT, preexec_fn=limit).returncode
            except subprocess.TimeoutExpired:
                status = "no end"
            if status:
                return "%s: %s" % (test, status)
        return None

    def mutant(self, file, old, new):
        """The first test that fails when @old in @file is @new, or None."""
        path = os.path.join(self.sources, file)
        with open(path, encoding="utf-8") as source:
            original = source.read()
        if original.count(old) != 1:
            raise ValueError("%s is %d times in %s" % (old.strip(), original.count(old), file))
        try:
            with open(path, "w", encoding="utf-8") as source:
                source.write(original.replace(old, new))
            changed = [file] if file.endswith(".c") else list(self.objects)
            objects = dict(self.objects)
            for name in changed:
                objects[name] = self.compile(os.path.join(self.sources, name), "mutant-" + name + ".o")
            return self.fails(objects, self.tests if file.endswith(".c") else self.compile_tests("mutant-"))
        finally:
            with open(path, "w", encoding="utf-8") as source:
                source.write(original)


def limit():
    """A mutant may eat all memory and leave cores."""
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cc", default=os.environ.get("CC", "gcc"), help="the compiler")
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check-full")
    parser.add_argument("--only", action="append", metavar="NAME", help="mutations to make, by name")
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        build = Build(folder, options.cc)
        broken = build.fails(build.objects, build.tests)
        if broken:
            sys.exit("mutate.py: without any mutation, %s" % broken)
        for name, file, old, new in MUTATIONS[::SLICE if options.size == "check" else 1]:
            if options.only and name not in options.only:
                continue
            try:
                found = build.mutant(file, old, new)
            except (ValueError, subprocess.CalledProcessError) as error:
                print("FAILED %s: cannot be made: %s" % (name, error), flush=True)
                failed += 1
                continue
            if found:
                passed += 1
                print("ok     %-50s %s" % (name, found), flush=True)
            else:
                failed += 1
                print("FAILED %-50s no test fails" % name, flush=True)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
