/* SPDX-License-Identifier: Apache-2.0
 *
 * probe.c - see probe.h.
 */
#include "probe.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "proc.h"
#include "sys.h"

#define STATUS_BYTES 4096u

static bool deadly[PROBE_CALLS];
bool sys_vm_read_is_deadly;

/* [child] Each call with arguments that make it fail or do nothing: the filter
 * sees the same numbers, the kernel's answer does not matter. */
static void call(enum probe_call which)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr) };
	struct iovec nothing = { NULL, 0 };
	void *address;

	switch (which) {
	case PROBE_PERF_EVENT_OPEN:
		SYS_CALL(SYS_perf_event_open, &attr, 0, 0, -1, PERF_FLAG_FD_CLOEXEC, 0);
		break;
	case PROBE_CLOSE_RANGE: SYS_CALL(SYS_close_range, ~0u, ~0u, 2, 0, 0, 0); break;
	case PROBE_UNSHARE: SYS_CALL(SYS_unshare, CLONE_FS, 0, 0, 0, 0, 0); break;
	case PROBE_TIMER_CREATE: SYS_CALL(SYS_timer_create, -1, NULL, NULL, 0, 0, 0); break;
	case PROBE_PROCESS_VM_READV:
		SYS_CALL(SYS_process_vm_readv, sys_getpid(), &nothing, 0, &nothing, 0, 0);
		break;
	case PROBE_TID_ADDRESS:
		SYS_CALL(SYS_prctl, PR_GET_TID_ADDRESS, &address, 0, 0, 0, 0);
		break;
	case PROBE_CALLS: break;
	}
}

/* [init] True when a child lives through the calls first to last.  The child has no exit
 * signal, so the program's SIGCHLD handling and its wait calls never meet it. */
static bool child_survives(enum probe_call first, enum probe_call last)
{
	long pid = SYS_CALL(SYS_clone, 0, 0, 0, 0, 0, 0), done;
	int status = 0;

	if (pid == 0) {
		for (unsigned c = first; c <= last; c++)
			call((enum probe_call)c);
		SYS_CALL(SYS_exit_group, 0, 0, 0, 0, 0, 0);
	}
	if (pid < 0)
		return false;
	do
		done = SYS_CALL(SYS_wait4, pid, &status, __WALL, NULL, 0, 0);
	while (done == -EINTR);
	return done == pid && WIFEXITED(status);
}

/* [init] */
static bool filtered(void)
{
	char status[STATUS_BYTES];
	const char *line;

	if (proc_read("/proc/thread-self/status", status, sizeof(status)) <= 0)
		return true;
	line = strstr(status, "\nSeccomp:\t");
	return !line || line[10] != '0'; /* it stands behind a list of groups, which may be long */
}

void probe_run(void)
{
	if (!filtered() || child_survives(0, PROBE_CALLS - 1))
		return;
	for (unsigned c = 0; c < PROBE_CALLS; c++)
		deadly[c] = !child_survives((enum probe_call)c, (enum probe_call)c);
	sys_vm_read_is_deadly = deadly[PROBE_PROCESS_VM_READV];
}

bool probe_survives(enum probe_call which)
{
	return !deadly[which];
}
