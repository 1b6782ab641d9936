/* SPDX-License-Identifier: Apache-2.0
 * libs: -lpthread
 *
 * w_log.c - allocates and computes, and keeps account of it in a shared mapping
 * of a file, which outlives every death: `w_log LOG single|threads|server [END MS]`.
 * Each thread has a slot: its blocks so far, always up to date, and about every
 * millisecond a line (time, blocks, CPU time).  With END it ends in that way after MS:
 * return, exit, _exit, quick_exit, abort, abort_handled, segv, segv_handled, bus, handler
 * (exit in a signal handler), many (exit from 8 threads at once), exec, exec_thread,
 * exec_fails, pthread_exit (of main), xcpu, cpu (both by RLIMIT_CPU).  Children that a
 * server has then end by themselves.
 * tests/faults/kills.py reads the log.
 */
#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define SLOTS 1024
#define LINES 8190 /* a slot is a multiple of 64 bytes */
#define THREADS 8
#define LINE_NS MS
#define CHILD_MS 60
#define CHILDREN 3

struct line {
	uint64_t t_ns, blocks, cpu_ns;
};

struct slot {
	_Atomic uint64_t pid, tid, blocks, n;
	_Atomic uint64_t ended; /* the work was done and the thread left */
	uint64_t unused;
	struct line lines[LINES];
};

static struct log {
	_Atomic uint64_t slots, end_ns; /* end_ns: when END was about to happen */
	uint64_t unused[6];
	struct slot slot[SLOTS];
} * book;

static const char *end_by;
static uint64_t end_at = UINT64_MAX;
static unsigned work_per_block = 300;

static struct slot *take_slot(void)
{
	uint64_t n = atomic_fetch_add(&book->slots, 1);
	struct slot *s = &book->slot[n < SLOTS ? n : SLOTS - 1];

	atomic_store(&s->pid, (uint64_t)getpid());
	atomic_store(&s->tid, (uint64_t)work_tid());
	return s;
}

/* The line counts when n says so: a kill between the stores takes nothing back. */
static void write_line(struct slot *s, uint64_t now)
{
	uint64_t n = atomic_load(&s->n);

	if (n == LINES)
		return;
	s->lines[n] = (struct line){ now, atomic_load(&s->blocks), work_thread_cpu() };
	atomic_store(&s->n, n + 1);
}

static FRAME void log_block(struct slot *s)
{
	void *p;

	atomic_store_explicit(&s->blocks, s->blocks + 1, memory_order_relaxed);
	p = malloc(64);
	__asm__ volatile("" : "+r"(p) : : "memory");
	free(p);
}

/* Works until a time.  The blocks of a line were all made before its time. */
static FRAME void log_work(struct slot *s, uint64_t until)
{
	uint64_t now = work_clock(CLOCK_MONOTONIC), next = now;

	while (now < until) {
		for (int i = 0; i < 8; i++) {
			log_block(s);
			work_spin(work_per_block);
		}
		now = work_clock(CLOCK_MONOTONIC);
		if (now >= next) {
			write_line(s, now);
			next = now + LINE_NS;
		}
	}
}

static void *worker(void *unused)
{
	log_work(take_slot(), UINT64_MAX);
	return unused;
}

static void *exits(void *unused)
{
	exit(21);
	return unused;
}

static void on_exit_signal(int sig)
{
	(void)sig;
	exit(21);
}

static void on_fatal(int sig)
{
	(void)sig;
	_exit(21);
}

static void *execs(void *path)
{
	execl(path, (char *)path, "-", "exec", NULL);
	return NULL;
}

static void limit_cpu(rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };

	setrlimit(RLIMIT_CPU, &limit);
}

static void spawn(unsigned n, void *(*body)(void *), void *arg)
{
	pthread_t id;

	while (n--)
		pthread_create(&id, NULL, body, arg);
}

static void bad_page(int sig)
{
	FILE *empty = tmpfile();
	volatile char *at =
		sig == SIGBUS ? mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fileno(empty), 0)
			      : mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*at = 1;
}

static bool is(const char *how)
{
	return !strcmp(end_by, how);
}

/* Does not come back, but for what ends the process by itself a little later. */
static void end(char *self)
{
	atomic_store(&book->end_ns, work_clock(CLOCK_MONOTONIC));
	if (is("exit"))
		exit(21);
	if (is("_exit"))
		_exit(21);
	if (is("quick_exit"))
		quick_exit(21);
	if (is("abort_handled"))
		signal(SIGABRT, on_fatal);
	if (is("abort") || is("abort_handled"))
		abort();
	if (is("segv_handled"))
		signal(SIGSEGV, on_fatal);
	if (is("segv") || is("segv_handled") || is("bus"))
		bad_page(is("bus") ? SIGBUS : SIGSEGV);
	if (is("handler"))
		signal(SIGUSR1, on_exit_signal), raise(SIGUSR1);
	if (is("many"))
		spawn(THREADS, exits, NULL), pthread_exit(NULL);
	if (is("exec"))
		execs(self);
	if (is("exec_thread"))
		spawn(1, execs, self), pause();
	if (is("pthread_exit"))
		pthread_exit(NULL);
}

/* A child a request: it works for a while and leaves by _exit, as servers do. */
static void serve(struct slot *s)
{
	int running = 0;

	while (work_clock(CLOCK_MONOTONIC) < end_at) {
		if (fork() == 0) {
			struct slot *mine = take_slot();

			log_work(mine, work_clock(CLOCK_MONOTONIC) + CHILD_MS * MS);
			atomic_store(&mine->ended, 1);
			_exit(0);
		}
		log_work(s, work_clock(CLOCK_MONOTONIC) + 10 * MS);
		if (++running >= CHILDREN)
			wait(NULL), running--;
	}
}

static int open_book(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*book)))
		return -1;
	book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return book == MAP_FAILED ? -1 : 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "single";
	struct slot *s;

	if (!strcmp(mode, "exec"))
		return 22;
	if (argc < 2 || open_book(argv[1]))
		return 2;
	end_by = argc > 3 ? argv[3] : "never";
	if (argc > 3)
		end_at = work_clock(CLOCK_MONOTONIC) + work_arg(argc, argv, 4, 100) * MS;
	if (is("xcpu") || is("cpu"))
		limit_cpu(1, is("cpu") ? 1 : 3), end_at = UINT64_MAX;
	if (!strcmp(mode, "threads"))
		work_per_block = 20000, spawn(THREADS, worker, NULL);
	if (is("exec_fails"))
		execl("/no/such/program", "no", NULL);
	s = take_slot();
	if (!strcmp(mode, "server"))
		serve(s);
	log_work(s, end_at);
	end(argv[0]);
	return 21;
}
