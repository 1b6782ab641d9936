#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# asyncio with a server and clients on loopback, child processes, threads and
# signals; an executor of threads; timers.
#
# programs: python_async.py sh*3
# states: none children are ended at any point
# limit: 120
import asyncio
import concurrent.futures
import hashlib
import os
import signal
import socket
import threading


async def talk(reader, writer):
    while line := await reader.readline():
        writer.write(hashlib.sha256(line).hexdigest().encode() + b"\n")
        await writer.drain()
    writer.close()


async def ask(port, n):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for i in range(50):
        writer.write(b"%d %d\n" % (n, i))
        answers.append(await reader.readline())
    writer.close()
    return hashlib.sha256(b"".join(answers)).hexdigest()[:12]


async def child(n):
    proc = await asyncio.create_subprocess_exec("sh", "-c", f"cat; exit {n}", stdin=-1, stdout=-1)
    out, _ = await proc.communicate(b"z" * 100000)
    return len(out), proc.returncode


def work(n):
    return sum(i * i for i in range(n * 1000))


async def main():
    loop, got = asyncio.get_running_loop(), asyncio.Event()
    for sig in (signal.SIGUSR1, signal.SIGALRM, signal.SIGHUP):
        loop.add_signal_handler(sig, lambda s=sig: (print("signal", s.name), got.set()))
        os.kill(os.getpid(), sig)
        await got.wait()
        got.clear()
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print("clients", await asyncio.gather(*(ask(port, n) for n in range(20))))
    server.close()
    print("children", await asyncio.gather(*(child(n) for n in range(5))))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print("threads", await asyncio.gather(*(loop.run_in_executor(pool, work, n)
                                                for n in range(1, 9))))
    try:
        await asyncio.wait_for(asyncio.sleep(30), 0.2)
    except asyncio.TimeoutError:
        print("timeout")
    proc = await asyncio.create_subprocess_exec("sleep", "30")
    proc.terminate()
    print("terminated", await proc.wait())


signal.setitimer(signal.ITIMER_REAL, 100)
asyncio.run(main())
signal.setitimer(signal.ITIMER_REAL, 0)
left, right = socket.socketpair()
done = threading.Thread(target=lambda: right.sendall(left.recv(10)[::-1]))
done.start()
left.sendall(b"") or right.sendall(b"abc")
done.join()
print("socketpair", left.recv(10))
