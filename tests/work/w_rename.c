/* SPDX-License-Identifier: Apache-2.0
 *
 * w_rename.c - threads that rename themselves and each other, with
 * pthread_setname_np, prctl, a system call of their own and names no terminal should
 * see raw.
 *
 *	thread TID KIND CPU_NS       (KIND says by which way; names are below)
 */
#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

/* What each is called at its end, by kind. */
static const char *const names[][2] = {
	{ "pthread", "second-name" },	 { "prctl", "by-prctl" },
	{ "other", "by-other" },	 { "hostile", "a;b\n\033[31mc\"\\" },
	{ "bytes", "\xff\xfe\x01 <&>" }, { "syscall", "by-syscall" },
};

#define KINDS (int)(sizeof(names) / sizeof(names[0]))

struct worker {
	pthread_t id;
	int kind, tid;
	uint64_t cpu_ns;
};

static FRAME void *rename_body(void *arg)
{
	struct worker *w = arg;

	w->tid = work_tid();
	pthread_setname_np(pthread_self(), "first-name");
	work_burn(60 * MS);
	if (w->kind == 1)
		prctl(PR_SET_NAME, names[w->kind][1]);
	else if (w->kind == 5)
		syscall(SYS_prctl, PR_SET_NAME, names[w->kind][1]);
	else if (w->kind != 2)
		pthread_setname_np(pthread_self(), names[w->kind][1]);
	work_burn(60 * MS);
	w->cpu_ns = work_thread_cpu();
	return NULL;
}

int main(void)
{
	struct worker w[KINDS];

	for (int i = 0; i < KINDS; i++) {
		w[i] = (struct worker){ .kind = i };
		pthread_create(&w[i].id, NULL, rename_body, &w[i]);
		work_sleep_ms(60);
		if (i == 2)
			pthread_setname_np(w[i].id, names[i][1]);
		pthread_join(w[i].id, NULL);
		printf("thread %d %s %llu\n", w[i].tid, names[i][0],
		       (unsigned long long)w[i].cpu_ns);
	}
	return 0;
}
