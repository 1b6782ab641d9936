/* SPDX-License-Identifier: Apache-2.0
 *
 * naive_calls.c - see naive.h.  CPU samples by SIGPROF, and the wrappers of
 * calls about threads, processes and libraries.
 */
#include "naive.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

extern void *__libc_stack_end;

static unsigned long samples, named;
static pthread_key_t key;

/* Which library holds pc? */
static int find_module(struct dl_phdr_info *info, size_t size, void *pc)
{
	(void)size;
	if ((uintptr_t)pc < info->dlpi_addr)
		return 0;
	named++;
	return 1;
}

/* Follows frame pointers as long as they look like addresses on the stack. */
static void on_sigprof(int sig)
{
	uintptr_t *fp = __builtin_frame_address(0), *low = fp;
	uintptr_t *high = __libc_stack_end;
	void *pcs[64];
	unsigned n = 0;

	(void)sig;
	fp = (uintptr_t *)fp[0]; /* of the code that was interrupted */
	while (n < 64 && fp > low && fp < high && (uintptr_t)fp % 8 == 0) {
		pcs[n++] = (void *)fp[1];
		fp = (uintptr_t *)fp[0];
	}
	samples++;
	dl_iterate_phdr(find_module, n ? pcs[0] : (void *)low);
}

void naive_cpu_start(int hz)
{
	struct sigaction act = { .sa_handler = on_sigprof };
	struct itimerval each = { { 0, 1000000 / hz }, { 0, 1000000 / hz } };

	if (hz == 1)
		each.it_interval = each.it_value = (struct timeval){ 1, 0 };
	sigaction(SIGPROF, &act, NULL);
	setitimer(ITIMER_PROF, &each, NULL);
}

/* The thread's last destructor: nobody needs its state any more. */
static void thread_end(void *state)
{
	naive_self = NULL;
	naive_inside = true;
	free(state);
	naive_inside = false;
}

void naive_thread_begin(void)
{
	pthread_attr_t attr;
	void *low;
	size_t bytes;

	naive_inside = true;
	if (!key)
		pthread_key_create(&key, thread_end);
	naive_self = calloc(1, sizeof(*naive_self));
	pthread_getattr_np(pthread_self(), &attr); /* reads /proc/self/maps for the first thread */
	pthread_attr_getstack(&attr, &low, &bytes);
	pthread_attr_destroy(&attr);
	naive_self->stack_high = (char *)low + bytes;
	pthread_setspecific(key, naive_self);
	naive_inside = false;
}

struct begin {
	void *(*start)(void *);
	void *arg;
};

static void *begin(void *arg)
{
	struct begin b = *(struct begin *)arg;
	void *result;

	naive_thread_begin();
	free(arg);
	result = b.start(b.arg);
	__atomic_sub_fetch(&naive_active, 1, __ATOMIC_RELAXED);
	return result;
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		dlsym(RTLD_NEXT, "pthread_create");
	struct begin *b = malloc(sizeof(*b));

	b->start = start;
	b->arg = arg;
	__atomic_add_fetch(&naive_active, 1, __ATOMIC_RELAXED);
	return real(id, attr, begin, b);
}

pid_t vfork(void)
{
	pid_t (*real)(void) = dlsym(RTLD_NEXT, "vfork");
	pid_t pid = real();

	if (pid > 0)
		samples++;
	return pid;
}

void _exit(int status)
{
	for (;;)
		syscall(SYS_exit, status);
}

void *dlopen(const char *path, int flags)
{
	void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");
	void *library = real(path, flags);

	if (naive_log)
		fprintf(naive_log, "dlopen %s\n", path ? path : "");
	return library;
}
