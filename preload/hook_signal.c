/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_signal.c - SIGPROF, while the timer engine borrows it.  The program
 * sees the disposition it would have without us, and the moment it sets one
 * of its own the engine yields.  Every other signal, and SIGPROF under the
 * perf engine, is none of our business and goes straight on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cpu_timer.h"
#include "hook.h"
#include "real.h"
#include "state.h"

/* [hook] */
static bool borrowed(int sig)
{
	return sig == SIGPROF && state_cpu_engine() == STATE_CPU_TIMER && cpu_timer_owns_signal();
}

/* [hook] */
HOOK int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	int err;

	real_resolve();
	if (!borrowed(sig))
		return real.sigaction(sig, act, old);
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

typedef sighandler_t signal_fn(int, sighandler_t);

/* [hook] The next definition, looked up once per form. */
static sighandler_t forward(signal_fn *_Atomic *next, const char *name, int sig,
			    sighandler_t handler)
{
	if (!*next)
		*next = (signal_fn *)dlsym(RTLD_NEXT, name);
	return (*next)(sig, handler);
}

#define SIGNAL_FORM(name, flags)                                                                 \
	HOOK sighandler_t name(int sig, sighandler_t handler);                                   \
	HOOK sighandler_t name(int sig, sighandler_t handler)                                    \
	{                                                                                        \
		static signal_fn *_Atomic next;                                                  \
                                                                                                 \
		if (!borrowed(sig))                                                              \
			return forward(&next, #name, sig, handler);                                    \
		return set_handler(handler, flags);                                              \
	}

SIGNAL_FORM(signal, SA_RESTART)
SIGNAL_FORM(bsd_signal, SA_RESTART)
SIGNAL_FORM(ssignal, SA_RESTART)
SIGNAL_FORM(sysv_signal, SA_RESETHAND | SA_NODEFER)
SIGNAL_FORM(__sysv_signal, SA_RESETHAND | SA_NODEFER)

/* [hook] sigset also moves the signal in and out of the mask; the engine
 * steps back whatever it is asked to do. */
HOOK sighandler_t sigset(int sig, sighandler_t handler)
{
	static signal_fn *_Atomic next;
	struct sigaction plain = { .sa_handler = SIG_DFL };

	if (borrowed(sig))
		sigaction(SIGPROF, &plain, NULL);
	return forward(&next, "sigset", sig, handler);
}
