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
	TRUE(is_near(interval_half(4), 3.92));
	TRUE(!interval_is_few(0) && interval_is_few(1) && interval_is_few(9) &&
	     !interval_is_few(10));
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
