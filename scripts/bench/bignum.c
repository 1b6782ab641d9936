/* SPDX-License-Identifier: Apache-2.0
 *
 * bignum.c - an allocation-bound program in C: the convergents of the continued
 * fractions of square roots, in whole numbers of any length.  As in calculators
 * and interpreters, each result is a new block and each operand is freed when it
 * is used up.  Argument: how many square roots (20,000).
 *
 *	bignum ROOTS CHECKSUM CPU_NS
 */
#include <string.h>

#include "../../tests/work/work.h"

#define STEPS 300 /* convergents of each root: numbers of up to some 500 digits */
#define MODULUS UINT64_C(1000000007)

struct number {
	uint32_t limbs;
	uint32_t limb[]; /* the least first */
};

static struct number *number_new(uint32_t limbs)
{
	struct number *n = malloc(sizeof(*n) + limbs * sizeof(n->limb[0]));

	if (!n)
		exit(1);
	n->limbs = limbs;
	return n;
}

static struct number *number_of(uint32_t value)
{
	struct number *n = number_new(1);

	n->limb[0] = value;
	return n;
}

static void number_trim(struct number *n)
{
	while (n->limbs > 1 && !n->limb[n->limbs - 1])
		n->limbs--;
}

static FRAME struct number *number_scale(const struct number *a, uint32_t factor)
{
	struct number *n = number_new(a->limbs + 1);
	uint64_t carry = 0;

	for (uint32_t i = 0; i < a->limbs; i++) {
		carry += (uint64_t)a->limb[i] * factor;
		n->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	n->limb[a->limbs] = (uint32_t)carry;
	number_trim(n);
	return n;
}

static FRAME struct number *number_add(const struct number *a, const struct number *b)
{
	uint32_t most = a->limbs > b->limbs ? a->limbs : b->limbs;
	struct number *n = number_new(most + 1);
	uint64_t carry = 0;

	for (uint32_t i = 0; i < most; i++) {
		carry += i < a->limbs ? a->limb[i] : 0;
		carry += i < b->limbs ? b->limb[i] : 0;
		n->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	n->limb[most] = (uint32_t)carry;
	number_trim(n);
	return n;
}

static FRAME struct number *number_multiply(const struct number *a, const struct number *b)
{
	struct number *n = number_new(a->limbs + b->limbs);

	memset(n->limb, 0, n->limbs * sizeof(n->limb[0]));
	for (uint32_t i = 0; i < a->limbs; i++) {
		uint64_t carry = 0;

		for (uint32_t k = 0; k < b->limbs; k++) {
			carry += n->limb[i + k] + (uint64_t)a->limb[i] * b->limb[k];
			n->limb[i + k] = (uint32_t)carry;
			carry >>= 32;
		}
		n->limb[i + b->limbs] = (uint32_t)carry;
	}
	number_trim(n);
	return n;
}

static uint64_t number_modulo(const struct number *a)
{
	uint64_t rest = 0;

	for (uint32_t i = a->limbs; i--;)
		rest = ((rest << 32) + a->limb[i]) % MODULUS;
	return rest;
}

/* quotient * last + before; before is used up. */
static FRAME struct number *next_term(uint32_t quotient, const struct number *last,
				      struct number *before)
{
	struct number *scaled = number_scale(last, quotient), *sum = number_add(scaled, before);

	free(scaled);
	free(before);
	return sum;
}

/* Every eighth convergent is put to the test: p^2 - d q^2 is small. */
static FRAME uint64_t norm(const struct number *p, const struct number *q, uint32_t d)
{
	struct number *pp = number_multiply(p, p), *qq = number_multiply(q, q);
	struct number *dqq = number_scale(qq, d);
	uint64_t difference = (number_modulo(pp) + MODULUS - number_modulo(dqq)) % MODULUS;

	free(pp);
	free(qq);
	free(dqq);
	return difference;
}

static uint64_t root(uint32_t d, uint32_t floor)
{
	struct number *p0 = number_of(1), *p1 = number_of(floor);
	struct number *q0 = number_of(0), *q1 = number_of(1);
	uint32_t m = 0, n = 1, a = floor;
	uint64_t sum = 0;

	for (int i = 0; i < STEPS; i++) {
		struct number *p, *q;

		m = n * a - m;
		n = (d - m * m) / n;
		a = (floor + m) / n;
		p = next_term(a, p1, p0);
		q = next_term(a, q1, q0);
		p0 = p1, p1 = p;
		q0 = q1, q1 = q;
		if (i % 8 == 0)
			sum = (sum * 31 + norm(p, q, d)) % MODULUS;
	}
	free(p0), free(p1), free(q0), free(q1);
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t roots = work_arg(argc, argv, 1, 20000), sum = 0, done = 0;
	uint32_t floor = 1;

	for (uint32_t d = 2; done < roots; d++) {
		while ((floor + 1) * (floor + 1) <= d)
			floor++;
		if (floor * floor == d)
			continue;
		sum = (sum * 31 + root(d, floor)) % MODULUS;
		done++;
	}
	printf("bignum %llu %llu %llu\n", (unsigned long long)roots, (unsigned long long)sum,
	       (unsigned long long)work_thread_cpu());
	return 0;
}
