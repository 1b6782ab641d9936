#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# python3 by itself: asyncio with subprocesses, signals and sockets, threads, ctypes
# with callbacks and the C library's allocator, tracemalloc, faulthandler, timers,
# mmap, and a sum over much garbage.
#
# programs: python_runtime.py python3
# masks: address
import asyncio
import ctypes
import faulthandler
import gc
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib


async def tasks():
    got = []
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: got.append("usr1"))
    process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    out, _ = await process.communicate(b"through cat")
    print(out, process.returncode)
    process = await asyncio.create_subprocess_shell("echo ready; read x", stdin=-1, stdout=-1)
    print(await process.stdout.readline())
    process.kill()
    print("killed", await process.wait())
    runs = [await asyncio.create_subprocess_exec("sh", "-c", f"exit {n}") for n in range(8)]
    print([await p.wait() for p in runs])
    os.kill(os.getpid(), signal.SIGUSR1)
    while not got:
        await asyncio.sleep(0.01)
    print(got)

    async def echo(reader, writer):
        writer.write((await reader.read(100000)).upper())
        writer.write_eof()
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(echo, "socket")

    async def ask(n):
        reader, writer = await asyncio.open_unix_connection("socket")
        writer.write(b"x%d" % n * 1000)
        writer.write_eof()
        text = await reader.read()
        writer.close()
        return zlib.crc32(text)

    print(await asyncio.gather(*(ask(n) for n in range(20))))
    server.close()
    os.unlink("socket")
    print(await asyncio.wait_for(loop.run_in_executor(None, sum, range(100000)), 50))
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.05)
    except asyncio.TimeoutError:
        print("timeout")


def c_functions():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.malloc.restype = libc.realloc.restype = ctypes.c_void_p
    for name in ("free", "malloc_usable_size"):
        getattr(libc, name).argtypes = [ctypes.c_void_p]
    libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    ctypes.set_errno(0)
    bad = 0
    for n in range(1, 3000):
        block = libc.malloc(n)
        ctypes.memset(block, n & 255, n)
        block = libc.realloc(block, n * 2)
        bad += ctypes.string_at(block, n) != bytes([n & 255]) * n
        libc.free(block)
    print("blocks wrong", bad, "errno", ctypes.get_errno())
    compare = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.POINTER(ctypes.c_int)] * 2)
    array = (ctypes.c_int * 200)(*((n * 7919) % 1009 for n in range(200)))
    libc.qsort(array, len(array), 4, compare(lambda a, b: a[0] - b[0]))
    print("sorted", list(array) == sorted(array))
    libc.open(b"/no/such/file", 0)
    ctypes.set_errno(0)
    print(libc.close(-1), libc.getppid() == os.getppid())


def threads():
    local, total, lock = threading.local(), [0], threading.Lock()

    def work(n):
        local.n = n
        data = json.dumps([{"k": i, "v": str(i) * 5} for i in range(300)])
        with lock:
            total[0] += local.n + len(json.loads(data))

    for _ in range(5):
        running = [threading.Thread(target=work, args=(n,)) for n in range(10)]
        for t in running:
            t.start()
        for t in running:
            t.join()
    print("threads", total[0], threading.active_count())


def signals():
    seen = []
    signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    while len(seen) < 5:
        time.sleep(0.02)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("alarms", len(seen) >= 5, signal.getitimer(signal.ITIMER_PROF))
    print("prof", signal.getsignal(signal.SIGPROF), signal.pthread_sigmask(0, []))
    caught = []
    old = signal.signal(signal.SIGPROF, lambda *_: caught.append(1))
    signal.raise_signal(signal.SIGPROF)
    print("prof", old, caught, signal.signal(signal.SIGPROF, signal.SIG_DFL) is not None)


def traces():
    tracemalloc.start()
    kept = [bytes(1000) for _ in range(500)]
    print("tracemalloc", tracemalloc.get_traced_memory()[0] >= len(kept) * 1000)
    tracemalloc.stop()
    code = "import faulthandler, ctypes; faulthandler.enable(); ctypes.string_at(0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    print("fault", done.returncode, re.findall(rb"Fatal Python error: .*", done.stderr))
    faulthandler.register(signal.SIGUSR2, file=open("dump", "w"))
    signal.raise_signal(signal.SIGUSR2)
    print("dumped", "traces" in open("dump").read())
    os.unlink("dump")


def memory():
    with mmap.mmap(-1, 1 << 20) as area:
        area[:4] = b"abcd"
        print(area.find(b"d"), len(area))
    total = 0
    for n in range(30):
        ring = [[] for _ in range(1000)]
        for a, b in zip(ring, ring[1:] + ring[:1]):
            a.append(b)
        total += len(ring)
    del ring
    gc.collect()
    text = " ".join(str(n) for n in range(20000))
    print(total, zlib.crc32(zlib.compress(text.encode())))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    asyncio.run(tasks())
    c_functions()
    threads()
    signals()
    traces()
    memory()
