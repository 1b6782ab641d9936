/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_jemalloc.c - heap engine "jemalloc": the program's blocks come from
 * jemalloc, and jemalloc's own profiling decides which are sampled.  Its
 * prof_backtrace hook (5.3.0 and later) is called once for each sampled block,
 * on the allocating thread, inside the call; it leaves a mark in TLS that the
 * allocation hook finds when the call returns.  jemalloc's own backtrace is
 * taken as before, so the program's heap dumps stay what they were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "heap.h"

typedef int mallctl_fn(const char *, void *, size_t *, void *, size_t);
typedef void backtrace_hook(void **, unsigned *, unsigned);

#define HOOK_BACKTRACE "experimental.hooks.prof_backtrace"

static backtrace_hook *jemalloc_backtrace; /* what was installed before ours */
static char version[64];
static uint64_t mean_bytes;

/* [init] */
static mallctl_fn *find_mallctl(void)
{
	return (mallctl_fn *)dlsym(RTLD_DEFAULT, "mallctl");
}

/* [init] Reads one value of exactly bytes. */
static bool read_value(mallctl_fn *mallctl, const char *name, void *value, size_t bytes)
{
	size_t n = bytes;

	return mallctl(name, value, &n, NULL, 0) == 0 && n == bytes;
}

/* [hook] Inside the sampled allocation. */
static void on_sampled(void **frames, unsigned *count, unsigned max)
{
	if (jemalloc_backtrace)
		jemalloc_backtrace(frames, count, max);
	else
		*count = 0;
	thread_tls.sampled_by = version;
}

bool jemalloc_sampled(const void *block)
{
	void *mark = thread_tls.sampled_by;

	thread_tls.sampled_by = NULL;
	return block && mark;
}

bool jemalloc_profiling_on(void)
{
	mallctl_fn *mallctl = find_mallctl();
	bool on = false, active = false;

	return mallctl && read_value(mallctl, "opt.prof", &on, sizeof(on)) && on &&
	       read_value(mallctl, "prof.active", &active, sizeof(active)) && active;
}

int jemalloc_open(const char **why)
{
	mallctl_fn *mallctl = find_mallctl();
	backtrace_hook *ours = on_sampled;
	size_t lg_sample = 0, hook_bytes = sizeof(jemalloc_backtrace);
	const char *text = "unknown";

	if (!mallctl) {
		*why = "the program does not run on jemalloc: start it with prof run --heap jemalloc, "
		       "or preload libjemalloc.so.2 behind libprof.so";
		return -ENOENT;
	}
	if (!jemalloc_profiling_on()) {
		*why = "jemalloc's profiling is off: set MALLOC_CONF=prof:true,prof_active:true "
		       "(jemalloc has to be built with --enable-prof)";
		return -EOPNOTSUPP;
	}
	if (!read_value(mallctl, "prof.lg_sample", &lg_sample, sizeof(lg_sample)) ||
	    lg_sample > 62) {
		*why = "jemalloc does not tell its sampling rate";
		return -EOPNOTSUPP;
	}
	if (mallctl(HOOK_BACKTRACE, &jemalloc_backtrace, &hook_bytes, &ours, sizeof(ours))) {
		*why = "this jemalloc has no " HOOK_BACKTRACE " hook: 5.3.0 or newer is needed";
		return -EOPNOTSUPP;
	}
	read_value(mallctl, "version", &text, sizeof(text));
	snprintf(version, sizeof(version), "jemalloc %.*s", (int)strcspn(text, "-"), text);
	mean_bytes = UINT64_C(1) << lg_sample;
	return 0;
}

const char *jemalloc_version(void)
{
	return version;
}

uint64_t jemalloc_mean_bytes(void)
{
	return mean_bytes;
}
