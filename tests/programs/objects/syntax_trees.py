# SPDX-License-Identifier: MIT
"""Syntax: trees of ast, symbol tables, tokenizers, parse trees (until 3.9)."""
import ast
import symtable
import sys
import tokenize


class Held:
    pass


class Node(ast.Name):
    _fields = ("id", "ctx")


SOURCE = '''
import os.path as p, sys
from a import b as c
@decorator(1)
class C(B, metaclass=M):
    """doc"""
    x: int = 3
    async def f(self, *args, a=1, **more):
        global g
        async with x as y, z: pass
        async for i in j: await k
        return [i async for i in f() if i]
def h(a, /, b=2, *, c: "annotation") -> None:
    nonlocal_free = a
    def inner():
        nonlocal nonlocal_free
        yield nonlocal_free
        yield from b
    try:
        raise E from None
    except (A, B) as e:
        del e.x, e[1:2, ...]
    finally:
        assert not -1 <= +2 < ~3, f"{a!r:>{b}} text"
    while 1:
        if a and b or c is not d: break
        else: continue
    lambda q: {**q, 1: 2}, {1, 2}, {k: v for k, v in q}, (x for x in y), b"bytes", 1j, a if b else c
    x += 1 << 2 // 3 ** 4 @ 5
'''.replace("/, " if sys.version_info < (3, 8) else "\0", "")
tree = ast.parse(SOURCE)
trees = [tree, ast.parse("1 + 2", mode="eval"), ast.parse("x\n", mode="single")]
for source in ("match x:\n case {'a': [1, *_], **r} | C(a=1) as b if c: pass", "if (a := 1): pass", "try: pass\nexcept* A: pass",
               "type X[T: int, *U, **V] = list[T]", "x = t'{a!r:{b}} text'", "def f[T](): pass"):
    try:
        trees.append(ast.parse(source, type_comments=True) if sys.version_info >= (3, 8) else ast.parse(source))
    except SyntaxError:
        pass
node = Node(id="name", ctx=ast.Load())
node.held, node.lineno = Held(), 3
empty = [ast.AST(), ast.Name("name", ast.Load()), ast.Module(*[[]] * len(ast.Module._fields))]
empty[1].ctx = Held()
visited = [type(each) for each in ast.walk(tree)]
table = symtable.symtable(SOURCE, "file", "exec")
tables = [table] + table.get_children() + table.get_children()[0].get_children()
symbols = [each for each in table.get_symbols()]
raw_tables = [each._table for each in tables]
tables_of = [symtable.symtable("class A:\n x: int\n def __f(self): __y = 1\n[z for z in y]", "f", "exec")]
try:
    import _tokenize
except ImportError:
    _tokenize = None
if _tokenize:
    try:
        tokenizers = [_tokenize.TokenizerIter("a = 1\nb = '''x\ny'''\n")]
    except TypeError:  # 3.12
        tokenizers = []
        lines = iter(["a = 1\n", "b = 2\n", "(\n"])
        tokenizers.append(_tokenize.TokenizerIter(lambda held=Held(): next(lines), extra_tokens=True))
        raw = iter([b"# coding: latin-1\n", b"b = 2\n", b"(\n"])
        tokenizers.append(_tokenize.TokenizerIter(lambda held=Held(): next(raw), encoding="utf-8", extra_tokens=False))
        tokenizers.append(_tokenize.TokenizerIter(lambda: "", extra_tokens=True))
    tokens = [next(tokenizers[0]), next(tokenizers[0]), next(tokenizers[-2] if len(tokenizers) > 1 else tokenizers[0])]
try:
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import parser
    parses = [parser.suite("a = 1\nif b: pass\n"), parser.expr("1 + f(x)")]
    parses.append(parser.sequence2st(parses[0].totuple()))
except ImportError:
    pass
generated = tokenize.generate_tokens(iter(["x = 1\n", ""]).__next__)
next(generated)
