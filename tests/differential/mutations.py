# SPDX-License-Identifier: MIT
"""Ways to break the model's rules: what is broken, a part of fixtures/programs/model.py and what to put there.

The random programs must notice each of them. So they exercise each of the rules, and a runtime that breaks one is
noticed as well.
"""

MUTATIONS = [
    ("finalizers are called again",
     "node.finalized = True",
     "pass"),
    ("a finalizer at the count of 0 is not called",
     "        if node.finalizer is not None and not node.finalized:\n"
     "            node.generation = 0",
     "        if False:\n"
     "            node.generation = 0"),
    ("resurrected at the count of 0, out of every generation",
     "            node.generation = 0\n"
     "            node.count += 1",
     "            node.count += 1"),
    ("resurrected at the count of 0, without weak references",
     "        node.generation = None\n"
     "        if node.finalizer",
     "        self.cut_weakrefs(node)\n"
     "        node.generation = None\n"
     "        if node.finalizer"),
    ("a called weakref keeps its callback at the count of 0",
     "            weakref.references = {}\n",
     ""),
    ("weakrefs of freed objects do not call",
     "            self.call(weakref)\n"
     "            self.called",
     "            self.called"),
    ("freed objects do not count back",
     "            self.counts[0] -= 1\n",
     "            pass\n"),
    ("tuples stay tracked",
     'for kind in ("tuple", "dict") if number == 2 else ("tuple",):',
     'for kind in ("dict",) if number == 2 else ():'),
    ("dicts stay tracked",
     'for kind in ("tuple", "dict") if number == 2 else ("tuple",):',
     'for kind in ("tuple",):'),
    ("dicts are untracked by every collection",
     'for kind in ("tuple", "dict") if number == 2 else ("tuple",):',
     'for kind in ("tuple", "dict"):'),
    ("dicts are always tracked",
     '        if kind not in ATOMS and kind != "dict":',
     "        if kind not in ATOMS:"),
    ("dicts are never tracked",
     "and to.may_be_tracked():\n"
     "                node.generation = 0",
     "and to.may_be_tracked():\n"
     "                node.generation = None"),
    ("tuples in dicts are containers",
     'return self.type not in ATOMS and (self.type != "tuple" or self.generation is '
     "not None)",
     "return self.type not in ATOMS"),
    ("survivors stay in their generation",
     "        for node in tracked:\n"
     "            node.generation = old",
     "        for node in ():\n"
     "            node.generation = old"),
    ("generation 2 is reached at once",
     "        old = min(number + 1, 2)",
     "        old = 2"),
    ("the count of the next generation stays",
     "            self.counts[number + 1] += 1",
     "            pass"),
    ("the counts of the collected generations stay",
     "        self.counts[:number + 1] = [0] * (number + 1)\n",
     ""),
    ("younger generations are not collected",
     "self.divide(self.generation(*range(number + 1)))",
     "self.divide(self.generation(number))"),
    ("all generations are collected",
     "self.divide(self.generation(*range(number + 1)))",
     "self.divide(self.generation(0, 1, 2))"),
    ("references from the young are not subtracted",
     "                    outside[to.serial] -= 1",
     "                    pass"),
    ("what is reachable from the reachable is not kept",
     "                if to.serial in outside and to.serial not in reachable:",
     "                if False:"),
    ("weakrefs to garbage do not call",
     "        for weakref in called:\n"
     "            self.call(weakref)",
     "        for weakref in called:"),
    ("weakrefs that are garbage call",
     "called += [weakref for weakref in self.cut_weakrefs(node) if weakref.serial not "
     "in dying]",
     "called += self.cut_weakrefs(node)"),
    ("weakrefs that are garbage are not cleared",
     "                node.target.weakrefs.remove(node)\n"
     "                node.target = None",
     "                pass"),
    ("weakrefs that call stay where they are",
     "                weakref.generation = old",
     "                pass"),
    ("weakrefs without callback move too",
     "            if weakref.notes:\n"
     "                weakref.generation = old",
     "            weakref.generation = old"),
    ("garbage is freed without finalizers",
     "                self.finalize(node)\n"
     "                self.release(node)",
     "                node.finalized = True\n"
     "                self.release(node)"),
    ("the resurrected are cleared",
     "        resurrected, rest = self.divide([node for node in unreachable if "
     "node.serial in self.nodes])",
     "        resurrected, rest = [], [node for node in unreachable if node.serial in "
     "self.nodes]"),
    ("nothing is cleared if anything is resurrected",
     "        for node in resurrected + rest:",
     "        if resurrected:\n"
     "            resurrected, rest = resurrected + rest, []\n"
     "        for node in resurrected + rest:"),
    ("the resurrected are counted as collected",
     "        return len(rest)\n",
     "        return len(unreachable)\n"),
    ("the resurrected go to generation 0",
     "            node.generation = old\n"
     '        if "saveall"',
     "            node.generation = 0\n"
     '        if "saveall"'),
    ("saveall saves nothing",
     '        if "saveall" in self.debug:',
     "        if False:"),
    ("saveall clears, too",
     "            self.garbage += rest\n"
     "        else:\n"
     "            self.clear(rest)",
     "            self.garbage += rest\n"
     "        self.clear(rest)"),
    ("garbage is not cleared",
     "            self.clear(rest)\n",
     "            pass\n"),
    ("statistics go to the wrong generation",
     "self.stats[number][i] += add",
     "self.stats[0][i] += add"),
    ("frozen objects are collected",
     "            node.generation = PERMANENT\n",
     "            node.generation = 2\n"),
    ("freezing leaves the counts",
     "        self.counts = [0, 0, 0]\n"
     "        return True",
     "        return True"),
    ("unfrozen objects are young",
     "        for node in self.generation(PERMANENT):\n"
     "            node.generation = 2",
     "        for node in self.generation(PERMANENT):\n"
     "            node.generation = 0"),
    ("untracked tuples stay tracked",
     "            node.generation = None\n"
     "            self.untracking = True",
     "            pass"),
    ("automatic: at the threshold, not above it",
     "self.counts[0] > self.threshold[0] > 0",
     "self.counts[0] >= self.threshold[0] > 0"),
    ("automatic: a threshold of 0 is none",
     "self.counts[0] > self.threshold[0] > 0",
     "self.counts[0] > self.threshold[0]"),
    ("automatic: only generation 0",
     "        for number in (2, 1, 0):",
     "        for number in (0,):"),
    ("automatic: no ratio of the long-lived",
     "                if number == 2 and self.pending < self.total // 4:",
     "                if False:"),
    ("automatic: nothing is pending",
     "            self.pending += len(tracked)",
     "            pass"),
    ("automatic: the pending stay",
     "            self.pending, self.total = 0, len(tracked)",
     "            self.total = len(tracked)"),
    ("automatic: although disabled",
     "and self.enabled and not",
     "and not"),
]
