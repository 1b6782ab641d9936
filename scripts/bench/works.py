# SPDX-License-Identifier: Apache-2.0
"""The figures by name; each is a function that runs its programs and yields rows."""
import reader_works
import works_cpu
import works_heap
import works_process
import works_trace

WORKS = {**works_heap.WORKS, **works_cpu.WORKS, **works_trace.WORKS, **works_process.WORKS,
         **reader_works.WORKS}
