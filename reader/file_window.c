/* SPDX-License-Identifier: Apache-2.0
 *
 * file_window.c - see file_window.h.
 */
#define _GNU_SOURCE /* memmem, SEEK_DATA */
#include "file_window.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const uint8_t *file_window_peek(struct file_window *w, uint64_t offset, size_t wanted, size_t *len)
{
	uint64_t left = offset < w->end ? w->end - offset : 0;
	uint64_t inside = offset - w->offset;
	size_t want = left < wanted ? (size_t)left : wanted;
	ssize_t n;

	if (offset < w->offset || inside > w->len || w->len - inside < want) {
		w->offset = offset;
		w->len = 0;
		inside = 0;
		while (w->len < FILE_WINDOW_BYTES && w->len < left) {
			n = pread(w->fd, w->bytes + w->len, FILE_WINDOW_BYTES - w->len,
				  (off_t)(offset + w->len));
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				break;
			w->len += (size_t)n;
		}
	}
	*len = w->len - (size_t)inside;
	if (*len > left)
		*len = (size_t)left;
	return w->bytes + inside;
}

/* The next offset at which the file has bytes of its own: what is looked for has
 * no zeros, and a terabyte of nothing is not read. */
static uint64_t file_window_data(const struct file_window *w, uint64_t offset)
{
	off_t data = lseek(w->fd, (off_t)offset, SEEK_DATA);

	if (data >= 0)
		return (uint64_t)data;
	return errno == ENXIO ? w->end : offset;
}

uint64_t file_window_find(struct file_window *w, uint64_t offset, const uint8_t bytes[4])
{
	const uint8_t *p, *hit;
	size_t available;

	while (offset + 4 <= w->end) {
		if (offset < w->offset || offset + 4 > w->offset + w->len)
			offset = file_window_data(w, offset);
		p = file_window_peek(w, offset, 4, &available);
		if (available < 4)
			break;
		hit = memmem(p, available, bytes, 4);
		if (hit)
			return offset + (uint64_t)(hit - p);
		offset += available - 3; /* the magic may lie across */
	}
	return w->end;
}
