/* SPDX-License-Identifier: Apache-2.0
 *
 * json_write.h - a JSON text written to a stream as it is made: no tree, no
 * memory, commas and line breaks placed here so that exporters only name
 * members and values.  Called by out_json*.c, single-threaded.  It cannot make
 * an invalid text as long as every begin has its end; write errors stay in
 * the stream, for the caller to see with ferror().
 *
 * Numbers are written exactly, as integers up to 64 bits; a reader that keeps
 * numbers as doubles loses the low bits above 2^53 (JSON.md says which fields
 * can get there).
 */
#ifndef PROF_JSON_WRITE_H
#define PROF_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_writer {
	FILE *file;
	unsigned depth;	      /* objects and arrays that are open */
	unsigned lines_depth; /* values at most this deep start on a line of their own */
	bool first;	      /* nothing has been written in the innermost one yet */
};

/* Starts a text on file, which the caller owns and closes.  lines_depth 0
 * keeps the whole text on one line. */
void json_init(struct json_writer *json, FILE *file, unsigned lines_depth);

/* Each value takes the member name it has in its object, or NULL in an array
 * and at the top.  Names are literals of ours and written as they are. */
void json_begin_object(struct json_writer *json, const char *name);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json, const char *name);
void json_end_array(struct json_writer *json);

/* Text of any bytes, NULL for null.  Bytes that are no UTF-8 become U+FFFD;
 * control characters, those that reorder text and `<` are escaped, so that the
 * JSON itself can be looked at on a terminal and pasted into a page. */
void json_text(struct json_writer *json, const char *name, const char *text);

/* As json_text, for a member whose name is not ours either. */
void json_text_named(struct json_writer *json, const char *name, const char *text);

void json_uint(struct json_writer *json, const char *name, uint64_t value);
void json_int(struct json_writer *json, const char *name, int64_t value);
void json_bool(struct json_writer *json, const char *name, bool value);
void json_null(struct json_writer *json, const char *name);

/* A finite number in fixed point; what is not finite becomes null. */
void json_real(struct json_writer *json, const char *name, double value, int decimals);

/* An address as a string, "0x" and hexadecimal digits. */
void json_address(struct json_writer *json, const char *name, uint64_t value);

#endif
