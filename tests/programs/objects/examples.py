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

buffers = load("_testbuffer")
if buffers:
    arrays = [buffers.ndarray([1, 2, 3], shape=[3], flags=buffers.ND_VAREXPORT), buffers.ndarray(bytearray(b"bytes"))]
    arrays[0].push([4, 5, 6], shape=[3])
    arrays.append(buffers.ndarray(arrays[0]))
    made += [buffers.staticarray(), memoryview(arrays[2])]
capi = load("_testcapi")
if capi:
    for name in sorted(vars(capi)):
        if name.startswith(("HeapCType", "HeapGcCType", "HeapCCollection")) and "Null" not in name:
            try:
                made.append(getattr(capi, name)())
            except (TypeError, SystemError):
                continue
            try:
                made[-1].attribute = Held()
            except (AttributeError, TypeError, SystemError):
                pass
    made.append(capi.awaitType(Held()))
    if hasattr(capi, "testBuf"):
        made += [capi.testBuf(), memoryview(capi.testBuf())]
    for arguments in ((Held(),), ()):
        try:
            made.append(capi.ContainerNoGC(*arguments))
        except (AttributeError, TypeError):
            pass
internal = load("_testinternalcapi")
if hasattr(internal, "new_instruction_sequence"):
    sequence = internal.new_instruction_sequence()
    sequence.addop(1, 0, 0, 0, 0, 0)
    sequence.add_nested(internal.new_instruction_sequence())
multi = load("_testmultiphase")
if multi:
    made.append(multi.Example())
    made[-1].attribute = Held()
