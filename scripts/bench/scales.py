# SPDX-License-Identifier: Apache-2.0
"""Lines of growth: what something costs against how much of it there is, and whether the
line is straight."""
import statistics
import textwrap

from measure import median_interval
from table import number

STEEPER = 1.25  # by so much a slope must certainly have changed for the line to be bent
NOISE = 1.5  # a rise so large cannot be called flat


class Point:
    def __init__(self, x, values):
        self.x, self.values = x, values
        self.middle = statistics.median(values)
        self.low, self.high = median_interval(values)

    def text(self):
        return f"{self.x:,}: {number(self.middle)} [{number(self.low)} {number(self.high)}]"


class Scale:
    """Points (x: list of values of y), in rising order of x."""

    def __init__(self, what, against, unit, points):
        self.what, self.against, self.unit = what, against, unit
        self.points = [Point(x, values) for x, values in points.items()]

    def middle(self):
        """The inner point that is nearest to half of the way."""
        inner = self.points[1:-1]
        half = (self.points[0].x + self.points[-1].x) / 2
        return min(inner, key=lambda p: abs(p.x - half)) if inner else None

    @staticmethod
    def slope(a, b):
        """Least, most likely and greatest rise from a to b, of y for one of x."""
        dx = b.x - a.x
        return (b.low - a.high) / dx, (b.middle - a.middle) / dx, (b.high - a.low) / dx

    def slopes(self):
        middle = self.middle()
        if not middle:
            return None
        return self.slope(self.points[0], middle), self.slope(middle, self.points[-1])

    def verdict(self):
        """flat; straight; flattens; CURVE: steeper in its second half, for certain; noise:
        it seems to rise, but the intervals do not say so."""
        first, last = self.points[0], self.points[-1]
        if last.middle <= 1.1 * first.middle:
            return "flat"
        if last.low <= first.high:
            return "noise" if last.middle > NOISE * first.middle else "flat"
        slopes = self.slopes()
        if not slopes:
            return "two points"
        one, two = slopes
        if two[0] > 0 and two[0] > STEEPER * max(one[2], 0):
            return "CURVE"
        if one[0] > 0 and one[0] > STEEPER * max(two[2], 0):
            return "flattens"
        return "straight"

    def as_json(self):
        return {"what": self.what, "against": self.against, "unit": self.unit,
                "verdict": self.verdict(),
                "points": [{"x": p.x, "values": p.values} for p in self.points]}


def summary(scales):
    """Lines of a Markdown table."""
    yield "| cost | against | from | to | one more costs, 1st half | 2nd half | line |"
    yield "|---|---|---|---|---|---|---|"
    for s in scales:
        first, last, slopes = s.points[0], s.points[-1], s.slopes()
        halves = [f"{number_small(x[1])} {s.unit}" for x in slopes] if slopes else ["", ""]
        yield (f"| {s.what} | {s.against} | {first.x:,}: {number(first.middle)} {s.unit} | "
               f"{last.x:,}: {number(last.middle)} {s.unit} | {halves[0]} | {halves[1]} | "
               f"{s.verdict()} |")


def number_small(value):
    return f"{value:.2g}" if abs(value) < 0.1 else number(value)


HEAD = """Written by `make bench-scaling`.  What the library adds (with it less without it, in turn;
medians) as there is more of something.  A line is to be flat or straight.  It is flat where the last
point is above the first by less than a tenth, or not for certain; straight where it rises; a CURVE
where its second half is for certain more than a quarter steeper than its first, by the 95 % intervals
of the medians, and flattens where the first is.  Noise: it seems to rise by half or more, but the
intervals do not tell."""


def paragraph(text, bullet=""):
    return textwrap.wrap(bullet + text, 118, subsequent_indent=" " * len(bullet),
                         break_long_words=False, break_on_hyphens=False)


def page(scales, about, notes):
    """scripts/bench/SCALING.md."""
    bent = [f"{s.what} against {s.against}" for s in scales if s.verdict() == "CURVE"]
    lines = ["# How the library's cost grows", "", *paragraph(" ".join(HEAD.split())), "",
             *paragraph(f"{len(bent)} of {len(scales)} lines are curves" +
                        (": " + "; ".join(bent) if bent else "") + "."), ""]
    for name in ("kernel", "cpu", "system", "libc", "mode", "load_at_start", "load_at_end"):
        lines += paragraph(f"{name.replace('_', ' ')}: {about[name]}", "- ")
    lines += ["", *summary(scales), "", "## Every point", "",
              "x: median [95 % interval of the median].", ""]
    for s in scales:
        lines += paragraph(f"{s.what}, {s.unit}, against {s.against}: " +
                           "; ".join(p.text() for p in s.points), "- ")
    lines += ["", "## Notes", ""]
    for note in notes:
        lines += paragraph(note, "- ")
    return "\n".join(lines + [""])
