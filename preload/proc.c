/* SPDX-License-Identifier: Apache-2.0
 *
 * proc.c - see proc.h.  /proc/thread-self is asked, never /proc/self: the
 * latter is empty once the main thread has left.
 */
#include "proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys.h"

#define CONTAINER_ID_LEN 64
#define FIRST_TIME_NAMESPACE "time:[4026531834]" /* the same number in every kernel */

ssize_t proc_read(const char *path, char *text, size_t bytes)
{
	int fd = sys_open(path, O_RDONLY, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = sys_read(fd, text, bytes - 1);
	sys_close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

int proc_thread_times(uint32_t pid, uint32_t tid, uint64_t *user_ns, uint64_t *system_ns)
{
	char path[64], text[512], *p;
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", pid, tid);
	n = proc_read(path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	/* The name, in parentheses, may hold anything: fields count from the last
	 * one.  utime and stime are fields 14 and 15, the state is field 3. */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 14; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EIO;
	*user_ns = strtoull(p, &p, 10) * tick_ns;
	*system_ns = strtoull(p, NULL, 10) * tick_ns;
	return 0;
}

/* The value of a "Name:   123 kB" line, bytes; 0 when it is not there. */
static uint64_t status_bytes(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

int proc_memory(uint64_t *rss, uint64_t *vsize, uint64_t *peak)
{
	char status[16384]; /* the memory stands behind a list of groups */
	ssize_t n = proc_read("/proc/thread-self/status", status, sizeof(status));

	if (n < 0)
		return (int)n;
	*rss = status_bytes(status, "\nVmRSS:");
	*vsize = status_bytes(status, "\nVmSize:");
	*peak = status_bytes(status, "\nVmHWM:");
	return 0;
}

int proc_each(const char *path, void (*visit)(int number, void *arg), void *arg)
{
	char list[4096];
	int dir = sys_open(path, O_RDONLY | O_DIRECTORY, 0);
	ssize_t n;

	if (dir < 0)
		return dir;
	while ((n = sys_getdents64(dir, list, sizeof(list))) > 0)
		for (ssize_t at = 0; at < n;) {
			/* struct linux_dirent64: ino, off, reclen, type, name */
			const char *name = list + at + 19;
			uint16_t length;

			memcpy(&length, list + at + 16, sizeof(length));
			if (*name >= '0' && *name <= '9' && atoi(name) != dir)
				visit(atoi(name), arg);
			at += length;
		}
	sys_close(dir);
	return 0;
}

static void close_one(int fd, void *arg)
{
	(void)arg;
	sys_close(fd);
}

void proc_close_all(void)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	if (proc_each("/proc/thread-self/fd", close_one, NULL) == 0)
		return;
	SYS_CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit, 0, 0);
	for (unsigned fd = 0; fd < limit.rlim_cur && fd < 65536; fd++)
		sys_close((int)fd);
}

/* A task directory has a link for each thread, besides its own two. */
uint32_t proc_thread_count(void)
{
	struct stat st;

	if (SYS_CALL(SYS_newfstatat, AT_FDCWD, "/proc/thread-self/..", &st, 0, 0, 0) < 0)
		return 0;
	return st.st_nlink > 2 ? (uint32_t)st.st_nlink - 2 : 0;
}

void proc_container_id(char *id, size_t bytes)
{
	char text[4096], *p = text;

	*id = '\0';
	if (proc_read("/proc/thread-self/cgroup", text, sizeof(text)) <= 0)
		return;
	for (; *p; p++) {
		size_t n = strspn(p, "0123456789abcdef");

		if (n == CONTAINER_ID_LEN && n < bytes) {
			memcpy(id, p, n);
			id[n] = '\0';
			return;
		}
		p += n;
		if (!*p)
			return;
	}
}

/* The file tells of the namespace that children will be in, so it is read only
 * where that is ours. */
int64_t proc_clock_offset_ns(void)
{
	static int64_t offset;
	char ours[64] = "", childrens[64] = "", text[256];
	long long s, ns;

	if (sys_readlink("/proc/thread-self/ns/time", ours, sizeof(ours) - 1) <= 0)
		return offset;
	if (!strcmp(ours, FIRST_TIME_NAMESPACE))
		return offset = 0;
	if (sys_readlink("/proc/thread-self/ns/time_for_children", childrens,
			 sizeof(childrens) - 1) <= 0 ||
	    strcmp(ours, childrens) ||
	    proc_read("/proc/self/timens_offsets", text, sizeof(text)) <= 0)
		return offset;
	if (sscanf(text, "monotonic %lld %lld", &s, &ns) == 2)
		offset = s * 1000000000 + ns;
	return offset;
}
