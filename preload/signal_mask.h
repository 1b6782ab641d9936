/* SPDX-License-Identifier: Apache-2.0
 *
 * signal_mask.h - what the program believes of SIGPROF in its threads' masks,
 * while the timer engine keeps that signal open for the kernel: a thread that
 * blocks every signal would never be sampled.  hook_signal.c keeps the belief;
 * here it becomes true again: at an exec, in a forked child, and when a SIGPROF
 * comes that is not the engine's.
 *
 * Masks also change behind our back (siglongjmp, sigsetmask, a handler's return),
 * so a belief is acted on only while the kernel's mask still holds what it held
 * when the program was last heard of.
 */
#ifndef PROF_SIGNAL_MASK_H
#define PROF_SIGNAL_MASK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct thread_state;

/* [hook] The calling thread's mask in the kernel. */
uint64_t signal_mask_kernel(void);

/* Whether t is still taken to block SIGPROF: kernel, its mask in force, blocks what else it
 * then did.  A jump or a context of the program's may have changed it unseen. */
bool signal_mask_believed(const struct thread_state *t, uint64_t kernel);

/* [hook] [child] The engine no longer needs SIGPROF open on the calling thread t
 * (NULL: unknown): blocks it if t believes so. */
void signal_mask_give_back(struct thread_state *t);

/* [hook] The calling thread t is about to exec (true): the new image inherits its mask;
 * or is back from an exec that failed.  In a vfork child t is the parent's and is not
 * changed. */
void signal_mask_exec(const struct thread_state *t, bool about_to);

/* [hook] Takes back an expiry of the engine's that waits on the calling thread, where
 * SIGPROF was blocked before the engine began.  True when no other SIGPROF waits. */
bool signal_mask_drop_expiry(void);

/* [signal] A SIGPROF that is not the engine's has come to a thread that believes it
 * blocked: from the handler's return on it is, and the signal waits again, for this
 * thread or another.  False where it came by right. */
bool signal_mask_defer(const siginfo_t *info, void *context);

#endif
