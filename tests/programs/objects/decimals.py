# SPDX-License-Identifier: MIT
"""Decimals, their contexts and signals."""
import decimal


class Money(decimal.Decimal):
    """A subclass with a __dict__."""


class Coin(decimal.Decimal):
    __slots__ = ("held",)


class Rules(decimal.Context):
    pass


class Held:
    pass


numbers = [decimal.Decimal(text) for text in ("0", "-1.5", "NaN", "Infinity", "9" * 5000)] + [Money("3.50"), Coin("1")]
numbers[-2].held = Held()
numbers[-1].held = Held()
contexts = [decimal.getcontext(), decimal.Context(prec=5), decimal.Context(traps=[], flags=[decimal.Inexact]),
            decimal.DefaultContext.copy(), Rules(prec=3)]
contexts[-1].held = Held()
signals = [contexts[1].traps, contexts[2].flags, dict(contexts[1].flags)]
managers = [decimal.localcontext(), decimal.localcontext(contexts[2])]
entered = decimal.localcontext(contexts[1])
local = entered.__enter__()
errors = []
for number in (decimal.Decimal(1), decimal.Decimal(0)):
    try:
        number / decimal.Decimal(0)
    except decimal.DecimalException as error:
        errors.append(error)
parts = [number.as_tuple() for number in numbers[:3]]
