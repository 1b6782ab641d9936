/* SPDX-License-Identifier: Apache-2.0
 *
 * w_pit_calls.c - threads, signals, processes and descriptors where a library
 * in the process goes wrong.  What it prints is the same whatever the library:
 *
 *	refused		threads that cannot be made leave no memory behind
 *	term		every SIGTERM reaches the thread that waits for it
 *	vfork		children by vfork and exec
 *	fork		forks while threads allocate; the children allocate, too
 *	files		which numbers 40 files get, and how many there may be
 *	reopened	all descriptors closed, then a file of our own, byte for byte
 *	restored	SIGPROF set to its default, then CPU time
 *	setuid		ids changed in a program of two threads
 *	namespaces	unshare and setns, half a second after the start
 *	thrd		C11 threads and a timer's threads allocate
 *	environment	the environment, as getenv and as environ have it
 *	many		64 threads allocate
 *	left		exit while a thread still runs
 *	under		_exit while a thread still runs
 *	detached	1000 detached threads on the smallest stacks
 *
 * libs: -lrt
 */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <threads.h>

static FRAME void *allocates(void *unused)
{
	for (int i = 0; i < 2000; i++)
		work_alloc((size_t)i);
	return unused;
}

static void refused(void)
{
	size_t before = 0;
	pthread_attr_t attr;
	pthread_t id;
	int made = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)1 << 46);
	for (int i = 0; i < 21000; i++) {
		if (i == 1000)
			before = mallinfo2().uordblks;
		made += pthread_create(&id, &attr, allocates, NULL) == 0;
	}
	printf("made %d grown %d\n", made, mallinfo2().uordblks > before + 20000);
}

static void *waits(void *unused)
{
	sigset_t set;
	int sig, got = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	while (got < 1000 && sigwait(&set, &sig) == 0)
		got++;
	printf("got %d\n", got);
	return unused;
}

static void term(void)
{
	sigset_t set, pending;
	pthread_t id;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&id, NULL, waits, NULL);
	for (int i = 0; i < 1000; i++) {
		kill(getpid(), SIGTERM);
		do
			sigpending(&pending);
		while (sigismember(&pending, SIGTERM));
	}
	pthread_join(id, NULL);
}

static void vforks(void)
{
	volatile int good = 0;
	int status;

	for (volatile int i = 0; i < 50; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execl("/bin/true", "true", NULL);
			_exit(9);
		}
		good += waitpid(pid, &status, 0) == pid && status == 0;
	}
	printf("good %d\n", good);
}

static volatile int stop;

static void *allocates_on(void *unused)
{
	while (!stop)
		work_alloc(300);
	return unused;
}

static void forks(void)
{
	pthread_t id[3];
	int status, good = 0;

	for (int i = 0; i < 3; i++)
		pthread_create(&id[i], NULL, allocates_on, NULL);
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			for (int k = 0; k < 100; k++)
				work_alloc(5000);
			_exit(i);
		}
		good += waitpid(pid, &status, 0) == pid && status == i << 8;
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(id[i], NULL);
	printf("good %d\n", good);
}

static void files(void)
{
	int n = 0;

	for (int i = 0; i < 40; i++)
		printf("%d\n", open("/dev/null", O_RDONLY));
	while (open("/dev/null", O_RDONLY) >= 0)
		n++;
	printf("%d more, errno %d\n", n, errno);
}

static void reopened(void)
{
	struct {
		char bytes[1000];
	} buffer;
	off_t size;
	int fd[8];

	syscall(SYS_close_range, 3, ~0u, 0);
	for (int i = 0; i < 8; i++) {
		fd[i] = memfd_create("ours", 0);
		memset(&buffer, 'a' + i, sizeof(buffer));
		if (write(fd[i], &buffer, sizeof(buffer)) != sizeof(buffer))
			abort();
	}
	for (int i = 0; i < 5000; i++)
		work_alloc(100);
	work_burn(50 * MS);
	work_sleep_ms(300);
	for (int i = 0; i < 8; i++) {
		size = lseek(fd[i], 0, SEEK_END);
		memset(&buffer, 0, sizeof(buffer));
		if (pread(fd[i], &buffer, sizeof(buffer), 0) < 0)
			abort();
		printf("%d holds %ld bytes, %c to %c\n", fd[i], (long)size, buffer.bytes[0],
		       buffer.bytes[999]);
	}
}

static void restored(void)
{
	struct sigaction act = { .sa_handler = SIG_DFL }, old;

	sigaction(SIGPROF, &act, &old);
	printf("was %s\n", old.sa_handler == SIG_DFL ? "default" : "not ours");
	work_burn(100 * MS);
	allocates(NULL);
	puts("restored");
}

static void ids(void)
{
	pthread_t id;
	int good = 0;

	pthread_create(&id, NULL, allocates_on, NULL);
	alarm(10);
	for (int i = 0; i < 20; i++)
		good += setresuid(getuid(), geteuid(), (uid_t)-1) == 0 && setgid(getgid()) == 0;
	stop = 1;
	pthread_join(id, NULL);
	printf("good %d\n", good);
}

static void namespaces(void)
{
	int fd, err;

	work_sleep_ms(500);
	err = unshare(CLONE_NEWUSER | CLONE_NEWNS);
	printf("unshare %d errno %d\n", err, err ? errno : 0);
	fd = open("/proc/self/ns/mnt", O_RDONLY);
	err = setns(fd, CLONE_NEWNS);
	printf("setns %d errno %d\n", err, err ? errno : 0);
}

static int in_c11(void *unused)
{
	allocates(unused);
	return 5;
}

static volatile sig_atomic_t fired;

static void on_timer(union sigval value)
{
	allocates(value.sival_ptr);
	__atomic_add_fetch(&fired, 1, __ATOMIC_RELAXED);
}

static void c11(void)
{
	struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD };
	timer_t timer;
	thrd_t id;
	int result;

	event.sigev_notify_function = on_timer;
	thrd_create(&id, in_c11, NULL);
	thrd_join(id, &result);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &each, NULL);
	while (fired < 5)
		work_sleep_ms(1);
	printf("result %d\n", result);
}

extern char **environ;

static void environment(void)
{
	const char *preload = getenv("LD_PRELOAD");

	printf("preloaded by %s\n", preload ? strrchr(preload, '/') : "nothing");
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "LD_PRELOAD", 10) && strncmp(*e, "LIBPROF_", 8))
			puts(*e);
}

static void many(void)
{
	pthread_t id[64];

	for (int i = 0; i < 64; i++)
		pthread_create(&id[i], NULL, allocates, NULL);
	for (int i = 0; i < 64; i++)
		pthread_join(id[i], NULL);
	puts("many");
}

static void left(void)
{
	pthread_t id;

	pthread_create(&id, NULL, allocates_on, NULL);
	work_sleep_ms(50);
	puts("left");
	exit(6);
}

static void under(void)
{
	pthread_t id;

	pthread_create(&id, NULL, allocates_on, NULL);
	work_sleep_ms(50);
	_exit(7);
}

static unsigned done;

static void *counts(void *unused)
{
	for (int i = 0; i < 100; i++)
		work_alloc(100);
	__atomic_add_fetch(&done, 1, __ATOMIC_RELAXED);
	return unused;
}

static void detached(void)
{
	pthread_attr_t attr;
	pthread_t id;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN));
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (unsigned i = 0; i < 1000; i++) {
		while (pthread_create(&id, &attr, counts, NULL))
			work_sleep_ms(1);
		while (i + 1 - __atomic_load_n(&done, __ATOMIC_RELAXED) > 8)
			sched_yield();
	}
	while (__atomic_load_n(&done, __ATOMIC_RELAXED) < 1000)
		work_sleep_ms(1);
	puts("detached");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "refused", refused },
		      { "term", term },
		      { "vfork", vforks },
		      { "fork", forks },
		      { "files", files },
		      { "reopened", reopened },
		      { "restored", restored },
		      { "setuid", ids },
		      { "namespaces", namespaces },
		      { "thrd", c11 },
		      { "environment", environment },
		      { "many", many },
		      { "left", left },
		      { "under", under },
		      { "detached", detached } };

	static char buffer[BUFSIZ]; /* or printf would allocate */

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc > 1 && !strcmp(argv[1], modes[i].name))
			modes[i].run();
	return 0;
}
