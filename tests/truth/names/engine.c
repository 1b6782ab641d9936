/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - half of a program that is compiled in many ways and never run:
 * inlined calls of several levels, jump tables, parts that are moved away,
 * functions the compiler splits, clones and specialises, a function with lines
 * of another file in its middle, statics of one name in two files.
 */
#include <stdio.h>

#include "engine.h"

#define TWICE(x) ((x) + (x))

volatile long sink;

static __attribute__((noinline, cold)) void report(const char *what, long value)
{
	fprintf(stderr, "%s: %ld\n", what, value);
	sink++;
}

static inline __attribute__((always_inline)) long leaf(long x)
{
	sink = TWICE(x);
	return sink ^ x;
}

static inline __attribute__((always_inline)) long middle(long x, long y)
{
	for (long i = 0; i < y; i++)
		x += leaf(x + i) * 3;
	return x;
}

/* The same name as in parse.c: two functions. */
static __attribute__((noinline)) long helper(long x)
{
	return middle(x, 3) + leaf(x);
}

static __attribute__((noinline)) long scaled(long x, int by, int twice)
{
	long sum = 0;

	for (int i = 0; i < by; i++)
		sum += twice ? TWICE(x) : middle(x, i);
	return sum;
}

long engine_set(struct machine *m, uint64_t key, long value)
{
	struct cell *c = find(m, key);

	if (__builtin_expect(!c, 0)) {
		c = malloc(sizeof(*c));
		if (!c) {
			report("memory", (long)key);
			abort();
		}
		c->key = key;
		c->next = m->table[mix(key) & 63];
		m->table[mix(key) & 63] = c;
	}
	c->value = value;
	return value;
}

long engine_run(struct machine *m, const uint8_t *code, size_t n)
{
	long a, b;

	for (size_t i = 0; i < n; i++) {
		switch (code[i]) {
		case 0: push(m, (long)i); break;
		case 1: push(m, pop(m) + pop(m)); break;
		case 2:
			a = pop(m);
			b = pop(m);
			push(m, a - b);
			break;
		case 3: push(m, helper(pop(m))); break;
		case 4: push(m, scaled(pop(m), 5, 1)); break;
		case 5: push(m, scaled(pop(m), 7, 0)); break;
		case 6: push(m, engine_set(m, (uint64_t)pop(m), (long)i)); break;
		case 7: push(m, find(m, 7) ? find(m, 7)->value : -1); break;
		case 8:
			if (pop(m) < 0)
				report("below", (long)i);
			break;
		default: return m->refuse(m, "code");
		}
	}
	return pop(m);
}

static __attribute__((noinline)) double mean(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i] * v[i] > 4.0 ? v[i] / 2 : v[i];
	return sum / (double)n;
}

__attribute__((noinline)) long interpret(const uint8_t *code)
{
	static const void *const labels[] = { &&add, &&sub, &&call, &&end };
	long x = 1;

	goto *labels[*code++ & 3];
add:
	x += 17;
	goto *labels[*code++ & 3];
sub:
	x -= leaf(x);
	goto *labels[*code++ & 3];
call:
	x = helper(x);
	goto *labels[*code++ & 3];
end:
	return x;
}

/* From here on the lines say that they are of another file. */
#line 1000 "generated.y"
__attribute__((noinline)) long generated(long x)
{
	x = middle(x, 2);
#line 2000 "generated.l"
	x += TWICE(x) * sink;
	x ^= helper(x);
#line 145 "engine.c"
	return x + sink;
}

static int refuse(struct machine *m, const char *why)
{
	report(why, (long)m->depth);
	return -1;
}

int main(int argc, char **argv)
{
	struct machine m = { .refuse = refuse, .at = argv[0] };
	double values[] = { 1, 2, 3, argc };
	uint8_t code[256];
	size_t n = parse_line(&m, argv[0], code);

	sink = (long)mean(values, 4) + interpret(code) + generated(argc);
	return (int)engine_run(&m, code, n);
}
