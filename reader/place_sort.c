/* SPDX-License-Identifier: Apache-2.0
 *
 * place_sort.c - a radix sort from the lowest byte up.
 */
#include "place_sort.h"

#include <glib.h>
#include <string.h>

/* One pass, by the byte at shift. */
static void place_pass(const struct place *from, struct place *to, size_t n, unsigned shift)
{
	size_t next[256] = { 0 }, before = 0, count;

	for (size_t i = 0; i < n; i++)
		next[from[i].key >> shift & 0xff]++;
	for (unsigned byte = 0; byte < 256; byte++) {
		count = next[byte];
		next[byte] = before;
		before += count;
	}
	for (size_t i = 0; i < n; i++)
		to[next[from[i].key >> shift & 0xff]++] = from[i];
}

void place_sort(struct place *places, size_t n)
{
	struct place *from = places, *to = g_new(struct place, n), *other = to, *kept;
	uint64_t differ = 0;

	for (size_t i = 1; i < n; i++)
		differ |= places[i].key ^ places[0].key;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		if (!(differ >> shift & 0xff))
			continue;
		place_pass(from, to, n, shift);
		kept = from;
		from = to;
		to = kept;
	}
	if (from != places)
		memcpy(places, from, n * sizeof(*places));
	g_free(other);
}
