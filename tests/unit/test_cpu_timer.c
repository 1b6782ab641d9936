/* SPDX-License-Identifier: Apache-2.0
 *
 * test_cpu_timer.c - the timer engine with a ring and a thread registry of our
 * own: time is conserved, samples hold the interrupted stack, and SIGPROF means
 * to the program what it would mean without us.
 *
 * links: preload/cpu_timer.c preload/capture.c
 */
#define _GNU_SOURCE
#include "../../preload/cpu_timer.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "../../preload/capture.h"
#include "../../preload/config.h"
#include "../../preload/ring.h"
#include "../../preload/state.h"
#include "../../preload/stats.h"
#include "../../preload/sys.h"
#include "../../preload/thread.h"
#include "../check.h"

#define STACK_BYTES 8192u
#define MS UINT64_C(1000000)
#define HZ(hz) (1000000000u / (hz))

struct config config = { .stack_bytes = STACK_BYTES };
_Atomic uint64_t stats_lost[PROF_LOSS_CODES];

/* The registry: a thread sets these about itself. */
__thread struct thread_tls thread_tls; /* none has a state */
static __thread uint32_t self_index;
static __thread uint64_t self_low, self_high;

uint32_t thread_index_self(void)
{
	return self_index;
}

bool state_is_ours(void)
{
	return true;
}

/* The program blocks nothing here. */
bool signal_mask_defer(const siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	return false;
}

bool thread_stack_bounds(uint64_t sp, uint64_t *high)
{
	*high = self_high;
	return sp >= self_low && sp < self_high;
}

/* The ring: one slot for each thread, summed up at commit. */
static __thread uint64_t slot[(sizeof(struct ring_event) + STACK_BYTES) / 8 + 1];
static _Atomic uint64_t weights[4], samples[4];
static _Atomic bool ring_full;
static void (*on_commit)(const struct ring_event *e);

struct ring_event *ring_reserve(uint32_t bytes, enum ring_kind kind)
{
	struct ring_event *e = (struct ring_event *)slot;

	if (ring_full || bytes > sizeof(slot))
		return NULL;
	e->kind = kind;
	return e;
}

void ring_commit(struct ring_event *e)
{
	samples[e->thread]++;
	weights[e->thread] += e->weight;
	if (on_commit)
		on_commit(e);
}

static uint64_t cpu_ns(void)
{
	return sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void burn(uint64_t ns)
{
	uint64_t end = cpu_ns() + ns;
	volatile unsigned spins = 0;

	while (cpu_ns() < end)
		for (int i = 0; i < 10000; i++)
			spins++;
}

static void know_stack(uint32_t index)
{
	pthread_attr_t attr;
	size_t bytes;
	void *low;

	TRUE(!pthread_getattr_np(pthread_self(), &attr));
	TRUE(!pthread_attr_getstack(&attr, &low, &bytes));
	pthread_attr_destroy(&attr);
	self_index = index;
	self_low = (uint64_t)(uintptr_t)low;
	self_high = self_low + bytes;
}

static void open_engine(uint64_t period_ns)
{
	const char *why = NULL;

	EQ(cpu_timer_open(period_ns, 42, &why), 0);
	TRUE(cpu_timer_owns_signal());
	cpu_timer_enable(true);
}

struct worker {
	uint32_t index;
	uint64_t burn_ns, cpu_ns;
};

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	int id;

	know_stack(w->index);
	w->cpu_ns = cpu_ns();
	id = cpu_timer_attach(sys_gettid());
	TRUE(id >= 0);
	burn(w->burn_ns);
	w->cpu_ns = cpu_ns() - w->cpu_ns;
	cpu_timer_detach(id);
	return NULL;
}

/* Each sample stands for 1 + its overruns periods, so the sum misses the
 * thread's clock by less than one period, more at its start or less at its end,
 * and at the end by what ran since the last of the kernel's ticks that fell on the
 * thread: on a busy machine, where a turn may fall between ticks, ten of them. */
static void time_is_conserved(uint64_t period_ns)
{
	struct timespec tick;
	struct worker w[2] = { { 1, 500 * MS, 0 }, { 2, 2000 * MS, 0 } };
	pthread_t t[2];

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	open_engine(period_ns);
	for (int i = 0; i < 2; i++)
		TRUE(!pthread_create(&t[i], NULL, worker_main, &w[i]));
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 2; i++) {
		double got = (double)(weights[w[i].index] * period_ns);
		double off = got / (double)w[i].cpu_ns - 1;

		printf("thread %d: %.1f ms of CPU, %.1f ms in %llu samples: off by %+.2f %%\n", i,
		       (double)w[i].cpu_ns / 1e6, got / 1e6,
		       (unsigned long long)samples[w[i].index], 100 * off);
		TRUE(off * (double)w[i].cpu_ns < (double)period_ns);
		TRUE(off * (double)w[i].cpu_ns >
		     -(double)(period_ns + 10 * (uint64_t)tick.tv_nsec));
	}
	EQ(stats_lost[PROF_LOSS_TIMER_RING], 0);
	cpu_timer_close();
}

TEST(time_at_99_hz)
{
	time_is_conserved(HZ(99));
}

TEST(time_at_999_hz)
{
	time_is_conserved(HZ(999));
}

TEST(full_ring_is_counted)
{
	struct worker w = { 1, 200 * MS, 0 };

	ring_full = true;
	open_engine(HZ(100));
	worker_main(&w);
	EQ(weights[1], 0);
	TRUE(stats_lost[PROF_LOSS_TIMER_RING] >= 18 && stats_lost[PROF_LOSS_TIMER_RING] <= 22);
	cpu_timer_close();
}

#define MARKER UINT64_C(0x6d61726b65723031)
static volatile uint64_t *marker_at;
static _Atomic unsigned with_marker, without_marker;

static void look_for_marker(const struct ring_event *e)
{
	uint64_t offset = (uint64_t)(uintptr_t)marker_at - e->regs[ARCH_SP], value;

	EQ(e->kind, RING_SAMPLE);
	EQ(e->tid, sys_gettid());
	EQ(e->valid, (1u << ARCH_REGS) - 1);
	TRUE(e->regs[ARCH_SP] + e->stack_bytes <= self_high || !self_high);
	if (offset + 8 > e->stack_bytes) {
		without_marker++;
		return;
	}
	memcpy(&value, e->stack + offset, 8);
	EQ(value, MARKER);
	with_marker++;
}

static void burn_with_marker(void)
{
	volatile uint64_t marker = MARKER;
	int id;

	marker_at = &marker;
	on_commit = look_for_marker;
	id = cpu_timer_attach(sys_gettid());
	TRUE(id >= 0);
	burn(200 * MS);
	cpu_timer_detach(id);
	TRUE(with_marker > 10);
	EQ(without_marker, 0);
}

TEST(sample_holds_the_stack)
{
	know_stack(1);
	open_engine(HZ(200));
	burn_with_marker();
	cpu_timer_close();
}

TEST(sample_on_an_unknown_stack)
{
	open_engine(HZ(200));
	burn_with_marker();
	cpu_timer_close();
}

TEST(capture_stops_where_memory_ends)
{
	uint8_t *pages =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t end = (uint64_t)(uintptr_t)pages + 4096;
	static uint8_t copy[STACK_BYTES];
	bool cut;

	TRUE(pages != MAP_FAILED && !munmap(pages + 4096, 4096));
	memset(pages, 7, 4096);
	EQ(capture_stack_size(end - 1024, STACK_BYTES), STACK_BYTES);
	EQ(capture_stack(end - 1024, copy, STACK_BYTES, &cut), 1024);
	EQ(copy[1023], 7);
	TRUE(!cut);
	EQ(capture_stack(end - 1024, copy, 512, &cut), 512);
	TRUE(cut);
	EQ(capture_stack(end, copy, STACK_BYTES, &cut), 0);
	EQ(capture_stack(UINT64_MAX - 64, copy, STACK_BYTES, &cut), 0);

	self_low = end - 4096;
	self_high = end;
	memset(copy, 0, sizeof(copy));
	EQ(capture_stack_size(end - 1000, STACK_BYTES), 1000);
	EQ(capture_stack(end - 1000, copy, STACK_BYTES, &cut), 1000);
	TRUE(!cut && copy[999] == 7 && copy[1000] == 0);
	EQ(capture_stack(end - 1000, copy, 96, &cut), 96);
	TRUE(cut);
	munmap(pages, 4096);
}

TEST(timers_start_and_stop)
{
	int id;

	know_stack(1);
	open_engine(HZ(250));
	cpu_timer_enable(false);
	id = cpu_timer_attach(sys_gettid());
	TRUE(id >= 0);
	burn(60 * MS);
	EQ(weights[1], 0);
	cpu_timer_set(id, true);
	burn(100 * MS);
	TRUE(weights[1] >= 20);
	cpu_timer_set(id, false);
	weights[1] = 0;
	burn(60 * MS);
	EQ(weights[1], 0);
	cpu_timer_detach(id);
	cpu_timer_close();
}

static int reader_pipe[2];
static pthread_t reader;

static void *signal_the_reader(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5; i++) {
		usleep(10000);
		pthread_kill(reader, SIGPROF);
	}
	usleep(10000);
	TRUE(write(reader_pipe[1], "x", 1) == 1);
	return NULL;
}

/* A program that ignores SIGPROF sees no EINTR from it: not from a stranger's
 * signal while blocked, not from samples taken between one read and the next. */
TEST(no_eintr_and_errno_kept)
{
	char buf[4096];
	pthread_t t;
	int id;

	TRUE(signal(SIGPROF, SIG_IGN) != SIG_ERR);
	know_stack(1);
	open_engine(HZ(1000));
	id = cpu_timer_attach(sys_gettid());
	TRUE(id >= 0 && !pipe(reader_pipe));
	reader = pthread_self();
	TRUE(!pthread_create(&t, NULL, signal_the_reader, NULL));
	errno = ENOTTY;
	EQ(read(reader_pipe[0], buf, 1), 1);
	EQ(errno, ENOTTY);
	pthread_join(t, NULL);
	for (uint64_t end = cpu_ns() + 300 * MS; cpu_ns() < end;) {
		EQ(write(reader_pipe[1], buf, sizeof(buf)), sizeof(buf));
		EQ(read(reader_pipe[0], buf, sizeof(buf)), sizeof(buf));
	}
	EQ(errno, ENOTTY);
	TRUE(samples[1] > 20);
	cpu_timer_detach(id);
	cpu_timer_close();
}

static void die_of_sigprof(void)
{
	int id;

	open_engine(HZ(250));
	id = cpu_timer_attach(sys_gettid());
	TRUE(id >= 0);
	burn(50 * MS);
	raise(SIGPROF);
	_exit(0);
}

TEST(default_action_still_kills)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		die_of_sigprof();
	EQ(waitpid(pid, &status, 0), pid);
	TRUE(WIFSIGNALED(status));
	EQ(WTERMSIG(status), SIGPROF);
}

static _Atomic unsigned program_calls, program_timer_calls;
static void *program_trace[64];
static int program_depth;

static void program_handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	EQ(sig, SIGPROF);
	program_calls++;
	program_timer_calls += info->si_code == SI_TIMER;
	program_depth = backtrace(program_trace, 64);
}

static struct sigaction action_of(void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_flags = flags | SA_SIGINFO };

	sa.sa_sigaction = handler;
	sigaddset(&sa.sa_mask, SIGUSR2);
	return sa;
}

/* Returns what raise returned to, to be found in the handler's backtrace. */
__attribute__((noinline)) static void *raise_here(void)
{
	raise(SIGPROF);
	__asm__ volatile("" ::: "memory");
	return __builtin_return_address(0);
}

static bool trace_has(const void *pc)
{
	for (int i = 0; i < program_depth; i++)
		if (program_trace[i] == pc)
			return true;
	return false;
}

/* The program installs a handler while timers fire: from then on it gets its
 * own signals, none of ours, and its backtraces pass through our frames. */
TEST(program_takes_the_signal)
{
	struct sigaction sa = action_of(program_handler, SA_RESTART), old;
	int id, later;
	void *pc;

	know_stack(1);
	open_engine(HZ(1000));
	id = cpu_timer_attach(sys_gettid());
	burn(50 * MS);
	TRUE(samples[1] > 0);
	EQ(cpu_timer_program_sigaction(NULL, &old), 0);
	TRUE(old.sa_handler == SIG_DFL);
	EQ(cpu_timer_program_sigaction(&sa, &old), 0);
	TRUE(old.sa_handler == SIG_DFL);
	TRUE(!cpu_timer_owns_signal());
	samples[1] = 0;
	burn(100 * MS);
	EQ(samples[1], 0);
	EQ(program_calls, 0);
	pc = raise_here();
	EQ(program_calls, 1);
	TRUE(trace_has(pc));
	later = cpu_timer_attach(sys_gettid());
	EQ(later, -EBUSY);
	cpu_timer_detach(id);

	EQ(cpu_timer_program_sigaction(NULL, &old), 0);
	TRUE(old.sa_sigaction == program_handler);
	TRUE(old.sa_flags & SA_SIGINFO && old.sa_flags & SA_RESTART);
	TRUE(sigismember(&old.sa_mask, SIGUSR2) && !sigismember(&old.sa_mask, SIGUSR1));
	cpu_timer_close();
	raise(SIGPROF);
	EQ(program_calls, 2);
	EQ(program_timer_calls, 0);
}

TEST(program_handler_once)
{
	struct sigaction sa = action_of(program_handler, (int)SA_RESETHAND), old;
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	open_engine(HZ(100));
	EQ(cpu_timer_program_sigaction(&sa, NULL), 0);
	raise(SIGPROF);
	EQ(program_calls, 1);
	EQ(cpu_timer_program_sigaction(&ignore, &old), 0);
	TRUE(old.sa_handler == SIG_DFL);
	raise(SIGPROF);
	EQ(program_calls, 1);
}

/* A loop that resets all signals must neither kill the process nor end the
 * profile. */
TEST(program_sets_default_and_ignore)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, dfl = { .sa_handler = SIG_DFL }, old;
	int id;

	know_stack(1);
	open_engine(HZ(1000));
	id = cpu_timer_attach(sys_gettid());
	EQ(cpu_timer_program_sigaction(&dfl, NULL), 0);
	burn(50 * MS);
	EQ(cpu_timer_program_sigaction(&ignore, &old), 0);
	TRUE(old.sa_handler == SIG_DFL);
	raise(SIGPROF);
	samples[1] = 0;
	burn(50 * MS);
	TRUE(samples[1] > 0 && cpu_timer_owns_signal());
	cpu_timer_detach(id);
	cpu_timer_close();
	TRUE(!sigaction(SIGPROF, NULL, &old) && old.sa_handler == SIG_IGN);
}

TEST(program_goes_round_us)
{
	struct sigaction sa = action_of(program_handler, 0), old;

	open_engine(HZ(100));
	TRUE(!sigaction(SIGPROF, &sa, NULL));
	TRUE(!cpu_timer_owns_signal());
	EQ(cpu_timer_program_sigaction(NULL, &old), 0);
	TRUE(old.sa_sigaction == program_handler);
	cpu_timer_close();
	raise(SIGPROF);
	EQ(program_calls, 1);
}

TEST(program_was_first)
{
	struct sigaction sa = action_of(program_handler, 0);
	const char *why = NULL;

	TRUE(!sigaction(SIGPROF, &sa, NULL));
	EQ(cpu_timer_open(HZ(100), 1, &why), -EBUSY);
	STREQ(why, "the program handles SIGPROF itself");
	TRUE(!cpu_timer_owns_signal());
	raise(SIGPROF);
	EQ(program_calls, 1);
}

static int left_behind;

static void *leave_timer_behind(void *arg)
{
	(void)arg;
	know_stack(1);
	left_behind = cpu_timer_attach(sys_gettid());
	TRUE(left_behind >= 0);
	burn(200 * MS);
	return NULL;
}

/* Closed while a timer of another thread still fires, and with one of our
 * signals pending in a thread that blocks it. */
TEST(late_signals_do_no_harm)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL }, old;
	sigset_t prof;
	pthread_t t;
	int id;

	open_engine(HZ(1000));
	sigemptyset(&prof);
	sigaddset(&prof, SIGPROF);
	id = cpu_timer_attach(sys_gettid());
	TRUE(!pthread_sigmask(SIG_BLOCK, &prof, NULL));
	burn(30 * MS);
	cpu_timer_detach(id);
	TRUE(!pthread_create(&t, NULL, leave_timer_behind, NULL));
	burn(50 * MS);
	cpu_timer_close();
	samples[1] = 0;
	EQ(cpu_timer_program_sigaction(&dfl, &old), 0);
	TRUE(old.sa_handler == SIG_DFL);
	TRUE(!pthread_sigmask(SIG_UNBLOCK, &prof, NULL));
	pthread_join(t, NULL);
	EQ(samples[1], 0);
	cpu_timer_detach(left_behind);

	open_engine(HZ(1000));
	cpu_timer_close();
	TRUE(!sigaction(SIGPROF, NULL, &old) && old.sa_handler == SIG_DFL);
}

TEST(found_action_comes_back)
{
	struct sigaction old;

	open_engine(HZ(100));
	cpu_timer_close();
	TRUE(!sigaction(SIGPROF, NULL, &old) && old.sa_handler == SIG_DFL);
}

static void in_forked_child(int parents_timer)
{
	struct sigaction old, sa = action_of(program_handler, 0);
	int id;

	EQ(cpu_timer_attach(sys_gettid()), -EBUSY);
	cpu_timer_detach(parents_timer);
	EQ(cpu_timer_program_sigaction(NULL, &old), 0);
	TRUE(old.sa_handler == SIG_DFL);
	weights[1] = 0;
	open_engine(HZ(1000));
	id = cpu_timer_attach(sys_gettid());
	TRUE(id >= 0);
	burn(50 * MS);
	TRUE(weights[1] > 0);
	EQ(cpu_timer_program_sigaction(&sa, NULL), 0);
	raise(SIGPROF);
	EQ(program_calls, 1);
	cpu_timer_detach(id);
	_exit(0);
}

TEST(forked_child)
{
	int id, status;
	pid_t pid;

	know_stack(1);
	open_engine(HZ(1000));
	id = cpu_timer_attach(sys_gettid());
	TRUE(id >= 0);
	pid = fork();
	if (!pid)
		in_forked_child(id);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	weights[1] = 0;
	burn(50 * MS);
	TRUE(weights[1] > 0 && cpu_timer_owns_signal());
	cpu_timer_detach(id);
	cpu_timer_close();
}
