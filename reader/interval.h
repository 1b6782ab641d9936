/* SPDX-License-Identifier: Apache-2.0
 *
 * interval.h - 95 % intervals of the estimates that outputs show, and when an
 * estimate rests on too little for one.
 */
#ifndef PROF_INTERVAL_H
#define PROF_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

struct interval {
	double low, high;
};

/* Of a share: k of n trials.  Wilson's score interval, which holds for small n and
 * for shares near 0 and 1, too; k may be a fraction.  0 to 1 when n is 0.
 * Samples taken at even distances vary less than trials do: it is not too narrow. */
struct interval interval_of_share(double k, double n);

/* Half the width of the interval of an estimate with that variance, of a sum of
 * many: 1.96 standard deviations. */
double interval_half(double variance);

/* Samples below which a figure is marked: the order of magnitude, not more. */
#define INTERVAL_FEW 10u

/* A figure that rests on so few samples; one that rests on none, or is exact, is not
 * meant. */
static inline bool interval_is_few(uint64_t n)
{
	return n && n < INTERVAL_FEW;
}

#endif
