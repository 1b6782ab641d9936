#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# What python3 does with itself: ctypes into libc and callbacks out of it, its own
# trace of allocations, faulthandler with an alternate stack, exceptions across C,
# threads that die, weak references, a garbage collector, exit handlers.
#
# programs: python_inside.py
# status: 9
# limit: 120
import atexit
import ctypes
import faulthandler
import gc
import signal
import sys
import tempfile
import threading
import tracemalloc
import weakref

sys.stdout.reconfigure(line_buffering=True)
libc = ctypes.CDLL(None, use_errno=True)
compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int),
                                ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 5000)(*[(i * 7919) % 5003 for i in range(5000)])
libc.qsort(numbers, 5000, ctypes.sizeof(ctypes.c_int), compare_type(lambda a, b: a[0] - b[0]))
print("qsort", list(numbers) == sorted(numbers))
libc.malloc.restype = ctypes.c_void_p
libc.realloc.restype = ctypes.c_void_p
libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.malloc_usable_size.argtypes = [ctypes.c_void_p]
block = libc.malloc(1000)
ctypes.memset(block, 65, 1000)
block = libc.realloc(block, 100000)
print("block", ctypes.string_at(block, 5), libc.malloc_usable_size(block) >= 100000)
libc.free(block)
print("errno", libc.open(b"/no/such", 0), ctypes.get_errno())
tracemalloc.start(5)
kept = [bytes(1000) for _ in range(1000)]
now, peak = tracemalloc.get_traced_memory()
print("tracemalloc", 1_000_000 < now < 1_200_000)
tracemalloc.stop()
faulthandler.enable()
with tempfile.TemporaryFile() as file:
    faulthandler.register(signal.SIGUSR2, file=file, all_threads=True)
    signal.raise_signal(signal.SIGUSR2)
    file.seek(0)
    print("faulthandler", b"most recent call first" in file.read())


def dies():
    raise KeyError("a thread's")


threading.excepthook = lambda args: print("thread died of", args.exc_value)
threads = [threading.Thread(target=dies) for _ in range(3)]
for t in threads:
    t.start()
    t.join()
signal.signal(signal.SIGALRM, lambda *_: sys.exit("from a handler"))
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    while True:
        sorted(range(1000), key=lambda i: -i)
except SystemExit as e:
    print("exit", e)


class Node:
    pass


def ring():
    a, b = Node(), Node()
    a.other, b.other = b, a
    return weakref.ref(a)


gc.disable()
refs = [ring() for _ in range(1000)]
gc.collect()
print("collected", sum(r() is None for r in refs))


def deep(n):
    return n and 1 + deep(n - 1)


try:
    deep(100000)
except RecursionError:
    print("recursion")
atexit.register(print, "at exit")
sys.exit(9)
