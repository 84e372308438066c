# SPDX-License-Identifier: MIT
"""Contexts with few and with very many variables: all kinds of node of their trees, entered, left, iterated."""
import sys

try:
    import contextvars
except ImportError:  # 3.6
    contextvars = None


class Held:
    pass


def fill(context, variables):
    """Sets all @variables in @context."""
    return [context.run(variable.set, Held()) for variable in variables]


def advanced(iterator):
    next(iterator, None)
    return iterator


if contextvars:
    empty = contextvars.Context()
    variables = [contextvars.ContextVar("variable %d" % number) for number in range(2000)]
    defaults = [contextvars.ContextVar("default", default=Held()), contextvars.ContextVar("none", default=None)]
    contexts, tokens = [empty], []
    for count in (1, 2, 10, 17, 40, 300, 2000):
        context = contextvars.Context()
        tokens.append(fill(context, variables[:count]))
        contexts += [context, context.copy()]
        context.run(variables[0].set, Held())
    current = contextvars.copy_context()
    token = variables[3].set(Held())
    variables[3].reset(token)
    left = variables[4].set(Held())
    seen = [variable.get(None) for variable in variables[:10]]
    views = [made for context in contexts for made in (context.keys(), context.values(), context.items(), iter(context))]
    iterators = [advanced(iter(view)) for view in views]

    def inside():
        return contextvars.copy_context(), contextvars.copy_context().run(contextvars.copy_context)

    nested = contexts[1].run(inside)
    missing = contextvars.Token.MISSING
    try:
        import _testinternalcapi
        tree = _testinternalcapi.hamt()
    except (ImportError, AttributeError):
        try:
            import _testcapi
            tree = _testcapi.hamt()
        except (ImportError, AttributeError):
            tree = None

    class Collision:
        """A key whose hash others have, too: makes nodes of collisions."""

        def __init__(self, value):
            self.value = value

        def __hash__(self):
            return self.value

        def __eq__(self, other):
            return self is other

    if tree is not None:
        trees = [tree]
        for number in range(200):
            trees.append(trees[-1].set(Collision(number % 7 * 2 ** 33), Held()))
        tree_views = [view for each in trees[::50] for view in (iter(each), advanced(iter(trees[-1].items())), trees[-1].values(), trees[-1].keys())]
