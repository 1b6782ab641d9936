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
 * and notes the period.  0, or -errno and *why. */
int cpu_timer_open(uint64_t period_ns, uint64_t seed, const char **why);

/* [hook] [writer] Gives the thread a timer; its first expiry is drawn uniformly
 * from (0, period].  Returns the kernel's timer id (>= 0) or -errno.  Armed
 * only while the engine is enabled. */
int cpu_timer_attach(int tid);

/* [hook] [writer] Removes a timer. */
void cpu_timer_detach(int timer_id);

/* [writer] Starts or stops the timer of one thread (the caller walks its threads). */
void cpu_timer_set(int timer_id, bool on);

/* True while SIGPROF is ours; false once the program has taken it, after
 * which the handler records nothing and the writer removes the timers. */
bool cpu_timer_owns_signal(void);

/* [hook] sigaction(2) as the program should see it for SIGPROF: called by the
 * interposed sigaction, signal and their kin.  Gives what the program last
 * set (first SIG_DFL or SIG_IGN as found) in old; a new action makes the engine yield
 * and is installed for real.  Returns 0 or -errno. */
int cpu_timer_program_sigaction(const struct sigaction *act, struct sigaction *old);

/* [writer] Gives SIGPROF back (set to SIG_IGN, then to what was found only once
 * no timer is left, so that a late signal cannot end the process). */
void cpu_timer_close(void);

#endif
