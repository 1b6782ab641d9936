/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_demangle.c - one symbol's name: what comes out fits.
 */
#include "fuzz.h"

#include <glib.h>
#include <string.h>

#include "../../reader/demangle.h"
#include "../../reader/symbolize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = g_strndup((const char *)data, size), *text;

	fuzz_begin();
	text = demangle_name(name);
	fuzz_require(!text || (*text && strlen(text) <= SYMBOLIZE_NAME_BYTES), "a name's length");
	g_free(text);
	g_free(name);
	return 0;
}
