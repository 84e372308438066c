# SPDX-License-Identifier: MIT
"""The modules that show and test the C API, where they are installed."""


class Held:
    pass


def load(name):
    try:
        return __import__(name)
    except ImportError:
        return None


made = []
for name in ("xxlimited", "xxlimited_35", "xxlimited_3_13"):
    module = load(name)
    for kind in ("Xxo", "Str", "Null"):
        if hasattr(module, kind):
            try:
                made.append(getattr(module, kind)())
            except TypeError:
                pass
    if hasattr(module, "new"):
        made.append(module.new())
        made[-1].attribute = Held()
        made.append(module.new())
xxsubtype = load("xxsubtype")
if xxsubtype:
    made += [xxsubtype.spamlist([1, Held()]), xxsubtype.spamdict(a=Held()), xxsubtype.spamlist()]

    class List(xxsubtype.spamlist):
        pass

    made.append(List([Held()]))
    made[-1].held = Held()
