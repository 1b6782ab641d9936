/* SPDX-License-Identifier: Apache-2.0
 *
 * w_unshare.c - namespaces that only a single-threaded process may leave,
 * then work that must still be profiled.
 *
 *	unshare WHAT RESULT ERRNO    uid UID_IN_NAMESPACE
 */
#include "work.h"

#include <errno.h>
#include <sched.h>

static FRAME void after_unshare(void)
{
	work_burn(300 * MS);
}

static void attempt(const char *what, int flags)
{
	int ret;

	errno = 0;
	ret = unshare(flags);
	printf("unshare %s %d %d\n", what, ret, errno);
}

int main(void)
{
	work_alloc(100);
	work_burn(50 * MS);
	attempt("files", CLONE_FILES);
	attempt("fs", CLONE_FS);
	attempt("user+mount", CLONE_NEWUSER | CLONE_NEWNS);
	printf("uid %d\n", (int)getuid());
	attempt("bad", 0x1);
	after_unshare();
	work_alloc(5000000);
	return 0;
}
