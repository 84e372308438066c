# SPDX-License-Identifier: MIT
"""Elements, builders and parsers of XML: ElementTree's and expat's, in the middle of their work."""
import copy
import io
import pyexpat
import xml.etree.ElementTree as ElementTree


class Held:
    pass


class Node(ElementTree.Element):
    """A subclass with a __dict__."""


class Tag(str):
    pass


def element(tag, children=0, **more):
    made = ElementTree.Element(tag, **more)
    for number in range(children):
        ElementTree.SubElement(made, "child%d" % number)
    return made


bare = ElementTree.Element("bare")
odd = ElementTree.Element(Held())
odd.text, odd.tail = Held(), Held()
with_attributes = ElementTree.Element("a", {"key": Tag("value")}, other="x")
with_attributes.attrib["held"] = Held()
attributes_asked = ElementTree.Element("a")
attributes_asked.attrib
few, many = element("few", 3), element("many", 50)
emptied = element("emptied", 9)
del emptied[:]
shrunk = element("shrunk", 9)
del shrunk[2:]
cleared = element("cleared", 5, key="value")
cleared.clear()
shared = [element("one"), element("two")]
for each in shared:
    each.append(few)
cycle = element("cycle", 1)
cycle[0].append(cycle)
node = Node("node", key="value")
node.held = Held()
node.append(bare)
copied = copy.deepcopy(few)
stated = ElementTree.Element("stated")
stated.__setstate__({"tag": "t", "_children": [bare], "attrib": {}, "text": "text", "tail": None})

DOCUMENT = "<root a='1'>text %s<b>in b</b> tail of b<c/>&amp; more <!-- note --><?pi data?> end</root>" % ("word " * 20)
tree = ElementTree.ElementTree(ElementTree.fromstring(DOCUMENT))
pieces = ElementTree.fromstring("<a>" + "&lt;x&gt;" * 30 + "<b/>" + "&amp;y" * 30 + "</a>")  # text in pieces, to be joined
joined = ElementTree.fromstring("<a>" + "&lt;x&gt;" * 30 + "<b/></a>")
joined.text

# builders and parsers, begun and not ended
builder = ElementTree.TreeBuilder()
builder.start("a", {})
builder.data("some ")
builder.data(Tag("data"))
builder.start("b", {"x": "y"})
builder.end("b")
builder.data("tail")
builder.data("more")
fresh_builder = ElementTree.TreeBuilder()
own_builder = ElementTree.TreeBuilder(element_factory=lambda tag, attributes, held=Held(): ElementTree.Element(tag, attributes))
own_builder.start("a", {})
try:
    full_builder = ElementTree.TreeBuilder(
        comment_factory=lambda text, held=Held(): ElementTree.Comment(text),
        pi_factory=lambda target, text=None, held=Held(): ElementTree.PI(target, text), insert_comments=True, insert_pis=True)
    full_builder.start("a", {})
    full_builder.comment("a comment")
    full_builder.pi("target", "text")
except TypeError:  # before 3.8
    pass


class Target:
    """What a parser calls instead of a builder."""

    def __init__(self):
        self.held = Held()

    def start(self, tag, attributes):
        pass

    def end(self, tag):
        pass

    def data(self, data):
        pass

    def comment(self, text):
        pass

    def pi(self, target, data):
        pass

    def start_ns(self, prefix, uri):
        pass

    def end_ns(self, prefix):
        pass

    def close(self):
        return None


class Parser(ElementTree.XMLParser):
    pass


parsers = [ElementTree.XMLParser(), ElementTree.XMLParser(target=builder), ElementTree.XMLParser(target=Target()), Parser(),
           ElementTree.XMLParser(encoding="utf-8")]
parsers[3].held = Held()
parsers[4].entity["held"] = Held()
for parser in parsers:
    parser.feed("<root xmlns:p='urn:x'><p:a>text")
closed_parser = ElementTree.XMLParser()
closed_parser.feed("<a/>")
closed_parser.close()
pulls = [ElementTree.XMLPullParser(["start", "end", "start-ns", "end-ns"])]
try:
    pulls.append(ElementTree.XMLPullParser(["start", "end", "start-ns", "end-ns", "comment", "pi"]))
except ValueError:  # before 3.8
    pass
for pull in pulls:
    pull.feed("<a xmlns='urn:x'>text<b/><!-- c --><?p i?>")
events = [event for event in pulls[0].read_events()]
iterparse = ElementTree.iterparse(io.BytesIO(b"<a>" + b"<b>x</b>" * 10 + b"</a>"))
next(iter(iterparse))

iterators = [tree.iter(), tree.iter("b"), tree.getroot().itertext(), iter(few), cycle.iter(), many.iter(Tag("child7")),
             ElementTree.Element("lone").iter("*")]
for iterator in iterators[:3] + iterators[4:6]:
    next(iterator)
for _ in range(5):
    next(iterators[4])
exhausted = bare.iter()
list(exhausted)
comment, instruction = ElementTree.Comment("text"), ElementTree.PI("target")
found = [tree.findall("b"), tree.find("c"), ElementTree.QName("urn:x", "name")]
failures = []
for text in ("<a>", "<a></b>"):
    try:
        ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        failures.append(error)

# expat itself
HANDLERS = ("StartElementHandler EndElementHandler ProcessingInstructionHandler CharacterDataHandler CommentHandler "
            "UnparsedEntityDeclHandler NotationDeclHandler StartNamespaceDeclHandler EndNamespaceDeclHandler "
            "StartCdataSectionHandler EndCdataSectionHandler DefaultHandler DefaultHandlerExpand NotStandaloneHandler "
            "ExternalEntityRefHandler StartDoctypeDeclHandler EndDoctypeDeclHandler EntityDeclHandler XmlDeclHandler "
            "ElementDeclHandler AttlistDeclHandler SkippedEntityHandler").split()
fresh = pyexpat.ParserCreate()
expats = [pyexpat.ParserCreate(), pyexpat.ParserCreate("utf-8", "}"), pyexpat.ParserCreate(intern={}),
          pyexpat.ParserCreate(None, None, None)]
for number, expat in enumerate(expats):
    for handler in HANDLERS[number:]:
        setattr(expat, handler, lambda *arguments, held=Held(): 1)
    expat.buffer_text = bool(number % 2)
    expat.Parse("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e SYSTEM 'x'>]><a xmlns='urn:x' b='c'>text<b>", False)
expats[0].StartElementHandler = None
nested = expats[0].ExternalEntityParserCreate(None)
expats.append(nested.ExternalEntityParserCreate("", "utf-8"))
