/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h - 64-bit integers as keys of GLib's hash tables: they live in the
 * pointer itself.  GLib's own direct hash looks at their lower half only, so
 * that a trace could put a million keys into one chain.
 */
#ifndef PROF_KEYS_H
#define PROF_KEYS_H

#include <glib.h>
#include <stdint.h>

G_STATIC_ASSERT(sizeof(gpointer) == 8);

static inline gpointer key_pointer(uint64_t key)
{
	return (gpointer)(uintptr_t)key;
}

static inline gpointer key_pair(uint32_t high, uint32_t low)
{
	return key_pointer((uint64_t)high << 32 | low);
}

/* The high half of a multiplication by 2^64 / golden ratio. */
static inline guint key_hash(gconstpointer key)
{
	return (guint)(((uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

/* A table with such keys; value_free may be NULL. */
static inline GHashTable *key_table_new(GDestroyNotify value_free)
{
	return g_hash_table_new_full(key_hash, NULL, NULL, value_free);
}

#endif
