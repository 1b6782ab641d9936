/* SPDX-License-Identifier: Apache-2.0
 *
 * test_decode.c - records to rows, one kind after the other, and what happens
 * when their bytes lie: every row that is whole arrives, nothing else does,
 * and each error is told.
 *
 * links: reader/decode.c reader/decode_ahead.c reader/decode_samples.c
 * flags: $(pkg-config --cflags glib-2.0)
 */
#include "../../reader/decode.h"

#undef TRUE /* GLib's; check.h has its own */
#include "../check.h"

#define ROWS_MAX 64

static uint8_t frame[16384], *end = frame;
static struct event rows[ROWS_MAX];
static unsigned n_rows, n_errors;
static enum err last_error;
static size_t last_offset;
static struct decoder decoder;

static void take_event(void *arg, const struct event *event)
{
	(void)arg;
	TRUE(n_rows < ROWS_MAX);
	rows[n_rows++] = *event;
}

static void take_error(void *arg, size_t offset, const char *record, enum err err)
{
	(void)arg;
	(void)record;
	n_errors++;
	last_error = err;
	last_offset = offset;
}

/* Appends a record whose payload is n varints; signed ones are given zigzag. */
static uint8_t *put_record(unsigned kind, unsigned n, const uint64_t *values)
{
	uint8_t payload[1024], *p = payload, *start = end;

	for (unsigned i = 0; i < n; i++)
		p = prof_put_varint(p, values[i]);
	*end++ = (uint8_t)kind;
	end = prof_put_varint(end, (uint64_t)(p - payload));
	memcpy(end, payload, (size_t)(p - payload));
	end += p - payload;
	return start;
}

#define RECORD(kind, ...)                                                        \
	put_record(kind, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), \
		   (uint64_t[]){ __VA_ARGS__ })

/* Decodes what was put, as one frame from heap memory of that size, so that a
 * sanitizer sees reads past its end. */
static void decode(void)
{
	size_t len = (size_t)(end - frame);
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, frame, len);
	n_rows = n_errors = 0;
	decoder.event = take_event;
	decoder.error = take_error;
	decode_frame(&decoder, copy, len);
	free(copy);
	end = frame;
}

/* Strings 1 and 2, mapping 1, nodes 1 and 2. */
static void define(void)
{
	RECORD(PROF_REC_STRING, 1, 'a');
	RECORD(PROF_REC_STRING, 2, 'b');
	RECORD(PROF_REC_MAPPING, 1, PROF_MAP_FILE, 0x1000, 0x2000, 0, 0x1000, 0, 0, 0, 1, 0);
	RECORD(PROF_REC_NODES, 1, 2, 1, 2, 0x10, 1, 3, 0x20);
	decode();
	EQ(n_errors, 0);
	EQ(n_rows, 5);
}

TEST(strings)
{
	RECORD(PROF_REC_STRING, 1, 'h', 'i');
	RECORD(PROF_REC_STRING, 2);
	RECORD(PROF_REC_STRING, 1, 'x');
	decode();
	EQ(n_errors, 0);
	EQ(n_rows, 3);
	EQ(rows[0].string.len, 2);
	EQ(rows[1].string.len, 0);
	EQ(rows[2].string.id, 1);
	EQ(decoder.strings, 2);
}

TEST(nodes)
{
	define();
	EQ(rows[3].node.id, 1);
	EQ(rows[3].node.parent, 0);
	EQ(rows[3].node.mapping, 1);
	EQ(rows[3].node.guessed, 0);
	EQ(rows[4].node.parent, 1);
	EQ(rows[4].node.guessed, 1);
	EQ(rows[4].node.offset, 0x20);
	EQ(rows[4].row, 1);
}

TEST(samples)
{
	define();
	RECORD(PROF_REC_SAMPLES, 100, 10, 2, prof_zigzag(5), 7, 3, 2, 2, prof_zigzag(-50), 8, 4, 1,
	       0);
	decode();
	EQ(n_errors, 0);
	EQ(n_rows, 2);
	EQ(rows[0].sample.t, 105);
	EQ(rows[0].sample.thread, 7);
	EQ(rows[0].sample.cpu, 1);
	EQ(rows[0].sample.in_kernel, 1);
	EQ(rows[0].sample.weight_ns, 20);
	EQ(rows[0].sample.stack, 2);
	EQ(rows[1].sample.t, 55);
	EQ(rows[1].sample.cpu, 2);
	EQ(rows[1].sample.in_kernel, 0);
	EQ(rows[1].sample.stack, 0);
}

/* The first is of t0, each other a period behind the one before, but for what it says. */
TEST(sample_columns)
{
	define();
	RECORD(PROF_REC_SAMPLE_COLUMNS, 100, 10, 3, 3, prof_zigzag(0), prof_zigzag(-3),
	       prof_zigzag(2), 3, 7, 8, 7, 3, 3, 4, 3, 3, 2, 1, 1, 3, 2, 0, 2);
	decode();
	EQ(n_errors, 0);
	EQ(n_rows, 3);
	EQ(rows[0].kind, PROF_REC_SAMPLES);
	EQ(rows[0].sample.t, 100);
	EQ(rows[0].sample.cpu, 1);
	EQ(rows[0].sample.in_kernel, 1);
	EQ(rows[0].sample.weight_ns, 20);
	EQ(rows[0].sample.stack, 2);
	EQ(rows[1].sample.t, 107);
	EQ(rows[1].sample.thread, 8);
	EQ(rows[1].sample.cpu, 2);
	EQ(rows[1].sample.stack, 0);
	EQ(rows[2].sample.t, 119);
	EQ(rows[2].row, 2);
}

/* A column that ends before the others: what is whole arrives. */
TEST(sample_columns_of_different_lengths)
{
	define();
	RECORD(PROF_REC_SAMPLE_COLUMNS, 100, 10, 2, 2, 0, 0, 2, 7, 8, 2, 3, 4, 2, 1, 1, 1, 2);
	decode();
	EQ(n_rows, 1);
	EQ(last_error, ERR_RECORD_COUNT);
	EQ(rows[0].sample.stack, 2);
	/* as long, but its last value is cut */
	RECORD(PROF_REC_SAMPLE_COLUMNS, 100, 10, 2, 2, 0, 0, 2, 7, 0x100, 3, 4, 2, 1, 1, 2, 2, 2);
	decode();
	EQ(n_rows, 1);
	EQ(n_errors, 1);
	EQ(last_error, ERR_RECORD_CUT);
	RECORD(PROF_REC_SAMPLE_COLUMNS, 100, 10, 1, 1, 0, 1, 7, 1, 3, 1, 1, UINT64_MAX);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_CUT);
}

TEST(sample_columns_of_values_no_program_can_reach)
{
	define();
	RECORD(PROF_REC_SAMPLE_COLUMNS, 100, 10, 1, 2, prof_zigzag(-101), 1, 7, 1, 3, 1, 2, 1, 2);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_VALUE);
	RECORD(PROF_REC_SAMPLE_COLUMNS, 100, UINT64_MAX / 2, 2, 2, 0, 0, 2, 7, 7, 2, 3, 3, 2, 0, 0,
	       2, 2, 2);
	decode();
	EQ(n_rows, 1);
	EQ(last_error, ERR_RECORD_VALUE);
}

/* ---- Rows by the hundred, one by one and in batches ---- */

#define MANY 600u

static uint64_t many_sum;
static unsigned many_rows;

static void add_up(void *arg, const struct row_sample *row, size_t n)
{
	(void)arg;
	for (; n--; row++, many_rows++)
		many_sum = many_sum * 31 + row->t + row->thread * 3 + row->cpu * 5 +
			   row->in_kernel * 7 + row->weight_ns * 11 + row->stack * 13;
}

static void add_event(void *arg, const struct event *event)
{
	if (event->kind == PROF_REC_SAMPLES)
		add_up(arg, &event->sample, 1);
}

/* Times from one row to the next of every length up to five bytes. */
static uint64_t some_dt(unsigned i)
{
	return prof_zigzag((int64_t)(i * 2654435761u >> i % 31) - 5);
}

/* Columns of MANY rows; in the middle one of them has this value. */
static void put_many(unsigned column, uint64_t value)
{
	static uint8_t payload[MANY * 16], bytes[MANY * 16];
	uint8_t *p = payload, *q;

	p = prof_put_varint(p, 1000);
	p = prof_put_varint(p, 10);
	p = prof_put_varint(p, MANY);
	for (unsigned k = 0; k < 5; k++) {
		q = bytes;
		for (unsigned i = 0; i < MANY; i++) {
			uint64_t usual[] = { some_dt(i), 100 + i % 300, i % 9, 1 + i % 2, i % 3 };

			q = prof_put_varint(q, i == MANY / 2 && k == column ? value : usual[k]);
		}
		p = prof_put_varint(p, (uint64_t)(q - bytes));
		memcpy(p, bytes, (size_t)(q - bytes));
		p += q - bytes;
	}
	*end++ = PROF_REC_SAMPLE_COLUMNS;
	end = prof_put_varint(end, (uint64_t)(p - payload));
	memcpy(end, payload, (size_t)(p - payload));
	end += p - payload;
}

static unsigned decode_many(unsigned column, uint64_t value, bool batches)
{
	uint8_t *copy;

	define();
	put_many(column, value);
	copy = malloc((size_t)(end - frame));
	memcpy(copy, frame, (size_t)(end - frame));
	n_errors = many_rows = 0;
	many_sum = 0;
	decoder.event = add_event;
	decoder.samples = batches ? add_up : NULL;
	decode_frame(&decoder, copy, (size_t)(end - frame));
	free(copy);
	end = frame;
	decoder.samples = NULL;
	decoder.lossy = false;
	return many_rows;
}

/* What batches come to is what single rows do; of a value that stops or slows them, too. */
TEST(batches)
{
	static const struct {
		unsigned column;
		uint64_t value;
		unsigned rows, errors;
	} cases[] = {
		{ 5, 0, MANY, 0 },			  /* nothing odd */
		{ 0, UINT64_C(1) << 40, MANY, 0 },	  /* six bytes */
		{ 0, UINT64_MAX, MANY / 2, 1 },		  /* before the start */
		{ 1, DECODE_THREAD_ID_MAX, MANY / 2, 1 }, /* no thread */
		{ 2, UINT64_C(1) << 33, MANY / 2, 1 },	  /* no CPU */
		{ 3, UINT64_MAX / 2, MANY / 2, 1 },	  /* more than a trace has */
		{ 4, 3, MANY, 1 },			  /* no such stack */
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned errors;
		uint64_t sum;

		EQ(decode_many(cases[i].column, cases[i].value, false), cases[i].rows);
		EQ(n_errors, cases[i].errors);
		sum = many_sum;
		errors = n_errors;
		EQ(decode_many(cases[i].column, cases[i].value, true), cases[i].rows);
		EQ(n_errors, errors);
		EQ(many_sum, sum);
	}
}

TEST(heap)
{
	define();
	RECORD(PROF_REC_HEAP, 100, 512, 3, 0, prof_zigzag(1), 1, 33, 64, 2, 1, prof_zigzag(1), 2,
	       33, 2, prof_zigzag(1), 1, 34, 65, 80, 2);
	RECORD(PROF_REC_LIVE, 512, 2, 33, 101, 1, 64, 0, 2, 34, 101, 1, 65, 80, 2);
	decode();
	EQ(n_errors, 0);
	EQ(n_rows, 5);
	EQ(rows[0].heap.op, PROF_HEAP_ALLOC);
	EQ(rows[0].heap.size, 64);
	EQ(rows[0].heap.mean, 512);
	EQ(rows[1].heap.op, PROF_HEAP_FREE);
	EQ(rows[1].heap.t, 102);
	EQ(rows[1].heap.size, 0);
	EQ(rows[2].heap.op, PROF_HEAP_ALLOC);
	EQ(rows[2].heap.size, 65);
	EQ(rows[2].heap.sampled_size, 80);
	EQ(rows[3].live.block, 33);
	EQ(rows[3].live.stack, 2);
	EQ(rows[3].live.sampled_size, 64);
	EQ(rows[4].live.sampled_size, 80);
}

TEST(facts)
{
	define();
	RECORD(PROF_REC_THREAD, 1, 4242, PROF_THREAD_MAIN, 5, 2, 0, 0, 0, 0);
	RECORD(PROF_REC_THREAD_STATS, 9, 1, 1, 6, 10, 11, 12, 13, 14);
	RECORD(PROF_REC_PROCESS_STATS, 9, 1, 2, 3, 4, 5);
	RECORD(PROF_REC_LOSS, 9, 3, 4, 0);
	RECORD(PROF_REC_ENGINE, 9, 1, 2, 13, 1, 2);
	RECORD(PROF_REC_MARK, 9, PROF_MARK_FORK, 77);
	RECORD(PROF_REC_CUMULATIVE, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 3, 4);
	RECORD(PROF_REC_END, 9, PROF_END_EXIT);
	decode();
	EQ(n_errors, 0);
	EQ(n_rows, 9);
	EQ(rows[0].thread.name, 2);
	EQ(rows[1].thread_stats.alloc_bytes, 14);
	EQ(rows[2].process_stats.self_bytes, 5);
	EQ(rows[3].loss.count, 4);
	EQ(rows[4].engine.error, 13);
	EQ(rows[5].mark.value, 77);
	EQ(rows[6].cumulative.segments_dropped, 10);
	EQ(rows[7].row, 1);
	EQ(rows[7].cumulative.total, 4);
	EQ(rows[8].end.reason, PROF_END_EXIT);
}

/* What a later version adds must not disturb: kinds, and bytes at the end. */
TEST(skips_what_is_new)
{
	RECORD(200, 1, 2, 3);
	RECORD(PROF_REC_MARK, 1, 2, 3, 4, 5, 6);
	decode();
	EQ(n_errors, 0);
	EQ(n_rows, 2);
	EQ(rows[0].kind, 200);
	EQ(rows[0].len, 3);
	EQ(rows[1].mark.value, 3);
}

TEST(record_longer_than_its_frame)
{
	RECORD(PROF_REC_MARK, 1, 2, 3);
	*end++ = PROF_REC_MARK;
	*end++ = 50;
	*end++ = 1;
	decode();
	EQ(n_rows, 1);
	EQ(last_error, ERR_RECORD_LENGTH);
	EQ(last_offset, 5);
	TRUE(decoder.lossy);
}

/* Rows before the cut arrive, the record after it too. */
TEST(record_ends_inside_a_row)
{
	define();
	RECORD(PROF_REC_SAMPLES, 0, 1, 2, 2, 1, 0, 1, 1, 2, 1, 0x4000, 0x4000);
	RECORD(PROF_REC_MARK, 1, 2, 3);
	decode();
	EQ(n_rows, 2);
	EQ(n_errors, 1);
	EQ(last_error, ERR_RECORD_CUT);
	EQ(rows[1].kind, PROF_REC_MARK);
}

TEST(count_beyond_the_record)
{
	define();
	RECORD(PROF_REC_LIVE, 1, UINT64_MAX, 1, 2, 3, 4, 0, 0);
	decode();
	EQ(n_rows, 1);
	EQ(last_error, ERR_RECORD_COUNT);
}

TEST(ids)
{
	RECORD(PROF_REC_STRING, 0, 'x');
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_ID);
	/* Behind a hole: told once, and taken. */
	decoder.lossy = false;
	RECORD(PROF_REC_STRING, 2, 'x');
	RECORD(PROF_REC_STRING, 1000, 'x');
	decode();
	EQ(n_rows, 2);
	EQ(n_errors, 1);
	EQ(last_error, ERR_RECORD_ID);
	TRUE(decoder.lossy);
	EQ(decoder.strings, 1000);
	/* But no table without end. */
	RECORD(PROF_REC_STRING, DECODE_STRING_ID_MAX, 'x');
	decode();
	EQ(n_rows, 0);
	EQ(n_errors, 1);
	EQ(decoder.strings, 1000);
}

TEST(references)
{
	define();
	RECORD(PROF_REC_SAMPLES, 0, 1, 1, 2, 1, 0, 1, 3);
	RECORD(PROF_REC_ENGINE, 0, 1, 1, 0, 3, 4);
	decode();
	EQ(n_rows, 2);
	EQ(n_errors, 2);
	EQ(last_error, ERR_RECORD_REFERENCE);
	EQ(rows[0].sample.stack, DECODE_BAD_REFERENCE);
	EQ(rows[1].engine.text, DECODE_BAD_REFERENCE);
	decoder.lossy = true;
	RECORD(PROF_REC_SAMPLES, 0, 1, 1, 2, 1, 0, 1, 3);
	decode();
	EQ(n_errors, 0);
	EQ(rows[0].sample.stack, DECODE_BAD_REFERENCE);
}

/* A stack always ends: parents come before their children. */
TEST(parents)
{
	define();
	RECORD(PROF_REC_NODES, 3, 1, 0, 2, 1);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_PARENT);
	RECORD(PROF_REC_NODES, 3, 1, 4, 2, 1);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_PARENT);
	RECORD(PROF_REC_NODES, UINT64_MAX, 2, 1, 2, 1, 1, 2, 1);
	decode();
	EQ(n_rows, 0);
}

TEST(values_no_program_can_reach)
{
	define();
	RECORD(PROF_REC_SAMPLES, 0, UINT64_MAX, 1, 2, 1, 0, 2, 1);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_VALUE);
	RECORD(PROF_REC_SAMPLES, 1, 1, 1, prof_zigzag(-2), 1, 0, 1, 1);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_VALUE);
	RECORD(PROF_REC_HEAP, 0, 1, 1, 0, 2, 1, 1, UINT64_MAX, 1);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_VALUE);
	RECORD(PROF_REC_HEAP, 0, 1, 1, 3, 2, 1, 1);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_OP);
	RECORD(PROF_REC_MAPPING, 2, 1, 0x2000, 0x1000, 0, 0, 0, 0, 0, 1, 0);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_RANGE);
}

TEST(build_id_beyond_the_record)
{
	RECORD(PROF_REC_MAPPING, 1, 1, 0x1000, 0x2000, 0, 0, 0, 0, 0, 0, 20, 1, 2, 3);
	decode();
	EQ(n_rows, 0);
	EQ(last_error, ERR_RECORD_CUT);
}

/* Any cut of any record: no row that is not whole, and no read past the end
 * (which a sanitizer sees). */
TEST(every_truncation)
{
	size_t whole;

	define();
	RECORD(PROF_REC_CUMULATIVE, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 3, 4);
	RECORD(PROF_REC_SAMPLES, 100, 10, 2, 2, 7, 3, 2, 2, 2, 8, 4, 1, 0);
	RECORD(PROF_REC_SAMPLE_COLUMNS, 100, 10, 1, 1, 2, 1, 7, 1, 3, 1, 2, 1, 2);
	RECORD(PROF_REC_HEAP, 100, 512, 2, 0, 2, 1, 33, 64, 2, 1, 2, 2, 33);
	RECORD(PROF_REC_THREAD_STATS, 9, 1, 1, 6, 10, 11, 12, 13, 14);
	whole = (size_t)(end - frame);
	for (size_t len = 0; len < whole; len++) {
		end = frame + len;
		decode();
		TRUE(n_rows < 8);
		TRUE(n_errors <= 1);
	}
	end = frame + whole;
	decoder.lossy = false;
	decode();
	EQ(n_rows, 8);
	EQ(n_errors, 0);
}

TEST(names)
{
	STREQ(decode_record_name(PROF_REC_THREAD_STATS), "thread_stats");
	TRUE(decode_record_name(0) == NULL);
	TRUE(decode_record_name(99) == NULL);
}
