/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_rights.c - changes user, groups and capabilities back and forth as
 * fast as it can, allocating between, and looks after each change whether every
 * thread of the process, whoever made it, has the same.  At last it gives up all
 * rights for good; no thread may keep any.
 *
 *	w_storm_rights SECONDS THREADS [1: the threads begin as another user]
 *
 *	must DIFFER-AFTER-CALL N
 */
#include "storm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#define OTHER 65534

static _Atomic bool over;
static uint64_t changes, looks;

/* What /proc says of the rights of one thread. */
struct rights {
	char uid[80], gid[80], groups[200], effective[40], permitted[40];
};

static bool take(const char *line, const char *key, char *to, size_t room)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n))
		return false;
	snprintf(to, room, "%s", line + n);
	return true;
}

static bool read_rights(const char *tid, struct rights *r)
{
	char path[300], text[4096], *save, *line;
	ssize_t got;
	int fd;

	memset(r, 0, sizeof(*r));
	snprintf(path, sizeof(path), "/proc/self/task/%s/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		(void)(take(line, "Uid:", r->uid, sizeof(r->uid)) ||
		       take(line, "Gid:", r->gid, sizeof(r->gid)) ||
		       take(line, "Groups:", r->groups, sizeof(r->groups)) ||
		       take(line, "CapEff:", r->effective, sizeof(r->effective)) ||
		       take(line, "CapPrm:", r->permitted, sizeof(r->permitted)));
	return true;
}

static bool same_ids(const struct rights *a, const struct rights *b)
{
	return !strcmp(a->uid, b->uid) && !strcmp(a->gid, b->gid) && !strcmp(a->groups, b->groups);
}

static uint64_t caps(const char *text)
{
	return strtoull(text, NULL, 16);
}

/* Ids the same in every thread; capabilities never more than the caller's.
 * effective: also those in force, which a helper thread that acts for nobody
 * may keep ready between two changes. */
static uint64_t differing(bool effective)
{
	char self[32];
	struct rights mine, other;
	struct dirent *d;
	uint64_t n = 0;
	DIR *dir;

	snprintf(self, sizeof(self), "%d", work_tid());
	dir = opendir("/proc/self/task");
	if (!dir || !read_rights(self, &mine))
		exit(94);
	while ((d = readdir(dir))) {
		bool less;

		if (d->d_name[0] == '.' || !read_rights(d->d_name, &other))
			continue;
		looks++;
		less = !(caps(other.permitted) & ~caps(mine.permitted)) &&
		       (!effective || !(caps(other.effective) & ~caps(mine.effective)));
		n += !same_ids(&mine, &other) || !less;
	}
	closedir(dir);
	return n;
}

static void *allocates(void *arg)
{
	while (!over)
		for (size_t i = 0; i < 20; i++)
			storm_free(storm_malloc(50 + i));
	return arg;
}

/* Each there and back again: the saved ids stay. */
static int do_seteuid(bool there)
{
	return seteuid(there ? OTHER : 0);
}
static int do_setegid(bool there)
{
	return setegid(there ? OTHER : 0);
}
static int do_setresuid(bool there)
{
	return setresuid((uid_t)-1, there ? OTHER : 0, 0);
}
static int do_setresgid(bool there)
{
	return setresgid(there ? OTHER : 0, there ? OTHER : 0, 0);
}
static int do_setreuid(bool there)
{
	return there ? setreuid((uid_t)-1, OTHER) : setreuid(0, 0);
}
static int do_setregid(bool there)
{
	return there ? setregid((gid_t)-1, OTHER) : setregid(0, 0);
}
static int do_setgroups(bool there)
{
	const gid_t groups[] = { 7, 8, 9 };

	return setgroups(there ? 3 : 0, groups);
}
static int do_initgroups(bool there)
{
	return initgroups(there ? "nobody" : "root", there ? 100 : 0);
}

#define CHANGE(name)             \
	{                        \
#name, do_##name \
	}
static const struct change {
	const char *name;
	int (*call)(bool there);
} all_changes[] = { CHANGE(seteuid),  CHANGE(setegid),	CHANGE(setresuid), CHANGE(setresgid),
		    CHANGE(setreuid), CHANGE(setregid), CHANGE(setgroups), CHANGE(initgroups) };
#define CHANGES (sizeof(all_changes) / sizeof(all_changes[0]))
static uint64_t failed[CHANGES], differ[CHANGES];

static void change_all(void)
{
	for (size_t i = 0; i < CHANGES; i++)
		for (int there = 1; there >= 0; there--) {
			int result = all_changes[i].call(there);

			if (result && (errno != EPERM || geteuid() == 0))
				failed[i]++; /* an ordinary user may not, and is told so */
			changes++;
			differ[i] += differing(false);
			storm_free(storm_malloc(500));
		}
}

static void give_up_all(void)
{
	uint64_t kept;

	if (geteuid() == 0 &&
	    (setgroups(0, NULL) || setresgid(OTHER, OTHER, OTHER) || setuid(OTHER)))
		exit(93);
	storm_free(storm_malloc(500));
	kept = differing(true);
	storm_must("rights-kept", kept);
	storm_must("can-return", seteuid(0) == 0 || unshare(CLONE_NEWNS) == 0);
}

int main(int argc, char **argv)
{
	int threads = (int)work_arg(argc, argv, 2, 0);
	bool other_first = work_arg(argc, argv, 3, 0);
	pthread_t id[16];
	char text[64];

	storm_begin(argc, argv);
	if (other_first && seteuid(OTHER))
		failed[0] += geteuid() == 0;
	for (int i = 0; i < threads && i < 16; i++)
		pthread_create(&id[i], NULL, allocates, NULL);
	if (other_first) { /* refused in each thread, or libc ends the process */
		storm_must("groups-refused", setgroups(0, NULL) < 0 && errno == EPERM);
		failed[0] += seteuid(0) && geteuid() == 0;
	}
	while (storm_running())
		change_all();
	give_up_all();
	over = true;
	for (int i = 0; i < threads && i < 16; i++)
		pthread_join(id[i], NULL);
	for (size_t i = 0; i < CHANGES; i++) {
		snprintf(text, sizeof(text), "%s-failed", all_changes[i].name);
		storm_must(text, failed[i]);
		snprintf(text, sizeof(text), "%s-differs", all_changes[i].name);
		storm_must(text, differ[i]);
	}
	storm_load("changes", changes);
	storm_load("looks", looks);
	storm_end();
	return 0;
}
