/* SPDX-License-Identifier: Apache-2.0
 *
 * demangle.c - libiberty's callback forms, which allocate nothing: the text is
 * taken piece by piece and the demangler is left by longjmp once it exceeds
 * what a name may have, because nothing else stops it.  Recursion is limited
 * by libiberty itself.  Not reentrant in a signal handler; one thread.
 */
#include "demangle.h"

#include <glib.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include "symbolize.h"

/* The C++ demangler puts an array of a few dozen bytes for each of these on
 * the stack. */
#define DEMANGLE_INPUT_BYTES 16384u

struct demangle_text {
	char bytes[SYMBOLIZE_NAME_BYTES];
	size_t used;
	jmp_buf too_long;
};

static void demangle_take(const char *piece, size_t length, void *opaque)
{
	struct demangle_text *text = opaque;

	if (length >= sizeof(text->bytes) - text->used)
		longjmp(text->too_long, 1);
	if (!length) /* piece may be NULL then */
		return;
	memcpy(text->bytes + text->used, piece, length);
	text->used += length;
}

static bool demangle_looks_mangled(const char *name)
{
	return !strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2) || !strncmp(name, "__Z", 3) ||
	       !strncmp(name, "_GLOBAL_", 8);
}

char *demangle_name(const char *name)
{
	static struct demangle_text text;
	const int options = DMGL_PARAMS | DMGL_ANSI;

	if (!demangle_looks_mangled(name) ||
	    strnlen(name, DEMANGLE_INPUT_BYTES) == DEMANGLE_INPUT_BYTES)
		return NULL;
	if (setjmp(text.too_long))
		return NULL;
	/* Rust first: its older names are well-formed C++ names too. */
	text.used = 0;
	if (rust_demangle_callback(name, options, demangle_take, &text) && text.used)
		return g_strndup(text.bytes, text.used);
	text.used = 0;
	if (cplus_demangle_v3_callback(name, options, demangle_take, &text) && text.used)
		return g_strndup(text.bytes, text.used);
	return NULL;
}
