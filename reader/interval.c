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

double interval_half(double variance)
{
	return Z_95 * sqrt(variance);
}
