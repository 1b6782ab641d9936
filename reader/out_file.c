/* SPDX-License-Identifier: Apache-2.0
 *
 * out_file.c - output files: written under a temporary name, then renamed.
 */
#include "out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"

/* Of the stream; one output is written at a time. */
static char buffer[1 << 20];

static bool out_file_fail(const struct out_file *file, int error)
{
	char *safe = err_safe(file->path ? file->path : "standard output");

	err_say("%s: %s", safe, g_strerror(error));
	g_free(safe);
	return false;
}

bool out_file_open(struct out_file *file, const char *path)
{
	struct stat st;
	bool there;
	int fd;

	*file = (struct out_file){ .stream = stdout, .path = path };
	if (!path) {
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
		return true;
	}
	there = stat(path, &st) == 0;
	if (there && !S_ISREG(st.st_mode)) {
		file->stream = fopen(path, "we");
	} else {
		file->temporary = g_strdup_printf("%s.XXXXXX", path);
		fd = g_mkstemp_full(file->temporary, O_WRONLY | O_CLOEXEC, 0666);
		if (fd >= 0 && there) /* who made it private wants it so */
			(void)!fchmod(fd, st.st_mode & 0777);
		file->stream = fd < 0 ? NULL : fdopen(fd, "w");
	}
	if (file->stream) {
		setvbuf(file->stream, buffer, _IOFBF, sizeof(buffer));
		return true;
	}
	out_file_fail(file, errno);
	g_clear_pointer(&file->temporary, g_free);
	return false;
}

bool out_file_close(struct out_file *file)
{
	bool bad = ferror(file->stream) != 0;
	int error = bad ? errno : 0;
	int closed = file->path ? fclose(file->stream) : fflush(stdout);

	if (closed) {
		bad = true;
		error = errno;
	}
	if (!bad && file->temporary && g_rename(file->temporary, file->path)) {
		bad = true;
		error = errno;
	}
	if (bad && file->temporary)
		unlink(file->temporary);
	g_clear_pointer(&file->temporary, g_free);
	return bad ? out_file_fail(file, error ? error : EIO) : true;
}

void out_file_abandon(struct out_file *file)
{
	if (file->path)
		fclose(file->stream);
	if (file->temporary)
		unlink(file->temporary);
	g_clear_pointer(&file->temporary, g_free);
}
