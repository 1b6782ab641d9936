/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h - the keys of the reader's hash tables: 64-bit integers, which live in
 * the pointer itself, and texts.  GLib's own hashes are public and simple, so
 * that a trace could put a million keys into one chain: these have a secret of
 * each run.  The order of a table is therefore no order: sort what comes of it.
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

/* What hashes of this run are made with; before the first table is there, and
 * for those who have tables of their own, made by key_make_secret(). */
extern uint64_t key_secret[2];
void key_make_secret(void);

guint key_text_hash(gconstpointer text);

/* A table of integers; value_free may be NULL. */
GHashTable *key_table_new(GDestroyNotify value_free);

/* A table of texts; key_free may be NULL. */
GHashTable *key_text_table_new(GDestroyNotify key_free);

#endif
