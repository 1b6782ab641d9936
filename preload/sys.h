/* SPDX-License-Identifier: Apache-2.0
 *
 * sys.h - system calls for code that lives in somebody else's process.  Each
 * is the bare call: it returns the result or -errno, leaves errno alone, is no
 * cancellation point, and cannot be replaced by the program or by another
 * preloaded library.  Callable from every context.
 */
#ifndef PROF_SYS_H
#define PROF_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "arch.h"

/* What waits while our code holds a lock on a thread of the program (guard.h):
 * every signal.  Faults too, which may be sent by kill: a handler of the program that
 * leaves by siglongjmp would leave things half done, and its frame may not fit on a small
 * alternate stack beside ours; what we read there is mapped, or read through the
 * kernel.  Open stay libc's own two, and SIGSYS, by which a sandbox may serve a system
 * call of ours. */
#define SIGNAL_BIT(sig) (UINT64_C(1) << ((sig)-1))
#define SIGNALS_HELD (~(SIGNAL_BIT(SIGSYS) | SIGNAL_BIT(32) | SIGNAL_BIT(33)))

#define SYS_CALL(nr, a, b, c, d, e, f) \
	arch_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline int sys_open(const char *path, int flags, unsigned mode)
{
	return (int)SYS_CALL(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode, 0, 0);
}
static inline int sys_openat(int dir, const char *path, int flags, unsigned mode)
{
	return (int)SYS_CALL(SYS_openat, dir, path, flags | O_CLOEXEC, mode, 0, 0);
}
static inline int sys_close(int fd)
{
	return (int)SYS_CALL(SYS_close, fd, 0, 0, 0, 0, 0);
}
static inline ssize_t sys_read(int fd, void *buf, size_t n)
{
	return SYS_CALL(SYS_read, fd, buf, n, 0, 0, 0);
}
static inline ssize_t sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	return SYS_CALL(SYS_pread64, fd, buf, n, off, 0, 0);
}
static inline ssize_t sys_write(int fd, const void *buf, size_t n)
{
	return SYS_CALL(SYS_write, fd, buf, n, 0, 0, 0);
}
static inline ssize_t sys_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	return SYS_CALL(SYS_pwrite64, fd, buf, n, off, 0, 0);
}
static inline ssize_t sys_readlink(const char *path, char *buf, size_t n)
{
	return SYS_CALL(SYS_readlinkat, AT_FDCWD, path, buf, n, 0, 0);
}
static inline int sys_fstat(int fd, struct stat *st)
{
	return (int)SYS_CALL(SYS_fstat, fd, st, 0, 0, 0, 0);
}
static inline int sys_mkdir(const char *path, unsigned mode)
{
	return (int)SYS_CALL(SYS_mkdirat, AT_FDCWD, path, mode, 0, 0, 0);
}
static inline int sys_unlinkat(int dir, const char *path, int flags)
{
	return (int)SYS_CALL(SYS_unlinkat, dir, path, flags, 0, 0, 0);
}
static inline int sys_ftruncate(int fd, uint64_t n)
{
	return (int)SYS_CALL(SYS_ftruncate, fd, n, 0, 0, 0, 0);
}
static inline ssize_t sys_getdents64(int fd, void *buf, size_t n)
{
	return SYS_CALL(SYS_getdents64, fd, buf, n, 0, 0, 0);
}

/* Anonymous private memory, zeroed, readable and writable, or NULL. */
static inline void *sys_map(size_t n)
{
#ifdef __SANITIZE_THREAD__ /* it must see memory come and go */
	void *map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? NULL : map;
#endif
	long p = SYS_CALL(SYS_mmap, 0, n, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p < 0 && p > -4096 ? NULL : (void *)p;
}
/* As sys_map, for memory that a forked child does not get: it starts its own, and
 * generations of children must not pile up their ancestors'. */
static inline void *sys_map_unforked(size_t n)
{
	void *p = sys_map(n);

	if (p)
		SYS_CALL(SYS_madvise, p, n, MADV_DONTFORK, 0, 0, 0);
	return p;
}
/* n bytes of fd from off; prot and flags as for mmap.  NULL and *err = -errno
 * (err may be NULL) on failure. */
static inline void *sys_map_fd(size_t n, int prot, int flags, int fd, uint64_t off, int *err)
{
	long p = SYS_CALL(SYS_mmap, 0, n, prot, flags, fd, off);
	bool failed = p < 0 && p > -4096;

	if (err)
		*err = failed ? (int)p : 0;
	return failed ? NULL : (void *)p;
}
static inline int sys_unmap(void *p, size_t n)
{
#ifdef __SANITIZE_THREAD__
	return munmap(p, n);
#endif
	return (int)SYS_CALL(SYS_munmap, p, n, 0, 0, 0, 0);
}

static inline void sys_sleep_ns(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	SYS_CALL(SYS_nanosleep, &ts, NULL, 0, 0, 0, 0);
}
static inline int sys_getpid(void)
{
	return (int)SYS_CALL(SYS_getpid, 0, 0, 0, 0, 0, 0);
}
static inline int sys_gettid(void)
{
	return (int)SYS_CALL(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

/* The clock as nanoseconds; 0 when the clock is gone (a thread that ended). */
static inline uint64_t sys_clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (SYS_CALL(SYS_clock_gettime, clock, &ts, 0, 0, 0, 0) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
/* The CPU-time clock of one thread of this process (see clock_getcpuclockid(3):
 * the complement of the tid above three bits that say "per thread, scheduler
 * time"). */
static inline clockid_t sys_thread_cpu_clock(int tid)
{
	return (clockid_t)(~(unsigned)tid << 3 | 6);
}

/* True when the kernel has no such thread of ours any more.  Any other failure says
 * nothing about it, and a sandbox may refuse one call with any error, hardly two with
 * these. */
static inline bool sys_thread_is_gone(int tid)
{
	struct timespec ts;

	return SYS_CALL(SYS_clock_gettime, sys_thread_cpu_clock(tid), &ts, 0, 0, 0, 0) == -EINVAL &&
	       SYS_CALL(SYS_tgkill, sys_getpid(), tid, 0, 0, 0, 0) == -ESRCH;
}

static inline uint64_t sys_now_ns(void);

/* A joined thread may not have left the kernel's list yet, and the calls that want a
 * single-threaded process look there. */
static inline void sys_wait_until_gone(int tid, uint64_t timeout_ns)
{
	uint64_t until = sys_now_ns() + timeout_ns;

	while (tid && SYS_CALL(SYS_tgkill, sys_getpid(), tid, 0, 0, 0, 0) == 0 &&
	       sys_now_ns() < until)
		SYS_CALL(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* The vDSO's clock_gettime, found by clock.c at start; absent where that is not
 * linked (unit tests).  libc's may be another one's by now. */
extern int (*sys_vdso_clock_gettime)(clockid_t, struct timespec *)
	__attribute__((weak, visibility("hidden")));

static inline uint64_t sys_now_ns(void)
{
	struct timespec ts;

	if (!&sys_vdso_clock_gettime || !sys_vdso_clock_gettime ||
	    sys_vdso_clock_gettime(CLOCK_MONOTONIC, &ts))
		return sys_clock_ns(CLOCK_MONOTONIC);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
/* Sleeps while *word == value, at most timeout_ns (0 = for ever). */
static inline long sys_futex_wait(const _Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	struct timespec ts = { (time_t)(timeout_ns / 1000000000u),
			       (long)(timeout_ns % 1000000000u) };

	return SYS_CALL(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns ? &ts : NULL, 0, 0);
}
static inline long sys_futex_wake(const _Atomic uint32_t *word)
{
	return SYS_CALL(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffff, 0, 0, 0);
}

/* Set by probe.c where process_vm_readv would end the process; absent where
 * probe.c is not linked (unit tests). */
extern bool sys_vm_read_is_deadly __attribute__((weak, visibility("hidden")));

/* Copies n bytes of our own memory at addr, which may be unmapped: returns how
 * many could be read, from the start, or -errno. */
static inline ssize_t sys_read_memory_of(int tid, uint64_t addr, void *buf, size_t n)
{
	struct iovec to = { buf, n }, from = { (void *)(uintptr_t)addr, n };

	if (&sys_vm_read_is_deadly && sys_vm_read_is_deadly)
		return -ENOSYS;
	return SYS_CALL(SYS_process_vm_readv, tid, &to, 1, &from, 1, 0);
}

/* By the thread: once main has left, the process's own id leads to no memory. */
static inline ssize_t sys_read_own_memory(uint64_t addr, void *buf, size_t n)
{
	return sys_read_memory_of(sys_gettid(), addr, buf, n);
}

#endif
