/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_sites.h - what heap outputs (json, report) share: sums of estimates with
 * their intervals, and the allocation site of a stack.
 */
#ifndef PROF_HEAP_SITES_H
#define PROF_HEAP_SITES_H

#include "profile.h"

/* Sums of heap estimates, with the number of samples they rest on and the
 * variances. */
struct heap_sum {
	uint64_t alloc_n, inuse_n;
	double alloc_objects, alloc_space, inuse_objects, inuse_space;
	double alloc_objects_var, alloc_space_var, inuse_objects_var, inuse_space_var;
	double mean; /* bytes from sample to sample; 0: every call is recorded */
};

void heap_sum_add(struct heap_sum *sum, const struct cell *cell);
struct heap_sum heap_sum_of_thread(const struct thread *thread);
bool heap_sum_is_empty(const struct heap_sum *sum);
/* What was allocated, or what is in use, rests on one to nine samples; where every call
 * is recorded neither does. */
bool heap_sum_alloc_is_few(const struct heap_sum *sum);
bool heap_sum_inuse_is_few(const struct heap_sum *sum);

/* The variances: see interval.h for what becomes of them.
 *
 * A byte-wise Poisson process of mean R samples a block of size S with
 * probability p = 1 - exp(-S/R); with I its indicator, I S/p has the mean S and
 * the variance S^2 (1-p)/p.  What is not sampled is not seen, but
 * I S^2 (1-p)/p^2 has just that variance as its mean; blocks are sampled
 * independently, so the sum of it over the sampled blocks is an unbiased
 * estimate of the variance of the sum (with S = 1 on top: of the calls).
 *
 * A byte in a block that was not sampled adds S (1-p)/p = S / (exp(S/R) - 1) to the
 * true variance, which is R for small blocks and less for larger ones.  For a call
 * it depends on sizes that nobody saw: those seen at the site stand for them. */
double heap_sum_unseen_calls(const struct heap_sum *sum);

/* The allocation site of a stack: the innermost frame that is no allocator's
 * own helper (operator new, strdup, the C++ library's containers); its innermost
 * frame when all are. */
struct site {
	uint32_t frame, line; /* into profile->frames and profile->lines */
};

struct site_sum {
	struct site site; /* of several calls on one source line: the first met */
	struct heap_sum sum;
};

/* Knows the site of every stack; made once for all calls of heap_sites().
 * hidden: by function id, those that are no site; NULL: none. */
struct heap_finder;
struct heap_finder *heap_finder_new(const struct profile *profile, const guint8 *hidden);
void heap_finder_free(struct heap_finder *finder);

/* Sums of cells[from] .. cells[to - 1] by site: struct site_sum, the largest
 * alloc_space first.  Free with g_array_unref(). */
GArray *heap_sites(const struct heap_finder *finder, const GPtrArray *cells, size_t from,
		   size_t to);

#endif
