/* SPDX-License-Identifier: Apache-2.0
 *
 * decode_samples.c - records of samples to rows.  The loop that a large trace's time goes
 * into is here: take_good_rows(), for the columns that have been written since format
 * version 2.  The rows of version 1 are taken one by one.
 */
#include "decode_record.h"

/* What is stored of a sample, in this order. */
enum { SAMPLE_DT, SAMPLE_THREAD, SAMPLE_CPU, SAMPLE_WEIGHT, SAMPLE_STACK, SAMPLE_FIELDS };

/* The next row, of the fields f; its time counts from due. */
static bool take_row(struct record *r, const uint64_t *f, uint64_t due)
{
	struct row_sample *row = &r->event.sample;
	enum err err = ERR_NONE;

	row->t = due + (uint64_t)prof_unzigzag(f[SAMPLE_DT]);
	row->thread = (uint32_t)f[SAMPLE_THREAD];
	row->cpu = (uint32_t)(f[SAMPLE_CPU] >> 1);
	row->in_kernel = f[SAMPLE_CPU] & 1;
	row->weight = f[SAMPLE_WEIGHT];
	if (row->t > DECODE_NS_MAX || f[SAMPLE_CPU] > UINT32_MAX ||
	    __builtin_mul_overflow(row->weight, row->period_ns, &row->weight_ns) ||
	    row->weight_ns > DECODE_WEIGHT_NS_MAX)
		err = ERR_RECORD_VALUE;
	else if (f[SAMPLE_THREAD] >= DECODE_THREAD_ID_MAX)
		err = ERR_RECORD_ID;
	row->stack = decode_reference(r, f[SAMPLE_STACK], r->decoder->nodes);
	return decode_row(r, err);
}

/* t0 of the record, and what its rows have in common. */
static uint64_t begin(struct record *r, uint64_t *count)
{
	uint64_t t0 = prof_get_varint(&r->slice);

	r->event.sample.period_ns = prof_get_varint(&r->slice);
	*count = prof_get_varint(&r->slice);
	return t0;
}

void decode_samples(struct record *r)
{
	uint64_t count, due = begin(r, &count), f[SAMPLE_FIELDS];

	count = decode_count(r, count, prof_slice_left(&r->slice) / SAMPLE_FIELDS);
	for (uint64_t i = 0; i < count; i++, due = r->event.sample.t) {
		for (unsigned k = 0; k < SAMPLE_FIELDS; k++)
			f[k] = prof_get_varint(&r->slice);
		if (!take_row(r, f, due))
			break;
	}
}

#define TAKE_BYTES_MAX 5u

/* A varint of up to TAKE_BYTES_MAX bytes at *at, which are there; of a longer one says so. */
static inline uint64_t take_varint(const uint8_t **at, bool *longer)
{
	const uint8_t *p = *at;
	uint64_t v = *p++;

	for (unsigned shift = 7; p[-1] & 0x80; shift += 7) {
		if (shift > 7 * (TAKE_BYTES_MAX - 1)) {
			*longer = true;
			break;
		}
		v += ((uint64_t)*p++ << shift) - (UINT64_C(1) << shift);
	}
	*at = p;
	return v;
}

/* A varint ends with a byte below 0x80. */
static inline void skip_rows(struct prof_slice *column, uint64_t n)
{
	while (n)
		n -= *column->p++ < 0x80;
}

/* As many rows as all columns surely have, up to a batch. */
static uint64_t sure_rows(const struct prof_slice *columns, uint64_t count)
{
	uint64_t n = count < DECODE_BATCH ? count : DECODE_BATCH;

	for (unsigned k = 0; k < SAMPLE_FIELDS; k++) {
		uint64_t sure = prof_slice_left(&columns[k]) / TAKE_BYTES_MAX;

		n = sure < n ? sure : n;
	}
	return n;
}

/* The next rows as long as nothing is wrong with them, no field is longer than usual and
 * the columns surely go on; returns how many were taken.  The first is due then. */
static uint64_t take_good_rows(struct record *r, struct prof_slice *columns, uint64_t count,
			       uint64_t due)
{
	const uint8_t *at[SAMPLE_FIELDS];
	const uint64_t period_ns = r->event.sample.period_ns;
	const uint32_t nodes = r->decoder->nodes;
	struct row_sample rows[DECODE_BATCH], *next = rows;
	uint64_t n, sure = sure_rows(columns, count), thread, cpu, stack, ns;
	bool longer = r->slice.bad;

	for (unsigned k = 0; k < SAMPLE_FIELDS; k++)
		at[k] = columns[k].p;
	for (n = 0; n < sure; n++, next++) {
		next->t = due + (uint64_t)prof_unzigzag(take_varint(&at[SAMPLE_DT], &longer));
		thread = take_varint(&at[SAMPLE_THREAD], &longer);
		cpu = take_varint(&at[SAMPLE_CPU], &longer);
		next->weight = take_varint(&at[SAMPLE_WEIGHT], &longer);
		stack = take_varint(&at[SAMPLE_STACK], &longer);
		if (longer || next->t > DECODE_NS_MAX || thread >= DECODE_THREAD_ID_MAX ||
		    cpu > UINT32_MAX || stack > nodes ||
		    __builtin_mul_overflow(next->weight, period_ns, &ns) ||
		    ns > DECODE_WEIGHT_NS_MAX)
			break;
		next->period_ns = period_ns;
		next->weight_ns = ns;
		next->thread = (uint32_t)thread;
		next->stack = (uint32_t)stack;
		next->cpu = (uint32_t)(cpu >> 1);
		next->in_kernel = cpu & 1;
		due = next->t + period_ns;
	}
	if (!n)
		return 0;
	for (unsigned k = 0; k < SAMPLE_FIELDS; k++) {
		if (n == sure)
			columns[k].p = at[k];
		else /* which is within or behind a row that was not taken */
			skip_rows(&columns[k], n);
	}
	r->event.row += n;
	r->event.sample = rows[n - 1];
	r->decoder->samples(r->decoder->arg, rows, n);
	return n;
}

/* The columns, each with its length before it; the bytes of the shortest. */
static uint64_t get_columns(struct record *r, struct prof_slice *columns)
{
	uint64_t shortest = UINT64_MAX;

	for (unsigned k = 0; k < SAMPLE_FIELDS; k++) {
		uint64_t bytes = prof_get_varint(&r->slice);
		const uint8_t *p = prof_get_bytes(&r->slice, bytes);

		columns[k] = (struct prof_slice){ p, p ? p + bytes : NULL, !p };
		shortest = bytes < shortest ? bytes : shortest;
	}
	return shortest;
}

void decode_sample_columns(struct record *r)
{
	struct prof_slice columns[SAMPLE_FIELDS];
	uint64_t count, due = begin(r, &count), shortest = get_columns(r, columns);
	uint64_t f[SAMPLE_FIELDS], good;

	r->event.kind = PROF_REC_SAMPLES; /* see decode.h */
	count = decode_count(r, count, shortest);
	for (uint64_t i = 0; i < count; i++) {
		while (r->decoder->samples && (good = take_good_rows(r, columns, count - i, due))) {
			due = r->event.sample.t + r->event.sample.period_ns;
			i += good;
		}
		if (i == count)
			break;
		for (unsigned k = 0; k < SAMPLE_FIELDS; k++) {
			f[k] = prof_get_varint(&columns[k]);
			r->slice.bad |= columns[k].bad;
		}
		if (!take_row(r, f, due))
			break;
		due = r->event.sample.t + r->event.sample.period_ns;
	}
}
