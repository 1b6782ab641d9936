/* SPDX-License-Identifier: Apache-2.0
 *
 * w_truth_heap.c - thousands of heap estimates whose truth is known, in one process: in each
 * of several conditions (functions cond_*) the main thread allocates at SITES sites, then
 * THREADS threads do one after the other, all at one site.  How much goes by the estimate's
 * number: 1, 4, 16 or 64 times UNIT bytes.  Most stay allocated, the rest is freed.  It
 * waits for the profiler now and then, which so has no reason to lose any.
 *
 * Arguments: UNIT (4096) SITES (2048, the most) THREADS (2000) TOGETHER (0) SMALL (UNIT
 * below 64 KiB)
 *
 * Large units are for large blocks, which a small one would make certain.  With SMALL they
 * are for the small ones, too: far fewer of these stay, or memory would not hold them, and of
 * 16-byte blocks it is 1, 2, 4 or 8 times UNIT, or it would take minutes.
 *
 * With TOGETHER threads end together and not before all have begun: each then has memory
 * of its own, which is what jemalloc seeds their sampling with.
 *
 * Threads are named by their numbers, since thread ids may come again.
 *
 *	site|thread CONDITION NUMBER BYTES CALLS LIVE_BLOCKS	of each size
 */
#include "work.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "../../include/libprof.h"

#define SITES_MAX 2048u
#define FLUSH_UNITS 64 /* between two waits for the profiler */

/* The sites: functions that differ in one constant, or they would be made one.  All of a
 * condition's calls come from one place, so each estimate is one stack. */
static char fresh; /* as old: malloc */
#define SITE(i)                                                                \
	static FRAME void *site_##i(void *old, size_t bytes)                   \
	{                                                                      \
		void *p = old == &fresh ? malloc(bytes) : realloc(old, bytes); \
                                                                               \
		__asm__ volatile("" : "+r"(p) : "i"(0x##i) : "memory");        \
		return p;                                                      \
	}
#define EACH_8(X, i) \
	X(i##0)      \
	X(i##1)      \
	X(i##2)      \
	X(i##3)      \
	X(i##4)      \
	X(i##5)      \
	X(i##6)      \
	X(i##7)
#define EACH_64(X, i)   \
	EACH_8(X, i##0) \
	EACH_8(X, i##1) \
	EACH_8(X, i##2) \
	EACH_8(X, i##3) EACH_8(X, i##4) EACH_8(X, i##5) EACH_8(X, i##6) EACH_8(X, i##7)
#define EACH_512(X, i)   \
	EACH_64(X, i##0) \
	EACH_64(X, i##1) \
	EACH_64(X, i##2) \
	EACH_64(X, i##3) EACH_64(X, i##4) EACH_64(X, i##5) EACH_64(X, i##6) EACH_64(X, i##7)
#define EACH_2048(X) EACH_512(X, 00) EACH_512(X, 01) EACH_512(X, 02) EACH_512(X, 03)
EACH_2048(SITE)

#define ENTRY(i) site_##i,
static void *(*const sites[SITES_MAX])(void *, size_t) = { EACH_2048(ENTRY) };

static uint64_t unit;
static bool small, thin; /* SMALL; and that at a large unit: fewer stay */
static double since;	 /* units since the profiler was waited for */

#define SIZES_MAX 13

/* One estimate: where it is made and what the truth is. */
struct estimate {
	void *(*site)(void *, size_t);
	void **handed; /* blocks that another thread is to free; each begins with the next */
	unsigned n_sizes;
	struct {
		uint64_t bytes, calls, live;
	} sizes[SIZES_MAX];
};

static void count(struct estimate *e, size_t bytes, uint64_t calls, uint64_t live)
{
	unsigned i = 0;

	while (i < e->n_sizes && e->sizes[i].bytes != bytes)
		i++;
	if (i == SIZES_MAX)
		abort();
	if (i == e->n_sizes)
		e->n_sizes++;
	e->sizes[i].bytes = bytes;
	e->sizes[i].calls += calls;
	e->sizes[i].live += live;
}

static inline __attribute__((always_inline)) void *allocate(const struct estimate *e, void *old,
							    size_t bytes)
{
	void *p = e->site(old, bytes);

	if (!p)
		abort();
	since += bytes < 4 * unit ? (double)bytes / (double)unit : 4;
	if (since > FLUSH_UNITS) {
		since = 0;
		LIBPROF_FLUSH();
	}
	return p;
}

/* Whether block i stays: three of four, of large ones every other. */
static inline bool stays(uint64_t i, size_t size)
{
	if (thin && size < 65536)
		return i % 16 == 8;
	return size < 524288 ? i % 4 != 1 : i % 2 == 0;
}

/* Blocks of size, units in all and one at least. */
static FRAME void blocks(struct estimate *e, uint64_t units, size_t size)
{
	uint64_t calls = units * unit / size, live = 0;

	calls = calls ? calls : 1;
	for (uint64_t i = 0; i < calls; i++) {
		void *p = allocate(e, &fresh, size);

		if (stays(i, size))
			live++;
		else
			free(p);
	}
	count(e, size, calls, live);
	STAY;
}

static uint64_t units_of(unsigned n)
{
	return UINT64_C(1) << 2 * (n % 4);
}

/* Of the smallest blocks. */
static uint64_t few_units_of(unsigned n)
{
	return thin ? UINT64_C(1) << n % 4 : units_of(n);
}

#define BLOCKS(name, units, size)                                     \
	static FRAME void cond_##name(struct estimate *e, unsigned n) \
	{                                                             \
		blocks(e, units(n), (size));                          \
		STAY;                                                 \
	}
BLOCKS(16b, few_units_of, 16)
BLOCKS(512b, units_of, 512)
BLOCKS(64k, units_of, 64 << 10)
BLOCKS(512k, units_of, 512 << 10)

/* Certain to be sampled; never touched. */
static FRAME void cond_64m(struct estimate *e, unsigned n)
{
	for (unsigned i = 0; i <= n % 4; i++) {
		void *p = allocate(e, &fresh, 64 << 20);

		count(e, 64 << 20, 1, i == 2);
		if (i != 2)
			free(p);
	}
	STAY;
}

/* Several sizes at one site, as many bytes of each; at some a block that is certain. */
static FRAME void cond_mix(struct estimate *e, unsigned n)
{
	static const size_t sizes[] = { 16, 512, 64 << 10, 512 << 10, 64 << 20 };
	unsigned first = small ? 0 : 2, n_sizes = thin ? 4 : 2;

	for (unsigned i = first; i < first + n_sizes + (n % 4 == 3); i++)
		blocks(e, sizes[i] > 16 * unit ? 1 : few_units_of(n), sizes[i]);
	STAY;
}

/* Vectors that grow by half, twelve times; one in four is freed, or one of each second four. */
static FRAME void cond_grow(struct estimate *e, unsigned n)
{
	for (unsigned v = 0; v < (thin ? 1 : 1u << n % 4); v++) {
		bool keep = thin ? n % 8 < 4 : v % 4 != 3;
		size_t bytes = unit / 64;
		void *p = NULL;

		for (unsigned i = 0; i <= 12; i++, bytes += bytes / 2) {
			p = allocate(e, p, bytes);
			count(e, bytes, 1, keep && i == 12);
		}
		if (!keep)
			free(p);
	}
	STAY;
}

/* One in four freed by another thread. */
static FRAME void cond_cross(struct estimate *e, unsigned n)
{
	size_t size = unit / (thin ? 4 : 16);
	uint64_t calls = units_of(n) * unit / size;

	for (uint64_t i = 0; i < calls; i++) {
		void **p = allocate(e, &fresh, size);

		if (i % 4)
			continue;
		*p = e->handed;
		e->handed = p;
	}
	count(e, size, calls, calls / 4 * 3);
	STAY;
}

static void free_handed(struct estimate *e)
{
	for (void **p = e->handed, **next; p; p = next) {
		next = *p;
		free(p);
	}
	e->handed = NULL;
}

static const struct condition {
	const char *name;
	void (*run)(struct estimate *, unsigned);
	bool of_small, of_large;
} conditions[] = {
	{ "16b", cond_16b, true, false },   { "512b", cond_512b, true, false },
	{ "64k", cond_64k, false, true },   { "512k", cond_512k, false, true },
	{ "64m", cond_64m, false, true },   { "mix", cond_mix, true, true },
	{ "grow", cond_grow, true, false }, { "cross", cond_cross, true, false },
};
#define CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

/* Estimates of one number: its row of results. */
struct number {
	unsigned n;
	struct estimate of[CONDITIONS];
};

static bool is_on(const struct condition *c)
{
	return small ? c->of_small : c->of_large;
}

static void run_all(struct number *number, void *(*site)(void *, size_t))
{
	for (size_t c = 0; c < CONDITIONS; c++) {
		number->of[c].site = site;
		if (is_on(&conditions[c]))
			conditions[c].run(&number->of[c], number->n);
	}
}

static void print_estimate(const char *what, const char *condition, unsigned n,
			   const struct estimate *e)
{
	for (unsigned i = 0; i < e->n_sizes; i++)
		printf("%s %s %u %llu %llu %llu\n", what, condition, n,
		       (unsigned long long)e->sizes[i].bytes, (unsigned long long)e->sizes[i].calls,
		       (unsigned long long)e->sizes[i].live);
}

static void print_all(const char *what, const struct number *numbers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (size_t c = 0; c < CONDITIONS; c++)
			print_estimate(what, conditions[c].name, i, &numbers[i].of[c]);
	}
}

#define CROSS (CONDITIONS - 1)
#define HAND_OVER 32 /* sites between two threads that free */

static struct number at_sites[SITES_MAX];

static void *freer(void *first)
{
	struct number *numbers = first;

	for (unsigned i = 0; i < HAND_OVER && &numbers[i] < at_sites + SITES_MAX; i++)
		free_handed(&numbers[i].of[CROSS]);
	return NULL;
}

static void run_sites(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pthread_t id;

		at_sites[i].n = i;
		run_all(&at_sites[i], sites[i]);
		if ((i + 1) % HAND_OVER && i + 1 < count)
			continue;
		if (pthread_create(&id, NULL, freer, &at_sites[i / HAND_OVER * HAND_OVER]))
			abort();
		pthread_join(id, NULL);
	}
}

static sem_t turn, leave;
static bool together;

/* Frees what the thread before it left. */
static void *thread_main(void *arg)
{
	struct number *number = arg;
	char name[16];

	snprintf(name, sizeof(name), "number-%u", number->n);
	pthread_setname_np(pthread_self(), name);
	if (number->n)
		free_handed(&number[-1].of[CROSS]);
	run_all(number, sites[0]);
	if (together) {
		sem_post(&turn);
		while (sem_wait(&leave))
			;
	}
	return NULL;
}

static void run_threads(struct number *numbers, unsigned count)
{
	pthread_t *ids = calloc(count + 1, sizeof(*ids));
	pthread_attr_t attr;

	sem_init(&turn, 0, 0);
	sem_init(&leave, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (unsigned i = 0; i < count; i++) {
		numbers[i].n = i;
		if (!ids || pthread_create(&ids[i], &attr, thread_main, &numbers[i]))
			abort();
		if (!together)
			pthread_join(ids[i], NULL);
		else
			while (sem_wait(&turn))
				;
	}
	for (unsigned i = 0; together && i < count; i++)
		sem_post(&leave);
	for (unsigned i = 0; together && i < count; i++)
		pthread_join(ids[i], NULL);
	if (count)
		free_handed(&numbers[count - 1].of[CROSS]);
	free(ids);
}

int main(int argc, char **argv)
{
	unsigned n_sites, n_threads;
	struct number *of_threads;

	unit = work_arg(argc, argv, 1, 4096);
	n_sites = (unsigned)work_arg(argc, argv, 2, SITES_MAX);
	n_threads = (unsigned)work_arg(argc, argv, 3, 2000);
	together = work_arg(argc, argv, 4, 0);
	small = work_arg(argc, argv, 5, unit < 65536);
	thin = small && unit >= 65536;
	of_threads = calloc(n_threads + 1, sizeof(*of_threads));
	if (!of_threads || n_sites > SITES_MAX)
		abort();
	run_sites(n_sites);
	run_threads(of_threads, n_threads);
	LIBPROF_FLUSH();
	print_all("site", at_sites, n_sites);
	print_all("thread", of_threads, n_threads);
	return 0;
}
