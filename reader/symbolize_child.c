/* SPDX-License-Identifier: Apache-2.0
 *
 * symbolize_child.c - fork, limits, pipe, deadline.  The child limits its own
 * CPU time and memory, dies with its parent, and has no terminal to print to;
 * the parent holds the clock.  Called by the reader's only thread.
 */
#include "symbolize_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module_names.h"
#include "symbolize_pipe.h"

#define CHILD_READ_BYTES 65536

/* The address space this process has already. */
static uint64_t child_mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		if (fscanf(f, "%lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A soft limit only: the child raises its memory by what it maps of files. */
static void child_limit(int resource, uint64_t value)
{
	struct rlimit r;

	if (getrlimit(resource, &r))
		return;
	if (r.rlim_max == RLIM_INFINITY || value < r.rlim_max)
		r.rlim_cur = value;
	setrlimit((__rlimit_resource_t)resource, &r);
}

/* What is printed by libraries, or by an allocator about to abort, is of no
 * use to anybody; a sanitizer's report is. */
static void child_silence(void)
{
	int null = open("/dev/null", O_RDWR);
	int last = STDERR_FILENO;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	last = STDOUT_FILENO;
#endif
	for (int fd = 0; null >= 0 && fd <= last; fd++)
		dup2(null, fd);
}

static void child_main(const struct symbolize_options *options,
		       const struct symbolize_module *module, int fd, pid_t parent)
{
	static const int reset[] = { SIGSEGV, SIGBUS,  SIGILL,	SIGFPE,	 SIGABRT,
				     SIGTRAP, SIGXCPU, SIGPIPE, SIGALRM, SIGTERM };
	struct symbolize_writer w;

	for (size_t i = 0; i < sizeof(reset) / sizeof(*reset); i++)
		signal(reset[i], SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	child_limit(RLIMIT_CORE, 0);
	child_limit(RLIMIT_CPU, options->module_seconds + 1);
	child_limit(RLIMIT_AS, child_mapped_bytes() + options->module_memory_bytes);
	if (!options->debuginfod)
		unsetenv("DEBUGINFOD_URLS");
	symbolize_writer_init(&w, fd);
	module_names_write(options, module, &w);
	_exit(0);
}

static int64_t child_now_ms(void)
{
	return g_get_monotonic_time() / 1000;
}

/* Reads until the end; false, and *why, when the deadline passes first or the
 * answer is absurdly long. */
static bool child_read(int fd, unsigned seconds, GByteArray *stream, char **why)
{
	int64_t deadline = child_now_ms() + 1000 * (int64_t)seconds, left;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t bytes[CHILD_READ_BYTES];
	ssize_t n;

	for (;;) {
		left = deadline - child_now_ms();
		if (left <= 0) {
			*why = g_strdup_printf("took more than %u s", seconds);
			return false;
		}
		if (poll(&p, 1, (int)(left < 1000 ? left : 1000)) <= 0)
			continue;
		n = read(fd, bytes, sizeof(bytes));
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR) {
			*why = g_strdup_printf("cannot be read from: %s", strerror(errno));
			return false;
		}
		if (n > 0)
			g_byte_array_append(stream, bytes, (guint)n);
		if (stream->len > SYMBOLIZE_STREAM_BYTES) {
			*why = g_strdup("gave too many names");
			return false;
		}
	}
}

static bool child_wait(pid_t pid, char **why)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	/* Someone else may have reaped it: the stream's end decides then. */
	if (got != pid || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		*why = g_strdup("used up its CPU time");
	else if (WIFSIGNALED(status))
		*why = g_strdup_printf("crashed: %s", strsignal(WTERMSIG(status)));
	else
		*why = g_strdup_printf("ended with status %d", WEXITSTATUS(status));
	return false;
}

bool symbolize_child_run(const struct symbolize_options *options,
			 const struct symbolize_module *module, GByteArray *stream, char **why)
{
	pid_t pid, parent = getpid();
	char *wait_why = NULL;
	int fds[2];
	bool read_ok, wait_ok;

	if (pipe2(fds, O_CLOEXEC)) {
		*why = g_strdup_printf("could not be started: %s", strerror(errno));
		return false;
	}
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child_silence();
		child_main(options, module, fds[1], parent);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		*why = g_strdup_printf("could not be started: %s", strerror(errno));
		return false;
	}
	read_ok = child_read(fds[0], options->module_seconds, stream, why);
	if (!read_ok)
		kill(pid, SIGKILL);
	close(fds[0]);
	wait_ok = child_wait(pid, &wait_why);
	if (read_ok)
		*why = wait_why;
	else
		g_free(wait_why);
	return read_ok && wait_ok;
}
