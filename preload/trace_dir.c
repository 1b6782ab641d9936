/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_dir.c - see trace_dir.h.  Who may write to the directory above ours can
 * put another directory, or a link, at the name between any two calls, so what was
 * opened is looked at: it has to be ours, and later on the one it was.
 */
#include "trace_dir.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sys.h"

#define PATH_BYTES 4096u
#define SUFFIX_MAX 10000u
#define DIRECTORY_MODE 0700

static struct {
	char path[PATH_BYTES];
	bool keep;
	int fd; /* -1: not open; set before anything else by trace_dir_make */
	uint64_t device, inode;
} td;

static char start[PATH_BYTES]; /* "": not known */

/* Not with a directory that is gone, or outside of the root, which has no path. */
static bool know_start(void)
{
	if (!*start &&
	    (SYS_CALL(SYS_getcwd, start, sizeof(start), 0, 0, 0, 0) < 0 || *start != '/'))
		*start = '\0';
	return *start;
}

void trace_dir_start(bool leave)
{
	if (know_start() && leave)
		SYS_CALL(SYS_chdir, "/", 0, 0, 0, 0, 0);
}

static int absolute(const char *path, char *to, size_t bytes)
{
	int n;

	if (*path == '/')
		n = snprintf(to, bytes, "%s", path);
	else if (know_start())
		n = snprintf(to, bytes, "%s/%s", start, path);
	else
		return -ENOENT;
	return n < 0 || (size_t)n + 64 > bytes ? -ENAMETOOLONG : 0;
}

/* mkdir neither follows a link at the end of the path nor takes a directory
 * that exists: what we get is new and ours. */
static int make_directory(void)
{
	size_t n = strlen(td.path);
	int err = sys_mkdir(td.path, DIRECTORY_MODE);
	struct stat st;

	if (err == -EEXIST &&
	    SYS_CALL(SYS_newfstatat, AT_FDCWD, td.path, &st, AT_SYMLINK_NOFOLLOW, 0, 0) == 0 &&
	    !S_ISDIR(st.st_mode))
		return -ENOTDIR; /* not one of our traces: nobody meant a name beside it */
	for (unsigned i = 2; err == -EEXIST && i < SUFFIX_MAX; i++) {
		snprintf(td.path + n, sizeof(td.path) - n, ".%u", i);
		err = sys_mkdir(td.path, DIRECTORY_MODE);
	}
	return err;
}

/* Where the umask is the program's (unshare was refused), the mode may be less than
 * was asked for, and the directory of no use. */
static void correct_mode(int place)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/thread-self/fd/%d", place);
	SYS_CALL(SYS_fchmodat, AT_FDCWD, name, DIRECTORY_MODE, 0, 0, 0);
}

/* Does a file that we make there belong to the directory's owner?  Where a server or a
 * mount option decides on owners (NFS without root's rights, CIFS), ours are not
 * called ours; in somebody else's directory they still are. */
static bool owns_what_we_make(uid_t owner)
{
	static const char name[] = "owner.new";
	int dir = sys_open(td.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0), fd;
	struct stat st;
	bool same;

	if (dir < 0)
		return false;
	fd = sys_openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	same = fd >= 0 && sys_fstat(fd, &st) == 0 && st.st_uid == owner;
	if (fd >= 0) {
		sys_unlinkat(dir, name, 0);
		sys_close(fd);
	}
	sys_close(dir);
	return same;
}

/* The first look at it.  O_PATH: nothing is asked of its mode. */
static int adopt(void)
{
	int place = sys_open(td.path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0), err;
	struct stat st;

	if (place < 0)
		return place;
	err = sys_fstat(place, &st);
	if (!err && st.st_uid != (uid_t)SYS_CALL(SYS_geteuid, 0, 0, 0, 0, 0, 0) &&
	    !owns_what_we_make(st.st_uid))
		err = -EACCES;
	if (!err && (st.st_mode & DIRECTORY_MODE) != DIRECTORY_MODE)
		correct_mode(place);
	sys_close(place);
	if (!err) {
		td.device = st.st_dev;
		td.inode = st.st_ino;
	}
	return err;
}

/* Opens the very directory that was made. */
static int open_again(void)
{
	int fd = sys_open(td.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	struct stat st;
	int err = fd < 0 ? fd : sys_fstat(fd, &st);

	if (!err && (st.st_dev != td.device || st.st_ino != td.inode))
		err = -ESTALE;
	if (!err)
		return fd;
	if (fd >= 0)
		sys_close(fd);
	return err;
}

int trace_dir_make(const char *path, bool keep)
{
	int err = absolute(path, td.path, sizeof(td.path));

	td.keep = keep;
	td.fd = -1;
	td.device = td.inode = 0;
	if (!err)
		err = make_directory();
	if (err)
		return err;
	err = adopt();
	if (!err && keep)
		td.fd = err = open_again();
	if (err < 0)
		trace_dir_unmake();
	return err < 0 ? err : 0;
}

/* What has its name by now may be somebody else's. */
void trace_dir_unmake(void)
{
	struct stat st;

	if (td.fd >= 0)
		sys_close(td.fd);
	td.fd = -1;
	if (SYS_CALL(SYS_newfstatat, AT_FDCWD, td.path, &st, AT_SYMLINK_NOFOLLOW, 0, 0) == 0 &&
	    st.st_uid == (uid_t)SYS_CALL(SYS_geteuid, 0, 0, 0, 0, 0, 0) &&
	    (!td.inode || (st.st_dev == td.device && st.st_ino == td.inode)))
		sys_unlinkat(AT_FDCWD, td.path, AT_REMOVEDIR);
}

const char *trace_dir_error(const char *path)
{
	static char text[512];

	snprintf(text, sizeof(text), "LIBPROF_OUT=%.300s: the trace directory cannot be made",
		 path);
	return text;
}

const char *trace_dir_path(void)
{
	return td.path;
}

void trace_dir_reattach(bool keep)
{
	td.keep = keep;
	td.fd = keep ? open_again() : -1;
}

int trace_dir_enter(void)
{
	return td.fd >= 0 ? td.fd : open_again();
}

void trace_dir_leave(int dir)
{
	if (dir != td.fd)
		sys_close(dir);
}
