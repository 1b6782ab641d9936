/* SPDX-License-Identifier: Apache-2.0
 *
 * gap.h - the random distances between heap samples.
 */
#ifndef PROF_GAP_H
#define PROF_GAP_H

#include <stdint.h>

/* [hook] Start of a sequence: from seed and the sequence's number when seed is not 0,
 * else from the clock, the stack's address and that number.  Never 0. */
uint64_t gap_seed(uint64_t seed, uint64_t sequence);

/* [hook] Draws ceil(E), E exponential with the given mean >= 1; at least 1.
 * P(gap <= n) is exactly 1 - exp(-n/mean) for whole n. */
uint64_t gap_draw(uint64_t *random, uint64_t mean);

/* Natural logarithm of x > 0, to 1e-13 relative to max(1, |ln x|). */
double gap_ln(double x);

#endif
