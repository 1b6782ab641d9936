/* SPDX-License-Identifier: Apache-2.0
 *
 * test_interval.c - intervals of shares: known values, and how often they hold
 * the truth.  The draws are seeded: the result is the same in every run.
 *
 * links: reader/interval.c
 * libs: -lm
 */
#include "../../reader/interval.h"

#include <math.h>

#include "../check.h"

static bool is_near(double a, double b)
{
	return fabs(a - b) < 1e-4;
}

/* Values of Wilson's interval computed by hand: 10 of 100, 0 of 10, 10 of 10. */
TEST(known_values)
{
	struct interval i = interval_of_share(10, 100);

	TRUE(is_near(i.low, 0.05523) && is_near(i.high, 0.17437));
	i = interval_of_share(0, 10);
	TRUE(is_near(i.low, 0) && is_near(i.high, 0.27754));
	i = interval_of_share(10, 10);
	TRUE(is_near(i.low, 0.72246) && is_near(i.high, 1));
	i = interval_of_share(0, 0);
	TRUE(is_near(i.low, 0) && is_near(i.high, 1));
	TRUE(!interval_is_few(0) && interval_is_few(1) && interval_is_few(9) &&
	     !interval_is_few(10));
}

/* Of heap estimates.  Against exact limits of a Poisson variate: 0 counted, at most 3.69;
 * 1: 0.025 to 5.57; 20: 12.22 to 30.89.  Blocks that are seen for certain leave open what
 * went unseen beside them. */
TEST(known_sums)
{
	struct interval i = interval_of_sum(0, 0, 1);

	TRUE(i.low == 0 && is_near(i.high, 3.8416));
	i = interval_of_sum(1, 1, 1);
	TRUE(i.low == 0 && is_near(i.high, 5.66508));
	i = interval_of_sum(20, 20, 1);
	TRUE(is_near(i.low, 11.2346) && is_near(i.high, 30.8942));
	i = interval_of_sum(64, 0, 0.5);
	TRUE(i.low == 64 && is_near(i.high, 65.9208));
	i = interval_of_sum(7, 0, 0);
	TRUE(i.low == 7 && i.high == 7);
	TRUE(is_near(interval_reach(20, 20, 1), 0.54472) && interval_reach(0, 0, 1) == 0);
}

/* blocks of size times the mean distance, of which each is sampled with p: how often the
 * interval of their estimate holds the truth, summed exactly over the binomial. */
static double sum_coverage(unsigned blocks, double size)
{
	double p = -expm1(-size), w = size / p, held = 0;

	for (unsigned k = 0; k <= blocks; k++) {
		double ln = lgamma(blocks + 1.0) - lgamma(k + 1.0) - lgamma(blocks - k + 1.0) +
			    k * log(p) + (blocks - k) * log1p(-p);
		struct interval of = interval_of_sum(k * w, k * w * w * (1 - p), 1);

		if (of.low <= blocks * size * (1 + 1e-9) && blocks * size <= of.high)
			held += exp(ln);
	}
	return held;
}

TEST(sums_hold_the_truth_at_least_as_often_as_it_says)
{
	static const double sizes[] = { 0.001, 0.01, 0.125, 0.5, 1, 2, 3, 5 };

	for (unsigned j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
		for (double n = 1; n < 200 / sizes[j]; n = ceil(n * 1.05)) {
			double c = sum_coverage((unsigned)n, sizes[j]);

			if (c < 0.95)
				CHECK_FAIL("%g blocks of %g: %.2f %%", n, sizes[j], 100 * c);
		}
}

/* How often k / n -+ its reach holds a share, summed exactly over the binomial. */
static double reach_coverage(unsigned n, double share)
{
	double held = 0;

	for (unsigned k = 0; k <= n; k++) {
		double ln = lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) +
			    k * log(share) + (n - k) * log1p(-share);

		if (fabs((double)k / n - share) <= interval_reach_of_share(k, n) + 1e-12)
			held += exp(ln);
	}
	return held;
}

/* Half of Wilson's interval would hold 86 % of shares of two expected samples: it is not
 * centred on k / n. */
TEST(a_shares_reach_holds_the_truth_at_least_as_often_as_it_says)
{
	static const unsigned sizes[] = { 100, 300, 1000 };

	TRUE(is_near(interval_reach_of_share(10, 100), 0.07437));
	TRUE(is_near(interval_reach_of_share(90, 100), 0.07437));
	TRUE(is_near(interval_reach_of_share(10, 10), 0.27754));
	TRUE(reach_coverage(100, 0.02) > 0.99 && reach_coverage(1000, 0.002) > 0.99);
	for (unsigned i = 0; i < 3; i++)
		for (double expected = 0.25; expected < sizes[i]; expected = ceil(expected * 1.1)) {
			double c = reach_coverage(sizes[i], expected / sizes[i]);

			if (c < 0.94)
				CHECK_FAIL("%g of %u: %.2f %%", expected, sizes[i], 100 * c);
		}
}

static uint64_t state = 42;

static double draw(void)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (double)(state >> 11) / 9007199254740992.0;
}

/* Of 20,000 draws of n samples with a true share p, the share that the interval
 * holds it. */
static double coverage(unsigned n, double p)
{
	unsigned held = 0;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned k = 0;
		struct interval of;

		for (unsigned j = 0; j < n; j++)
			k += draw() < p;
		of = interval_of_share(k, n);
		held += of.low <= p && p <= of.high;
	}
	return held / 20000.0;
}

TEST(holds_the_truth_as_often_as_it_says)
{
	static const unsigned sizes[] = { 20, 100, 1000 };
	static const double shares[] = { 0.02, 0.125, 0.5, 0.9 };

	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 4; j++) {
			double c = coverage(sizes[i], shares[j]);

			printf("n %u share %.3f: %.1f %%\n", sizes[i], shares[j], 100 * c);
			TRUE(c > 0.92 && c < 0.99);
		}
}
