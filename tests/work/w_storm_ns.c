/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_ns.c - goes from namespace to namespace at full speed, allocating
 * between the calls.
 *
 *	w_storm_ns SECONDS kinds    into one of every kind and back, by one thread
 *	w_storm_ns SECONDS crowd    the same, while three threads allocate
 *	w_storm_ns SECONDS user     30 nested user namespaces in each of many children, of
 *	                            which every third enters first that of another child
 *	w_storm_ns SECONDS last     no storm: children elsewhere, after which no thread may be made
 *
 *	w_storm_ns SECONDS clock OFFSET
 *	                            no storm: allocates that long where the monotonic clock
 *	                            is so many seconds off; behind, and kills itself, or
 *	                            ahead, and ends; status 77 where that cannot be
 *
 *	must CALL-KIND-ERRNO 1      each outcome that was seen
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define NESTED 30 /* the kernel allows 32 */
#define ERRNOS 256
#define CROWD 3

static const struct kind {
	const char *name;
	int flag;
	bool has_way_back;
} kinds[] = {
	{ "net", CLONE_NEWNET, true },	     { "uts", CLONE_NEWUTS, true },
	{ "ipc", CLONE_NEWIPC, true },	     { "mnt", CLONE_NEWNS, true },
	{ "cgroup", CLONE_NEWCGROUP, true }, { "pid", CLONE_NEWPID, true },
	{ "time", CLONE_NEWTIME, true },     { "files", CLONE_FILES, false },
	{ "fs", CLONE_FS, false },	     { "sysvsem", CLONE_SYSVSEM, false },
	{ "sighand", CLONE_SIGHAND, false }, { "thread", CLONE_THREAD, false },
	{ "vm", CLONE_VM, false },	     { "bad", 1, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

enum { UNSHARE, SETNS, SETNS_ANY, NEST, MAP, ENTER, CALLS };
static const char *const call_names[CALLS] = { "unshare", "setns", "setns-any",
					       "nest",	  "map",   "enter" };

static bool (*seen)[KINDS + 1][ERRNOS]; /* by call; shared with the children */
static int home[KINDS];
static int held = -1; /* the user namespace of a child */
static uint64_t rounds;
static _Atomic bool main_is_done;

static int note(int call, size_t kind, int result)
{
	seen[call][kind][result < 0 ? errno : 0] = true;
	return result;
}

static void allocate_between(void)
{
	for (size_t i = 0; i < 20; i++)
		storm_free(storm_malloc(64 + i));
}

static void one_round(void)
{
	for (size_t k = 0; k < KINDS; k++) {
		int result = note(UNSHARE, k, unshare(kinds[k].flag));

		allocate_between();
		if (result || !kinds[k].has_way_back)
			continue;
		note(SETNS, k, setns(home[k], kinds[k].flag));
		allocate_between();
		note(SETNS_ANY, k, setns(home[k], 0));
	}
}

static void set_map(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	note(MAP, KINDS, fd < 0 ? -1 : (int)write(fd, text, strlen(text)));
	close(fd);
}

/* Into one of its own; a user or group without a name there may not go one deeper. */
static void nest(int more, bool outermost)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "1000 %d 1", (int)geteuid());
	snprintf(gids, sizeof(gids), "1000 %d 1", (int)getegid());
	note(NEST, KINDS, unshare(CLONE_NEWUSER | more));
	if (outermost)
		set_map("/proc/self/setgroups", "deny");
	set_map("/proc/self/uid_map", uids);
	set_map("/proc/self/gid_map", gids);
}

static void child_nests(size_t deep)
{
	const int more[] = { 0, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWUTS | CLONE_NEWIPC };

	for (size_t i = 0; i < deep; i++) {
		nest(more[i % 4], i == 0 && deep == NESTED);
		allocate_between();
	}
}

/* The second time it is there already. */
static void child_enters(void)
{
	for (int i = 0; i < 2; i++) {
		note(ENTER, KINDS, setns(held, CLONE_NEWUSER));
		allocate_between();
	}
	child_nests(NESTED / 3);
}

/* A child whose user namespace others enter, until end is closed. */
static pid_t start_holder(int *end)
{
	int ready[2], over[2];
	char word = 0, path[64];
	pid_t pid;

	if (pipe(ready) || pipe(over))
		exit(96);
	pid = fork();
	if (!pid) {
		storm_child();
		close(over[1]);
		nest(0, true);
		if (write(ready[1], &word, 1) == 1)
			exit(read(over[0], &word, 1) != 0);
		exit(1);
	}
	close(ready[1]);
	close(over[0]);
	if (read(ready[0], &word, 1) != 1)
		exit(96);
	close(ready[0]);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	held = open(path, O_RDONLY | O_CLOEXEC);
	*end = over[1];
	return pid;
}

static void child_round(void)
{
	int status = -1;
	pid_t child;

	allocate_between();
	child = fork();
	if (child == 0) {
		storm_child();
		if (rounds % 2)
			allocate_between(); /* with something to record already, or without */
		rounds % 3 == 1 ? child_enters() : child_nests(NESTED);
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status) {
		printf("child %d\n", status);
		exit(1);
	}
}

static void *allocates(void *arg)
{
	/* Until main is done: no call of its is made by a thread that is alone. */
	while (!main_is_done)
		allocate_between();
	return arg;
}

static void look_home(void)
{
	char path[64];

	for (size_t k = 0; k < KINDS && kinds[k].has_way_back; k++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[k].name);
		home[k] = open(path, O_RDONLY | O_CLOEXEC);
	}
}

static void tell(void)
{
	char text[64];

	for (int c = 0; c < CALLS; c++)
		for (size_t k = 0; k <= KINDS; k++)
			for (int e = 0; e < ERRNOS; e++) {
				snprintf(text, sizeof(text), "%s-%s-%d", call_names[c],
					 k < KINDS ? kinds[k].name : "any", e);
				if (seen[c][k][e])
					storm_must(text, 1);
			}
	storm_load("rounds", rounds);
}

static int leaves_for_good(void)
{
	pthread_t id;

	allocate_between();
	printf("unshare %d\n", unshare(CLONE_NEWUSER | CLONE_NEWPID));
	printf("thread %d\n", pthread_create(&id, NULL, allocates, NULL));
	allocate_between();
	work_burn(50 * MS);
	return 0;
}

static FRAME void burns_elsewhere_in_time(void)
{
	work_burn(5 * MS);
	STAY;
}

static int goes_elsewhere_in_time(long offset_s)
{
	uint64_t before = work_clock(CLOCK_MONOTONIC);
	char offset[64];
	int fd;

	if (unshare(CLONE_NEWTIME))
		return 77;
	snprintf(offset, sizeof(offset), "monotonic %ld 0", offset_s);
	set_map("/proc/self/timens_offsets", offset);
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (setns(fd, CLONE_NEWTIME) || (work_clock(CLOCK_MONOTONIC) < before) != (offset_s < 0))
		return 77; /* not allowed, or the machine has not been up for so long */
	close(fd);
	storm_deadline_ns += (uint64_t)offset_s * UINT64_C(1000000000);
	while (storm_running()) {
		allocate_between();
		burns_elsewhere_in_time();
		work_sleep_ms(10); /* a full ring would make the writer flush */
	}
	if (offset_s < 0)
		raise(SIGKILL);
	storm_end();
	return 0;
}

static void storm_of(bool in_children, int crowd)
{
	pthread_t id[CROWD];
	int end = -1, status = 0;
	pid_t holder = in_children ? start_holder(&end) : 0;

	for (int i = 0; i < crowd; i++)
		pthread_create(&id[i], NULL, allocates, NULL);
	for (; storm_running() || rounds < 2; rounds++)
		in_children ? child_round() : one_round();
	main_is_done = true;
	for (int i = 0; i < crowd; i++)
		pthread_join(id[i], NULL);
	if (holder) {
		close(end);
		waitpid(holder, &status, 0);
		storm_must("holder", (uint64_t)status);
		storm_must("holds", held >= 0);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "kinds";

	seen = mmap(NULL, CALLS * sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	look_home();
	storm_begin(argc, argv);
	if (!strcmp(mode, "last"))
		return leaves_for_good();
	if (!strcmp(mode, "clock"))
		return goes_elsewhere_in_time(argc > 3 ? atol(argv[3]) : -1000);
	storm_of(!strcmp(mode, "user"), strcmp(mode, "crowd") ? 0 : CROWD);
	tell();
	storm_end();
	return 0;
}
