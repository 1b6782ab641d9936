/* SPDX-License-Identifier: Apache-2.0
 *
 * credentials.c - see credentials.h.  Capabilities are each thread's own, and
 * changing them is a matter of order: ours are kept over the call (else a
 * change of user would end the right to a change of group that the program,
 * having kept its own, goes on to make), then cut to the program's.
 */
#include "credentials.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <string.h>

#include "sys.h"

#define WORDS _LINUX_CAPABILITY_U32S_3

static bool caps_read(int tid, struct __user_cap_data_struct caps[WORDS])
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, tid };

	return SYS_CALL(SYS_capget, &header, caps, 0, 0, 0, 0) == 0;
}

static bool caps_set(const struct __user_cap_data_struct caps[WORDS])
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return SYS_CALL(SYS_capset, &header, caps, 0, 0, 0, 0) == 0;
}

/* The call on this thread, with all that it may do. */
static bool make_call(const struct credential_call *call)
{
	struct __user_cap_data_struct ours[WORDS];
	bool made;

	if (!caps_read(0, ours))
		return false;
	for (unsigned i = 0; i < WORDS; i++)
		ours[i].effective = ours[i].permitted;
	SYS_CALL(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0, 0);
	made = caps_set(ours) && SYS_CALL(call->nr, call->a, call->b, call->c, 0, 0, 0) >= 0;
	/* A later change may be libc's, on all threads: it must not leave us anything. */
	SYS_CALL(SYS_prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0, 0);
	return made;
}

bool credentials_follow(const struct credential_call *call)
{
	struct __user_cap_data_struct ours[WORDS], theirs[WORDS];

	if (call->nr && !make_call(call))
		return false;
	if (!caps_read(0, ours) || !caps_read(call->tid, theirs))
		return false;
	for (unsigned i = 0; i < WORDS; i++) {
		ours[i].permitted &= theirs[i].permitted;
		ours[i].effective = ours[i].permitted & theirs[i].effective;
		ours[i].inheritable &= theirs[i].inheritable;
	}
	return caps_set(ours);
}
