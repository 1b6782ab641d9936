/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_files.h - from a module of the trace to open files: the ELF file that
 * ran, if it is still the same, and its separate debug file.  Runs in the
 * child process, which never closes them.
 */
#ifndef PROF_ELF_FILES_H
#define PROF_ELF_FILES_H

#include <gelf.h>
#include <glib.h>
#include <stdbool.h>

#include "symbolize.h"

struct elf_file {
	Elf *elf;   /* NULL: none */
	char *path; /* NULL: none */
};

struct elf_files {
	const struct symbolize_options *options;
	const struct symbolize_module *module;
	struct elf_file main;
	struct elf_file debug;
	enum symbolize_match match;
	char *changed_path; /* MATCH_CHANGED: the file that differs */
	char *tried;	    /* where a debug file with this build id belongs; may be NULL */
};

/* Finds the module's files.  A file is used when its build id is the recorded
 * one, or when the trace has none; below options->symfs when that is set.  A
 * debug file is looked for
 *	by build id, in .build-id/xx/yyyy.debug of each debug directory,
 *	by .gnu_debuglink of a file that is used, its checksum verified,
 *	from debuginfod, if the options allow it;
 * the first also when the file itself is gone or changed. */
void elf_files_open(struct elf_files *f, const struct symbolize_options *options,
		    const struct symbolize_module *module);

/* The file with this build id in the debug directories: .elf is NULL when
 * there is none.  tried, unless NULL, is set to the last path tried. */
struct elf_file elf_files_by_build_id(const struct symbolize_options *options, const uint8_t *id,
				      size_t id_len, char **tried);

/* True when elf has DWARF: a .debug_info that holds bytes, or a .zdebug_info, as it
 * was called when compressed before sections could say that they are. */
bool elf_files_has_dwarf(Elf *elf);

#endif
