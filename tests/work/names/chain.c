/* SPDX-License-Identifier: Apache-2.0
 *
 * chain.c - a corpus for the names of the reader, compiled by its tests in
 * many ways and never run: inlined calls on lines that are known, a function
 * whose unlikely part is moved away, static functions beside exported ones.
 */
#include <stdio.h>
#include <stdlib.h>

volatile int sink;

#line 100
static inline __attribute__((always_inline)) int inner(int x)
{
	sink = x * 7; /* line 102: inner */
	return sink + 1;
}

#line 200
static inline __attribute__((always_inline)) int middle(int x)
{
	return inner(x) * 3; /* line 202: the call of inner */
}

#line 300
__attribute__((noinline)) int outer(int x)
{
	return middle(x + 1) - 5; /* line 302: the call of middle */
}

#line 400
static __attribute__((noinline)) int local_one(int x)
{
	for (int i = 0; i < x; i++)
		sink += inner(i);
	return sink;
}

static __attribute__((noinline)) int local_two(int x)
{
	return local_one(x) + outer(x);
}

__attribute__((cold, noinline)) static void refuse(int x)
{
	fprintf(stderr, "%d\n", x);
	exit(x);
}

__attribute__((noinline)) int guarded(int x)
{
	if (__builtin_expect(x > 1000, 0)) {
		sink = x + 1;
		sink = x + 2;
		refuse(x + sink);
	}
	return x * sink;
}

int main(int argc, char **argv)
{
	puts(argv[0]);
	return local_two(argc) + guarded(argc);
}
