# SPDX-License-Identifier: Apache-2.0
"""The rows as a picture: an SVG of two panels of dots with their 95 % intervals.

The first has the figures with a target, each over its target: left of the line it is met.
The second has how many times as much each thing takes as what it is compared with."""
import html
import math
import statistics

from measure import median_interval
from table import number

LEFT, RIGHT, WIDTH, LINE, HEAD = 400, 190, 1120, 18, 58
COLORS = {True: "#1a7f37", False: "#c62828", None: "#3b5b92"}
GREY = "#8a8a8a"


class Dot:
    """A line of a panel: where its dot and the ends of its interval lie, and what it says."""

    def __init__(self, name, middle, low, high, text, color):
        self.name, self.text, self.color = name, text, color
        self.middle, self.low, self.high = middle, low, high


def over_target(row):
    """Change over limit, where the limit is above zero."""
    middle, low, high = row.interval()
    text = f"{number(middle, bool(row.change))}{' %' if row.change == 'ratio' else ''} {row.unit}"
    sign = "+" if row.change else ""
    text += f"  (<= {sign}{row.limit:.3g})"
    scale = row.limit if row.limit > 0 else 1
    offset = 0 if row.limit > 0 else 1  # no worse: 1 is where both are the same
    values = [offset + v / scale for v in (middle, low, high)]
    if row.change == "ratio" and row.limit <= 0:
        values = [1 + v / 100 for v in (middle, low, high)]
    return Dot(row.name, *values, text, COLORS[row.met()])


def times_as_much(row):
    ratios = [u / b for b, u in zip(row.base, row.used) if b > 0 and u > 0]
    if not ratios:
        return None
    middle = statistics.median(ratios)
    low, high = median_interval(ratios)
    text = f"{number(middle)}x of {row.over}, {number(statistics.median(row.base))} {row.unit}"
    return Dot(row.name, middle, low, high, text, GREY if row.bound else COLORS[None])


def panel(dots, title, below, y, lowest):
    """The lines of one panel from y downward, values below lowest at its edge; its end."""
    least = max(lowest, min(min(d.low, d.middle) for d in dots))
    most = max(2, max(max(d.high, d.middle) for d in dots))
    first, last = math.floor(math.log10(least) * 4) / 4, math.ceil(math.log10(most) * 4) / 4
    last = max(last, first + 0.25)

    def x(value):
        at = (math.log10(max(value, 10 ** first)) - first) / (last - first)
        return LEFT + at * (WIDTH - LEFT - RIGHT)

    bottom = y + HEAD + LINE * len(dots)
    out = [f'<text x="12" y="{y + 20}" class="title">{html.escape(title)}</text>',
           f'<text x="12" y="{y + 38}" class="note">{html.escape(below)}</text>']
    for tick in ticks(first, last):
        width = 1.6 if tick == 1 else 0.5
        out.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{y + HEAD - 6}" '
                   f'y2="{bottom}" stroke="{"#222" if tick == 1 else "#ccc"}" '
                   f'stroke-width="{width}"/>')
        out.append(f'<text x="{x(tick):.1f}" y="{bottom + 14}" class="tick">{tick:g}</text>')
    for i, d in enumerate(dots):
        out += line(d, x, y + HEAD + LINE * i + LINE / 2, 10 ** first)
    return out, bottom + 34


def ticks(first, last):
    """1, 2, 5, 10 ... where there is room, else powers of ten."""
    steps = (1, 2, 5) if last - first <= 2.6 else (1,)
    found = [s * 10.0 ** e for e in range(math.floor(first) - 1, math.ceil(last) + 1)
             for s in steps]
    return [round(t, 9) for t in found if 10 ** first * 0.999 <= t <= 10 ** last * 1.001]


def line(d, x, y, lowest):
    out = [f'<text x="{LEFT - 12}" y="{y + 4}" class="name">{html.escape(d.name)}</text>',
           f'<line x1="{x(d.low):.1f}" x2="{x(d.high):.1f}" y1="{y}" y2="{y}" '
           f'stroke="{d.color}" stroke-width="2.4" stroke-linecap="round"/>']
    at = x(d.middle)
    if d.middle < lowest:  # beyond the edge
        out.append(f'<path d="M {at - 6:.1f} {y} l 8 -5 l 0 10 z" fill="{d.color}"/>')
    else:
        out.append(f'<circle cx="{at:.1f}" cy="{y}" r="4" fill="{d.color}"/>')
    out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{y + 4}" class="value">'
               f'{html.escape(d.text)}</text>')
    return out


def picture(rows, about):
    judged = [over_target(row) for row in rows if row.limit is not None]
    ratios = [d for row in rows if row.base and (d := times_as_much(row))]
    body, y = [], 46
    if judged:
        more, y = panel(judged, "Against the targets",
                        "change over target, 1 is the target; dots with their 95 % intervals, "
                        "an arrow where there is no cost or less than a hundredth of it", y, 0.01)
        body += more
    if ratios:
        more, y = panel(ratios, "With / without",
                        "how many times as much; grey: an empty shim, or another bound", y, 0.1)
        body += more
    head = f"libprof, what it costs: {about['cpu']}; {about['kernel']}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 8}" '
        f'viewBox="0 0 {WIDTH} {y + 8}">',
        "<style>text { font: 12px sans-serif; fill: #222 } .title { font-weight: bold; "
        "font-size: 15px } .head { font-weight: bold; font-size: 16px } .note { fill: #666 } "
        ".name { text-anchor: end } .tick { text-anchor: middle; fill: #666 }</style>",
        f'<rect width="{WIDTH}" height="{y + 8}" fill="white"/>',
        f'<text x="12" y="28" class="head">{html.escape(head)}</text>', *body, "</svg>", ""])


def write(path, rows, about):
    path.write_text(picture(rows, about), encoding="utf-8")
    return path
