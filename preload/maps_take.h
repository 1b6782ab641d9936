/* SPDX-License-Identifier: Apache-2.0
 *
 * maps_take.h - between maps.c, which keeps the picture of executable memory,
 * and maps_proc.c, which reads it from /proc.  Writer thread only.
 */
#ifndef PROF_MAPS_TAKE_H
#define PROF_MAPS_TAKE_H

#include <stddef.h>

#include "maps.h"

/* [writer] Sets m->flags from what m->path says, and m->path to the bare file name (in text,
 * of text_bytes) or "".  header: run-time address of the file's first byte, or 0. */
void maps_classify(struct mapping *m, uint64_t header, char *text, size_t text_bytes);

/* [writer] Takes in a classified mapping; its path is copied.  Ranges that were known with
 * the same content stay as they are, those with another too unless it is newer.
 * 0 or -ENOMEM. */
int maps_take(const struct mapping *m, uint64_t header, bool newer);

/* [writer] The serial of the newest mapping; leaves out those after it again. */
uint32_t maps_newest(void);
void maps_drop_after(uint32_t serial);

/* maps_loader.c: [writer] starts its counts anew; remembers the loader's counters, against
 * which maps_changed compares, or forgets them, so that it finds a change; counts an object
 * that maps_forget was told of. */
void maps_loader_init(void);
void maps_note_loader(void);
void maps_forget_loader(void);
void maps_note_unload(void);

/* [writer] Where perf does not tell of mappings: whether an unloading is told of and still ahead of us, or was counted since
 * maps_note_loader: what lies in memory now may not be what the events at hand are of. */
bool maps_unloaded(void);

#endif
