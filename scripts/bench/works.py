# SPDX-License-Identifier: Apache-2.0
"""The figures by name; each is a function that runs its programs and yields rows."""
import importlib.util

import works_cpu
import works_heap
import works_process
import works_trace

WORKS = {**works_heap.WORKS, **works_cpu.WORKS, **works_trace.WORKS, **works_process.WORKS}
if importlib.util.find_spec("reader_works"):
    WORKS.update(importlib.import_module("reader_works").WORKS)
