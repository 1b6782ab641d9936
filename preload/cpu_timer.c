/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_timer.c - see cpu_timer.h.  The handler runs on the program's threads
 * and does bare system calls only.  SIGPROF's action is shared with the
 * program: what it believes to have installed is kept beside what the kernel
 * has, which is always on_sigprof while a timer of ours may still fire.
 */
#define _GNU_SOURCE /* registers by name in ucontext.h */
#include "cpu_timer.h"

#include <errno.h>
#include <stdatomic.h>

#include "arch_signal.h"
#include "capture.h"
#include "config.h"
#include "lock.h"
#include "ring.h"
#include "signal_mask.h"
#include "state.h"
#include "stats.h"
#include "sys.h"
#include "thread.h"

#define OUR_FLAGS (SA_SIGINFO | SA_RESTART | SA_ONSTACK | ARCH_SA_RESTORER)
#define SIGSET_BYTES sizeof(uint64_t) /* the kernel's sigset_t */

ARCH_DEFINE_SIGRETURN;

enum timer_state {
	TIMER_CLOSED, /* SIGPROF is none of our business */
	TIMER_OWNED,  /* on_sigprof records */
	TIMER_YIELDED, /* on_sigprof only filters: late expiries of ours, the rest is the program's */
};

static struct {
	struct lock lock;	       /* program, and state's changes; held with signals blocked */
	struct arch_sigaction program; /* what the program believes is installed */
	_Atomic uint32_t state;	       /* enum timer_state */
	_Atomic uint32_t timers;       /* attached and not detached */
	_Atomic bool armed;	       /* new timers start at once */
	_Atomic int refused;	       /* errno of the last timer that a thread could not have */
	_Atomic uint64_t draws;
	_Atomic int pid; /* the process that all this is true of */
	uint64_t period_ns, seed;
} timer;

static void on_sigprof(int sig, siginfo_t *info, void *context);

/* A forked child has our memory and our handler, but none of our timers, and
 * the lock may be held by a thread it does not have.  Its pid may be the same. */
static bool in_own_process(void)
{
	return state_is_ours() &&
	       atomic_load_explicit(&timer.pid, memory_order_relaxed) == sys_getpid();
}

/* Signals are blocked so that a handler on this thread cannot want the lock
 * while it is held here. */
static uint64_t state_lock(void)
{
	uint64_t all = ~UINT64_C(0), mask = 0;

	SYS_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, SIGSET_BYTES, 0, 0);
	lock_take(&timer.lock);
	return mask;
}

static void state_unlock(uint64_t mask)
{
	lock_drop(&timer.lock);
	SYS_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SIGSET_BYTES, 0, 0);
}

static int set_action(const struct arch_sigaction *act, struct arch_sigaction *old)
{
	return (int)SYS_CALL(SYS_rt_sigaction, SIGPROF, act, old, SIGSET_BYTES, 0, 0);
}

static bool is_handler(const struct arch_sigaction *act)
{
	return (uintptr_t)act->handler != (uintptr_t)SIG_DFL &&
	       (uintptr_t)act->handler != (uintptr_t)SIG_IGN;
}

static const struct arch_sigaction our_action = { on_sigprof, OUR_FLAGS, arch_sigreturn,
						  SIGNALS_HELD };
static const struct arch_sigaction default_action = { .handler = NULL /* SIG_DFL */ };

/* [signal] [hook] Also the value our timers send along, so that their signals are known. */
bool cpu_timer_expiry(const siginfo_t *info)
{
	return info->si_code == SI_TIMER && info->si_value.sival_ptr == &timer;
}

static void record_sample(const siginfo_t *info, const void *context)
{
	uint32_t weight = 1 + (uint32_t)info->si_overrun, cpu = 0, room;
	uint64_t regs[ARCH_REGS], now = sys_now_ns();
	struct ring_event *e;

	arch_signal_regs(context, regs);
	room = capture_stack_size(regs[ARCH_SP], (uint32_t)config.stack_bytes);
	e = ring_reserve((uint32_t)sizeof(*e) + room, RING_SAMPLE);
	if (!e) {
		stats_lose(PROF_LOSS_TIMER_RING, weight);
		return;
	}
	SYS_CALL(SYS_getcpu, &cpu, NULL, NULL, 0, 0, 0);
	e->t_ns = now;
	e->thread = thread_index_self();
	e->tid = (uint32_t)sys_gettid();
	e->cpu = cpu;
	e->block = 0;
	e->size = 0;
	e->weight = weight;
	e->valid = ARCH_SIGNAL_REGS_VALID;
	arch_signal_regs(context, e->regs);
	e->stack_bytes = capture_stack(regs[ARCH_SP], e->stack, room, &e->cut);
	ring_commit(e);
}

/* A SIGPROF that is not ours has the effect it would have without us. */
static void forward(int sig, siginfo_t *info, void *context)
{
	bool ours = in_own_process();
	struct arch_sigaction act;
	uint64_t mask;

	if (ours && signal_mask_defer(info, context))
		return;
	mask = ours ? state_lock() : 0;
	act = timer.program;
	if (is_handler(&act) && act.flags & SA_RESETHAND)
		timer.program = default_action;
	if (ours)
		state_unlock(mask);
	if (is_handler(&act)) {
		act.handler(sig, info, context);
	} else if ((uintptr_t)act.handler == (uintptr_t)SIG_DFL) {
		/* blocked here: it ends the process when this handler returns */
		set_action(&default_action, NULL);
		SYS_CALL(SYS_tgkill, sys_getpid(), sys_gettid(), SIGPROF, 0, 0, 0);
	}
}

/* A thread that has no state yet, or none any more, is not waited for. */
static void take_expiry(const siginfo_t *info, const void *context)
{
	struct thread_state *t = thread_tls.self;
	uint32_t outer = t ? thread_record_begin(t) : 0;

	if (atomic_load(&timer.state) == TIMER_OWNED)
		record_sample(info, context);
	if (t)
		thread_record_end(t, outer);
}

/* [signal] */
static void on_sigprof(int sig, siginfo_t *info, void *context)
{
	if (cpu_timer_expiry(info))
		take_expiry(info, context);
	else
		forward(sig, info, context);
}

int cpu_timer_open(uint64_t period_ns, uint64_t seed, const char **why)
{
	struct arch_sigaction found;
	uint64_t mask;
	int err;

	if (!in_own_process()) {
		atomic_store(&timer.lock.word, 0);
		atomic_store(&timer.timers, 0);
		atomic_store(&timer.state, TIMER_CLOSED);
		atomic_store(&timer.pid, sys_getpid());
	}
	timer.period_ns = period_ns;
	timer.seed = seed;
	atomic_store(&timer.armed, false);
	mask = state_lock();
	err = set_action(&our_action, &found);
	if (!err && found.handler != on_sigprof)
		timer.program = found;
	if (!err && is_handler(&timer.program)) {
		set_action(&found, NULL);
		err = -EBUSY;
	}
	if (!err)
		atomic_store(&timer.state, TIMER_OWNED);
	state_unlock(mask);
	if (err)
		*why = err == -EBUSY ? "the program handles SIGPROF itself"
				     : "rt_sigaction(SIGPROF) was refused";
	return err;
}

void cpu_timer_enable(bool on)
{
	atomic_store(&timer.armed, on);
}

/* Uniform in (0, period]: with a first expiry after a whole period, threads
 * shorter than that would never be seen.  (splitmix64) */
static uint64_t draw_first_ns(void)
{
	uint64_t n = atomic_fetch_add_explicit(&timer.draws, 1, memory_order_relaxed) + 1;
	uint64_t x = timer.seed + n * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % timer.period_ns + 1;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
}

void cpu_timer_set(int timer_id, bool on)
{
	struct itimerspec its = { { 0, 0 }, { 0, 0 } };
	long err;

	if (!in_own_process()) /* a vfork child about to exec: it has no timers */
		return;
	if (on) {
		its.it_value = to_timespec(draw_first_ns());
		its.it_interval = to_timespec(timer.period_ns);
	}
	err = SYS_CALL(SYS_timer_settime, timer_id, 0, &its, NULL, 0, 0);
	if (err < 0 && err != -ESRCH) /* a thread that is gone needs none */
		atomic_store(&timer.refused, (int)-err);
}

int cpu_timer_refused(void)
{
	return atomic_exchange(&timer.refused, 0);
}

int cpu_timer_attach(int tid)
{
	struct sigevent ev = { .sigev_signo = SIGPROF, .sigev_notify = SIGEV_THREAD_ID };
	int id = 0, err;

	if (atomic_load(&timer.state) != TIMER_OWNED || !in_own_process())
		return -EBUSY;
	ev.sigev_value.sival_ptr = &timer;
	ev._sigev_un._tid = tid;
	/* Counted first: the signal's action must not change in between. */
	atomic_fetch_add(&timer.timers, 1);
	err = (int)SYS_CALL(SYS_timer_create, sys_thread_cpu_clock(tid), &ev, &id, 0, 0, 0);
	if (err < 0) {
		atomic_fetch_sub(&timer.timers, 1);
		if (err != -EINVAL) /* the thread is gone */
			atomic_store(&timer.refused, -err);
		return err;
	}
	if (atomic_load(&timer.armed))
		cpu_timer_set(id, true);
	return id;
}

void cpu_timer_detach(int timer_id)
{
	if (in_own_process() && !SYS_CALL(SYS_timer_delete, timer_id, 0, 0, 0, 0, 0))
		atomic_fetch_sub(&timer.timers, 1);
}

bool cpu_timer_owns_signal(void)
{
	uint32_t owned = TIMER_OWNED;
	struct arch_sigaction now;

	if (atomic_load(&timer.state) != TIMER_OWNED)
		return false;
	if (!set_action(NULL, &now) && now.handler == on_sigprof)
		return true;
	atomic_compare_exchange_strong(&timer.state, &owned, TIMER_YIELDED);
	return false;
}

static struct arch_sigaction from_libc(const struct sigaction *sa)
{
	struct arch_sigaction act = { sa->sa_sigaction, (unsigned)sa->sa_flags | ARCH_SA_RESTORER,
				      arch_sigreturn, 0 };

	__builtin_memcpy(&act.mask, &sa->sa_mask, sizeof(act.mask));
	act.mask &= ~(UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1));
	return act;
}

static void to_libc(const struct arch_sigaction *act, struct sigaction *sa)
{
	*sa = (struct sigaction){ .sa_flags = (int)act->flags, .sa_restorer = act->restorer };
	sa->sa_sigaction = act->handler;
	__builtin_memcpy(&sa->sa_mask, &act->mask, sizeof(act->mask));
}

/* Under the lock: puts in force what the program asks for. */
static int install_for_program(const struct arch_sigaction *act)
{
	struct arch_sigaction filter = our_action;
	int err;

	if (is_handler(act)) {
		/* SA_RESETHAND is ours to do: a late expiry must not trigger it. */
		filter.flags = (act->flags & ~(unsigned long)SA_RESETHAND) | SA_SIGINFO;
		filter.mask = act->mask;
	} else if (atomic_load(&timer.state) == TIMER_YIELDED && !atomic_load(&timer.timers)) {
		filter = *act;
	}
	err = set_action(&filter, NULL);
	if (err)
		return err;
	timer.program = *act;
	if (is_handler(act))
		atomic_store(&timer.state, TIMER_YIELDED);
	return 0;
}

int cpu_timer_program_sigaction(const struct sigaction *act, struct sigaction *old)
{
	struct arch_sigaction new_act, was;
	bool shared = atomic_load(&timer.state) != TIMER_CLOSED && in_own_process();
	uint64_t mask = 0;
	int err;

	if (act)
		new_act = from_libc(act);
	if (shared) {
		mask = state_lock();
		err = set_action(NULL, &was);
	} else {
		err = set_action(act ? &new_act : NULL, &was);
	}
	if (!err && was.handler == on_sigprof)
		was = timer.program;
	if (shared) {
		if (!err && act)
			err = install_for_program(&new_act);
		state_unlock(mask);
	}
	if (!err && old)
		to_libc(&was, old);
	return err;
}

void cpu_timer_exec(bool about_to)
{
	if (atomic_load(&timer.state) == TIMER_CLOSED || is_handler(&timer.program) ||
	    (unsigned long)timer.program.handler != (unsigned long)SIG_IGN)
		return;
	set_action(about_to ? &timer.program : &our_action, NULL);
}

void cpu_timer_leave_in_child(void)
{
	struct arch_sigaction now;

	if (in_own_process())
		return;
	atomic_store(&timer.pid, 0); /* of none, whatever the state will say */
	if (atomic_load(&timer.state) == TIMER_CLOSED)
		return;
	if (!set_action(NULL, &now) && now.handler == on_sigprof)
		set_action(&timer.program, NULL);
	atomic_store(&timer.state, TIMER_CLOSED);
}

void cpu_timer_close(void)
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct arch_sigaction ignore = from_libc(&ignored);
	uint64_t mask;

	if (!in_own_process() || atomic_load(&timer.state) != TIMER_OWNED)
		return;
	mask = state_lock();
	if (atomic_load(&timer.state) == TIMER_OWNED) {
		/* This also drops the signals already sent to any thread. */
		set_action(&ignore, NULL);
		if (atomic_load(&timer.timers)) {
			set_action(&our_action, NULL);
			atomic_store(&timer.state, TIMER_YIELDED);
		} else {
			set_action(&timer.program, NULL);
			atomic_store(&timer.state, TIMER_CLOSED);
		}
	}
	state_unlock(mask);
}
