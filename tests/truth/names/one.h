/* SPDX-License-Identifier: Apache-2.0
 *
 * one.h - some functions, once for every number that many.c gives it: SERIAL.  So
 * modules have code enough for random addresses.
 */
static inline __attribute__((always_inline)) long NAME(tail)(long x)
{
	sink = x * (SERIAL + 3);
	return sink ^ x;
}

static __attribute__((noinline)) long NAME(walk)(struct machine *m, long x)
{
	for (struct cell *c = m->table[SERIAL & 63]; c; c = c->next) {
		if (c->value > x)
			return NAME(tail)(c->value) + SERIAL;
		x += NAME(tail)(x);
	}
	return x;
}

long NAME(many)(struct machine *m, long x);
long NAME(many)(struct machine *m, long x)
{
	switch (x & 7) {
	case 0: push(m, x + SERIAL); break;
	case 1: return NAME(walk)(m, pop(m)) + NAME(tail)(x);
	case 2:
		if (!find(m, SERIAL))
			return m->refuse(m, "nothing");
		break;
	case 3: return engine_set(m, (uint64_t)x, SERIAL * 77);
	default: x = NAME(walk)(m, x);
	}
	return x * SERIAL + NAME(tail)(x + SERIAL);
}
