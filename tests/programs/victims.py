# SPDX-License-Identifier: MIT
"""A heap in which it is known where damage can be done: victims.py RECORD

Makes objects of each kind that `verify` knows, finds out where their fields are by looking for what must stand in them
(nothing here knows an offset that the interpreter can say), writes RECORD, then "ready", and waits.

RECORD has one JSON array a line:
    ["damage", kind, address of the object, [[place, bytes in hexadecimal, bytes that stood there], ...]]
Each is one piece of damage: what to write where, so that the object at that address is broken. What is free memory may
have been used since: then other bytes stand there.
"""
import gc
import json
import os
import random
import signal
import struct
import sys

gc.disable()
WORD = 8
chosen = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
record = open(sys.argv[1], "w")
OLD_GC = sys.version_info < (3, 8)
DEBUG_ALLOCATOR = False


memory = os.open("/proc/self/mem", os.O_RDONLY)


def read(address, size):
    """Bytes at any address; zeros where there are none."""
    try:
        return os.pread(memory, size, address).ljust(size, b"\0")
    except (OSError, OverflowError):
        return bytes(size)


def word(address):
    return struct.unpack("<Q", read(address, 8))[0]


def half(address):
    return struct.unpack("<I", read(address, 4))[0]


def find(begin, size, value, width=WORD):
    """The only address in [begin, begin + size) where @value stands."""
    have = read(begin, size)
    want = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    places = [i for i in range(0, size - width + 1, width) if have[i:i + width] == want]
    assert len(places) == 1, (hex(begin), size, value, places)
    return begin + places[0]


def find_first(begin, size, value):
    have = read(begin, size)
    want = (value & ((1 << 64) - 1)).to_bytes(WORD, "little")
    for i in range(0, size - WORD + 1, WORD):
        if have[i:i + WORD] == want:
            return begin + i
    raise AssertionError((hex(begin), size, value))


def damage(kind, address, *writes):
    """writes: (place, value) of a word, or (place, value, bytes)."""
    parts = []
    for place, value, *width in writes:
        width = width[0] if width else WORD
        parts.append([place, (value & ((1 << 8 * width) - 1)).to_bytes(width, "little").hex(), read(place, width).hex()])
    record.write(json.dumps(["damage", kind, address, parts]) + "\n")


def garbage(near):
    """No address of an object: nowhere, in the middle of @near, unaligned, text."""
    return chosen.choice([0x10, 0x6161616161616161, 0xdeadbeef, id(near) + WORD, id(near) + 3, (1 << 63) + 0x1000])


class Plain:
    """Has a __dict__."""

    def __init__(self, number):
        self.number, self.text, self.list = number, "text %d" % number, [number]


class Base:
    pass


class Derived(Base):
    __slots__ = tuple("slot%d" % i for i in range(40))


class Other(Base):
    def method(self):
        return self


VICTIMS = 6
NUMBER = 1237  # a length that stands nowhere by chance
keep = []

lists = [[object() for _ in range(NUMBER + i)] for i in range(VICTIMS)]
for each in lists:
    each.append(None)  # it grows: has more room than items
small_lists = [["item %d" % i, i, (i, str(i)), None, {}] for i in range(300)]
tuples = [tuple([i, "item %d" % i] + [[i]] * 20) for i in range(300)]
general_dicts = [{(i, j): [j] for j in range(NUMBER)} for i in range(VICTIMS)]
str_dicts = [{"key %d %d" % (i, j): [j] for j in range(NUMBER)} for i in range(VICTIMS)]
instances = [Plain(i) for i in range(300)]
sets = [{"item %d %d" % (i, j) for j in range(NUMBER)} for i in range(VICTIMS)]
strings = ["a text that is long enough, number %d" % i for i in range(100)]
wide_strings = ["ein l\u00e4ngerer Text \u20ac, number %d" % i for i in range(100)]
table = {each: None for each in strings + wide_strings}  # and their hashes are known
byte_strings = [b"some bytes, number %d" % i for i in range(100)]
numbers = [10 ** 60 + i for i in range(100)]
types = [type("Made%d" % i, (Base,), {"method": lambda self: self, "__slots__": Derived.__slots__}) for i in range(VICTIMS)]
made = [cls() for cls in types for _ in range(3)]
keep += [lists, small_lists, tuples, general_dicts, str_dicts, instances, sets, strings, wide_strings, byte_strings,
         numbers, types, made]
gc.collect()


def some(items, count=VICTIMS):
    return chosen.sample(list(items), min(count, len(items)))


# ---- the collector's lists: what stands before an object that comes behind another in gc.get_objects() ----

def links():
    order = gc.get_objects() if OLD_GC else gc.get_objects(generation=2)
    ours = {id(each) for group in (small_lists, tuples, instances, lists) for each in group}
    addresses = [id(each) for each in order]
    del order
    for i in range(1, len(addresses) - 1):
        if addresses[i] not in ours:
            continue
        for head in (16, 24, 32):
            if word(addresses[i] - head) & ~3 == addresses[i + 1] - head and \
                    word(addresses[i] - head + WORD) & ~3 == addresses[i - 1] - head:
                yield addresses[i], head, addresses[i + 1], addresses[i - 1]
                break


def plan_lists():
    known = list(links())
    for address, head, behind, before in some(known, 12):
        wrong = chosen.choice([0x10, 0x6161616161616160, 0, behind, before - head, (1 << 62) + 8])
        damage("gc next", address, (address - head, wrong))
        wrong = chosen.choice([0x10, 0x6161616161616160, before, behind - head, (1 << 62) + 8])
        damage("gc prev", address, (address - head + WORD, wrong))
        damage("gc both", address, (address - head, 0x4141414141414140), (address - head + WORD, 0x4242424242424240))
        if OLD_GC:
            damage("gc refs", address, (address - head + 2 * WORD, chosen.choice([0, 5, -2 << 1, 1 << 40])))
    return known[0][1]


HEAD = plan_lists()

# ---- heads ----

for each in some(small_lists + tuples + instances + strings + general_dicts + byte_strings, 12):
    damage("refcount", id(each), (id(each), chosen.choice([0, -5, 0x6161616161616161, 1 << 45, -1 << 63])))
for each in some(small_lists + tuples + instances + strings + general_dicts + byte_strings, 12):
    damage("type", id(each), (id(each) + WORD, garbage(chosen.choice(tuples))))

# ---- lists, tuples ----

for each in some(lists):
    size = find_first(id(each), 48, len(each))
    allocated = find(id(each), 48, (sys.getsizeof(each) - sys.getsizeof([])) // WORD)
    items = [id(each) + i for i in (24, 32) if word(id(each) + i) != word(allocated)][0]
    damage("list size", id(each), (size, chosen.choice([-1, word(allocated) + 1, 1 << 50, 1 << 62])))
    damage("list allocated", id(each), (allocated, chosen.choice([-7, 0, len(each) - 1, 1 << 50])))
    damage("list items", id(each), (items, chosen.choice([0, 0x10, (1 << 46) + 8, 0x6161616161616160])))
for each in some(lists + small_lists, 12):
    size = find_first(id(each), 48, len(each))
    base = [id(each) + i for i in (24, 32) if word(id(each) + i) > 4096][0]
    damage("list item NULL", id(each), (word(base) + chosen.randrange(len(each) - 1) * WORD, 0))
    damage("list item", id(each), (word(base) + chosen.randrange(len(each)) * WORD, garbage(chosen.choice(tuples))))
for each in some(tuples, 12):
    size = find(id(each), 24, len(each))
    damage("tuple size", id(each), (size, chosen.choice([-1, 3, 60, 1000, 1 << 40, -1 << 62])))
    first = find(id(each), 64, id(each[0]))
    damage("tuple item", id(each), (first + chosen.randrange(len(each)) * WORD, garbage(chosen.choice(tuples))))

# ---- dicts ----

ENTRIES = 2048 * 2 // 3


def plan_dict(dictionary, kind, of_str):
    address, length = id(dictionary), len(dictionary)
    used = find(address, 48, length)
    keys = 0
    for i in range(16, 48, WORD):
        at = word(address + i)
        if at > 4096 and at % 8 == 0 and i + address != used and at != address:
            head = [word(at + j) for j in range(0, 48, WORD)]
            if length in head or half(at + 16) == length or half(at + 20) == length:
                keys = address + i
    table_at = word(keys)
    nentries = [at for at in range(table_at, table_at + 48, WORD) if word(at) == length][0]
    usable = [at for at in range(table_at, table_at + 48, WORD) if word(at) == ENTRIES - length][0]
    damage(kind + " used", address, (used, chosen.choice([-1, length + 1, length - 1, 0, 1 << 40])))
    damage(kind + " nentries", address, (nentries, chosen.choice([-1, length - 1, ENTRIES + 1, 1 << 40])))
    damage(kind + " usable", address, (usable, chosen.choice([-1, ENTRIES - length + 1, 1 << 40])))
    damage(kind + " keys", address, (keys, chosen.choice([0, 0x10, (1 << 46) + 8, 0x6161616161616161])))
    if sys.version_info >= (3, 11):
        log2 = [at for at in range(table_at, table_at + 16) if read(at, 2) == bytes([11, 12])][0]
        damage(kind + " size", address, (log2, chosen.choice([0, 3, 10, 12, 62, 200]), 1))
    else:
        size = find(table_at, 40, 2048)
        damage(kind + " size", address, (size, chosen.choice([-1, 0, 7, 1 << 50, 2049])))
    number = chosen.randrange(length)
    key = list(dictionary)[number]
    width = 3 if of_str and sys.version_info >= (3, 11) else 4
    have = read(table_at, 2048 * 2 + ENTRIES * 24 + 40)
    at = [i for i in range(0, len(have) - WORD, WORD)
          if have[i:i + WORD] == id(key).to_bytes(WORD, "little") and
          have[i + WORD:i + 2 * WORD] == id(dictionary[key]).to_bytes(WORD, "little")][0] + table_at
    damage(kind + " key", address, (at, garbage(chosen.choice(tuples))))
    damage(kind + " key NULL", address, (at, 0))
    damage(kind + " value", address, (at + WORD, garbage(chosen.choice(tuples))))
    damage(kind + " value NULL", address, (at + WORD, 0))
    if word(at - WORD) == hash(key) & (1 << 64) - 1:
        # the lowest 11 bits say where its index is looked for first
        damage(kind + " hash", address, (at - WORD, chosen.choice([-1, hash(key) ^ 1 << chosen.randrange(11)])))
    # indices of 16 bits stand before the entries: those of the entries in use are all different
    slots = [i for i in range(usable + WORD - table_at, at - table_at, 2) if have[i:i + 2] == number.to_bytes(2, "little")]
    indices = table_at + 40 if sys.version_info < (3, 11) else table_at + 32
    slots = [i for i in slots if indices <= table_at + i < indices + 4096]
    if len(slots) == 1:
        wrong = chosen.choice([ENTRIES, 0x7fff, (number + 1) % length, -1, -7, -2])
        damage(kind + " index", address, (table_at + slots[0], wrong, 2))
    del width


for each in general_dicts:
    plan_dict(each, "dict", False)
for each in str_dicts:
    plan_dict(each, "str dict", True)

# ---- sets ----

for each in sets:
    both = [at for at in range(id(each), id(each) + 64, WORD) if word(at) == NUMBER]
    mask = [at for at in range(id(each), id(each) + 64, WORD) if word(at) in (2047, 4095, 8191, 16383, 32767)][0]
    table_at = [word(at) for at in range(mask + WORD, id(each) + 64, WORD) if word(at) > 4096][0]
    damage("set fill", id(each), (both[0], chosen.choice([-1, 0, NUMBER + 1, 1 << 40])))
    damage("set used", id(each), (both[1], chosen.choice([-1, 0, NUMBER - 1, 1 << 40])))
    damage("set mask", id(each), (mask, chosen.choice([0, -1, 6, word(mask) + 1, word(mask) >> 1, 1 << 50])))
    item = chosen.choice(sorted(each))
    at = find_first(table_at, (word(mask) + 1) * 16, id(item))
    damage("set key", id(each), (at, garbage(chosen.choice(tuples))))
    damage("set key NULL", id(each), (at, 0))
    damage("set hash", id(each), (at + WORD, chosen.choice([0, hash(item) ^ 1 << chosen.randrange(63)])))

# ---- str, bytes, int ----

for each in some(strings, 12) + some(wide_strings, 12):
    size = find(id(each), 32, len(each))
    kept = find(id(each), 40, hash(each))
    kind = 2 if each in wide_strings else 1
    text = read(id(each), sys.getsizeof(each)).index(each[:4].encode("utf-16-le" if kind == 2 else "ascii"))
    damage("str length", id(each), (size, chosen.choice([-1, len(each) - 1, len(each) + 1, 1 << 40, -1 << 62])))
    damage("str kind", id(each), (kept + WORD, half(kept + WORD) | 7 << 2, 4))
    damage("str hash", id(each), (kept, hash(each) ^ 1 << chosen.randrange(63)))
    damage("str terminator", id(each), (id(each) + text + kind * len(each), 0x61, kind))
for each in some(byte_strings, 12):
    size = find(id(each), 24, len(each))
    text = read(id(each), sys.getsizeof(each)).index(each)
    damage("bytes size", id(each), (size, chosen.choice([-1, len(each) - 1, 1 << 40, 300, -1 << 62])))
    damage("bytes terminator", id(each), (id(each) + text + len(each), 0x61, 1))
for each in some(numbers, 12):
    digits = (each.bit_length() + 29) // 30
    tag = [id(each) + i for i in range(16, 24, WORD) if word(id(each) + i) in (digits, digits << 3)][0]
    shift = 3 if word(tag) == digits << 3 else 0
    damage("int size", id(each), (tag, chosen.choice([(digits + 200), 1 << 40, digits + 1000]) << shift))
    damage("int digit", id(each), (tag + WORD + 4 * chosen.randrange(digits), chosen.choice([0xffffffff, 1 << 30, 1 << 31]), 4))

# ---- types ----

for each in types:
    space = type.__basicsize__
    fields = {
        "flags": find_first(id(each), space, each.__flags__), "base": find_first(id(each), space, id(each.__base__)),
        "mro": find_first(id(each), space, id(each.__mro__)), "basicsize": find_first(id(each), space, each.__basicsize__),
        "bases": find_first(id(each), space, id(each.__bases__)),
    }
    damage("type flags", id(each), (fields["flags"], each.__flags__ ^ 1 << chosen.choice([12, 25, 26, 28, 29, 30])))
    damage("type base", id(each), (fields["base"], garbage(chosen.choice(tuples))))
    damage("type mro", id(each), (fields["mro"], garbage(chosen.choice(tuples))))
    damage("type bases", id(each), (fields["bases"], garbage(chosen.choice(tuples))))
    damage("type basicsize", id(each), (fields["basicsize"], chosen.choice([-1, 0, 8, 1 << 40])))
    damage("type type", id(each), (id(each) + WORD, garbage(chosen.choice(tuples))))
    first = find_first(id(each.__mro__), 64, id(each))
    damage("mro item", id(each.__mro__), (first + WORD, garbage(chosen.choice(tuples))))

# ---- pools: struct pool_header of Objects/obmalloc.c is the same in all versions ----

holes = [[i, i] for i in range(3000)]
for i in range(0, len(holes), 7):
    holes[i] = None
keep.append(holes)


def pool_of(address):
    """(pool, its size), or None: szidx and maxnextoffset must belong together."""
    for size in (16384, 4096):
        pool = address & -size
        count, index, unused, last = half(pool), half(pool + 36), half(pool + 40), half(pool + 44)
        block = size - last
        if index < 64 and block in ((index + 1) * 8, (index + 1) * 16) and count < size // block and unused <= size:
            return pool, size
    return None


def plan_pools():
    pools = {}
    for each in small_lists + tuples + instances + holes + strings + byte_strings:
        if each is None:
            continue
        found = pool_of(id(each))
        if found:
            pools.setdefault(found, []).append(each)
    wanted = [(pool, size, objects) for (pool, size), objects in pools.items() if word(pool + 8)]
    for pool, size, objects in some(wanted, 12):
        free = word(pool + 8)  # a pool without, or by the time of the core with another one, may be on no list: links mean nothing
        if not free:
            continue
        damage("pool count", pool, (pool, half(pool) + chosen.choice([1, -1, 500, 1 << 20]), 4))
        damage("pool free block", pool, (pool + 8, chosen.choice([0x10, free + 8, pool + size, 0x6161616161616161, 0])))
        damage("pool next", pool, (pool + 16, chosen.choice([0, 0x10, 0x6161616161616161, pool + 3 * size])),
               (pool + 8, free))
        damage("pool previous", pool, (pool + 24, chosen.choice([0, 0x10, 0x6161616161616161, pool + 3 * size])),
               (pool + 8, free))
        damage("pool arena", pool, (pool + 32, half(pool + 32) + chosen.choice([1, 77, 1 << 30]), 4))
        damage("pool size class", pool, (pool + 36, chosen.choice([half(pool + 36) + 1, 77, 1 << 30]), 4))
        damage("pool next offset", pool, (pool + 40, chosen.choice([half(pool + 40) + 8, 5, 1 << 20]), 4))
        damage("pool last offset", pool, (pool + 44, chosen.choice([half(pool + 44) + 16, 5, 1 << 20]), 4))
        damage("free block's link", pool, (pool + 8, free),
               (free, chosen.choice([0x10, free, free + 4, pool + size + 64, 0x6161616161616161])))
        # what an early free() does: the block of an object becomes the first free one
        block = half(pool + 36) + 1
        block *= 16 if size - half(pool + 44) == block * 16 else 8
        each = chosen.choice(objects)
        first = 48 + (-48) % 16
        start = pool + first + (id(each) - pool - first) // block * block
        damage("freed", id(each), (start, free), (pool + 8, start), (pool, half(pool) - 1, 4))
    for each in some(small_lists + tuples, 12):
        damage("dead bytes", id(each), *[(id(each) + i, 0xdddddddddddddddd) for i in range(0, 40, WORD)])


if sys.argv[3:] != ["malloc"]:
    plan_pools()

# ---- free objects that the interpreter keeps: found by who leads to one that has just been freed ----


def is_alive(place):
    """Does what stands at @place and behind change when two lists come and go in another order?"""
    before = read(place, 60 * WORD)
    one, other = [None], [None]
    del one
    del other
    return read(place, 60 * WORD) != before


def plan_free_lists():
    made = [[None] for _ in range(60)]
    addresses = [id(each) for each in made]
    del made[:]
    with open("/proc/self/maps") as maps:
        areas = [line.split(None, 5) for line in maps if " rw-p " in line]
    wanted = {struct.pack("<Q", address) for address in addresses}
    for area in areas:
        begin, end = (int(each, 16) for each in area[0].split("-"))
        if "[stack" in area[-1] or end - begin > 1 << 26:
            continue
        have = read(begin, end - begin)
        run = 0
        for at in range(0, len(have) - WORD + 1, WORD):
            run = run + WORD if have[at:at + WORD] in wanted else 0
            if run == 40 * WORD and is_alive(begin + at):
                for i in some(range(10)):
                    damage("free list", 0, (begin + at - run + (i + 2) * WORD, chosen.choice([0, 0x10, 0x6161616161616161])))
                return
    for each in some(addresses[10:30], 3):
        if word(each) in addresses:
            damage("free chain", each, (each, chosen.choice([0, 0x10, each, 0x6161616161616161])))


if sys.version_info >= (3, 10):
    plan_free_lists()

# ---- the debug allocator's padding ----

if sys.argv[3:] == ["debug"]:
    for each in some(byte_strings + tuples + numbers, 24):
        before = HEAD if type(each) is tuple else 0
        start = id(each) - before - 16
        size, = struct.unpack(">Q", read(start, WORD))
        assert read(start + 9, 7) in (b"\xfd" * 7, b"\xfb" * 7)
        damage("padding behind", id(each), (start + 16 + size + chosen.randrange(8), 0x61, 1))
        damage("padding before", id(each), (start + 9 + chosen.randrange(7), 0x61, 1))
record.close()
sys.stdout.write("ready\n")
sys.stdout.flush()
signal.pause()
