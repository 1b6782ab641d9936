/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_credentials.c - changes of user and group.  Linux keeps credentials for
 * each thread; glibc applies a change to all of them and aborts when they do
 * not agree.  A program with one thread of its own may have made them differ
 * (capset, PR_SET_KEEPCAPS), which without us would be its own affair: so its
 * thread makes the bare call alone, as glibc does in a single-threaded
 * process, and the writer follows by itself, or ends when it cannot: no
 * thread of ours keeps rights that the program gave up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "hook.h"
#include "real.h"
#include "state.h"
#include "sys.h"
#include "thread.h"
#include "writer.h"

/* [hook] */
static bool recorded(void)
{
	return state_phase() == STATE_ON && !thread_tls.busy && state_is_here();
}

/* [hook] True when the process has, but for us, one thread, the caller, and the bare call is
 * what would be made. */
static bool alone(void)
{
	return real_credentials_are_libcs && recorded() && writer_alone_with_caller();
}

/* [hook] Before libc applies a change to all threads, and ends the process when they answer
 * it differently: ours get the rights of the caller where theirs may be others. */
static void agree(void)
{
	int saved = errno;

	if (recorded() && writer_rights_may_differ())
		writer_take_rights();
	errno = saved;
}

/* [hook] The bare call on this thread, then on ours. */
static int change(long nr, long a, long b, long c)
{
	long err = SYS_CALL(nr, a, b, c, 0, 0, 0);

	if (err < 0) {
		errno = (int)-err;
		return -1;
	}
	writer_follow_credentials(nr, a, b, c);
	return 0;
}

#define CREDENTIAL_CALL(name, PARAMS, ARGS, nr, a, b, c) \
	CREDENTIAL_CALL_IF(true, name, PARAMS, ARGS, nr, a, b, c)
#define CREDENTIAL_CALL_IF(may, name, PARAMS, ARGS, nr, a, b, c)            \
	HOOK int name PARAMS                                                \
	{                                                                   \
		real_resolve();                                             \
		if ((may) && alone())                                       \
			return change(nr, (long)(a), (long)(b), (long)(c)); \
		agree();                                                    \
		return real.name ARGS;                                      \
	}

/* [hook] each */
CREDENTIAL_CALL(setuid, (uid_t id), (id), SYS_setuid, id, 0, 0)
CREDENTIAL_CALL(setgid, (gid_t id), (id), SYS_setgid, id, 0, 0)
CREDENTIAL_CALL(setreuid, (uid_t r, uid_t e), (r, e), SYS_setreuid, r, e, 0)
CREDENTIAL_CALL(setregid, (gid_t r, gid_t e), (r, e), SYS_setregid, r, e, 0)
CREDENTIAL_CALL(setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s), SYS_setresuid, r, e, s)
CREDENTIAL_CALL(setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s), SYS_setresgid, r, e, s)
CREDENTIAL_CALL(setgroups, (size_t n, const gid_t *groups), (n, groups), SYS_setgroups, n, groups,
		0)

/* -1 is refused by libc; to the kernel it means no change. */
CREDENTIAL_CALL_IF(id != (uid_t)-1, seteuid, (uid_t id), (id), SYS_setresuid, -1, id, -1)
CREDENTIAL_CALL_IF(id != (gid_t)-1, setegid, (gid_t id), (id), SYS_setresgid, -1, id, -1)

void hook_caps_changed(void)
{
	int saved = errno;

	if (recorded() && writer_alone_with_caller())
		writer_take_rights();
	errno = saved;
}

/* [hook] libc declares it nowhere; libcap calls it. */
HOOK int capset(void *header, const void *data);
HOOK int capset(void *header, const void *data)
{
	int result;

	real_resolve();
	result = real.capset(header, data);
	if (result == 0)
		hook_caps_changed();
	return result;
}

/* [hook] libc's initgroups sets the groups without coming through setgroups. */
HOOK int initgroups(const char *user, gid_t group)
{
	bool aside;
	int result, saved;

	real_resolve();
	aside = alone() && writer_pause(false);
	if (!aside)
		agree();
	result = real.initgroups(user, group);
	saved = errno;
	if (aside)
		writer_resume();
	errno = saved;
	return result;
}
