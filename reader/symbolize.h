/* SPDX-License-Identifier: Apache-2.0
 *
 * symbolize.h - addresses to names: the one door through which the reader gets
 * function names, source lines and inline chains.  The caller collects, for
 * each module, its distinct addresses and asks once; nothing is looked up one
 * by one.  ELF files are opened in child processes with limits of time and
 * memory, so a hostile binary costs its own names and nothing else.
 *
 * Called by the reader's main thread (it forks: call it while there is no
 * other thread).  Nothing here prints; what went wrong is in each result.
 */
#ifndef PROF_SYMBOLIZE_H
#define PROF_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbolize; /* owns every string and array it ever handed out */

/* A zeroed struct is the default.  Strings are copied by symbolize_new. */
struct symbolize_options {
	const char *symfs;	      /* --symfs: paths of the trace are looked up below it */
	const char *debug_dir;	      /* --debug-dir: searched before /usr/lib/debug */
	bool debuginfod;	      /* may ask the servers of DEBUGINFOD_URLS; else never */
	bool no_lines;		      /* names only: no DWARF, no files, no inline chains */
	unsigned module_seconds;      /* CPU and wall time for one module; 0: 60 (120 debuginfod) */
	uint64_t module_memory_bytes; /* memory for one module beside its files; 0: 2 GiB */
};

/* What to name.  Two mappings of the same file at different load addresses,
 * or in different segments, are one module: addresses do not depend on where
 * it was loaded. */
struct symbolize_module {
	const char *path;	 /* as the trace has it; NULL for kernel and anonymous */
	const uint8_t *build_id; /* build_id_len bytes; 0: the trace has none */
	size_t build_id_len;
	unsigned flags; /* PROF_MAP_* of the mapping */

	/* Sorted ascending, each once.  File: pc - load_bias, the address that
	 * the file's own tables use.  Anonymous: the absolute address (its
	 * load_bias is 0).  Kernel: the absolute address.  vDSO: pc - load_bias. */
	const uint64_t *addresses;
	size_t n_addresses;

	/* Of the process that was traced: for JIT code and the kernel only. */
	uint32_t pid;
	uint32_t uid;		/* header field uid */
	uint64_t start_real_ns; /* header field start_real_ns; 0: unknown */
	const char *boot_id;	/* header field boot_id; NULL: unknown */
};

/* The index of the module's first address at or above start. */
static inline size_t symbolize_lower(const struct symbolize_module *module, uint64_t start)
{
	size_t low = 0, high = module->n_addresses, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (module->addresses[middle] < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One function at an address. */
struct symbolize_frame {
	/* Never NULL, never empty, no NUL inside, at most SYMBOLIZE_NAME_BYTES;
	 * else raw bytes: exporters escape.  Demangled.  Without a symbol:
	 * `module!fn_<start hex>` where .eh_frame knows the function's bounds,
	 * `name@plt`, `module![plt]`, and at last `[module]`, `[vdso]`,
	 * `[kernel]`, `[JIT]` (a perf map exists but misses it) or `[anon]`. */
	const char *name;
	const char *system_name; /* as in the symbol table, mangled; NULL: name is made up */
	const char *file;	 /* NULL: unknown */
	uint32_t line;		 /* 0: unknown */
	bool inlined;		 /* into the next frame of the array */
};

#define SYMBOLIZE_NAME_BYTES 65536u

struct symbolize_address {
	const struct symbolize_frame *frames; /* innermost first; at least one */
	uint32_t n_frames;		      /* all but the last are inlined */
	bool has_start;			      /* function_start is known */
	uint64_t function_start; /* of the function not inlined, in the module's addresses */
};

/* Where the names of functions came from. */
enum symbolize_source {
	SYMBOLIZE_SOURCE_NONE,
	SYMBOLIZE_SOURCE_SYMTAB,     /* the file's .symtab */
	SYMBOLIZE_SOURCE_DYNSYM,     /* the file's .dynsym: exported functions only */
	SYMBOLIZE_SOURCE_DEBUG_FILE, /* a separate debug file */
	SYMBOLIZE_SOURCE_KALLSYMS,   /* this machine's kernel */
	SYMBOLIZE_SOURCE_PERF_MAP    /* /tmp/perf-PID.map */
};

/* How the file found compares with the file that was traced. */
enum symbolize_match {
	SYMBOLIZE_MATCH_NONE,	  /* does not apply (kernel, anonymous) */
	SYMBOLIZE_MATCH_SAME,	  /* build ids are equal */
	SYMBOLIZE_MATCH_CHANGED,  /* another file: not used, but a debug file may be */
	SYMBOLIZE_MATCH_MISSING,  /* no such file here: not used, but a debug file may be */
	SYMBOLIZE_MATCH_UNCHECKED /* used, but the trace has no build id to compare */
};

struct symbolize_status {
	enum symbolize_source source;
	enum symbolize_match match;
	bool lines;		/* DWARF was there: files, lines, inline chains */
	bool failed;		/* the child crashed or hit a limit: names are fewer */
	size_t n_named;		/* addresses whose function has a real name */
	const char *file;	/* the file that was used; NULL: none */
	const char *debug_file; /* the separate debug file that was used; NULL: none */
	/* A sentence for people: what is missing and what would fix it, with
	 * the command or the path that was tried.  NULL: nothing is missing. */
	const char *advice;
};

struct symbolize_result {
	struct symbolize_status status;
	const struct symbolize_address *addresses; /* as many as the module has, same order */
};

/* "symtab", "dynsym", "debug_file", "kallsyms", "perf_map", "none". */
const char *symbolize_source_name(enum symbolize_source source);

/* "same", "changed", "missing", "unchecked", "none". */
const char *symbolize_match_name(enum symbolize_match match);

/* A symbolizer.  options may be NULL.  Never NULL (GLib ends the program when
 * memory ends).  Unless debuginfod is asked for, DEBUGINFOD_URLS is taken out
 * of the children's environment: no name ever costs a network access. */
struct symbolize *symbolize_new(const struct symbolize_options *options);

/* Name all addresses of n modules.  results has n elements and is filled
 * whatever happens: an address nobody can name gets the module's fallback.
 * Everything it points to lives until symbolize_free.  The modules' own
 * strings need to live only for the call.  May be called more than once. */
void symbolize_modules(struct symbolize *s, const struct symbolize_module *modules, size_t n,
		       struct symbolize_result *results);

/* NULL is allowed. */
void symbolize_free(struct symbolize *s);

#endif
