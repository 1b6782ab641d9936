/* SPDX-License-Identifier: Apache-2.0
 *
 * unwinding.c - what the library's unwinder takes for a frame of a stack 40 calls
 * deep: again and again; after the caches nearest the CPU, or all of them, have been
 * filled with something else; and when its rows must be made first.  Beside that, what
 * as many reads take where each says where the next one is, equally cold and from as
 * much memory as the rows have: no table that is looked into can be faster.  The stack's copy is written just before, as the kernel does.
 * Linked with the objects of preload/ that it measures.
 *
 *	KIND NS			of a frame, in hundredths: hot near far made chase_near chase_far
 *	frames N
 */
#include "../../tests/work/work.h"

#include <string.h>

#include "../../preload/maps.h"
#include "../../preload/rows.h"
#include "../../preload/unwind.h"
#include "../../tests/unit/unwind_capture.h"

#define NEAR_BYTES (4u << 20)  /* more than a second-level cache */
#define FAR_BYTES (256u << 20) /* more than any cache */
#define LINE_WORDS 8u
#define TIMES 61u      /* medians are of so many */
#define HOT_WALKS 200u /* of each */

static struct arena arena;
static struct shot shot;
static struct unwound out;
static uint8_t copy[COPY_BYTES];
static volatile uint64_t *filler;
static uint64_t *chain;

static FRAME void recurse(int depth)
{
	if (depth)
		recurse(depth - 1);
	else
		shot_take(&shot);
	STAY;
}

static void fill_caches(size_t bytes)
{
	for (size_t i = 0; i < bytes / 8; i += LINE_WORDS)
		filler[i]++;
}

/* Lines in an order that no prefetcher guesses, each holding the next one's index. */
static void make_chain(uint32_t lines)
{
	uint64_t random = 1;
	uint32_t *order = malloc(lines * sizeof(*order));

	chain = aligned_alloc(64, (size_t)lines * 64);
	if (!order || !chain)
		exit(1);
	for (uint32_t i = 0; i < lines; i++)
		order[i] = i;
	for (uint32_t i = lines - 1; i; i--) {
		uint32_t k, swap = order[i];

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		k = (uint32_t)((random >> 33) % (i + 1));
		order[i] = order[k];
		order[k] = swap;
	}
	for (uint32_t i = 0; i < lines; i++)
		chain[(size_t)order[i] * LINE_WORDS] = order[(i + 1) % lines];
	free(order);
}

/* So that the lines chased are, as the rows, the same ones each time. */
static void chase(uint32_t lines)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < lines; i++)
		at = chain[at * LINE_WORDS];
	__asm__ volatile("" : : "r"(at));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median(uint64_t times[TIMES])
{
	qsort(times, TIMES, sizeof(*times), by_value);
	return times[TIMES / 2];
}

static void walk(uint32_t times)
{
	for (uint32_t i = 0; i < times; i++)
		unwind_stack(&shot.c, false, &out);
}

static uint64_t time_hot(void)
{
	uint64_t times[TIMES];

	for (unsigned i = 0; i < TIMES; i++) {
		uint64_t start = work_clock(CLOCK_MONOTONIC);

		walk(HOT_WALKS);
		times[i] = work_clock(CLOCK_MONOTONIC) - start;
	}
	return median(times) / HOT_WALKS;
}

/* What run(n) takes once its data has been driven out of the caches. */
static uint64_t time_cold(size_t bytes, void (*run)(uint32_t), uint32_t n)
{
	uint64_t times[TIMES], clock_ns = work_clock(CLOCK_MONOTONIC);

	clock_ns = work_clock(CLOCK_MONOTONIC) - clock_ns;
	for (unsigned i = 0; i < TIMES; i++) {
		uint64_t start;

		fill_caches(bytes);
		memcpy(shot.stack, copy, shot.c.stack_bytes);
		start = work_clock(CLOCK_MONOTONIC);
		run(n);
		times[i] = work_clock(CLOCK_MONOTONIC) - start;
	}
	return median(times) - clock_ns;
}

/* Each walk has to make all of its rows; so many does a stack need. */
static uint64_t time_making(uint64_t *rows_each)
{
	uint64_t times[TIMES], made = 0;

	for (unsigned i = 0; i < TIMES; i++) {
		uint64_t start;

		if (rows_init())
			exit(1);
		made = rows.made;
		start = work_clock(CLOCK_MONOTONIC);
		walk(1);
		times[i] = work_clock(CLOCK_MONOTONIC) - start;
		made = rows.made - made;
	}
	*rows_each = made;
	return median(times);
}

static void say(const char *what, uint64_t ns, uint64_t frames)
{
	printf("%s %llu\n", what, (unsigned long long)(ns * 100 / frames));
}

static void measure(uint32_t frames)
{
	uint64_t rows_each, made = time_making(&rows_each);

	walk(1);
	say("hot", time_hot(), frames);
	say("near", time_cold(NEAR_BYTES, walk, 1), frames);
	say("far", time_cold(FAR_BYTES, walk, 1), frames);
	say("chase_near", time_cold(NEAR_BYTES, chase, frames), frames);
	say("chase_far", time_cold(FAR_BYTES, chase, frames), frames);
	say("made", made, rows_each);
	printf("frames %u\n", frames);
}

int main(void)
{
	const char *why = NULL;

	maps_init(&arena);
	maps_own_address = 0; /* this program holds the library's code and is no less a program */
	if (maps_refresh(1) || unwind_init(&arena, &why) < 0) {
		fprintf(stderr, "unwinding: %s\n", why ? why : "no maps");
		return 1;
	}
	filler = malloc(FAR_BYTES);
	if (!filler)
		return 1;
	memset((void *)(uintptr_t)filler, 0, FAR_BYTES);
	recurse(38);
	memcpy(copy, shot.stack, shot.c.stack_bytes);
	walk(1);
	make_chain((uint32_t)((rows.mask + UINT64_C(1)) * sizeof(*rows.slots) / 64));
	if (out.end != UNWIND_WHOLE || out.frames < 40)
		return 1;
	measure(out.frames);
	return 0;
}
