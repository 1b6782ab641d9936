/* SPDX-License-Identifier: Apache-2.0
 *
 * decode_record.h - what decode.c and decode_samples.c share: the record whose rows are
 * being taken, and the checks on its fields.
 */
#ifndef PROF_DECODE_RECORD_H
#define PROF_DECODE_RECORD_H

#include "decode.h"
#include "prof_wire.h"

/* One record being decoded. */
struct record {
	struct decoder *decoder;
	struct prof_slice slice;
	struct event event;
	enum err told; /* last error told: each kind once */
};

/* Tells of err; the rest of the record is lost, and with it perhaps definitions.  False. */
bool decode_refuse(struct record *r, enum err err);

/* Delivers the row when its fields were all there (r->slice is not bad) and err is none. */
bool decode_row(struct record *r, enum err err);

/* count of rows; with an error told most, when there cannot be as many, or 0, when
 * r->slice is bad. */
uint64_t decode_count(struct record *r, uint64_t count, uint64_t most);

/* id, or DECODE_BAD_REFERENCE, told, when it is above highest; 0 is none. */
uint32_t decode_reference(struct record *r, uint64_t id, uint32_t highest);

/* The records of samples: by row, as format version 1 has them, and by column. */
void decode_samples(struct record *r);
void decode_sample_columns(struct record *r);

#endif
