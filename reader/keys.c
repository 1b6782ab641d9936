/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.c - see keys.h.  One secret for all kinds, made with the first table.
 */
#include "keys.h"

#include <string.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t key_secret[2]; /* the first is odd; 0: not made yet */

void key_make_secret(void)
{
	if (key_secret[0])
		return;
	if (getrandom(key_secret, sizeof(key_secret), GRND_NONBLOCK) != sizeof(key_secret)) {
		key_secret[0] = (uint64_t)g_get_monotonic_time() * UINT64_C(0x9E3779B97F4A7C15);
		key_secret[1] = key_secret[0] * UINT64_C(0xC2B2AE3D27D4EB4F);
	}
	key_secret[0] |= 1;
}

/* Multiply and shift by a random odd number: two keys meet in one hash with a
 * probability of 2^-31, whoever chose them. */
static guint key_hash(gconstpointer key)
{
	return (guint)(((uintptr_t)key * key_secret[0]) >> 32);
}

guint key_text_hash(gconstpointer text)
{
	return (guint)XXH3_64bits_withSeed(text, strlen(text), key_secret[0]);
}

GHashTable *key_table_new(GDestroyNotify value_free)
{
	key_make_secret();
	return g_hash_table_new_full(key_hash, NULL, NULL, value_free);
}

GHashTable *key_text_table_new(GDestroyNotify key_free)
{
	key_make_secret();
	return g_hash_table_new_full(key_text_hash, g_str_equal, key_free, NULL);
}
