# SPDX-License-Identifier: Apache-2.0
"""Rows of the table, printed as they come and written as JSON at the end."""
import json
import statistics

from measure import half_spread, median_interval

WIDTHS = (50, 6, 5, 14, 15, 15, 25, 3, 11)
HEAD = ("figure", "unit", "by", "over", "that", "with", "change [95 % of median]", "n", "target",
        "")


class Row:
    """One figure.  base and used are equally long lists of values, taken in turn: of what is
    compared with (over names it) and of this library; base is empty where the figure has none.
    change is "add" (used - base), "ratio" (used / base, shown in per cent more) or None (used
    itself).  limit bounds the change, or is None; it is met by the median or, where upper says
    so, by the upper end of the median's interval.  counted: not a matter of this machine's
    speed or noise.  A bound is no figure of the library: the least that anything there costs."""

    def __init__(self, name, unit, base, used, change="add", limit=None, over="bare",
                 counted=False, upper=False, bound=False):
        self.name, self.unit, self.base, self.used = name, unit, base, used
        self.change, self.limit, self.over = change if base else None, limit, over if base else ""
        self.counted, self.upper, self.bound = counted, upper, bound

    def changes(self):
        if self.change == "add":
            return [u - b for b, u in zip(self.base, self.used)]
        if self.change == "ratio":
            return [100 * (u / b - 1) for b, u in zip(self.base, self.used)]
        return self.used

    def interval(self):
        """Median of the changes and the ends of its 95 % interval."""
        changes = self.changes()
        return (statistics.median(changes), *median_interval(changes))

    def met(self):
        if self.limit is None:
            return None
        middle, _, high = self.interval()
        return (high if self.upper else middle) <= self.limit

    def exceeds(self, judged):
        """Would this value miss the target of judged?"""
        middle, _, high = self.interval()
        return (high if judged.upper else middle) > judged.limit

    def as_json(self):
        middle, low, high = self.interval()
        return {"name": self.name, "unit": self.unit, "over": self.over, "base": self.base,
                "used": self.used, "change": self.change or "none", "change_median": middle,
                "change_low": low, "change_high": high, "limit": self.limit, "met": self.met(),
                "met_by": "upper end of interval" if self.upper else "median",
                "counted": self.counted, "bound": self.bound}


def number(value, sign=False):
    """Three figures, and never an exponent."""
    size = abs(value)
    digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2
    return f"{value:{'+' if sign else ''}.{digits}f}"


def with_spread(values):
    if not values:
        return ""
    text = number(statistics.median(values))
    return text + (f" ±{number(half_spread(values))}" if len(values) > 1 else "")


def change_text(row):
    if row.change is None:
        return ""
    middle, low, high = row.interval()
    text = number(middle, True) + (" %" if row.change == "ratio" else "")
    if len(row.used) > 1:
        text += f" [{number(low, True)} {number(high, True)}]"
    return text


def limit_text(row):
    if row.limit is None:
        return ""
    sign = "+" if row.change and row.limit >= 0 else ""
    return f"<= {sign}{row.limit:.3g}{' %' if row.change == 'ratio' else ''}"


def verdict(row):
    return {None: "", True: "met", False: "OVER"}[row.met()]


def cells(row):
    name = ("  at best: " if row.bound else "") + row.name
    by = "count" if row.counted else "clock"
    return (name, row.unit, by, row.over, with_spread(row.base), with_spread(row.used),
            change_text(row), str(len(row.used)), limit_text(row), verdict(row))


def print_cells(texts):
    print("".join(f"{c:{w}} " for c, w in zip(texts, WIDTHS)) + texts[-1], flush=True)


def print_about(about):
    for name, value in about.items():
        print(f"{name.replace('_', ' '):14} {value}")


def print_head():
    print()
    print_cells(HEAD)


def print_row(row):
    print_cells(cells(row))


def bounds_of(rows):
    """[(row with a target, the bounds that stand behind it)]."""
    found = []
    for row in rows:
        if not row.bound:
            found.append((row, []))
        elif found:
            found[-1][1].append(row)
    return [(row, bounds) for row, bounds in found if row.limit is not None]


def a_bound_misses(row, bounds):
    """A bound that is compared with the same would not meet the target of row, by the same rule
    and with the same noise."""
    like = [b for b in bounds if (b.change, b.over, b.unit) == (row.change, row.over, row.unit)]
    return any(b.exceeds(row) for b in like)


def print_verdict(rows):
    judged = bounds_of(rows)
    if not judged:
        return
    missed = [(row, a_bound_misses(row, bounds)) for row, bounds in judged if not row.met()]
    print(f"\n{len(judged) - len(missed)} of {len(judged)} targets met")
    for both, what in ((True, "over, as a bound beside it is"), (False, "over")):
        names = [row.name for row, is_so in missed if is_so == both]
        if names:
            print(f"{what}: " + "; ".join(names))


def print_notes(notes, about):
    print("\n± is half the distance between the quartiles; n, how many runs of each in turn.  by: "
          "what\nis counted does not depend on the machine's speed and noise, what a clock says "
          "does.\nat best: no figure of the library, but the least that anything in its place costs.")
    cpus = int(about["cpu"].split(" CPUs")[0].rsplit(" ", maxsplit=1)[-1])
    if max(about["load_at_start"][0], about["load_at_end"][0]) > cpus:
        print(f"The machine was busy (load {about['load_at_start'][0]} to "
              f"{about['load_at_end'][0]} on {cpus} CPUs): times are rough.")
    for note in notes:
        print(note)


def write_json(path, about, rows, notes):
    document = {"about": about, "rows": [row.as_json() for row in rows], "notes": notes}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path
