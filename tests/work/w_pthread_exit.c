/* SPDX-License-Identifier: Apache-2.0
 *
 * w_pthread_exit.c - main leaves by pthread_exit with 4 KiB of unflushed
 * output; a worker goes on, opens a plugin, computes, has a thread made that may
 * get main's place in tables, prints and ends; the process is then over with
 * status 0 and what atexit had to say.
 *
 *	worker TID CPU_NS            atexit ran
 *
 * libs: -ldl
 */
#include "work.h"

#include <dlfcn.h>
#include <pthread.h>

static pthread_t main_thread;

static FRAME void worker_after_main(void)
{
	work_burn(200 * MS);
}

static void *nothing(void *unused)
{
	return unused;
}

static void *body(void *unused)
{
	pthread_t second;
	void *math;

	pthread_join(main_thread, NULL);
	math = dlopen("libutil.so.1", RTLD_NOW);
	worker_after_main();
	work_alloc(100000);
	if (math)
		dlclose(math);
	work_sleep_ms(100);
	if (!pthread_create(&second, NULL, nothing, NULL))
		pthread_join(second, NULL);
	work_sleep_ms(100);
	printf("worker %d %llu\n", work_tid(), (unsigned long long)work_thread_cpu());
	return unused;
}

static void at_end(void)
{
	printf("atexit ran\n");
}

int main(void)
{
	pthread_t id;

	setvbuf(stdout, NULL, _IOFBF, 16384);
	atexit(at_end);
	for (int i = 0; i < 64; i++)
		printf("unflushed %-53d\n", i);
	main_thread = pthread_self();
	if (pthread_create(&id, NULL, body, NULL))
		return 1;
	pthread_detach(id);
	pthread_exit(NULL);
}
