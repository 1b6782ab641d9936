/* SPDX-License-Identifier: Apache-2.0
 *
 * credentials.h - how a thread of ours follows a change of user or group that
 * the program has made on its own only thread.
 */
#ifndef PROF_CREDENTIALS_H
#define PROF_CREDENTIALS_H

#include <stdbool.h>

/* A credential call as the program made it. */
struct credential_call {
	long nr, a, b, c;
	int tid; /* of the program's thread, which has made it */
};

/* [writer] Makes the call on the calling thread (nr 0: none) and takes on the capabilities
 * of the program's thread, never more; those in force only without a call.  False: it could not follow, and must not
 * go on with rights that the program no longer has. */
bool credentials_follow(const struct credential_call *call);

#endif
