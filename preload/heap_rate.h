/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_rate.h - the mean distance of heap samples, in bytes: LIBPROF_HEAP_BYTES, doubled as
 * often as it takes that no more than LIBPROF_HEAP_HZ samples a second come.  A thread takes
 * on the distance of the moment when it draws its next gap, and a sample says by which it was
 * drawn: so what it stands for is right whatever the distance was meanwhile.
 */
#ifndef PROF_HEAP_RATE_H
#define PROF_HEAP_RATE_H

#include <stdint.h>

#define HEAP_RATE_SHIFT_MAX 15u

/* [hook] How often the distance is doubled now. */
uint8_t heap_rate_shift(void);

/* [writer] And at most, so far. */
uint8_t heap_rate_shift_most(void);

/* [hook] A block was sampled by this distance.  Nothing where there is no limit. */
void heap_rate_count(uint8_t shift);

/* [hook] [writer] Changes the distance where the samples counted lately were too many or few
 * enough; hooks ask by themselves, but not where none come any more. */
void heap_rate_adapt(void);

/* [child] */
void heap_rate_reset_in_child(void);

#endif
