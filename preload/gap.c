/* SPDX-License-Identifier: Apache-2.0
 *
 * gap.c - see gap.h.  No libm: the preload library depends on libc alone.
 */
#include "gap.h"

#include <string.h>

#include "sys.h"

/* splitmix64 (Steele, Lea, Flood 2014): a counter and a mixing function. */
static uint64_t next_random(uint64_t *random)
{
	uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t gap_seed(uint64_t seed, uint64_t sequence)
{
	uint64_t random = seed;

	if (!seed)
		random = sys_now_ns() ^ (uint64_t)(uintptr_t)&random ^ (uint64_t)sys_getpid() << 32;
	next_random(&random);
	random ^= next_random(&sequence);
	next_random(&random);
	return random ? random : 1;
}

/* x = m * 2^e with m in [sqrt(1/2), sqrt(2)); with s = (m-1)/(m+1), ln m =
 * 2 (s + s^3/3 + s^5/5 + ...), and |s| < 0.172 makes ten terms enough. */
double gap_ln(double x)
{
	uint64_t bits;
	double m, s, square, term, sum = 0;
	int e;

	memcpy(&bits, &x, sizeof(bits));
	e = (int)(bits >> 52) - 1023;
	bits = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000);
	memcpy(&m, &bits, sizeof(m));
	if (m > 1.4142135623730951) {
		m /= 2;
		e++;
	}
	s = (m - 1) / (m + 1);
	square = s * s;
	term = s;
	for (int k = 1; k < 20; k += 2, term *= square)
		sum += term / k;
	return 2 * sum + e * 0.6931471805599453;
}

uint64_t gap_draw(uint64_t *random, uint64_t mean)
{
	/* u uniform in (0, 1], from 53 bits */
	double u = (double)((next_random(random) >> 11) + 1) * 0x1p-53;
	double gap = -gap_ln(u) * (double)mean;
	uint64_t whole = (uint64_t)gap;

	whole += (double)whole < gap;
	return whole ? whole : 1;
}
