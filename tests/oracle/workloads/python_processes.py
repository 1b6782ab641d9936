#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# python3's ways to make processes: multiprocessing by fork and by spawn (queues,
# pools, shared memory, a child that is killed), os.fork, subprocess with closed
# and with passed descriptors, posix_spawn.
#
# programs: python_processes.py python3*3
# states: none pools hand work to whoever is free, and stop them at any point
# traces: 1 a child is killed
# limit: 120
import multiprocessing as mp
import os
import signal
import subprocess
import sys
from multiprocessing import shared_memory


def square(n):
    return n * n


def produce(queue, n):
    for i in range(n):
        queue.put(("item", i, "x" * i))
    queue.put(None)


def add_up(name, n):
    block = shared_memory.SharedMemory(name=name)
    total = sum(block.buf[:n])
    block.close()
    os._exit(total % 200)


def wait_for_ever():
    signal.pause()


def by(method):
    ctx = mp.get_context(method)
    with ctx.Pool(3) as pool:
        print(method, "pool", sum(pool.map(square, range(300), chunksize=10)))
        try:
            pool.map(int, ["1", "x"])
        except ValueError as e:
            print(method, "pool raises", e)
    queue = ctx.Queue()
    child = ctx.Process(target=produce, args=(queue, 200))
    child.start()
    print(method, "queue", sum(len(item[2]) for item in iter(queue.get, None)))
    child.join()
    block = shared_memory.SharedMemory(create=True, size=1000)
    block.buf[:1000] = bytes(i % 7 for i in range(1000))
    child = ctx.Process(target=add_up, args=(block.name, 1000))
    child.start()
    child.join()
    print(method, "shared memory", child.exitcode)
    block.close()
    block.unlink()
    child = ctx.Process(target=wait_for_ever)
    child.start()
    child.kill()
    child.join()
    print(method, "killed", child.exitcode)


def descriptors():
    read, write = os.pipe()
    os.set_inheritable(write, True)
    show = "ls /proc/self/fd | wc -l; echo to the pipe >&%d" % write
    done = subprocess.run(["bash", "-c", show], close_fds=True, capture_output=True, text=True)
    print("closed", done.returncode != 0, done.stdout.split())
    done = subprocess.run(["bash", "-c", show], pass_fds=[write], capture_output=True, text=True)
    print("passed", done.returncode, done.stdout.split(), os.read(read, 100))
    done = subprocess.run(["sh", "-c", "kill -9 $$"])
    print("signal", done.returncode)
    try:
        subprocess.run(["sleep", "30"], timeout=0.3)
    except subprocess.TimeoutExpired as e:
        print("timeout", e.cmd)
    done = subprocess.run(["env"], env={"A": "b"}, capture_output=True, text=True)
    print("environment", "A=b" in done.stdout)
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 6"], os.environ)
    print("posix_spawn", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    for n in range(20):
        pid = os.fork()
        if not pid:
            data = [bytes(i) for i in range(500)]
            os._exit(len(data) % 100 + n)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == n
    print("forks", n + 1)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    by("fork")
    by("spawn")
    descriptors()
