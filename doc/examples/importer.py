# SPDX-License-Identifier: MIT
"""A worker that imports orders and leaks: python3 importer.py ORDERS

Each order is parsed into a tree of elements, added up and forgotten. doc/worked-examples.md finds out why its tree stays.
"""
import gc
import sys
import time


class Element:
    """A part of a document: its tag, its text, the element that it is in, and those in it."""

    def __init__(self, tag, text="", parent=None):
        self.tag = tag
        self.text = text
        self.parent = parent
        self.children = []
        if parent is not None:
            parent.children.append(self)

    def path(self):
        return (self.parent.path() if self.parent else "") + "/" + self.tag


def parse(number):
    """The order with this number, as if from a file."""
    order = Element("order")
    Element("customer", "customer %d" % (number % 100), order)
    for position in range(1 + number % 3):
        item = Element("item", parent=order)
        Element("article", "article %d" % (number + position), item)
        Element("price", str(5 + position), item)
    return order


def total(order):
    if order.tag == "price":
        return int(order.text)
    return sum(total(child) for child in order.children)


if __name__ == "__main__":
    gc.disable()  # imports are faster so
    turnover = 0
    for number in range(int(sys.argv[1])):
        turnover += total(parse(number))
    print("turnover %d\nready" % turnover, flush=True)
    time.sleep(3600)
