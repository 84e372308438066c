# SPDX-License-Identifier: MIT
"""The rules of doc/refgc-programs.md, one by one: a program for each and what it must report, worked out by hand.

A rule is a name, where it holds ("everywhere"; "later": not in CPython 3.8; "refgc": where allocations can be counted;
"model": what only that knows), a program, and for its reports in their order what they say. "during.freed=1-2" is a
member of a member.
"""

RULES = [
    ("a count of 0 frees at once, and what it held", "everywhere", """
        make list a
        make list b
        link a b
        drop b
        report
        drop a
        report
    """, ["before.freed= alive.0=1-2", "before.freed=1-2 alive.0="]),

    ("a cycle is freed by a collection, not before", "everywhere", """
        make list a
        make instance b
        link a b
        link b a a0
        drop a b
        report
        collect 0
    """, ["before.freed= alive.0=1-2", "returned=2 before.freed= during.freed=1-2 alive.0= alive.1="]),

    ("every mutable container can refer to itself", "everywhere", """
        make list a
        link a a
        make dict b
        link b b k
        make instance c
        link c c a7
        make cell d
        link d d
        make module e
        link e e k
        make set f
        make instance g
        link f g
        link g f a0
        drop a b c d e f g
        collect 0
    """, ["returned=8 during.freed=1-8"]),

    ("a closure that is in its own cell", "everywhere", """
        make cell c
        make tuple t c
        make closure f t
        link c f
        drop c t f
        collect 0
    """, ["returned=3 during.freed=1-3"]),

    ("survivors go to the next generation, and stay in the last", "everywhere", """
        make list a
        collect 0
        collect 0
        collect 1
        collect 2
    """, ["alive.1=1", "alive.1=1", "alive.2=1", "alive.2=1"]),

    ("collecting a generation collects the younger ones too", "everywhere", """
        make list old
        link old old
        collect 0
        make list young
        link young young
        drop old young
        collect 1
    """, ["alive.1=1", "returned=2 during.freed=1-2"]),

    ("garbage in an older generation stays", "everywhere", """
        make list a
        link a a
        collect 0
        drop a
        collect 0
        collect 1
    """, ["returned=0 alive.1=1", "returned=0 alive.1=1", "returned=1 during.freed=1"]),

    ("garbage in an older generation keeps what it refers to", "everywhere", """
        make list old
        link old old
        collect 0
        make list young
        link young young
        link old young
        drop old young
        collect 0
        collect 1
    """, ["alive.1=1", "returned=0 alive.1=1-2", "returned=2 during.freed=1-2"]),

    ("an older object that only garbage held is freed, and not counted", "everywhere", """
        make list old
        collect 1
        make list a old
        link a a
        drop old a
        collect 0
    """, ["alive.2=1", "returned=1 during.freed=1-2 stats=[[1,1,0],[1,0,0],[0,0,0]]"]),

    ("atoms are never tracked and not counted", "everywhere", """
        make int i 1234
        make str s some text
        make bytes b some bytes
        make float f 2.5
        make list l i s b f
        link l l
        drop i s b f l
        report
        collect 2
    """, ["alive.untracked=1-4 alive.0=5", "returned=1 during.freed=1-5"]),

    ("counts and statistics", "everywhere", """
        collect 0
        collect 0
        collect 1
        make list a
        link a a
        drop a
        collect 2
    """, ["count.1=1 count.2=0", "count.1=2 count.2=0", "count.1=0 count.2=1",
          "count.1=0 count.2=0 stats=[[2,0,0],[1,0,0],[1,1,0]]"]),

    ("a tuple is tracked until a collection finds nothing but atoms in it", "everywhere", """
        make int i 1234
        make tuple atoms i i
        make list l
        make tuple more i l
        report
        collect 0
    """, ["alive.0=2-4 alive.untracked=1", "alive.1=3-4 alive.untracked=1-2"]),

    ("a dict is tracked from the first container in it", "everywhere", """
        make dict d
        make int i 1234
        link d i k
        collect 0
        make list l
        link d l k
        report
    """, ["alive.untracked=1-2", "alive.0=1,3 alive.untracked=2"]),

    ("a dict is untracked by full collections only", "everywhere", """
        make dict d
        make list l
        link d l k
        unlink d k
        collect 0
        collect 1
        collect 2
    """, ["alive.1=1-2", "alive.2=1-2", "alive.2=2 alive.untracked=1"]),

    ("a dict that holds an untracked tuple need not be tracked", "everywhere", """
        make int i 1234
        make tuple t i
        collect 0
        make dict d
        link d t k
        report
    """, ["alive.untracked=1-2", "alive.untracked=1-3"]),

    ("a module is two objects, its dict is tracked late", "everywhere", """
        make module m
        report
        link m m self
        report
        drop m
        collect 0
    """, ["alive.0=1 alive.untracked=2", "alive.0=1-2", "returned=2 during.freed=1-2"]),

    ("a cycle through an untracked tuple is never freed", "everywhere", """
        make list l
        make tuple t l
        untrack t
        link l t
        drop l t
        collect 2
        end
    """, ["returned=0 alive.2=1 alive.untracked=2", "left=2"]),

    ("a cycle that hangs on an untracked tuple is reachable", "everywhere", """
        make list l
        link l l
        make tuple t l
        untrack t
        drop l
        collect 2
        drop t
        collect 2
    """, ["returned=0 alive.2=1 alive.untracked=2", "returned=1 before.freed=2 during.freed=1"]),

    ("a finalizer is called when the count is 0", "everywhere", """
        make instance a
        finalizer a record
        drop a
        report
    """, ["before.freed=1 before.finalized=1"]),

    ("finalizers are called before anything is cleared, each once", "everywhere", """
        make instance a
        make instance b
        link a b a0
        link b a a0
        finalizer a record
        finalizer b record
        drop a b
        collect 2
        collect 2
    """, ["returned=2 during.freed=1-2 during.finalized=1-2", "during.finalized="]),

    ("an instance resurrected when its count was 0 is in generation 0", "everywhere", """
        make instance a
        finalizer a resurrect back
        collect 2
        drop a
        report
        drop back
        report
    """, ["alive.2=1", "before.freed= before.finalized=1 alive.0=1 names=1",
          "before.freed=1 before.finalized= names=0"]),

    ("an instance resurrected when its count was 0 keeps its weak references", "everywhere", """
        make instance a
        weakref w a callback
        finalizer a resurrect back
        drop a
        report
        drop back
        report
    """, ["before.finalized=1 before.callbacks=", "before.finalized= before.freed=1 before.callbacks=2"]),

    ("what finalizers of garbage resurrect goes to the next generation, with all it reaches", "later", """
        make instance a
        make list b a
        link a b a0
        make list c
        link c c
        finalizer a resurrect back
        drop a b c
        collect 0
        drop back
        collect 1
    """, ["returned=1 during.freed=3 during.finalized=1 alive.1=1-2 names=1",
          "returned=2 during.freed=1-2 during.finalized="]),

    ("resurrected by a collection, an instance has lost its weak references", "later", """
        make instance a
        link a a a0
        weakref w a callback
        finalizer a resurrect back
        drop a
        collect 0
        drop back
        collect 2
    """, ["returned=0 during.callbacks=2 during.finalized=1", "returned=1 during.callbacks="]),

    ("a weak reference calls when its object's count is 0", "everywhere", """
        make set s
        weakref w s callback
        weakref silent s
        drop s
        report
    """, ["before.freed=1 before.callbacks=2"]),

    ("a weak reference calls when its object is collected, and is in the next generation then", "everywhere", """
        make instance a
        link a a a0
        weakref w a callback
        collect 2
        make instance b
        link b b a0
        weakref v b callback
        drop a b
        collect 0
        collect 2
    """, ["alive.2=1-2", "returned=1 during.callbacks=4 alive.1=4 alive.2=1-2",
          "returned=1 during.freed=1 during.callbacks=2 alive.2=2,4"]),

    ("a weak reference that calls comes back from an older generation", "everywhere", """
        make instance a
        weakref w a callback
        weakref silent a
        finalizer a resurrect back
        collect 2
        drop a
        link back back a0
        drop back
        report
        collect 0
    """, ["alive.2=1-3", "alive.0=1 alive.2=2-3", "returned=1 during.callbacks=2 alive.1=2 alive.2=3"]),

    ("even from the permanent one", "everywhere", """
        make instance a
        weakref w a callback
        weakref silent a
        finalizer a resurrect back
        freeze
        drop a
        link back back a0
        drop back
        report
        collect 0
    """, ["alive.0=1 alive.permanent=2-3", "returned=1 during.callbacks=2 alive.1=2 alive.permanent=3"]),

    ("a weak reference that is garbage itself does not call", "everywhere", """
        make instance a
        weakref w a callback
        link a w a0
        link a a a1
        drop a w
        collect 0
    """, ["returned=2 during.freed=1-2 during.callbacks="]),

    ("a weak reference that is garbage loses an object that is not", "later", """
        make instance a
        make instance b
        weakref w a callback
        link b w a0
        link b b a1
        finalizer b resurrect back
        drop b w
        collect 0
        drop a
        report
    """, ["returned=0 during.finalized=2", "before.freed=1 before.callbacks="]),

    ("a weak reference holds its callback", "everywhere", """
        make instance a
        make cell c
        make tuple t c
        make closure f t
        weakref w a call f
        drop c t f
        report
        drop w
        report
    """, ["before.freed= alive.0=1-5", "before.freed=2-5"]),

    ("when an object is freed its weak reference lets go of the callback", "everywhere", """
        make instance a
        make cell c
        make tuple t c
        make closure f t
        weakref w a call f
        drop c t f
        drop a
        report
    """, ["before.freed=1-4 before.callbacks=5 alive.0=5"]),

    ("when an object is collected its weak reference keeps the callback", "everywhere", """
        make instance a
        link a a a0
        make cell c
        make tuple t c
        make closure f t
        weakref w a call f
        drop c t f a
        collect 0
    """, ["during.freed=1 during.callbacks=5 alive.1=2-5"]),

    ("saveall keeps what would be freed", "everywhere", """
        make instance a
        link a a a0
        finalizer a record
        drop a
        debug saveall
        collect 0
        debug
        collect 2
        forget
        collect 2
    """, ["returned=1 during.finalized=1 garbage=1 alive.1=1", "returned=0 garbage=1 alive.2=1",
          "returned=1 during.freed=1 garbage="]),

    ("what is frozen is not collected, and comes back in the last generation", "everywhere", """
        make list a
        link a a
        make list b
        drop a
        collect 0
        make list c
        link c c
        drop c
        freeze
        collect 2
        drop b
        report
        unfreeze
        report
        collect 2
    """, ["returned=1 alive.1=2", "returned=0 alive.permanent=2-3", "before.freed=2 alive.permanent=3", "alive.2=3",
          "returned=1 during.freed=3"]),

    ("freezing sets the counts to 0", "everywhere", """
        collect 0
        collect 1
        collect 0
        freeze
        report
    """, ["count.1=1", "count.2=1", "count.1=1 count.2=1", "count.1=0 count.2=0"]),

    ("callbacks are told of each collection", "everywhere", """
        make list a
        link a a
        drop a
        callbacks on
        collect 1
        callbacks off
        collect 0
    """, ['notices=[["start",1,0,0],["stop",1,1,0]]', "notices=[]"]),

    ("what cannot be done is skipped", "everywhere", """
        make list a
        link a nothing
        link nothing a
        make tuple t a nothing
        unlink a
        link a a 0
        make set s
        link s a
        weakref w a
        drop a b
        finalizer s record
        link s s k
        report
    """, ["skipped=2-6,8-12 alive.0=2 before.freed=1"]),

    ("elements of sets, items and attributes come and go", "everywhere", """
        make set s
        make instance a
        make instance b
        link s a
        link s a
        link s b
        link a b a3
        make list l a b a
        drop a
        report
        unlink l
        unlink l 0
        report
        drop b
        unlink s s
        unlink l 0
        unlink l
        report
        drop s
        report
    """, ["before.freed=", "before.freed=", "skipped=15,17 before.freed=", "before.freed=1-3"]),

    ("names: rebinding, a second name", "everywhere", """
        make list a
        root b a
        make list a
        report
        make list b
        report
        end
    """, ["before.freed= names=2", "before.freed=1 names=2", "during.freed=2-3 names=0"]),

    ("long chains of every kind are freed", "everywhere", """
        chain list a 60000
        chain tuple b 60000
        chain dict c 60000
        chain instance d 60000
        drop a b c
        report
        link d d a1
        drop d
        collect 0
    """, ["before.freed=1-180000", "returned=60000 during.freed=180001-240000"]),

    ("one object has a million references", "everywhere", """
        make list l
        make instance a
        repeat l a 1000000
        link a l a0
        drop l
        collect 0
        drop a
        collect 0
        collect 1
    """, ["returned=0 alive.1=1-2", "returned=0", "returned=2 during.freed=1-2"]),

    ("a burst of every kind", "everywhere", """
        make list l
        burst list l 3
        burst dict l 3
        burst set l 3
        burst instance l 3
        burst cell l 3
        report
        drop l
        report
    """, ["alive.0=1-4,8-16 alive.untracked=5-7", "before.freed=1-16"]),

    ("what a finalizer binds at the end is dropped, too", "everywhere", """
        make instance a
        finalizer a resurrect back
        end
    """, ["during.freed=1 during.finalized=1 names=0 left=0"]),

    ("what a finalizer binds in a reset is dropped, too", "later", """
        make instance a
        link a a a0
        finalizer a resurrect back
        end
    """, ["during.freed= during.finalized= alive.0=1 left=0"]),

    ("the container that exceeds the threshold collects before it is there", "refgc", """
        threshold 3
        enable
        make list a
        link a a
        drop a
        make list b
        make list c
        report
        make list d
        report
    """, ["stats=[[0,0,0],[0,0,0],[0,0,0]] count=[3,0,0]",
          "stats=[[1,1,0],[0,0,0],[0,0,0]] before.freed=1 alive.0=4 alive.1=2-3 count=[0,1,0]"]),

    ("atoms do not count, freed containers count back", "refgc", """
        threshold 3
        enable
        make list a
        drop a
        make list b
        make int i 1234
        make list c
        make list d
        report
    """, ["stats=[[0,0,0],[0,0,0],[0,0,0]] count=[3,0,0]"]),

    ("disabled, or with a threshold of 0, nothing collects by itself", "refgc", """
        make list l
        threshold 1
        burst list l 10
        enable
        threshold 0
        burst list l 10
        disable
        threshold 1
        burst list l 10
        report
    """, ["stats=[[0,0,0],[0,0,0],[0,0,0]] count=[31,0,0]"]),

    ("the oldest generation whose count exceeds its threshold is collected", "refgc", """
        make list l
        threshold 1 2 5
        enable
        burst list l 9
        report
    """, ["stats=[[4,0,0],[1,0,0],[0,0,0]] count=[0,1,1] alive.2=1-7 alive.1=8-9 alive.0=10"]),

    ("the last generation waits until enough is pending", "refgc", """
        make list l
        burst list l 39
        collect 2
        threshold 1 0 0
        enable
        burst list l 20
        report
    """, ["stats=[[0,0,0],[0,0,0],[1,0,0]]", "stats=[[5,0,0],[4,0,0],[2,0,0]]"]),

    ("what the rules leave open: tuples of atoms in a tuple", "model", """
        make int i 1234
        make tuple a i
        make tuple b a
        report
        collect 0
        report
    """, ['ambiguous=[]', 'ambiguous=["all"]', 'ambiguous=["all"]']),

    ("what CPython cannot see", "model", """
        make dict d
        make tuple t d
        untrack t
        link d t k
        report
        drop d t
        report
        end
    """, ['ambiguous=[] alive.untracked=1-2', 'ambiguous=["unseen"] alive.untracked=1-2', 'left=2']),

    ("what the rules leave open: two finalizers for one name", "model", """
        make instance a
        make instance b
        link a b a0
        link b a a0
        finalizer a resurrect back
        finalizer b resurrect back
        drop a b
        report
        collect 0
    """, ['ambiguous=[]', 'ambiguous=["all"]']),

    ("what the rules leave open: a weak reference that is freed with its object", "model", """
        make instance a
        weakref w a callback
        make list l w a
        drop w a
        report
        drop l
        report
        report
    """, ['ambiguous=[]', 'ambiguous=["callbacks"]', 'ambiguous=[]']),
]
