/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_ns.h - libunwind, loaded into a linker namespace of its own so that
 * neither its symbols nor its SONAMEs, nor those of the liblzma it pulls in,
 * are seen by the program.  Loaded once per process; used by unwind_cfi.c.
 */
#ifndef PROF_UNWIND_NS_H
#define PROF_UNWIND_NS_H

#include <libunwind-x86_64.h>

/* libunwind's functions by their names without the target prefix. */
struct unwind_ns {
	__typeof__(unw_create_addr_space) *create_addr_space;
	__typeof__(unw_set_caching_policy) *set_caching_policy;
	__typeof__(unw_init_remote) *init_remote;
	__typeof__(unw_step) *step;
	__typeof__(unw_get_reg) *get_reg;
	__typeof__(unw_is_signal_frame) *is_signal_frame;
	/* In no public header, but exported for users of remote tables. */
	int (*dwarf_search_unwind_table)(unw_addr_space_t as, unw_word_t ip, unw_dyn_info_t *di,
					 unw_proc_info_t *pi, int need_unwind_info, void *arg);
};

/* [writer] Fills ns.  The copies beside libprof.so are preferred, then the system's.  0, or
 * -errno and a sentence in *why that stays valid.  Every call loads a fresh copy; glibc
 * has sixteen namespaces, so call it sparingly. */
int unwind_ns_load(struct unwind_ns *ns, const char **why);

#endif
