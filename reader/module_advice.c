/* SPDX-License-Identifier: Apache-2.0
 *
 * module_advice.c - the sentences.  On Debian and its kin the package database
 * is a directory of text files: the package that owns a file, and so the one
 * that has its debug information, is found there without running anything.
 * Runs in the child process.
 */
#include "module_advice.h"

#include <elfutils/libdwelf.h>
#include <stdio.h>
#include <string.h>

#include "prof_format.h"

#define DPKG_INFO "/var/lib/dpkg/info"

static void append_build_id(GString *out, const uint8_t *id, size_t id_len)
{
	for (size_t i = 0; i < id_len; i++)
		g_string_append_printf(out, "%02x", id[i]);
}

/* True when the list has a line that is path. */
static bool dpkg_list_has(const char *list, const char *path)
{
	size_t n = strlen(path);

	for (const char *at = list; (at = strstr(at, path)); at += n) {
		if ((at == list || at[-1] == '\n') && at[n] == '\n')
			return true;
	}
	return false;
}

/* The package that owns path, from "NAME.list" or "NAME:ARCH.list"; NULL when
 * none does.  Packages from before the /usr merge list files under /lib. */
static char *dpkg_find_owner(const char *path)
{
	GDir *dir = g_dir_open(DPKG_INFO, 0, NULL);
	const char *unmerged = g_str_has_prefix(path, "/usr/") ? path + 4 : path;
	char *owner = NULL, *file, *list;
	const char *name;

	while (dir && !owner && (name = g_dir_read_name(dir))) {
		if (!g_str_has_suffix(name, ".list"))
			continue;
		file = g_build_filename(DPKG_INFO, name, NULL);
		if (g_file_get_contents(file, &list, NULL, NULL)) {
			if (dpkg_list_has(list, path) || dpkg_list_has(list, unmerged))
				owner = g_strndup(name, strcspn(name, ":") < strlen(name)
								? strcspn(name, ":")
								: strlen(name) - strlen(".list"));
			g_free(list);
		}
		g_free(file);
	}
	if (dir)
		g_dir_close(dir);
	return owner;
}

/* How to come by the debug information of a file that is installed here. */
static void append_install(GString *out, const struct elf_files *f)
{
	char *owner =
		f->options->symfs || !f->module->path ? NULL : dpkg_find_owner(f->module->path);

	if (owner && !strcmp(owner, "libc6"))
		g_string_append(out, "apt install libc6-dbg");
	else if (owner)
		g_string_append_printf(out,
				       "apt install %s-dbgsym (from the debug archive of the "
				       "distribution)",
				       owner);
	else
		g_string_append(out, "build it with -g or install its debug package");
	if (!f->options->debuginfod)
		g_string_append(out, ", or set DEBUGINFOD_URLS and allow debuginfod");
	g_free(owner);
}

static void append_tried(GString *out, const struct elf_files *f)
{
	if (f->tried)
		g_string_append_printf(out, " (no debug file %s either)", f->tried);
	else
		g_string_append(out, " (and the trace has no build id to find a debug file by)");
}

static void append_changed(GString *out, const struct elf_files *f)
{
	if (f->module->flags & PROF_MAP_VDSO) {
		g_string_append(out,
				"the trace was made under another kernel: its vDSO is not here");
		return;
	}
	g_string_append_printf(out,
			       "%s has changed since the trace was made and is not used: the "
			       "trace has build id ",
			       f->changed_path);
	append_build_id(out, f->module->build_id, f->module->build_id_len);
	if (f->debug.elf)
		g_string_append(out, "; names come from its debug file");
	else {
		g_string_append(out, "; put that file below a directory and use --symfs");
		append_tried(out, f);
	}
}

static void append_missing(GString *out, const struct elf_files *f)
{
	g_string_append_printf(out, "%s is not here", f->module->path);
	if (f->debug.elf)
		g_string_append(out, "; names come from its debug file");
	else {
		g_string_append(out, ": copy it below a directory and use --symfs");
		append_tried(out, f);
	}
}

char *module_advice(const struct elf_files *f, const struct symbolize_status *status,
		    const char *split)
{
	GString *out = g_string_new(NULL);
	bool few = status->source == SYMBOLIZE_SOURCE_NONE ||
		   status->source == SYMBOLIZE_SOURCE_DYNSYM;
	bool no_lines = !status->lines && !f->options->no_lines;

	if (f->match == SYMBOLIZE_MATCH_CHANGED) {
		append_changed(out, f);
	} else if (f->match == SYMBOLIZE_MATCH_MISSING) {
		append_missing(out, f);
	} else if ((few || no_lines) && !(f->module->flags & PROF_MAP_VDSO)) {
		g_string_append(out, status->source == SYMBOLIZE_SOURCE_NONE ? "no symbols"
				     : few ? "only exported symbols"
					   : "no source lines");
		if (f->tried)
			g_string_append_printf(out, ": no debug file %s", f->tried);
		g_string_append(out, "; ");
		append_install(out, f);
	}
	if (split)
		g_string_append_printf(out,
				       "%sinlined calls are missing: %s is not where it was "
				       "built (a .dwp needs elfutils 0.191)",
				       out->len ? "; " : "", split);
	if (f->match == SYMBOLIZE_MATCH_UNCHECKED)
		g_string_append_printf(out,
				       "%sthe trace has no build id: it could not be checked "
				       "that the file is the same",
				       out->len ? "; " : "");
	return g_string_free(out, out->len == 0);
}
