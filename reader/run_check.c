/* SPDX-License-Identifier: Apache-2.0
 *
 * run_check.c - which file will be run, and whether the loader will let a
 * preloaded library into it; see run.h.  ELF is run_elf.c's.  A file that
 * cannot be read is let through: the kernel decides.
 */
#include "run_elf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "err.h"
#include "run.h"

#define INTERPRETERS_MAX 5 /* scripts run by scripts, as the kernel allows */
#define SCRIPT_LINE_BYTES 256

/* Says why path will not be run.  Returns status. */
static int refuse(int status, const char *path, const char *why)
{
	char *safe = err_safe(path);

	if (!*path)
		err_say("run: the name of the program is empty");
	else if (status == RUN_FAILED)
		err_say("%s cannot be profiled: %s; it was not run", safe, why);
	else
		err_say("%s: %s", safe, why);
	g_free(safe);
	return status;
}

/* 0 when path may be executed, else the errno of execve(2). */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? EISDIR : EACCES;
	return access(path, X_OK) ? errno : 0;
}

char *run_check_find(const char *name, int *status)
{
	const char *path_list = g_getenv("PATH");
	char **dirs, *found = NULL;
	int error = ENOENT;

	if (strchr(name, '/')) {
		error = executable(name);
		found = error ? NULL : g_strdup(name);
	} else if (*name) {
		dirs = g_strsplit(path_list ? path_list : "/bin:/usr/bin", ":", -1);
		for (char **dir = dirs; *dir && !found; dir++) {
			char *path = **dir ? g_strdup_printf("%s/%s", *dir, name) : g_strdup(name);
			int e = executable(path);

			if (e == 0)
				found = path;
			else
				g_free(path);
			if (e == EACCES || e == EISDIR)
				error = EACCES;
		}
		g_strfreev(dirs);
	}
	if (!found)
		*status = refuse(error == ENOENT || error == ENOTDIR ? RUN_NOT_FOUND
								     : RUN_NOT_RUNNABLE,
				 name, strerror(error));
	return found;
}

/* Programs that raise their rights are loaded without LD_PRELOAD.  NULL when
 * this one does not, for this user, else why; free with g_free(). */
static char *raises_rights(int fd)
{
	struct statvfs fs;
	struct stat st;

	if (fstat(fd, &st) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return NULL;
	if (fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_NOSUID)
		return NULL;
	if (st.st_mode & S_ISUID && st.st_uid != getuid())
		return g_strdup_printf("it is setuid to user %u, and the loader ignores LD_PRELOAD "
				       "then; run prof as that user",
				       (unsigned)st.st_uid);
	if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getgid())
		return g_strdup_printf(
			"it is setgid to group %u, and the loader ignores LD_PRELOAD "
			"then; run prof with that group (sg, newgrp)",
			(unsigned)st.st_gid);
	if (getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return g_strdup("it has file capabilities, and the loader ignores LD_PRELOAD then; "
				"run prof as root, or a copy of the program without them");
	return NULL;
}

/* The interpreter that a line "#! /bin/x args" names, or NULL; edits line. */
static char *script_interpreter(char *line)
{
	char *name = line + 2 + strspn(line + 2, " \t");

	name[strcspn(name, " \t\r\n")] = 0;
	return *name ? name : NULL;
}

static int check_file(const char *path, int depth);

/* The interpreter of script, which then is the program that runs. */
static int check_interpreter(const char *script, const char *name, int depth)
{
	int error = executable(name), status = RUN_NOT_RUNNABLE;
	char *safe, *why;

	if (error == 0 && depth < INTERPRETERS_MAX)
		return check_file(name, depth + 1);
	safe = err_safe(name);
	why = g_strdup_printf("its interpreter %s: %s", safe, strerror(error ? error : ELOOP));
	refuse(status, script, why);
	g_free(why);
	g_free(safe);
	return status;
}

static int check_file(const char *path, int depth)
{
	char start[SCRIPT_LINE_BYTES + 1] = "", *interpreter, *why = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = pread(fd, start, SCRIPT_LINE_BYTES, 0);
	if (n > 4 && !memcmp(start, "\177ELF", 4)) {
		why = raises_rights(fd);
		if (!why)
			why = run_elf_obstacle(fd);
	} else if (n > 2 && start[0] == '#' && start[1] == '!') {
		interpreter = script_interpreter(start);
		if (interpreter)
			status = check_interpreter(path, interpreter, depth);
	}
	close(fd);
	if (why)
		status = refuse(RUN_FAILED, path, why);
	g_free(why);
	return status;
}

int run_check_program(const char *path)
{
	return check_file(path, 0);
}
