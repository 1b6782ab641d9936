/* SPDX-License-Identifier: Apache-2.0
 *
 * out_dump.h - the lines of `prof dump`.  Private to out_dump.c, which walks the
 * segments, and out_dump_rows.c, which prints.
 */
#ifndef PROF_OUT_DUMP_H
#define PROF_OUT_DUMP_H

#include <stdio.h>

#include "decode.h"

/* One row: `FRAME+RECORD kind name=value ...`, offsets in the file and in the
 * frame's content. */
void dump_row(FILE *out, uint64_t frame_offset, const struct event *event);

/* Text in quotes, made safe for a terminal; up to its first NUL. */
void dump_safe(FILE *out, const char *text, size_t len);
void dump_hex(FILE *out, const uint8_t *bytes, size_t len);

#endif
