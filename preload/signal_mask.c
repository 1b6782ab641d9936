/* SPDX-License-Identifier: Apache-2.0
 *
 * signal_mask.c - see signal_mask.h.  Bare system calls only.
 */
#define _GNU_SOURCE
#include "signal_mask.h"

#include <ucontext.h>

#include "cpu_timer.h"
#include "state.h"
#include "sys.h"
#include "thread.h"

#define SIGPROF_BIT (UINT64_C(1) << (SIGPROF - 1))

static void change(int how, uint64_t set)
{
	SYS_CALL(SYS_rt_sigprocmask, how, &set, NULL, sizeof(set), 0, 0);
}

uint64_t signal_mask_kernel(void)
{
	uint64_t mask = 0;

	SYS_CALL(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask), 0, 0);
	return mask;
}

bool signal_mask_believed(const struct thread_state *t, uint64_t kernel)
{
	return t->blocks_sigprof && !(t->other_blocked & ~kernel);
}

void signal_mask_give_back(struct thread_state *t)
{
	if (!t || !t->blocks_sigprof)
		return;
	if (signal_mask_believed(t, signal_mask_kernel()))
		change(SIG_BLOCK, SIGPROF_BIT);
	t->blocks_sigprof = false;
}

/* Sent anew with all it says; only the main thread may do so for a signal that kill()
 * sent to the process. */
static void send_again(const siginfo_t *info)
{
	if (info->si_code == SI_TKILL)
		SYS_CALL(SYS_rt_tgsigqueueinfo, sys_getpid(), sys_gettid(), SIGPROF, info, 0, 0);
	else if (SYS_CALL(SYS_rt_sigqueueinfo, sys_getpid(), SIGPROF, info, 0, 0, 0) < 0)
		SYS_CALL(SYS_kill, sys_getpid(), SIGPROF, 0, 0, 0, 0);
}

bool signal_mask_drop_expiry(void)
{
	const struct timespec now = { 0, 0 };
	uint64_t set = SIGPROF_BIT;
	siginfo_t info;

	while (SYS_CALL(SYS_rt_sigtimedwait, &set, &info, &now, sizeof(set), 0, 0) == SIGPROF) {
		if (!cpu_timer_expiry(&info)) {
			send_again(&info);
			return false;
		}
	}
	return true;
}

void signal_mask_exec(const struct thread_state *t, bool about_to)
{
	if (!t)
		return;
	if (about_to && t->timer_id >= 0) {
		cpu_timer_set(t->timer_id, false);
		signal_mask_drop_expiry(); /* the new image would find it */
	}
	if (signal_mask_believed(t, signal_mask_kernel()))
		change(about_to ? SIG_BLOCK : SIG_UNBLOCK, SIGPROF_BIT);
	if (!about_to && t->timer_id >= 0)
		cpu_timer_set(t->timer_id, atomic_load(&state.sampling));
}

bool signal_mask_defer(const siginfo_t *info, void *context)
{
	struct thread_state *t = thread_tls.self;
	ucontext_t *interrupted = context;
	uint64_t kernel;

	__builtin_memcpy(&kernel, &interrupted->uc_sigmask, sizeof(kernel));
	if (!t || !signal_mask_believed(t, kernel))
		return false;
	kernel |= SIGPROF_BIT;
	__builtin_memcpy(&interrupted->uc_sigmask, &kernel, sizeof(kernel));
	t->blocks_sigprof = false; /* the kernel's own now, until the program's next change */
	send_again(info);
	return true;
}
