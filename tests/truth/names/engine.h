/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - what engine.c and parse.c share: a small expression machine whose
 * only purpose is to be compiled in many ways.  Never run.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct cell {
	struct cell *next;
	uint64_t key;
	long value;
};

struct machine {
	struct cell *table[64];
	long stack[256];
	unsigned depth;
	int (*refuse)(struct machine *m, const char *why);
	const char *at;
};

static inline uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x7fb5d329728ea185u;
	x ^= x >> 27;
	return x;
}

static inline struct cell *find(struct machine *m, uint64_t key)
{
	for (struct cell *c = m->table[mix(key) & 63]; c; c = c->next) {
		if (c->key == key)
			return c;
	}
	return NULL;
}

static inline void push(struct machine *m, long value)
{
	if (m->depth >= 256) {
		m->refuse(m, "stack");
		abort();
	}
	m->stack[m->depth++] = value;
}

static inline long pop(struct machine *m)
{
	if (!m->depth)
		m->refuse(m, "empty");
	return m->stack[--m->depth];
}

long engine_run(struct machine *m, const uint8_t *code, size_t n);
long engine_set(struct machine *m, uint64_t key, long value);
size_t parse_line(struct machine *m, const char *line, uint8_t *code);

#endif
