/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_signal.c - SIGPROF, while the timer engine borrows it.  The program
 * sees the disposition and the mask it would have without us, and the moment
 * it sets a handler of its own the engine yields.  Every other signal, and
 * SIGPROF under the perf engine, is none of our business and goes straight on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

#include "cpu_timer.h"
#include "hook.h"
#include "real.h"
#include "signal_mask.h"
#include "state.h"
#include "thread.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51 /* Linux 5.14 */
#endif

/* [hook] */
static bool borrowed(int sig)
{
	return sig == SIGPROF && state_cpu_engine() == STATE_CPU_TIMER;
}

/* For a handler of the program's, its frame and what it calls. */
#define ROOMY_BYTES ((size_t)24 << 10)

/* An alternate stack may have room for the frame of one signal and not for a second
 * of ours on top: where the program has such, SIGPROF waits while a handler of the
 * program's is on it, which the program is not told. */
static _Atomic bool small_stacks;
static _Atomic uint64_t widened; /* bit sig - 1: SIGPROF was added to the mask of its handler */

static uint64_t signal_bit(int sig)
{
	return sig > 0 && sig <= 64 ? UINT64_C(1) << (sig - 1) : 0;
}

/* [hook] Adds SIGPROF to the mask where it has to be; true when it did. */
static bool widen(struct sigaction *act)
{
	if (!atomic_load(&small_stacks) || !(act->sa_flags & SA_ONSTACK) || !borrowed(SIGPROF) ||
	    act->sa_handler == SIG_DFL || act->sa_handler == SIG_IGN ||
	    sigismember(&act->sa_mask, SIGPROF))
		return false;
	sigaddset(&act->sa_mask, SIGPROF);
	return true;
}

/* [hook] Its handlers are its own, its memory is its parent's. */
static bool in_vfork_child(void)
{
	return state_is_ours() && sys_getpid() != state.pid;
}

/* [hook] */
static int set_other_action(int sig, const struct sigaction *act, struct sigaction *old)
{
	uint64_t bit = signal_bit(sig), was = atomic_load(&widened) & bit;
	struct sigaction wider;
	bool wide = false, noted;
	int err;

	if (act) {
		wider = *act;
		wide = widen(&wider);
	}
	noted = (wide || was) && !in_vfork_child();
	wide = wide && noted;
	err = real.sigaction(sig, wide ? &wider : act, old);
	if (err)
		return err;
	if (old && was)
		sigdelset(&old->sa_mask, SIGPROF);
	if (wide)
		atomic_fetch_or(&widened, bit);
	else if (act && was && noted)
		atomic_fetch_and(&widened, ~bit);
	return 0;
}

/* [hook] A handler that is there already.  What another thread installs meanwhile is
 * what the call gives back instead of what was read, and is put in its place again. */
static void widen_installed(int sig)
{
	struct sigaction seen, put, got;

	if (real.sigaction(sig, NULL, &seen))
		return;
	put = seen;
	if (!widen(&put))
		return;
	atomic_fetch_or(&widened, signal_bit(sig));
	while (!real.sigaction(sig, &put, &got) && got.sa_handler != seen.sa_handler) {
		seen = put;
		put = got;
		widen(&put);
	}
}

/* [hook] In such a handler, perhaps. */
static bool on_alternate_stack(void)
{
	stack_t now;

	return atomic_load(&widened) && !real.sigaltstack(NULL, &now) && now.ss_flags & SS_ONSTACK;
}

/* [hook] */
HOOK int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	int err;

	real_resolve();
	if (!borrowed(sig))
		return set_other_action(sig, act, old);
	err = cpu_timer_program_sigaction(act, old);
	if (err) {
		errno = -err;
		return -1;
	}
	return 0;
}

/* [hook] signal's forms differ in the flags they set. */
static sighandler_t set_handler(sighandler_t handler, int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags }, old;

	if (sigaction(SIGPROF, &act, &old))
		return SIG_ERR;
	return old.sa_handler;
}

#define SIGNAL_FORM(name, flags)                                                              \
	HOOK sighandler_t name(int sig, sighandler_t handler);                                \
	HOOK sighandler_t name(int sig, sighandler_t handler)                                 \
	{                                                                                     \
		real_resolve();                                                               \
		return borrowed(sig) ? set_handler(handler, flags) : real.name(sig, handler); \
	}

SIGNAL_FORM(signal, SA_RESTART)
SIGNAL_FORM(bsd_signal, SA_RESTART)
SIGNAL_FORM(ssignal, SA_RESTART)
SIGNAL_FORM(sysv_signal, SA_RESETHAND | SA_NODEFER)
SIGNAL_FORM(__sysv_signal, SA_RESETHAND | SA_NODEFER)

/* [hook] sigset also moves the signal in and out of the mask, and tells whether it was in. */
HOOK sighandler_t sigset(int sig, sighandler_t handler)
{
	struct sigaction now;
	sighandler_t was;
	sigset_t set, old;

	real_resolve();
	if (!borrowed(sig))
		return real.sigset(sig, handler);
	if (handler == SIG_HOLD)
		was = sigaction(SIGPROF, NULL, &now) ? SIG_ERR : now.sa_handler;
	else
		was = set_handler(handler, 0);
	if (was == SIG_ERR)
		return was;
	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	pthread_sigmask(handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, &set, &old);
	return sigismember(&old, SIGPROF) ? SIG_HOLD : was;
}

/* [hook] A thread that blocks all signals would never be sampled: SIGPROF stays
 * open for the kernel while the engine has it, and the program is told what it
 * asked for.  What the program blocks it has blocked again once the engine
 * yields, with its next look at the mask. */
static int change_mask(int how, const sigset_t *set, sigset_t *old,
		       int (*change)(int, const sigset_t *, sigset_t *))
{
	struct thread_state *t = thread_tls.self;
	bool was, blocks, inside, closed;
	uint64_t kernel, remembered;
	sigset_t open;
	int err;

	if (t && borrowed(SIGPROF) && !state_is_here()) {
		if (!state_is_ours())
			signal_mask_give_back(t);
		return change(how, set, old); /* in vfork's child t is its parent's */
	}
	if (!t || !borrowed(SIGPROF) || !cpu_timer_owns_signal()) {
		signal_mask_give_back(t);
		return change(how, set, old);
	}
	kernel = signal_mask_kernel();
	remembered = t->other_blocked;
	was = blocks = signal_mask_believed(t, kernel);
	inside = on_alternate_stack();
	if (set) {
		open = *set;
		if (how == SIG_SETMASK && inside)
			sigaddset(&open, SIGPROF);
		else if (how != SIG_UNBLOCK || inside)
			sigdelset(&open, SIGPROF);
	}
	if (set && how == SIG_SETMASK)
		blocks = sigismember(set, SIGPROF);
	else if (set && sigismember(set, SIGPROF))
		blocks = how == SIG_BLOCK;
	closed = kernel & signal_bit(SIGPROF); /* before the engine began */
	/* Signals that waited come in during the call, and their handlers may ask. */
	if (set) {
		t->other_blocked = 0;
		t->blocks_sigprof = (was || closed) && blocks;
	}
	err = change(how, set ? &open : NULL, old);
	if (set || err) {
		t->blocks_sigprof = err ? was : blocks;
		t->other_blocked = signal_mask_kernel() & ~signal_bit(SIGPROF);
	}
	if (was && blocks) /* a handler that only asks blocks more than what it interrupted */
		t->other_blocked = set ? t->other_blocked & remembered : remembered;
	if (err)
		return err;
	if (old && was)
		sigaddset(old, SIGPROF);
	else if (old && inside)
		sigdelset(old, SIGPROF);
	return 0;
}

/* [hook] */
HOOK int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	real_resolve();
	return change_mask(how, set, old, real.pthread_sigmask);
}

/* [hook] */
HOOK int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	real_resolve();
	return change_mask(how, set, old, real.sigprocmask);
}

/* [hook] An expiry of ours that waits is none of the program's business. */
HOOK int sigpending(sigset_t *set)
{
	int err;

	real_resolve();
	err = real.sigpending(set);
	if (err || !borrowed(SIGPROF) || sigismember(set, SIGPROF) != 1)
		return err;
	if (signal_mask_kernel() & signal_bit(SIGPROF) && signal_mask_drop_expiry())
		sigdelset(set, SIGPROF);
	return 0;
}

/* A signal frame of the processor's largest state, and our handler's own. */
static size_t altstack_bytes(void)
{
	const size_t handler = 2048;
	size_t frame = getauxval(AT_MINSIGSTKSZ);

	return (frame ? frame : MINSIGSTKSZ) + handler;
}

/* [hook] The first small stack of the program: handlers that are there already. */
static void widen_all(void)
{
	int saved = errno;

	if (atomic_exchange(&small_stacks, true))
		return;
	for (int sig = 1; sig <= 64; sig++)
		if (sig != SIGPROF)
			widen_installed(sig);
	errno = saved;
}

/* [hook] Our handler runs on the alternate stack where there is one, and a program
 * may have measured it for the kernel's frame alone, or less, if it never
 * uses it: such a thread goes without a timer until it has another. */
HOOK int sigaltstack(const stack_t *ss, stack_t *old)
{
	struct thread_state *t = thread_tls.self;
	bool had_timer, fits;
	int err;

	real_resolve();
	if (!ss || !borrowed(SIGPROF))
		return real.sigaltstack(ss, old);
	fits = ss->ss_flags & SS_DISABLE || ss->ss_size >= altstack_bytes();
	if (!state_is_here()) {
		err = real.sigaltstack(ss, old);
		/* A bare clone's own copy, which may be locked for ever; vfork's is the parent's. */
		if (!err && t && !state_is_ours())
			t->no_timer = !fits;
		return err;
	}
	if (!(ss->ss_flags & SS_DISABLE) && ss->ss_size < ROOMY_BYTES + altstack_bytes())
		widen_all();
	had_timer = t && !t->no_timer;
	if (t && !fits)
		thread_permit_timer(t, false); /* before it is in force */
	err = real.sigaltstack(ss, old);
	if (t && (err ? had_timer : fits))
		thread_permit_timer(t, true);
	return err;
}
