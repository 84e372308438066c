# SPDX-License-Identifier: MIT
"""Two plots of what bench/run has measured, as SVG: time over the number of objects, and bars in units of gc.collect()."""
import math
import statistics
from xml.sax.saxutils import escape

COLLECT = "gc.collect()"
COLOURS = {  # by Okabe and Ito, for all eyes
    "status": "#999999", "gc": "#cc79a7", "heap": "#0072b2", "cycles": "#d55e00", "path": "#009e73",
    "objects --format csv": "#e69f00", COLLECT: "#000000", "Counter(map(type, gc.get_objects()))": "#56b4e9", "cat core": "#b0b0b0",
}
DASHED = {COLLECT: "6 4", "Counter(map(type, gc.get_objects()))": "6 4", "cat core": "2 3"}
FONT = 'font-family="sans-serif" font-size="%d"'


class Drawing:
    """An SVG that grows."""

    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">' % (
            width, height, width, height), "<title>%s</title>" % escape(title),
            '<rect width="%d" height="%d" fill="#ffffff"/>' % (width, height)]

    def line(self, points, colour, width=1.0, dash=None):
        self.parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="%g"%s/>' % (
            " ".join("%.1f,%.1f" % point for point in points), colour, width, ' stroke-dasharray="%s"' % dash if dash else ""))

    def dot(self, x, y, colour):
        self.parts.append('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x, y, colour))

    def bar(self, x, y, width, height, colour):
        self.parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (x, y, width, height, colour))

    def text(self, x, y, said, anchor="start", size=12, colour="#222222"):
        self.parts.append('<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" %s>%s</text>' % (
            x, y, anchor, colour, FONT % size, escape(said)))

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.parts + ["</svg>", ""]))


def middle(row):
    return statistics.median(row["seconds"])


class Axes:
    """A panel with two logarithmic axes."""

    def __init__(self, drawing, left, top, width, height, across, up):
        self.drawing, self.left, self.top, self.width, self.height = drawing, left, top, width, height
        self.across = [math.floor(math.log10(min(across))), math.ceil(math.log10(max(across)))]
        self.up = [math.floor(math.log10(min(up))), math.ceil(math.log10(max(up)))]

    def point(self, x, y):
        def part(value, ends):
            return (math.log10(value) - ends[0]) / max(1, ends[1] - ends[0])
        return self.left + part(x, self.across) * self.width, self.top + self.height * (1 - part(y, self.up))

    def draw(self, title):
        for power in range(self.across[0], self.across[1] + 1):
            x, _ = self.point(10.0**power, 10.0**self.up[0])
            self.drawing.line([(x, self.top), (x, self.top + self.height)], "#dddddd")
            self.drawing.text(x, self.top + self.height + 16, "{:,}".format(10**power).replace(",", " "), "middle", 11)
        for power in range(self.up[0], self.up[1] + 1):
            _, y = self.point(10.0**self.across[0], 10.0**power)
            self.drawing.line([(self.left, y), (self.left + self.width, y)], "#dddddd")
            self.drawing.text(self.left - 6, y + 4, "%g ms" % (10.0**power * 1e3) if power < 0 else "%g s" % 10**power, "end", 11)
        self.drawing.text(self.left, self.top - 10, title, size=14)
        self.drawing.text(self.left + self.width / 2, self.top + self.height + 34, "objects", "middle")


def write_times(results, path):
    """A panel for the ordinary and the shuffled heaps each: seconds over objects."""
    kinds = {kind: sorted((heap for heap in results["heaps"] if heap["kind"] == kind), key=lambda heap: heap["objects"])
             for kind in ("ordinary", "shuffled")}
    heaps = sum(kinds.values(), [])
    if not heaps:
        return
    names = [name for name in COLOURS if any(name in heap["rows"] for heap in heaps)]
    across = [heap["objects"] for heap in heaps]
    up = [middle(heap["rows"][name]) for heap in heaps for name in names if name in heap["rows"]]
    drawing = Drawing(1040, 470, "Seconds over the number of objects")
    for number, (kind, members) in enumerate(kinds.items()):
        axes = Axes(drawing, 70 + number * 400, 40, 320, 370, across, up)
        axes.draw("%s heaps" % kind)
        for name in names:
            points = [axes.point(heap["objects"], middle(heap["rows"][name])) for heap in members if name in heap["rows"]]
            drawing.line(points, COLOURS[name], 2, DASHED.get(name))
            for point in points:
                drawing.dot(*point, COLOURS[name])
    for number, name in enumerate(names):
        y = 60 + number * 24
        drawing.line([(812, y - 4), (842, y - 4)], COLOURS[name], 2, DASHED.get(name))
        drawing.text(850, y, name if len(name) < 24 else "Counter(…get_objects())", size=12)
    drawing.text(812, 60 + len(names) * 24 + 10, "dashed: the process itself", size=11, colour="#666666")
    drawing.save(path)


def write_ratios(heaps, path):
    """Bars: what each takes of the time of gc.collect(), of the largest heaps."""
    names = [name for name, row in heaps[0]["rows"].items() if row["group"] in ("shell", "inside", "live", "peer") and
             "pause" not in name and "counted" not in row or name in COLOURS] if heaps else []
    names += [name for heap in heaps[:1] for name, row in heap["rows"].items() if row.get("counted", 0) >= heap["objects"] / 4]
    ratios = {name: [middle(heap["rows"][name]) / middle(heap["rows"][COLLECT]) for heap in heaps if name in heap["rows"]]
              for name in dict.fromkeys(names)}
    most = min(4.0, max((max(each) for each in ratios.values() if each), default=1.0)) * 1.1
    left, width = 330, 560
    drawing = Drawing(1040, 90 + 36 * len(ratios), "Time in units of gc.collect()")

    def across(ratio):
        return left + width * min(ratio, most) / most

    for mark in [0.7] + [float(unit) for unit in range(1, int(most) + 1)]:
        ends = [(across(mark), 40), (across(mark), 50 + 36 * len(ratios))]
        drawing.line(ends, "#bbbbbb", 1, None if mark == 1.0 else "3 3")
        drawing.text(across(mark), 34, "%g" % mark, "middle", 11)
    for number, (name, each) in enumerate(ratios.items()):
        y = 48 + 36 * number
        drawing.text(left - 8, y + 19, name, "end")
        for part, ratio in enumerate(each):
            drawing.bar(left, y + part * 14, across(ratio) - left, 12, ("#0072b2", "#e69f00")[part])
            said = "%.2f" % ratio + (" (off the scale)" if ratio > most else "")
            drawing.text(across(ratio) + 5, y + part * 14 + 10, said, size=10)
    for part, heap in enumerate(heaps):
        x = left + part * 330
        drawing.bar(x, 62 + 36 * len(ratios), 12, 12, ("#0072b2", "#e69f00")[part])
        drawing.text(x + 18, 72 + 36 * len(ratios), "%s, %s objects in all" % (
            heap["kind"], "{:,}".format(heap["objects"]).replace(",", " ")))
    drawing.save(path)
