/* SPDX-License-Identifier: Apache-2.0
 *
 * gentrace.c - writes a large trace as the library would have: segments of
 * 16 MiB with tables of their own, a frame for each fifth of a second, 16
 * threads at 1000 samples a second, blocks that live and die.  The same
 * arguments give the same bytes.
 *
 *	gentrace DIR SAMPLES HEAP_EVENTS STACKS MODULE TEXT TEXT_BYTES PLACES
 *
 * Frames are at PLACES addresses, evenly spread over the TEXT_BYTES from TEXT
 * (hexadecimal) on in the file MODULE.  Stacks are 5 to 60 frames deep and grow
 * out of each other; each is seen, on one thread to eight.  More samples are more
 * of the same.
 */
#include <inttypes.h>

#include "trace_file.h"

enum { THREADS = 16, DEPTH_MIN = 5, DEPTH_MAX = 60, LIVE_MAX = 50000, SAMPLES_A_FRAME = 3200 };
#define PERIOD_NS 1000000u
#define STEP_NS (PERIOD_NS / THREADS)
#define MEAN_BYTES 524288u
#define SEGMENT_BYTES (16u << 20)
#define BASE UINT64_C(0x555555554000)

/* ---- The program that is said to have run ---- */

struct node {
	uint32_t parent, place, depth;
	uint32_t segment, id; /* its id in that segment */
};

struct stack {
	uint32_t node;
	uint32_t first_thread, threads;
};

struct live {
	uint64_t block, t, size;
	uint32_t thread, stack;
};

static struct node *nodes;
static struct stack *stacks;
static struct live live[LIVE_MAX];
static uint32_t n_nodes = 1, n_stacks, n_places, n_live;
static uint32_t *pair_stack, n_pairs; /* by pair of stack and thread */
static uint64_t text, text_bytes, blocks, heap_rows;
static uint64_t thread_samples[THREADS + 1], thread_calls[THREADS + 1], thread_bytes[THREADS + 1];

static uint64_t draw(uint64_t below)
{
	static uint64_t x = UINT64_C(0x9E3779B97F4A7C15);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint64_t)((unsigned __int128)x * below >> 64);
}

static uint32_t grow(uint32_t parent)
{
	nodes[n_nodes] = (struct node){ .parent = parent,
					.depth = nodes[parent].depth + 1,
					.place = (uint32_t)(n_nodes * UINT64_C(7919) % n_places) };
	return n_nodes++;
}

/* Each stack leaves an earlier one a few frames from its end. */
static void make_stacks(void)
{
	uint32_t at, more;

	nodes = calloc(n_stacks * 6 + 64, sizeof(*nodes));
	stacks = calloc(n_stacks, sizeof(*stacks));
	pair_stack = calloc(n_stacks * 8, sizeof(*pair_stack));
	for (uint32_t i = 0; i < n_stacks; i++) {
		at = i ? stacks[draw(i)].node : grow(0);
		for (more = (uint32_t)draw(4); more && nodes[at].depth > DEPTH_MIN; more--)
			at = nodes[at].parent;
		more = i ? 1 + (uint32_t)draw(5) : DEPTH_MIN;
		while (nodes[at].depth + more > DEPTH_MAX)
			at = nodes[at].parent;
		while (more--)
			at = grow(at);
		stacks[i].node = at;
		stacks[i].first_thread = (uint32_t)draw(THREADS);
		stacks[i].threads = i % 2 ? 1 : 1 + (uint32_t)draw(8);
		for (uint32_t k = 0; k < stacks[i].threads; k++)
			pair_stack[n_pairs++] = i;
	}
	for (uint32_t i = n_pairs; i > 1; i--) {
		uint32_t k = (uint32_t)draw(i), kept = pair_stack[k];

		pair_stack[k] = pair_stack[i - 1];
		pair_stack[i - 1] = kept;
	}
}

/* ---- Segments ---- */

static const char *dir, *module;
static FILE *file;
static uint32_t segment, next_node;
static uint64_t file_bytes, samples_done;
static struct part frame, node_rows, heap, other;
static struct part sample_dt, sample_thread, sample_cpu, sample_weight, sample_stack;
static uint64_t sample_count, heap_count, node_count, now;

static void header(void)
{
	struct part *p = &other;

	put_header_text(p, PROF_HDR_TRACE_ID, "sixteen bytes...");
	put_header_number(p, PROF_HDR_SEGMENT, segment);
	put_header_text(p, PROF_HDR_EXE, module);
	put_header_text(p, PROF_HDR_PROGRAM, "generated");
	put_header_number(p, PROF_HDR_PID, 4242);
	put_header_number(p, PROF_HDR_START_MONO_NS, 5000000000u);
	put_header_number(p, PROF_HDR_START_REAL_NS, UINT64_C(1700000000000000000));
	put_header_number(p, PROF_HDR_SEGMENT_START_NS, now);
	put_header_text(p, PROF_HDR_CPU_ENGINE, "perf");
	put_header_number(p, PROF_HDR_CPU_PERIOD_NS, PERIOD_NS);
	put_header_text(p, PROF_HDR_HEAP_ENGINE, "program");
	put_header_number(p, PROF_HDR_HEAP_MEAN_BYTES, MEAN_BYTES);
	file_bytes += write_header(file, p);
}

static void put_samples(void)
{
	struct part *const columns[] = { &sample_dt, &sample_thread, &sample_cpu, &sample_weight,
					 &sample_stack };
	static struct part rows;

	if (!rows.bytes)
		rows = part_new();
	for (unsigned i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		put(&rows, columns[i]->used);
		put_bytes(&rows, columns[i]->bytes, columns[i]->used);
		columns[i]->used = 0;
	}
	RECORD(&frame, PROF_REC_SAMPLE_COLUMNS, &rows, now - sample_count * STEP_NS, PERIOD_NS,
	       sample_count);
}

static void flush(void)
{
	if (node_count)
		RECORD(&frame, PROF_REC_NODES, &node_rows, next_node - node_count, node_count);
	if (sample_count)
		put_samples();
	if (heap_count)
		RECORD(&frame, PROF_REC_HEAP, &heap, now, MEAN_BYTES, heap_count);
	put_bytes(&frame, other.bytes, other.used);
	other.used = 0;
	file_bytes += write_frame(file, &frame);
	node_count = sample_count = heap_count = 0;
}

/* The id of a node in this segment; its callers are defined before it. */
static uint32_t node_id(uint32_t node)
{
	uint32_t missing[DEPTH_MAX + 1], n = 0, parent;

	for (uint32_t at = node; at && nodes[at].segment != segment; at = nodes[at].parent)
		missing[n++] = at;
	while (n--) {
		struct node *m = &nodes[missing[n]];

		parent = m->parent ? nodes[m->parent].id : 0;
		m->segment = segment;
		m->id = next_node++;
		put(&node_rows, m->id - parent);
		put(&node_rows, 1 << 1);
		put(&node_rows, text + m->place * text_bytes / n_places);
		node_count++;
	}
	return nodes[node].id;
}

static void put_stats(unsigned flags)
{
	static struct part rows;

	if (!rows.bytes)
		rows = part_new();
	for (uint32_t i = 1; i <= THREADS; i++) {
		put(&rows, i);
		put(&rows, PROF_STATS_CPU | PROF_STATS_RUSAGE | flags);
		put(&rows, thread_samples[i] * PERIOD_NS + 1000);
		put(&rows, thread_samples[i] * PERIOD_NS);
		put(&rows, 1000);
		put(&rows, thread_calls[i] * 4);
		put(&rows, thread_bytes[i] * 4);
	}
	RECORD(&other, PROF_REC_THREAD_STATS, &rows, now, THREADS);
}

static void put_threads(void)
{
	char name[32];

	for (uint64_t i = 1; i <= THREADS; i++) {
		uint64_t flags = i == 1 ? PROF_THREAD_MAIN : PROF_THREAD_CREATOR;
		struct part text_part = { (uint8_t *)name, 0 };

		text_part.used = (size_t)snprintf(name, sizeof(name), "worker %" PRIu64, i);
		RECORD(&other, PROF_REC_STRING, &text_part, i + 1);
		RECORD(&other, PROF_REC_THREAD, NULL, i, 4241 + i, flags, 0, i + 1, i != 1, 0, 0,
		       0);
	}
}

static void begin_segment(void)
{
	static struct part rows;
	char path[4096];

	if (!rows.bytes)
		rows = part_new();
	segment++;
	next_node = 1;
	file_bytes = 0;
	snprintf(path, sizeof(path), "%s/" PROF_SEGMENT_NAME_FMT, dir, segment);
	file = fopen(path, "we");
	if (!file)
		fail(path);
	header();
	put_bytes(&rows, module, strlen(module));
	RECORD(&frame, PROF_REC_STRING, &rows, 1);
	RECORD(&frame, PROF_REC_MAPPING, NULL, 1, PROF_MAP_FILE, BASE, BASE + text + text_bytes, 0,
	       BASE, 0, 1, 2, 1, 0);
	RECORD(&other, PROF_REC_CUMULATIVE, NULL, now, 0, 0, 0, 0, 0, 0, samples_done,
	       samples_done * PERIOD_NS, heap_rows, 0, 0);
	RECORD(&other, PROF_REC_ENGINE, NULL, 0, PROF_ENGINE_CPU, PROF_ENGINE_ON, 0, 0, 0);
	RECORD(&other, PROF_REC_ENGINE, NULL, 0, PROF_ENGINE_HEAP, PROF_ENGINE_ON, 0, 0, 0);
	put_threads();
	put_stats(0);
	for (uint32_t i = 0; i < n_live; i++) {
		put(&rows, live[i].block);
		put(&rows, live[i].t);
		put(&rows, live[i].thread);
		put(&rows, live[i].size);
		put(&rows, 0);
		put(&rows, node_id(stacks[live[i].stack].node));
	}
	RECORD(&other, PROF_REC_LIVE, &rows, MEAN_BYTES, n_live);
	flush();
}

static void end_segment(unsigned reason)
{
	put_stats(reason == PROF_END_EXIT ? PROF_STATS_FINAL : 0);
	RECORD(&other, PROF_REC_END, NULL, now, reason);
	flush();
	if (fclose(file))
		fail(dir);
}

/* ---- Events ---- */

/* Every pair once, then the hotter the lower its number. */
static uint32_t draw_stack(uint64_t i, uint32_t *thread)
{
	uint64_t skew = draw(n_pairs) * draw(n_pairs) / n_pairs;
	uint32_t stack = pair_stack[i < n_pairs ? i : skew];

	*thread =
		1 + (uint32_t)(stacks[stack].first_thread + draw(stacks[stack].threads)) % THREADS;
	return stack;
}

static void put_sample(void)
{
	uint32_t thread, stack = draw_stack(samples_done, &thread);
	uint64_t step = STEP_NS + draw(2) - sample_count % 2;

	put(&sample_dt, prof_zigzag(sample_count ? (int64_t)step - PERIOD_NS : 0));
	put(&sample_thread, thread);
	put(&sample_cpu, draw(4) << 1);
	put(&sample_weight, 1);
	put(&sample_stack, node_id(stacks[stack].node));
	sample_count++;
	samples_done++;
	thread_samples[thread]++;
	now += STEP_NS;
}

static void put_free(void)
{
	struct live *gone = &live[draw(n_live)];

	put(&heap, PROF_HEAP_FREE);
	put(&heap, 0);
	put(&heap, gone->thread);
	put(&heap, gone->block);
	*gone = live[--n_live];
}

static void put_heap(void)
{
	struct live *block = &live[n_live];

	heap_count++;
	if (n_live == LIVE_MAX || (n_live > LIVE_MAX / 2 && draw(2))) {
		put_free();
	} else {
		*block = (struct live){ .block = ++blocks, .t = now, .size = 16u << draw(16) };
		block->stack = draw_stack(heap_rows, &block->thread) / 4; /* a part allocates */
		put(&heap, PROF_HEAP_ALLOC);
		put(&heap, 0);
		put(&heap, block->thread);
		put(&heap, block->block);
		put(&heap, block->size);
		put(&heap, node_id(stacks[block->stack].node));
		thread_calls[block->thread]++;
		thread_bytes[block->thread] += block->size;
		n_live++;
	}
	heap_rows++;
}

int main(int argc, char **argv)
{
	uint64_t samples, events;

	if (argc != 9) {
		fputs("usage: gentrace DIR SAMPLES HEAP_EVENTS STACKS MODULE TEXT TEXT_BYTES PLACES\n",
		      stderr);
		return 2;
	}
	dir = argv[1];
	samples = strtoull(argv[2], NULL, 10);
	events = strtoull(argv[3], NULL, 10);
	n_stacks = (uint32_t)strtoul(argv[4], NULL, 10);
	module = argv[5];
	text = strtoull(argv[6], NULL, 16);
	text_bytes = strtoull(argv[7], NULL, 10);
	n_places = (uint32_t)strtoul(argv[8], NULL, 10);
	frame = part_new();
	node_rows = part_new();
	sample_dt = part_new();
	sample_thread = part_new();
	sample_cpu = part_new();
	sample_weight = part_new();
	sample_stack = part_new();
	heap = part_new();
	other = part_new();
	make_stacks();
	begin_segment();
	while (samples_done < samples) {
		put_sample();
		while (heap_rows * samples < events * samples_done)
			put_heap();
		if (sample_count < SAMPLES_A_FRAME)
			continue;
		if (samples_done / SAMPLES_A_FRAME % 5 == 0)
			RECORD(&other, PROF_REC_PROCESS_STATS, NULL, now, now, 1 << 28, 1 << 30,
			       now / 100, 1 << 21, 1 << 28);
		put_stats(0);
		flush();
		if (file_bytes < SEGMENT_BYTES)
			continue;
		end_segment(PROF_END_ROTATED);
		begin_segment();
	}
	end_segment(PROF_END_EXIT);
	printf("gentrace %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", segment, n_nodes - 1, n_pairs);
	return 0;
}
