# SPDX-License-Identifier: Apache-2.0
"""What a benchmark ran on: kernel, CPU, versions, settings that matter."""
import os
import platform
import shutil
import subprocess


def first_line(*command):
    """What a program says of itself, or that it is not there."""
    if not shutil.which(command[0]):
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).split("\n", maxsplit=1)[0]


def from_file(path, key=None):
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if key is None or line.startswith(key):
                    return line.split(":", maxsplit=1)[-1].strip()
    except OSError:
        pass
    return "unknown"


def load():
    return [round(x, 2) for x in os.getloadavg()]


def hypervisor():
    flags = from_file("/proc/cpuinfo", "flags").split()
    return "virtual machine" if "hypervisor" in flags else "no hypervisor"


def packages(*names):
    """Versions of Debian packages; of those that are there."""
    found = [f"{n} {v}" for n in names
             if (v := first_line("dpkg-query", "-W", "-f", "${Version}", n)) and " " not in v]
    return ", ".join(found) or "not from Debian"


def describe(bench, peers):
    """Names and values, in the order they are printed."""
    sysctl = "/proc/sys/kernel/perf_event_"
    about = {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": f"{from_file('/proc/cpuinfo', 'model name')}, {os.cpu_count()} CPUs, "
               f"{len(os.sched_getaffinity(0))} usable; {hypervisor()}",
        "system": from_file("/etc/os-release", "PRETTY_NAME").partition("=")[2].strip('"'),
        "libc": os.confstr("CS_GNU_LIBC_VERSION"),
        "compiler": first_line("gcc", "--version"),
        "perf": first_line("perf", "--version"),
        "valgrind": first_line("valgrind", "--version"),
        "user": f"uid {os.getuid()}, perf_event_paranoid {from_file(sysctl + 'paranoid')}, "
                f"perf_event_mlock_kb {from_file(sysctl + 'mlock_kb')}",
        "library": f"{bench.library}, {bench.library.stat().st_size} bytes",
        "settings": "defaults, but for what a figure names; LIBPROF_OUT below " + str(bench.out),
        "mode": "quick" if bench.quick else "full",
    }
    if peers:
        about["peers"] = packages("linux-perf", "heaptrack", "libgoogle-perftools4",
                                  "libjemalloc2", "valgrind")
    about["load_at_start"] = load()
    return about
