#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the output of `prof json`: against its JSON Schema, and for what a
schema cannot say: indexes in range, stacks without cycles, sums that agree.

    json_schema.py FILE...          documents
    json_schema.py --lines FILE...  outputs of json --lines

A FILE that is a schema (*.schema.json) only has to be a valid one.

Exit status 0 and a line of figures for each when all holds, 1 and the findings else.
Used as a module: check_document(text) and check_lines(text) return findings.
"""
import json
import pathlib
import sys

import jsonschema

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent.parent / "reader/schema"
TOP = ["version", "trace_id", "process", "engines", "settings", "losses", "threads", "modules",
       "functions", "frames", "stacks", "samples", "heap", "sites", "memory"]
# (array, member, array it points into)
INDEXES = [("threads", "creator", "threads"), ("threads", "creator_stack", "stacks"),
           ("threads", "start_frame", "frames"), ("functions", "module", "modules"),
           ("frames", "function", "functions"), ("frames", "module", "modules"),
           ("stacks", "parent", "stacks"), ("stacks", "frame", "frames"),
           ("samples", "thread", "threads"), ("samples", "stack", "stacks"),
           ("heap", "thread", "threads"), ("heap", "stack", "stacks"),
           ("sites", "frame", "frames")]
HEAP = ["alloc_n", "alloc_objects", "alloc_space", "inuse_n", "inuse_objects", "inuse_space"]
FINDINGS_MAX = 40


def validator(name):
    schema = json.loads((SCHEMAS / name).read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def schema_findings(checker, value):
    for error in checker.iter_errors(value):
        error = jsonschema.exceptions.best_match([error])
        where = "/".join(str(p) for p in error.absolute_path)
        yield f"schema: {where}: {error.message[:200]}"


def check_indexes(doc):
    for array, member, into in INDEXES:
        for i, row in enumerate(doc[array]):
            if row[member] is not None and row[member] >= len(doc[into]):
                yield f"{array}[{i}].{member} is {row[member]}, {into} has {len(doc[into])}"


def check_stacks(doc):
    for i, stack in enumerate(doc["stacks"]):
        if stack["parent"] is not None and stack["parent"] >= i:
            yield f"stacks[{i}].parent is {stack['parent']}, not below it"
    pairs = {(s["parent"], s["frame"], "guessed" in s) for s in doc["stacks"]}
    if len(pairs) != len(doc["stacks"]):
        yield "two stacks are the same"
    for array in ("samples", "heap"):
        keys = [(r["thread"], r["stack"]) for r in doc[array] if r["stack"] is not None]
        if len(set(keys)) != len(keys):
            yield f"{array}: two rows of the same thread and stack"


def check_uses(doc):
    """Every function, frame and stack is there because something names it."""
    used = {into: set() for _, _, into in INDEXES}
    for array, member, into in INDEXES:
        used[into] |= {row[member] for row in doc[array] if row[member] is not None}
    for array in ("functions", "frames", "stacks"):
        left = set(range(len(doc[array]))) - used[array]
        if left:
            yield f"{array}[{min(left)}] and {len(left) - 1} more are named by nothing"


def check_cpu_sums(doc):
    """Rows of samples add up to their thread, threads to the process."""
    rows = [[0, 0] for _ in doc["threads"]]
    for s in doc["samples"]:
        rows[s["thread"]][0] += s["count"]
        rows[s["thread"]][1] += s["cpu_ns"]
    for i, t in enumerate(doc["threads"]):
        if [t["samples"], t["cpu_ns"]] != rows[i]:
            yield (f"threads[{i}]: {t['samples']} samples, {t['cpu_ns']} ns; "
                   f"its rows {rows[i][0]}, {rows[i][1]}")
        if t["not_sampled_ns"] > t["cpu_ns"] or t["kernel_not_sampled_ns"] > t["not_sampled_ns"]:
            yield f"threads[{i}]: a part is above the whole"
    for member in ("cpu_ns", "samples", "not_sampled_ns"):
        total = sum(t[member] for t in doc["threads"])
        if total != doc["process"][member]:
            yield f"process.{member} is {doc['process'][member]}, threads add up to {total}"


def check_heap_sums(doc):
    """Rows add up to their thread within rounding, sites to all rows."""
    for member in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space"):
        rows = [0] * len(doc["threads"])
        for h in doc["heap"]:
            rows[h["thread"]] += h[member]
        for i, t in enumerate(doc["threads"]):
            if abs(rows[i] - t[member]) > 2:
                yield f"threads[{i}].{member} is {t[member]}, its rows {rows[i]}"
    for member in HEAP:
        total, sites = (sum(r[member] for r in doc[a]) for a in ("heap", "sites"))
        if abs(total - sites) > 1:
            yield f"sites: {member} adds up to {sites}, heap to {total}"


def check_intervals(doc):
    for array in ("heap", "sites"):
        for i, row in enumerate(doc[array]):
            for member in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space"):
                low, high = row[member + "_95"]
                # one row may be off by what rounding owed the row before
                if not low - 1 <= row[member] <= high + 1:
                    yield f"{array}[{i}].{member} is not in its interval"
                if doc["engines"]["heap"]["mean_bytes"] == 1 and low != high:
                    yield f"{array}[{i}].{member}: every call was recorded, but {low} != {high}"
            if row["inuse_space"] > row["alloc_space"] + 1 and row["alloc_n"]:
                yield f"{array}[{i}]: more in use than allocated"


def check_losses(doc):
    codes = [loss["code"] for loss in doc["losses"]]
    if codes[:14] != list(range(1, 15)) or len(set(codes)) != len(codes):
        yield f"losses: codes {codes}"


def check_trace(doc):
    if list(doc) != TOP:
        yield f"top level: {list(doc)}"
    checks = [check_indexes, check_stacks, check_uses, check_losses, check_intervals]
    if not doc["process"]["selected"]:
        checks += [check_cpu_sums, check_heap_sums]
    for check in checks:
        yield from check(doc)


def check_document(text):
    doc = json.loads(text)
    findings = list(schema_findings(validator("prof-json.schema.json"), doc))
    if not findings:
        for trace in doc.get("traces", [doc]):
            findings += check_trace(trace)
    return findings


def check_lines(text, ordered=True):
    """ordered: t_ns is to grow from line to line (one trace)."""
    checker = validator("prof-json-line.schema.json")
    findings, last = [], 0
    for i, line in enumerate(text.splitlines(), 1):
        event = json.loads(line)
        findings += [f"line {i}: {f}" for f in schema_findings(checker, event)]
        if list(event) != ["t_ns", "tid", "cpu", "kind", "weight", "stack"]:
            findings.append(f"line {i}: members {list(event)}")
        if ordered and event["t_ns"] < last:
            findings.append(f"line {i}: {event['t_ns']} after {last}")
        last = event["t_ns"]
        if len(findings) > FINDINGS_MAX:
            break
    return findings


def figures(text):
    doc = json.loads(text)
    traces = doc.get("traces", [doc])
    counts = ", ".join(f"{sum(len(t[a]) for t in traces)} {a}"
                       for a in ("threads", "stacks", "samples", "heap", "sites"))
    return f"{len(traces)} traces: {counts}"


def check_file(path, lines):
    text = path.read_text(encoding="utf-8")
    if path.name.endswith(".schema.json"):
        jsonschema.Draft7Validator.check_schema(json.loads(text))
        return True
    findings = check_lines(text) if lines else check_document(text)
    for finding in findings[:FINDINGS_MAX]:
        print(f"{path}: {finding}")
    if not findings:
        print(f"{path}: {len(text.splitlines())} lines" if lines else f"{path}: {figures(text)}")
    return not findings


def main(args):
    lines = args[:1] == ["--lines"]
    files = args[1:] if lines else args
    good = [check_file(pathlib.Path(f), lines) for f in files]
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
