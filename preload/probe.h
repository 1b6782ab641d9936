/* SPDX-License-Identifier: Apache-2.0
 *
 * probe.h - trying calls that a seccomp filter might answer with death.  A
 * process that starts under a filter (a container, a sandbox) first has them
 * made by a throwaway child; what kills the child is never called here.
 */
#ifndef PROF_PROBE_H
#define PROF_PROBE_H

#include <stdbool.h>

enum probe_call {
	PROBE_PERF_EVENT_OPEN,
	PROBE_CLOSE_RANGE,
	PROBE_UNSHARE,
	PROBE_TIMER_CREATE,
	PROBE_PROCESS_VM_READV,
	PROBE_TID_ADDRESS, /* prctl(PR_GET_TID_ADDRESS) */
	PROBE_CALLS
};

/* [init] Finds out which calls are survivable; without a filter, all are, at the
 * cost of one small read.  Once a process, inherited by its forked children. */
void probe_run(void);

/* True when the call may be made. */
bool probe_survives(enum probe_call call);

#endif
