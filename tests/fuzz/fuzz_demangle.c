/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_demangle.c - one symbol's name: what comes out fits, and soon.  The source
 * is included, because each input has its own account of slow names.
 */
#include "../../reader/demangle.c"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = g_strndup((const char *)data, size), *shown;

	n_slow = 0;
	fuzz_begin();
	shown = demangle_name(name);
	fuzz_require(!shown || (*shown && strlen(shown) <= SYMBOLIZE_NAME_BYTES),
		     "a name's length");
	g_free(shown);
	g_free(name);
	return 0;
}
