/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_files.c - searches and comparisons of build ids.  Paths come from the
 * trace and from the files: they are opened for reading and checked to be
 * regular files before anything else is done.  Runs in the child process.
 */
#include "elf_files.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "debuginfod.h"
#include "prof_format.h"

#define BUILD_ID_BYTES_MIN 3 /* two directories' worth: one byte and a name */
#define BUILD_ID_BYTES_MAX 64

/* Mapping a file is not using memory: the limit moves up by its size. */
static void elf_files_allow(uint64_t bytes)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_AS, &r) || r.rlim_cur == RLIM_INFINITY)
		return;
	r.rlim_cur = bytes < r.rlim_max - r.rlim_cur ? r.rlim_cur + bytes : r.rlim_max;
	setrlimit(RLIMIT_AS, &r);
}

/* Takes path and fd over; .elf is NULL and both are gone when this is no ELF. */
static struct elf_file elf_file_from_fd(char *path, int fd)
{
	struct elf_file f = { NULL, path };
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		elf_files_allow((uint64_t)st.st_size);
		f.elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	}
	if (f.elf && elf_kind(f.elf) == ELF_K_ELF)
		return f;
	elf_end(f.elf);
	close(fd);
	g_free(path);
	return (struct elf_file){ NULL, NULL };
}

/* To open a device can be to start it: the type is looked at first. */
static struct elf_file elf_file_open(char *path)
{
	struct stat st;
	int fd = -1;

	if (!stat(path, &st) && S_ISREG(st.st_mode))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		return elf_file_from_fd(path, fd);
	g_free(path);
	return (struct elf_file){ NULL, NULL };
}

static void elf_file_close(struct elf_file *f)
{
	elf_end(f->elf); /* NULL is fine; the descriptor goes with the process */
	g_free(f->path);
	*f = (struct elf_file){ NULL, NULL };
}

static bool elf_has_build_id(Elf *elf, const uint8_t *id, size_t id_len)
{
	const void *own;
	ssize_t n = dwelf_elf_gnu_build_id(elf, &own);

	return n > 0 && (size_t)n == id_len && !memcmp(own, id, id_len);
}

bool elf_files_has_dwarf(Elf *elf)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	size_t strings;
	const char *own;

	if (elf_getshdrstrndx(elf, &strings))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type == SHT_NOBITS || !shdr.sh_size)
			continue;
		own = elf_strptr(elf, strings, shdr.sh_name);
		if (own && (!strcmp(own, ".debug_info") || !strcmp(own, ".zdebug_info")))
			return true;
	}
	return false;
}

/* Debug directories in order of search; NULL after the last. */
static char *debug_directory(const struct symbolize_options *o, unsigned i)
{
	unsigned own = o->debug_dir ? 1 : 0, symfs = o->symfs ? 1 : 0;

	if (i < own)
		return g_strdup(o->debug_dir);
	if (i < own + symfs)
		return g_build_filename(o->symfs, "usr/lib/debug", NULL);
	return i == own + symfs ? g_strdup("/usr/lib/debug") : NULL;
}

struct elf_file elf_files_by_build_id(const struct symbolize_options *options, const uint8_t *id,
				      size_t id_len, char **tried)
{
	struct elf_file f = { NULL, NULL };
	GString *name = g_string_new(".build-id/");
	char *dir;

	if (id_len < BUILD_ID_BYTES_MIN || id_len > BUILD_ID_BYTES_MAX)
		id_len = 0;
	for (size_t i = 0; i < id_len; i++)
		g_string_append_printf(name, i == 1 ? "/%02x" : "%02x", id[i]);
	g_string_append(name, ".debug");
	for (unsigned i = 0; id_len && !f.elf && (dir = debug_directory(options, i)); i++) {
		char *path = g_build_filename(dir, name->str, NULL);

		if (tried) {
			g_free(*tried);
			*tried = g_strdup(path);
		}
		f = elf_file_open(path);
		if (f.elf && !elf_has_build_id(f.elf, id, id_len))
			elf_file_close(&f);
		g_free(dir);
	}
	g_string_free(name, TRUE);
	return f;
}

/* A candidate for .gnu_debuglink; closed again unless its bytes have the
 * checksum and its build id, if it has one, is the recorded one. */
static bool debuglink_accept(struct elf_files *f, char *path, GElf_Word crc)
{
	const struct symbolize_module *m = f->module;
	struct elf_file candidate = elf_file_open(path);
	const void *id;
	const char *bytes;
	size_t n;

	if (!candidate.elf)
		return false;
	bytes = elf_rawfile(candidate.elf, &n);
	if (bytes && crc32_z(0, (const Bytef *)bytes, n) == crc &&
	    (!m->build_id_len || dwelf_elf_gnu_build_id(candidate.elf, &id) <= 0 ||
	     elf_has_build_id(candidate.elf, m->build_id, m->build_id_len))) {
		f->debug = candidate;
		return true;
	}
	elf_file_close(&candidate);
	return false;
}

static void elf_files_by_debuglink(struct elf_files *f)
{
	GElf_Word crc = 0;
	const char *link = dwelf_elf_gnu_debuglink(f->main.elf, &crc);
	char *dir, *below, *root;
	bool found;

	/* A name only: it may not lead out of the places that are searched. */
	if (!link || !*link || strchr(link, '/') || !f->main.path)
		return;
	dir = g_path_get_dirname(f->main.path);
	below = g_path_get_dirname(f->module->path);
	found = debuglink_accept(f, g_build_filename(dir, link, NULL), crc) ||
		debuglink_accept(f, g_build_filename(dir, ".debug", link, NULL), crc);
	for (unsigned i = 0; !found && (root = debug_directory(f->options, i)); i++) {
		found = debuglink_accept(f, g_build_filename(root, below, link, NULL), crc) ||
			debuglink_accept(f, g_build_filename(root, link, NULL), crc);
		g_free(root);
	}
	g_free(dir);
	g_free(below);
}

/* Uses the file at path if it is the one that was traced.  sure: it may also
 * be used unchecked, and is to blame when it differs. */
static void elf_files_try(struct elf_files *f, char *path, bool sure)
{
	const struct symbolize_module *m = f->module;
	struct elf_file candidate = { NULL, NULL };

	if (f->main.elf) {
		g_free(path);
		return;
	}
	candidate = elf_file_open(path);
	if (!candidate.elf)
		return;
	if (m->build_id_len && elf_has_build_id(candidate.elf, m->build_id, m->build_id_len)) {
		f->match = SYMBOLIZE_MATCH_SAME;
		f->main = candidate;
	} else if (!m->build_id_len && sure) {
		f->match = SYMBOLIZE_MATCH_UNCHECKED;
		f->main = candidate;
	} else {
		if (sure) {
			f->match = SYMBOLIZE_MATCH_CHANGED;
			f->changed_path = g_strdup(candidate.path);
		}
		elf_file_close(&candidate);
	}
}

/* With symfs: the path below it, then a flat directory of files, then the path
 * itself, the last two only where the build id proves them. */
static void elf_files_open_main(struct elf_files *f)
{
	const char *path = f->module->path, *symfs = f->options->symfs;
	char *base;

	if (!symfs) {
		elf_files_try(f, g_strdup(path), true);
		return;
	}
	base = g_path_get_basename(path);
	elf_files_try(f, g_build_filename(symfs, path, NULL), true);
	elf_files_try(f, g_build_filename(symfs, base, NULL), false);
	elf_files_try(f, g_strdup(path), false);
	g_free(base);
}

/* The vDSO of this process, if it is the recorded one. */
static void elf_files_open_vdso(struct elf_files *f)
{
	char *image = (char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)image;
	Elf *elf;

	f->match = SYMBOLIZE_MATCH_MISSING;
	if (!image || memcmp(ehdr->e_ident, ELFMAG, SELFMAG))
		return;
	elf = elf_memory(image, ehdr->e_shoff + (size_t)ehdr->e_shnum * ehdr->e_shentsize);
	if (elf && elf_has_build_id(elf, f->module->build_id, f->module->build_id_len)) {
		f->match = SYMBOLIZE_MATCH_SAME;
		f->main = (struct elf_file){ elf, NULL };
		return;
	}
	f->match = SYMBOLIZE_MATCH_CHANGED;
	elf_end(elf);
}

static void elf_files_open_debug(struct elf_files *f)
{
	const struct symbolize_module *m = f->module;
	const void *id = m->build_id;
	size_t id_len = m->build_id_len;
	ssize_t n;
	int fd;

	if (f->main.elf && elf_files_has_dwarf(f->main.elf))
		return;
	if (!id_len && f->main.elf && (n = dwelf_elf_gnu_build_id(f->main.elf, &id)) > 0)
		id_len = (size_t)n;
	f->debug = elf_files_by_build_id(f->options, id, id_len, &f->tried);
	if (!f->debug.elf && f->main.elf)
		elf_files_by_debuglink(f);
	if (f->debug.elf || !f->options->debuginfod || !id_len)
		return;
	fd = debuginfod_open(id, id_len);
	if (fd >= 0)
		f->debug = elf_file_from_fd(g_strdup("debuginfod"), fd);
	if (f->debug.elf && !elf_has_build_id(f->debug.elf, id, id_len))
		elf_file_close(&f->debug);
}

void elf_files_open(struct elf_files *f, const struct symbolize_options *options,
		    const struct symbolize_module *module)
{
	*f = (struct elf_files){ .options = options,
				 .module = module,
				 .match = SYMBOLIZE_MATCH_MISSING };
	elf_version(EV_CURRENT);
	if (module->flags & PROF_MAP_VDSO)
		elf_files_open_vdso(f);
	else
		elf_files_open_main(f);
	elf_files_open_debug(f);
}
