/* SPDX-License-Identifier: Apache-2.0
 *
 * maps_proc.c - the text of /proc/thread-self/maps, line by line, into maps.c.
 * thread-self, because self is empty once the main thread has ended.  Writer
 * thread only; no stdio.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "../include/prof_format.h"
#include "apart.h"
#include "elf_image.h"
#include "maps_take.h"
#include "sys.h"
#include "unload.h"

#define READ_BYTES 16384u /* holds the longest line: PATH_MAX, each byte escaped, is rarer */

/* Where the file that is being walked through begins in memory: its mapping of
 * offset 0 stands before its executable one. */
struct file_start {
	uint64_t dev, ino, header;
};

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool ends_with(const char *text, size_t n, const char *suffix)
{
	size_t m = strlen(suffix);

	return n >= m && !memcmp(text + n - m, suffix, m);
}

static bool holds_elf(uint64_t header)
{
	char magic[4];

	return header && sys_read_own_memory(header, magic, 4) == 4 && !memcmp(magic, "\177ELF", 4);
}

/* Shared memory has a name that looks like a file's.  JIT compilers write
 * their code through it; only a memfd may hold an ELF object as well. */
static bool is_shared_memory(const char *path, uint64_t header)
{
	if (starts_with(path, "/memfd:"))
		return !holds_elf(header);
	return starts_with(path, "/dev/") || starts_with(path, "/SYSV") ||
	       starts_with(path, "/anon_hugepage");
}

void maps_classify(struct mapping *m, uint64_t header, char *text, size_t text_bytes)
{
	static const char deleted[] = " (deleted)";
	size_t n = strlen(m->path);

	if (!strcmp(m->path, "[vdso]")) {
		m->flags = PROF_MAP_VDSO;
		return;
	}
	if (*m->path != '/' || starts_with(m->path, "//anon") ||
	    is_shared_memory(m->path, header)) {
		m->flags = PROF_MAP_ANON;
		m->path = "";
		m->dev = m->ino = m->file_offset = 0;
		return;
	}
	m->flags = PROF_MAP_FILE;
	if (!ends_with(m->path, n, deleted) || n - sizeof(deleted) + 1 >= text_bytes)
		return;
	n -= sizeof(deleted) - 1;
	memcpy(text, m->path, n);
	text[n] = '\0';
	m->path = text;
	m->flags |= PROF_MAP_DELETED;
}

static const char *take_number(const char *p, unsigned base, uint64_t *value)
{
	for (*value = 0;; p++) {
		unsigned digit = *p >= '0' && *p <= '9'	  ? (unsigned)(*p - '0')
				 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
							  : 99;

		if (digit >= base)
			return p;
		*value = *value * base + digit;
	}
}

/* The kernel writes a newline in a name as \012. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *p = path; *p; to++) {
		bool newline = starts_with(p, "\\012");

		*to = newline ? '\n' : *p;
		p += newline ? 4 : 1;
	}
	*to = '\0';
}

/* One line, `start-end rwxp offset major:minor inode   path`, ended by a NUL.
 * False when it is not of that form. */
static bool parse_line(char *line, struct mapping *m, bool *executable)
{
	uint64_t major, minor;
	const char *p = take_number(line, 16, &m->start);

	if (*p++ != '-')
		return false;
	p = take_number(p, 16, &m->end);
	if (*p != ' ' || strlen(p) < 6)
		return false;
	*executable = p[3] == 'x';
	p = take_number(p + 6, 16, &m->file_offset);
	if (*p++ != ' ')
		return false;
	p = take_number(p, 16, &major);
	if (*p++ != ':')
		return false;
	p = take_number(p, 16, &minor);
	if (*p++ != ' ')
		return false;
	p = take_number(p, 10, &m->ino);
	m->dev = makedev((unsigned)major, (unsigned)minor);
	p += strspn(p, " ");
	unescape((char *)(uintptr_t)p);
	m->path = p;
	return true;
}

/* One reading. */
struct reading {
	uint64_t t_ns;
	bool fill;   /* see maps_fill */
	uint64_t pc; /* only what holds it; 0: all */
	struct file_start file;
};

static int take_line(char *line, struct reading *r)
{
	struct mapping m = { .t_ns = r->t_ns };
	char text[4096];
	bool executable;
	uint64_t header;

	if (!parse_line(line, &m, &executable))
		return 0;
	if (!m.file_offset)
		r->file = (struct file_start){ m.dev, m.ino, m.start };
	if (!executable || m.start >= ARCH_KERNEL_START || m.end <= m.start)
		return 0;
	if (r->pc && (r->pc < m.start || r->pc >= m.end))
		return 0;
	header = r->file.dev == m.dev && r->file.ino == m.ino ? r->file.header : 0;
	maps_classify(&m, header, text, sizeof(text));
	return maps_take(&m, header, !r->fill || !(m.flags & PROF_MAP_FILE));
}

/* Takes the complete lines of buf; returns how many bytes of a last, incomplete
 * one were moved to its front. */
static size_t take_lines(char *buf, size_t n, struct reading *r, int *err)
{
	char *line = buf, *newline;

	while (!*err && (newline = memchr(line, '\n', n - (size_t)(line - buf)))) {
		*newline = '\0';
		*err = take_line(line, r);
		line = newline + 1;
	}
	n -= (size_t)(line - buf);
	memmove(buf, line, n);
	return n;
}

static int read_maps(struct reading *r)
{
	static char buf[READ_BYTES] APART;
	size_t have = 0;
	ssize_t got;
	int err = 0, fd;

	/* Before reading: what the loader does meanwhile shows as a change. */
	if (!r->pc)
		maps_note_loader();
	fd = sys_open("/proc/thread-self/maps", O_RDONLY, 0);
	if (fd < 0)
		return fd;
	while (!err && (got = sys_read(fd, buf + have, sizeof(buf) - have)) > 0)
		have = take_lines(buf, have + (size_t)got, r, &err);
	if (!err && got < 0)
		err = (int)got;
	sys_close(fd);
	return err;
}

int maps_refresh(uint64_t t_ns)
{
	struct reading r = { .t_ns = t_ns };

	return read_maps(&r);
}

/* An object that is unloaded while we read has given its place to what an event before that
 * never was in: then nothing counts but what is at pc, where its event ahead is looked for. */
int maps_fill(uint64_t t_ns, uint64_t pc)
{
	struct reading r = { .t_ns = t_ns,
			     .fill = true,
			     .pc = atomic_load(&unload_pending) ? pc : 0 };
	uint32_t before = maps_newest();
	int err = read_maps(&r);

	if (err || !pc || r.pc || !maps_unloaded())
		return err;
	maps_drop_after(before);
	maps_forget_loader();
	r.pc = pc;
	return read_maps(&r);
}
