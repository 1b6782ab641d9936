/* SPDX-License-Identifier: Apache-2.0
 *
 * file_window.h - a file read with pread() through a small window, never mapped:
 * a file that is cut while it is read must not become a SIGBUS.  For
 * segment_in.c, one a segment.
 */
#ifndef PROF_FILE_WINDOW_H
#define PROF_FILE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define FILE_WINDOW_BYTES (256u << 10)

/* fd and end are the user's to set; bytes is FILE_WINDOW_BYTES of its own. */
struct file_window {
	int fd;
	uint64_t end; /* bytes of the file to look at */
	uint8_t *bytes;
	uint64_t offset; /* of the first one in the file */
	size_t len;
};

/* Bytes of the file from offset on: at least one unless offset is at the end
 * or reading fails, at most what the window holds.  wanted bytes are there
 * when the file has them (wanted <= FILE_WINDOW_BYTES).  Valid until the next
 * call. */
const uint8_t *file_window_peek(struct file_window *w, uint64_t offset, size_t wanted, size_t *len);

/* Where these four bytes, the first not 0, are next, from offset on; the end when
 * nowhere. */
uint64_t file_window_find(struct file_window *w, uint64_t offset, const uint8_t bytes[4]);

#endif
