/* SPDX-License-Identifier: Apache-2.0
 *
 * run_elf.h - what an ELF program is, as far as it decides whether our library
 * can be loaded into it.  Called by run_check.c alone.
 */
#ifndef PROF_RUN_ELF_H
#define PROF_RUN_ELF_H

/* Why the ELF program open as fd cannot be profiled: a phrase that completes
 * "it cannot be profiled: ...", free with g_free().  NULL when nothing speaks
 * against it, or when the file is too odd to say. */
char *run_elf_obstacle(int fd);

#endif
