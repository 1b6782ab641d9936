#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# python3 and its children: multiprocessing with fork and with spawn, subprocess with
# and without close_fds, pass_fds, process groups and a preexec function, os.fork with
# threads about, os.posix_spawn, pidfd, an executor, and what they return.
#
# programs: python_children.py python3*3
# hides: shm
# states: set how many forks a pool makes is its own business
import concurrent.futures
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading


def square(n):
    return n * n, len([bytes(100) for _ in range(n)])


def fill(queue, n):
    queue.put(hashlib.sha256(b"x" * n).hexdigest())
    sys.exit(n % 5)


def fds():
    return sorted(int(f) for f in os.listdir("/proc/self/fd"))[:-1]


def multi(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        print(method, "pool", sum(n for n, _ in pool.map(square, range(200))))
        pool.close()
        pool.join()
    queue = context.SimpleQueue()
    process = context.Process(target=fill, args=(queue, 1003))
    process.start()
    print(method, "queue", queue.get())
    process.join()
    print(method, "exit", process.exitcode)
    value = context.Value("i", 0)
    near, far = context.Pipe()
    process = context.Process(target=far.send, args=({"a": [1, 2, 3]},))
    process.start()
    print(method, "pipe", near.recv(), value.value)
    process.join()
    process = context.Process(target=signal.pause)
    process.start()
    process.kill()
    process.join()
    print(method, "killed", process.exitcode)


def children():
    listing = [sys.executable, "-c",
               "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"]
    held = open("held", "w")
    os.set_inheritable(held.fileno(), True)
    for options in (dict(close_fds=True), dict(close_fds=False),
                    dict(pass_fds=(held.fileno(),)), dict(start_new_session=True),
                    dict(preexec_fn=lambda: os.umask(0o77)), dict(cwd="/", env={"A": "1"})):
        done = subprocess.run(listing, capture_output=True, stdin=subprocess.DEVNULL, **options)
        print(sorted(set(options) - {"preexec_fn"}), done.returncode, done.stdout, done.stderr)
    held.close()
    process = subprocess.Popen(["sort", "-r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(process.communicate(b"\n".join(b"%d" % n for n in range(2000)))[0][:20])
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    process.stdin.write(b"x")
    print("alive", process.stdout.read(1))
    process.terminate()
    print("terminated", process.wait())
    print("timeout", end=" ")
    try:
        subprocess.run(["sleep", "60"], timeout=1)
    except subprocess.TimeoutExpired:
        print("expired")
    try:
        subprocess.run(["/no/such/program"])
    except OSError as e:
        print(e.strerror)
    print("shell", subprocess.getoutput("echo a; echo b >&2; exit 3"))
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 9"], {}, setsigmask=[signal.SIGUSR1])
    print("posix_spawn", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    pid = os.fork()
    if pid == 0:
        signal.pause()
    fd = os.pidfd_open(pid)
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    print("pidfd", os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status)
    os.close(fd)


def forks_among_threads():
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            [bytearray(n) for n in range(100, 2000, 100)]

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    codes = []
    for n in range(20):
        pid = os.fork()
        if pid == 0:
            total = sum(len(bytearray(m)) for m in range(1000))
            os._exit(n if total == 499500 else 99)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    stop.set()
    for thread in threads:
        thread.join()
    print("forks", codes)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    print("fds", fds())
    multi("fork")
    multi("spawn")
    children()
    forks_among_threads()
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        print("executor", sum(n for n, _ in executor.map(square, range(50))))
    print("fds", fds())
