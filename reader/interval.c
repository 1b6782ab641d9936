/* SPDX-License-Identifier: Apache-2.0
 *
 * interval.c - see interval.h.
 */
#include "interval.h"

#include <math.h>

#define Z_95 1.96

/* E. B. Wilson, "Probable inference, the law of succession, and statistical
 * inference", Journal of the American Statistical Association 22 (1927). */
struct interval interval_of_share(double k, double n)
{
	double share, centre, half, scale;

	if (!(n > 0))
		return (struct interval){ 0, 1 };
	share = k / n;
	centre = share + Z_95 * Z_95 / (2 * n);
	half = Z_95 * sqrt(share * (1 - share) / n + Z_95 * Z_95 / (4 * n * n));
	scale = 1 + Z_95 * Z_95 / n;
	return (struct interval){ fmax(0, (centre - half) / scale),
				  fmin(1, (centre + half) / scale) };
}

double interval_reach_of_share(double k, double n)
{
	struct interval share = interval_of_share(k, n);

	return n > 0 ? fmax(share.high - k / n, k / n - share.low) : 1;
}

/* Upwards the score interval: the truth t at which sum lies just 1.96 standard deviations
 * below it, (t - sum)^2 = z^2 (variance + unseen (t - sum)).  For blocks much smaller than
 * the mean distance, whose number of samples is a Poisson variate, it is within 1 % of the
 * exact limit from one sample on.  Downwards the variance is kept as it is, which is
 * cautious: what a smaller truth would take from it depends on sizes not known. */
struct interval interval_of_sum(double sum, double variance, double unseen)
{
	double more = Z_95 * Z_95 * unseen / 2;

	return (struct interval){ fmax(0, sum - Z_95 * sqrt(variance)),
				  sum + more + sqrt(Z_95 * Z_95 * variance + more * more) };
}

double interval_reach(double sum, double variance, double unseen)
{
	return sum > 0 ? (interval_of_sum(sum, variance, unseen).high - sum) / sum : 0;
}
