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

/* How far the side of that interval reaches which is further off from k / n, of which it is
 * not the middle. */
double interval_reach_of_share(double k, double n);

/* Of a sum of heap estimates with that variance, estimated from the samples themselves.
 * Blocks that were not sampled are not in it: to each unit that they add to the truth they
 * add at most unseen to the variance; 0: nothing goes unseen.  With few samples the interval
 * is wide and reaches further up than down; it holds the truth in 95 % of cases or more
 * whatever the number of samples, none included (test_interval.c). */
struct interval interval_of_sum(double sum, double variance, double unseen);

/* The part of sum that the side of that interval reaches which is further off: "+- 12 %". */
double interval_reach(double sum, double variance, double unseen);

/* Samples below which a figure is marked: the order of magnitude, not more. */
#define INTERVAL_FEW 10u

/* A figure that rests on so few samples; one that rests on none, or is exact, is not
 * meant. */
static inline bool interval_is_few(uint64_t n)
{
	return n && n < INTERVAL_FEW;
}

#endif
