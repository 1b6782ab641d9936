/* SPDX-License-Identifier: Apache-2.0
 *
 * w_setuid.c - changes its user ids with threads about, which glibc does by
 * signalling every thread of the process: one that blocks that signal would
 * hang it, and the alarm would end it.  As an ordinary user it sets the ids
 * that it has.
 *
 *	ids OK_CALLS
 */
#include "work.h"

#include <pthread.h>
#include <sys/types.h>

static void *waits(void *arg)
{
	pthread_barrier_wait(arg);
	return NULL;
}

int main(void)
{
	uid_t uid = getuid(), to = uid ? uid : 65534;
	gid_t gid = getgid(), to_gid = uid ? gid : 65534;
	pthread_barrier_t barrier;
	pthread_t id[3];
	int ok = 0;

	alarm(5);
	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 3; i++)
		pthread_create(&id[i], NULL, waits, &barrier);
	ok += setegid(to_gid) == 0;
	ok += seteuid(to) == 0;
	ok += geteuid() == to;
	ok += seteuid(uid) == 0;
	ok += setresgid(to_gid, to_gid, to_gid) == 0;
	ok += setuid(to) == 0;
	ok += getuid() == to && geteuid() == to;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 3; i++)
		pthread_join(id[i], NULL);
	work_burn(50 * MS);
	printf("ids %d\n", ok);
	return ok == 7 ? 0 : 1;
}
