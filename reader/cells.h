/* SPDX-License-Identifier: Apache-2.0
 *
 * cells.h - the cells that the selection options leave, with all their figures
 * at once: what outputs need that show more than one metric (json, report).
 * A row of a view (select.h) has one metric only.  Also what heap outputs share:
 * the allocation site of a stack, sums of estimates, and their intervals.
 */
#ifndef PROF_CELLS_H
#define PROF_CELLS_H

#include "select.h"

/* True when options leave out threads or stacks. */
bool cells_are_selected(const struct options *options);

/* The cells left, const struct cell *, ordered by process, thread and stack.
 * Free with g_ptr_array_unref(). */
GPtrArray *cells_select(const struct profile *profile, const struct options *options);

/* Sums of heap estimates, with the number of samples they rest on and the
 * variances. */
struct heap_sum {
	uint64_t alloc_n, inuse_n;
	double alloc_objects, alloc_space, inuse_objects, inuse_space;
	double alloc_objects_var, alloc_space_var, inuse_objects_var, inuse_space_var;
};

void heap_sum_add(struct heap_sum *sum, const struct cell *cell);
bool heap_sum_is_empty(const struct heap_sum *sum);

/* Half the width of the 95 % interval of an estimate with that variance.
 *
 * A byte-wise Poisson process of mean R samples a block of size S with
 * probability p = 1 - exp(-S/R); with I its indicator, I S/p has the mean S and
 * the variance S^2 (1-p)/p.  What is not sampled is not seen, but
 * I S^2 (1-p)/p^2 has just that variance as its mean; blocks are sampled
 * independently, so the sum of it over the sampled blocks is an unbiased
 * estimate of the variance of the sum (with S = 1 on top: of the calls).
 * 1.96 standard deviations then hold 95 % where n is large enough for the
 * sum to be about normal; below some 20 samples the interval is too narrow. */
double heap_half_interval(double variance);

/* Estimates that rest on fewer samples are marked as rough. */
#define CELLS_ROUGH_BELOW 20

/* The allocation site of a stack: the innermost frame that is no allocator's
 * own helper (operator new, strdup, the C++ library's containers); its innermost
 * frame when all are. */
struct site {
	uint32_t frame, line; /* into profile->frames and profile->lines */
};

struct site heap_site(const struct profile *profile, uint32_t stack);

struct site_sum {
	struct site site; /* of several calls on one source line: the first met */
	struct heap_sum sum;
};

/* Sums of cells[from] .. cells[to - 1] by site: struct site_sum, the largest
 * alloc_space first.  Free with g_array_unref(). */
GArray *heap_sites(const struct profile *profile, const GPtrArray *cells, size_t from, size_t to);

/* For hash tables whose keys are 64-bit integers held in the pointer. */
guint cells_hash_key(gconstpointer key);

#endif
