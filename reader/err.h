/* SPDX-License-Identifier: Apache-2.0
 *
 * err.h - what can be wrong with a trace, as codes with their texts, and the
 * one way the reader speaks on stderr: `prof: FILE: offset N: what: why`.
 * Called by every reader file, on the reader's only thread.  File names and
 * details are made safe for a terminal here.
 */
#ifndef PROF_ERR_H
#define PROF_ERR_H

#include <glib.h>
#include <stdint.h>

#define ERR_LIST(X)                                                              \
	X(NONE, "no error")                                                      \
	X(OPEN, "cannot be opened")                                              \
	X(READ, "cannot be read")                                                \
	X(EMPTY, "the file is empty")                                            \
	X(FOREIGN, "not a libprof segment")                                      \
	X(NEWER, "written for a newer prof")                                     \
	X(HEADER_CUT, "cut short by the end of the file")                        \
	X(HEADER_MAGIC, "wrong magic")                                           \
	X(HEADER_LENGTH, "its two lengths disagree")                             \
	X(HEADER_CHECKSUM, "checksum differs")                                   \
	X(HEADER_VERSIONS, "its two versions contradict each other")             \
	X(HEADER_FIELD, "a field runs past the end")                             \
	X(FRAME_MAGIC, "no frame begins here")                                   \
	X(FRAME_CUT, "cut short by the end of the file")                         \
	X(FRAME_LZ4, "damaged")                                                  \
	X(FRAME_NO_CHECKSUM, "has no content checksum")                          \
	X(FRAME_SIZE, "content above 4 MiB")                                     \
	X(FRAME_BUDGET, "too much damage, the rest of the file is not searched") \
	X(RECORD_LENGTH, "longer than its frame")                                \
	X(RECORD_CUT, "ends inside a row")                                       \
	X(RECORD_COUNT, "more rows than its length can hold")                    \
	X(RECORD_ID, "an id is 0 or out of order")                               \
	X(RECORD_REFERENCE, "refers to something not defined")                   \
	X(RECORD_PARENT, "a node's parent is not before it")                     \
	X(RECORD_RANGE, "a mapping ends before it starts")                       \
	X(RECORD_OP, "unknown heap operation")                                   \
	X(RECORD_VALUE, "a value no program can reach")                          \
	X(LIMIT, "beyond what is kept; left out")

#define ERR_ENUM(id, text) ERR_##id,
enum err { ERR_LIST(ERR_ENUM) ERR_COUNT };

/* The text of a code, never NULL. */
const char *err_text(enum err err);

/* Prints `prof: PATH: offset N: what: why`, or `why (detail)` when detail is
 * not NULL. */
void err_at(const char *path, uint64_t offset, const char *what, enum err err, const char *detail);

/* Prints `prof: MESSAGE`.  Text that is not ours goes through err_safe(). */
void err_say(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* A copy of text that is safe on a terminal; free with g_free(). */
char *err_safe(const char *text);

#endif
