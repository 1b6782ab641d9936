/* SPDX-License-Identifier: Apache-2.0
 *
 * w_truth_shares.c - threads that spend their CPU time in parts of known
 * shares, 8:4:2:1:1, in bursts of random order and length: parts that are
 * functions, functions inlined into another, lines of one function, and the
 * kernel against the program itself; and threads that are of such shares, and
 * exactly so long.  What each part really took is read from the thread's CPU
 * clock around every burst.
 * Arguments: seed (1), milliseconds of CPU a thread (400), nanoseconds of CPU of the
 * longest of the threads of known shares (200000000).
 *
 *	part THREAD PART CPU_NS LINE         (LINE: of the source, in which it works; 0: not one)
 *	thread TID NAME CPU_NS
 */
#include "truth.h"

#include <fcntl.h>
#include <pthread.h>

#define PARTS 5
static FRAME void fill_a(uint64_t n)
{
	FILL(n);
}

static FRAME void fill_b(uint64_t n)
{
	FILL(n);
}

static FRAME void fill_c(uint64_t n)
{
	FILL(n);
}

static FRAME void fill_d(uint64_t n)
{
	FILL(n);
}

static FRAME void fill_e(uint64_t n)
{
	FILL(n);
}

#define INLINED inline __attribute__((always_inline))

static INLINED void inlined_a(uint64_t n)
{
	FILL(n);
}

static INLINED void inlined_b(uint64_t n)
{
	FILL(n);
}

static INLINED void inlined_c(uint64_t n)
{
	FILL(n);
}

static INLINED void inlined_d(uint64_t n)
{
	FILL(n);
}

static INLINED void inlined_e(uint64_t n)
{
	FILL(n);
}

static FRAME void inline_parts(unsigned part, uint64_t n)
{
	switch (part) {
	case 0: inlined_a(n); break;
	case 1: inlined_b(n); break;
	case 2: inlined_c(n); break;
	case 3: inlined_d(n); break;
	default: inlined_e(n);
	}
}

enum { LINE_0 = __LINE__ + 5 };

static FRAME void line_parts(unsigned part, uint64_t n)
{
	switch (part) {
	case 0: FILL(n); break;
	case 1: FILL(n); break;
	case 2: FILL(n); break;
	case 3: FILL(n); break;
	default: FILL(n);
	}
}

static int zero_fd;

/* Large enough that all but a hundredth of it is the kernel's. */
static char pages[1 << 20];

static FRAME void kernel_part(uint64_t n)
{
	for (uint64_t i = 0; i < n; i += sizeof(pages) / CHUNK)
		if (read(zero_fd, pages, sizeof(pages)) != sizeof(pages))
			abort();
}

static FRAME void function_parts(unsigned part, uint64_t n)
{
	static void (*const parts[PARTS])(uint64_t n) = { fill_a, fill_b, fill_c, fill_d, fill_e };

	parts[part](n);
	STAY;
}

static FRAME void kernel_parts(unsigned part, uint64_t n)
{
	if (part == 1)
		kernel_part(n);
	else
		fill_a(n);
	STAY;
}

/* clang-format off */
#define FILLS { "fill_a", "fill_b", "fill_c", "fill_d", "fill_e" }
/* clang-format on */

static struct work {
	const char *name;
	void (*run)(unsigned part, uint64_t n);
	uint64_t burst_ns; /* on average */
	const char *part_names[PARTS];
	int lines;
	unsigned share; /* of the longest such thread, one over this; 0: not such a thread */
	pthread_t id;
	int tid;
	uint64_t random, total_ns, cpu_ns, took[PARTS];
} works[] = {
	{ .name = "functions", .run = function_parts, .burst_ns = 3 * MS, .part_names = FILLS },
	{ .name = "bursts", .run = function_parts, .burst_ns = MS / 5, .part_names = FILLS },
	{ .name = "inlined",
	  .run = inline_parts,
	  .burst_ns = MS,
	  .part_names = { "inlined_a", "inlined_b", "inlined_c", "inlined_d", "inlined_e" } },
	{ .name = "lines",
	  .run = line_parts,
	  .burst_ns = MS,
	  .part_names = { "a", "b", "c", "d", "e" },
	  .lines = LINE_0 },
	{ .name = "kernel",
	  .run = kernel_parts,
	  .burst_ns = MS,
	  .part_names = { "fill_a", "kernel_part", "fill_a", "fill_a", "fill_a" } },
#define SHARE(name_, share_)                                                                   \
	{                                                                                      \
		.name = (name_), .run = function_parts, .burst_ns = 3 * MS, .share = (share_), \
		.part_names = FILLS                                                            \
	}
	SHARE("half", 1),
	SHARE("quarter", 2),
	SHARE("eighth", 4),
	SHARE("sixteenth", 8),
};

#define WORKS (sizeof(works) / sizeof(works[0]))

/* 8:4:2:1:1 */
static unsigned draw_part(uint64_t *random)
{
	unsigned sixteenth = truth_draw(random) % 16;

	return sixteenth < 8 ? 0 : sixteenth < 12 ? 1 : sixteenth < 14 ? 2 : sixteenth < 15 ? 3 : 4;
}

static FRAME void *thread_body(void *arg)
{
	struct work *w = arg;
	uint64_t last, now;

	w->tid = work_tid();
	pthread_setname_np(pthread_self(), w->name);
	for (last = work_thread_cpu(); last < w->total_ns; last = now) {
		unsigned part = draw_part(&w->random);
		uint64_t ns = w->burst_ns / 10 + truth_draw(&w->random) % (w->burst_ns * 9 / 5);

		if (w->share && ns > w->total_ns - last)
			ns = w->total_ns - last;
		w->run(part, truth_chunks(ns));
		now = work_thread_cpu();
		w->took[part] += now - last;
	}
	w->cpu_ns = work_thread_cpu();
	return NULL;
}

static void start(struct work *w, uint64_t *random, uint64_t cpu_ns)
{
	w->random = truth_draw(random);
	w->total_ns = cpu_ns;
	pthread_create(&w->id, NULL, thread_body, w);
}

static void join(struct work *w)
{
	pthread_join(w->id, NULL);
	for (unsigned p = 0; p < PARTS; p++)
		printf("part %s %s %llu %d\n", w->name, w->part_names[p],
		       (unsigned long long)w->took[p], w->lines ? w->lines + (int)p : 0);
	printf("thread %d %s %llu\n", w->tid, w->name, (unsigned long long)w->cpu_ns);
}

int main(int argc, char **argv)
{
	uint64_t random = work_arg(argc, argv, 1, 1);
	uint64_t total_ns = work_arg(argc, argv, 2, 400) * MS;
	uint64_t longest_ns = work_arg(argc, argv, 3, 200 * MS);

	zero_fd = open("/dev/zero", O_RDONLY);
	truth_calibrate();
	/* Those of known shares afterwards: the fewer want the CPUs the better do ticks see. */
	for (int by_share = 0; by_share < 2; by_share++) {
		for (unsigned i = 0; i < WORKS; i++) {
			if (!works[i].share == !by_share)
				start(&works[i], &random,
				      by_share ? longest_ns / works[i].share : total_ns);
		}
		for (unsigned i = 0; i < WORKS; i++) {
			if (!works[i].share == !by_share)
				join(&works[i]);
		}
	}
	return 0;
}
