/* SPDX-License-Identifier: Apache-2.0
 *
 * decode_ahead.h - what the next rows of a record will lead to, for decode.c: read
 * from a copy of the slice and checked by nobody, since it is only used to ask for
 * memory in time.
 */
#ifndef PROF_DECODE_AHEAD_H
#define PROF_DECODE_AHEAD_H

#include "decode.h"

/* Tells decoder->ahead of the next rows, DECODE_AHEAD at most; first is the id of
 * the first node. */
void decode_ahead_nodes(const struct decoder *decoder, struct prof_slice slice, uint64_t first);
void decode_ahead_heap(const struct decoder *decoder, struct prof_slice slice);

#endif
