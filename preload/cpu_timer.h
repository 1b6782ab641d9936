/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_timer.h - CPU engine "timer", for where perf is denied: a POSIX timer on
 * each thread's CPU clock sends that thread SIGPROF, whose handler copies
 * registers and stack into the event ring and does nothing else.
 */
#ifndef PROF_CPU_TIMER_H
#define PROF_CPU_TIMER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* [init] [writer] Takes SIGPROF if the program leaves it at SIG_DFL or SIG_IGN
 * and notes the period.  In a forked child it starts afresh (the parent's timers
 * are not inherited).  0, or -errno and *why. */
int cpu_timer_open(uint64_t period_ns, uint64_t seed, const char **why);

/* [writer] Says whether timers attached from now on start armed; call it, then
 * walk the threads with cpu_timer_set.  Off after cpu_timer_open. */
void cpu_timer_enable(bool on);

/* [hook] [writer] Gives the thread a timer; its first expiry is drawn uniformly
 * from (0, period].  Returns the kernel's timer id (>= 0) or -errno.  Armed
 * only while the engine is enabled; -EBUSY once SIGPROF is the program's. */
int cpu_timer_attach(int tid);

/* [hook] [writer] Removes a timer. */
void cpu_timer_detach(int timer_id);

/* [writer] [hook] Starts or stops the timer of one thread; nothing in a child, which
 * has none. */
void cpu_timer_set(int timer_id, bool on);

/* [writer] The error of a thread that could have no timer, or not set it, since this
 * was last asked; 0 none. */
int cpu_timer_refused(void);

/* [hook] [signal] True for a SIGPROF from one of our timers. */
bool cpu_timer_expiry(const siginfo_t *info);

/* True while SIGPROF is ours; false once the program has taken it, with
 * sigaction or a bare system call, after which the handler records nothing and
 * the writer removes the timers.  Asks the kernel: not for hot paths. */
bool cpu_timer_owns_signal(void);

/* [hook] [signal] sigaction(2) as the program should see it for SIGPROF: called by the
 * interposed sigaction, signal and their kin.  Gives what the program last
 * set (first SIG_DFL or SIG_IGN as found) in old.  A handler makes the engine
 * yield and is installed for real, behind a filter that swallows expiries of our
 * own timers still on their way.  SIG_DFL and SIG_IGN do not make it yield, they
 * would be deadly with a timer armed: a SIGPROF from elsewhere gets the
 * effect asked for.  Returns 0 or -errno. */
int cpu_timer_program_sigaction(const struct sigaction *act, struct sigaction *old);

/* [hook] About to exec (true), or back from an exec that failed: an exec resets
 * handlers but keeps an ignored signal ignored, so a program that ignores SIGPROF
 * must go with that in force.  No expiry is recorded in between. */
void cpu_timer_exec(bool about_to);

/* [writer] Gives SIGPROF back: SIG_IGN for a moment, which drops what is pending,
 * then what the program wants.  While a timer is left (or after a yield) the
 * filter stays instead, so that a late signal cannot end the process. */
void cpu_timer_close(void);

/* [child] After a fork: timers are not inherited, the handler is, and the program would
 * see it.  SIGPROF is the program's again until cpu_timer_open. */
void cpu_timer_leave_in_child(void);

#endif
