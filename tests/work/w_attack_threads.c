/* SPDX-License-Identifier: Apache-2.0
 *
 * w_attack_threads.c - threads at their most awkward.
 *
 *	setuid	libc's own helper thread of asynchronous I/O, then setuid: `root COUNT`
 *		of the program's threads (as root)
 *	exit	threads that end by the bare exit call, on stacks that are then
 *		unmapped: `ended COUNT`
 *	stack	CPU time with an alternate signal stack of MINSIGSTKSZ: `touched BYTES`
 *		of it and of what lies below
 *
 * libs: -lpthread
 */
#include "work.h"

#include <aio.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_BYTES ((size_t)1 << 20)
#define NOBODY 65534

static int is_root(const char *tid)
{
	char path[300], line[256];
	unsigned real, effective, root = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %u %u", &real, &effective) == 2)
			root |= !real || !effective;
	if (f)
		fclose(f);
	return root != 0;
}

static void change_user(void)
{
	static char buf[16];
	static struct aiocb request = { .aio_buf = buf, .aio_nbytes = sizeof(buf) };
	struct dirent *e;
	int ends[2], root = 0;
	DIR *tasks;

	if (pipe(ends))
		exit(1);
	request.aio_fildes = ends[0];
	if (aio_read(&request))
		exit(1);
	work_sleep_ms(50); /* libc's thread is in its read */
	if (setgid(NOBODY) || setuid(NOBODY))
		exit(1);
	tasks = opendir("/proc/self/task");
	while (tasks && (e = readdir(tasks)))
		root += e->d_name[0] != '.' && is_root(e->d_name);
	printf("root %d\n", tasks ? root : -1);
}

static void *ends_barely(void *unused)
{
	work_alloc(1000);
	syscall(SYS_exit, 0);
	return unused;
}

static void exit_barely(void)
{
	pthread_attr_t attr;
	pthread_t id;
	int ended = 0;

	pthread_attr_init(&attr);
	for (; ended < 8; ended++) {
		void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		pthread_attr_setstack(&attr, stack, STACK_BYTES);
		if (pthread_create(&id, &attr, ends_barely, NULL))
			exit(1);
		pthread_join(id, NULL);
		munmap(stack, STACK_BYTES);
		work_sleep_ms(30); /* a flush or more */
	}
	printf("ended %d\n", ended);
}

static void small_signal_stack(void)
{
	static unsigned char area[32768 + 2048];
	stack_t stack = { .ss_sp = area + 32768, .ss_size = 2048 };
	unsigned touched = 0;

	memset(area, 0x5a, sizeof(area));
	if (sigaltstack(&stack, NULL))
		exit(1);
	work_burn(500 * MS);
	for (size_t i = 0; i < sizeof(area); i++)
		touched += area[i] != 0x5a;
	printf("touched %u\n", touched);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "setuid"))
		change_user();
	else if (!strcmp(what, "exit"))
		exit_barely();
	else
		small_signal_stack();
	return 0;
}
