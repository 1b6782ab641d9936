/* SPDX-License-Identifier: Apache-2.0
 *
 * proc.h - the few facts that only /proc tells.  Descriptors are closed before
 * each function returns; the writer's are not the program's, the constructor's
 * are.
 */
#ifndef PROF_PROC_H
#define PROF_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* [init] [writer] Reads the start of a file, terminated.  Bytes read or -errno. */
ssize_t proc_read(const char *path, char *text, size_t bytes);

/* [writer] User and system time of one thread.  0 or -errno. */
int proc_thread_times(uint32_t pid, uint32_t tid, uint64_t *user_ns, uint64_t *system_ns);

/* [writer] VmSize, VmRSS and VmHWM (the most that was resident) of this process,
 * bytes.  0 or -errno. */
int proc_memory(uint64_t *rss, uint64_t *vsize, uint64_t *peak);

/* [writer] Calls visit for each name in the directory that is a number (but for the
 * directory's own descriptor).  0 or -errno. */
int proc_each(const char *path, void (*visit)(int number, void *arg), void *arg);

/* [writer] Closes every descriptor of the calling thread's table, its own by now;
 * without /proc those below the limit, 65,536 at most. */
void proc_close_all(void);

/* [hook] Threads of this process as the kernel counts them, 0 when it cannot be told. */
uint32_t proc_thread_count(void);

/* [writer] What CLOCK_MONOTONIC shows in this process's time namespace minus what
 * it shows outside all of them; the value of the last call where it cannot be told. */
int64_t proc_clock_offset_ns(void);

/* [writer] The container's id out of the cgroup path, "" when there is none. */
void proc_container_id(char *id, size_t bytes);

#endif
