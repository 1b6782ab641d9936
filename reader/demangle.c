/* SPDX-License-Identifier: Apache-2.0
 *
 * demangle.c - libiberty's callback forms: the text is taken piece by piece and
 * the demangler is left by a jump once it exceeds what a name may have, because
 * nothing else stops it.  Recursion is limited by libiberty itself, time is not:
 * twenty bytes of a Rust name can count lifetimes to 2^64.  A timer of CPU time
 * leaves it then.  What it holds at that moment is lost, a few bytes.  Not
 * reentrant in a signal handler; one thread.
 */
#include "demangle.h"

#include <glib.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>

#include "symbolize.h"

/* The C++ demangler puts an array of a few dozen bytes for each of these on
 * the stack. */
#define DEMANGLE_INPUT_BYTES 16384u

/* CPU time for one name; a long one takes a hundredth of it.  A file with many
 * that take more has the rest of its names as they are. */
#define DEMANGLE_USEC 100000
#define DEMANGLE_SLOW_MAX 20u

struct demangle_text {
	char bytes[SYMBOLIZE_NAME_BYTES];
	size_t used;
	sigjmp_buf give_up;
};

static struct demangle_text demangle_out;
static unsigned n_slow;

static void demangle_take(const char *piece, size_t length, void *opaque)
{
	(void)opaque;
	if (length >= sizeof(demangle_out.bytes) - demangle_out.used)
		siglongjmp(demangle_out.give_up, 1);
	if (!length) /* piece may be NULL then */
		return;
	memcpy(demangle_out.bytes + demangle_out.used, piece, length);
	demangle_out.used += length;
}

static void demangle_expire(int signal)
{
	(void)signal;
	n_slow++;
	siglongjmp(demangle_out.give_up, 1);
}

/* 0: no longer. */
static void demangle_watch(suseconds_t usec)
{
	static bool ready;
	struct sigaction action = { .sa_handler = demangle_expire, .sa_flags = SA_NODEFER };
	struct itimerval timer = { .it_value.tv_usec = usec };

	if (!ready)
		sigaction(SIGVTALRM, &action, NULL);
	ready = true;
	setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static bool demangle_looks_mangled(const char *name)
{
	return !strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2) || !strncmp(name, "__Z", 3) ||
	       !strncmp(name, "_GLOBAL_", 8);
}

/* Into demangle_out.  False when it is malformed, too long or takes too long. */
static bool demangle_text(const char *name)
{
	const int options = DMGL_PARAMS | DMGL_ANSI;
	bool good;

	if (sigsetjmp(demangle_out.give_up, 0)) {
		demangle_watch(0);
		return false;
	}
	demangle_watch(DEMANGLE_USEC);
	/* Rust first: its older names are well-formed C++ names too. */
	demangle_out.used = 0;
	good = rust_demangle_callback(name, options, demangle_take, NULL) && demangle_out.used;
	if (!good) {
		demangle_out.used = 0;
		good = cplus_demangle_v3_callback(name, options, demangle_take, NULL) &&
		       demangle_out.used;
	}
	demangle_watch(0);
	return good;
}

char *demangle_name(const char *name)
{
	if (!demangle_looks_mangled(name) || n_slow >= DEMANGLE_SLOW_MAX ||
	    strnlen(name, DEMANGLE_INPUT_BYTES) == DEMANGLE_INPUT_BYTES || !demangle_text(name))
		return NULL;
	return g_strndup(demangle_out.bytes, demangle_out.used);
}
