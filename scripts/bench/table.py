# SPDX-License-Identifier: Apache-2.0
"""Rows of the table, printed as they come and written as JSON at the end."""
import json
import statistics

from measure import half_spread, median_interval

WIDTHS = (46, 6, 15, 15, 25, 3, 10)


class Row:
    """One figure.  bare and used are equally long lists of values, taken in turn; bare is
    empty where the figure has none.  change is "add" (used - bare), "ratio" (used / bare,
    shown in per cent more) or None (used itself).  limit bounds the change, or is None."""

    def __init__(self, name, unit, bare, used, change="add", limit=None):
        self.name, self.unit, self.bare, self.used = name, unit, bare, used
        self.change, self.limit = change, limit

    def changes(self):
        if self.change == "add":
            return [u - b for b, u in zip(self.bare, self.used)]
        if self.change == "ratio":
            return [100 * (u / b - 1) for b, u in zip(self.bare, self.used)]
        return self.used

    def met(self):
        return None if self.limit is None else statistics.median(self.changes()) <= self.limit

    def as_json(self):
        changes = self.changes()
        low, high = median_interval(changes)
        return {"name": self.name, "unit": self.unit, "bare": self.bare, "used": self.used,
                "change": self.change or "none", "change_median": statistics.median(changes),
                "change_low": low, "change_high": high, "limit": self.limit, "met": self.met()}


def number(value, sign=False):
    """Three figures, and never an exponent."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:{'+' if sign else ''}.{digits}f}"


def with_spread(values):
    if not values:
        return ""
    text = number(statistics.median(values))
    return text + (f" ±{number(half_spread(values))}" if len(values) > 1 else "")


def change_text(row):
    if row.change is None:
        return ""
    changes = row.changes()
    unit = " %" if row.change == "ratio" else ""
    text = number(statistics.median(changes), True) + unit
    if len(changes) > 1:
        low, high = median_interval(changes)
        text += f" [{number(low, True)} {number(high, True)}]"
    return text


def limit_text(row):
    if row.limit is None:
        return ""
    sign = "+" if row.change else ""
    return f"<= {sign}{row.limit:g}{' %' if row.change == 'ratio' else ''}"


def print_cells(cells):
    print("".join(f"{c:{w}} " for c, w in zip(cells, WIDTHS)) + cells[-1], flush=True)


def print_about(about):
    for name, value in about.items():
        print(f"{name.replace('_', ' '):14} {value}")


def print_head():
    print()
    print_cells(("figure", "unit", "bare", "with", "change [95 % of median]", "n", "target", ""))


def print_row(row):
    verdict = {None: "", True: "met", False: "OVER"}[row.met()]
    print_cells((row.name, row.unit, with_spread(row.bare), with_spread(row.used),
                 change_text(row), str(len(row.used)), limit_text(row), verdict))


def print_notes(notes, about):
    print("\n± is half the distance between the quartiles; n, how many runs of each in turn.")
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
