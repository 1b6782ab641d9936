/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gap.c - the distances between heap samples: their distribution, their
 * seeds, and the logarithm they are made with.  Seeds are fixed, so these
 * tests either always pass or always fail; the bounds are five standard
 * deviations.
 *
 * links: preload/gap.c
 * libs: -lm
 */
#include "../../preload/gap.h"

#include <math.h>

#include "../check.h"

#define DRAWS 200000

TEST(ln)
{
	for (double x = 5e-324 * (UINT64_C(1) << 52); x < 1e300; x *= 1.37) {
		double error = gap_ln(x) - log(x), scale = fabs(log(x)) > 1 ? fabs(log(x)) : 1;

		if (fabs(error) > 1e-13 * scale)
			CHECK_FAIL("ln %g is off by %g", x, error);
	}
	TRUE(fabs(gap_ln(1.0)) < 1e-15);
}

/* P(gap <= n) = 1 - exp(-n/mean), at several n, for one mean. */
static void distribution(uint64_t mean)
{
	static const double at[] = { 0.05, 0.3, 0.7, 1, 2, 4 };
	unsigned below[sizeof(at) / sizeof(at[0])] = { 0 };
	uint64_t random = gap_seed(12345, 3);

	for (int i = 0; i < DRAWS; i++) {
		uint64_t gap = gap_draw(&random, mean);

		TRUE(gap >= 1);
		for (unsigned k = 0; k < sizeof(at) / sizeof(at[0]); k++)
			below[k] += (double)gap <= floor(at[k] * (double)mean);
	}
	for (unsigned k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
		double p = 1 - exp(-floor(at[k] * (double)mean) / (double)mean);
		double sigma = sqrt(p * (1 - p) * DRAWS), off = below[k] - p * DRAWS;

		if (fabs(off) > 5 * sigma)
			CHECK_FAIL("mean %llu, at %g: %u of %d, wanted %g +- %g",
				   (unsigned long long)mean, at[k], below[k], DRAWS, p * DRAWS,
				   5 * sigma);
	}
}

TEST(distributions)
{
	distribution(1);
	distribution(2);
	distribution(100);
	distribution(512 << 10);
	distribution(UINT64_C(1) << 40);
}

TEST(seeds)
{
	uint64_t a = gap_seed(7, 1), b = gap_seed(7, 1), c = gap_seed(7, 2), d = gap_seed(8, 1);

	TRUE(a && c && d);
	EQ(a, b);
	TRUE(a != c && a != d && c != d);
	for (int i = 0; i < 100; i++)
		EQ(gap_draw(&a, 1000), gap_draw(&b, 1000));
	TRUE(gap_seed(0, 1) != gap_seed(0, 1));
}

/* Threads of one seed must not draw alike: over 1000 pairs of neighbours the
 * first gaps are not correlated. */
TEST(threads_are_independent)
{
	double sum = 0;

	for (uint32_t t = 1; t <= 1000; t++) {
		uint64_t a = gap_seed(42, t), b = gap_seed(42, t + 1);

		sum += ((double)gap_draw(&a, 100000) / 1e5 - 1) *
		       ((double)gap_draw(&b, 100000) / 1e5 - 1);
	}
	TRUE(fabs(sum) < 5 * sqrt(1000));
}
