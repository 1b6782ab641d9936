/* SPDX-License-Identifier: Apache-2.0
 *
 * file_view.c - see file_view.h.
 */
#include "file_view.h"

#include <string.h>

#include "sys.h"

#define BLOCK_BYTES UINT64_C(4096)
#define EAGER_BYTES_MAX (UINT64_C(64) << 20)

static bool have_copy(struct file_view *v)
{
	if (!v->copy)
		v->copy = sys_map_unforked((size_t)v->size);
	return v->copy;
}

static bool read_map(const struct file_view *v, uint64_t at, void *buf, uint64_t n)
{
	return sys_read_own_memory((uint64_t)(uintptr_t)v->map + at, buf, n) == (ssize_t)n;
}

static bool fill(struct file_view *v, uint64_t block)
{
	uint64_t at = block * BLOCK_BYTES, n = v->size - at;

	if (n > BLOCK_BYTES)
		n = BLOCK_BYTES;
	v->have[block] = read_map(v, at, v->copy + at, n);
	return v->have[block];
}

/* Reading our own memory through the kernel is refused by some sandboxes; asked once. */
static bool can_read_map(const struct file_view *v)
{
	static bool can;
	uint8_t byte;

	can = can || sys_read_own_memory((uint64_t)(uintptr_t)v->map, &byte, 1) == 1;
	return can;
}

/* Where it is refused: the whole, now. */
static bool fill_from(struct file_view *v, int fd)
{
	uint64_t n = v->size < EAGER_BYTES_MAX ? v->size : EAGER_BYTES_MAX;

	if (!have_copy(v))
		return false;
	for (uint64_t at = 0; at < n;) {
		ssize_t got = sys_pread(fd, v->copy + at, n - at, at);

		if (got <= 0)
			return false;
		at += (uint64_t)got;
	}
	memset(v->have, 1, n / BLOCK_BYTES + 1);
	v->size = n;
	return true;
}

struct file_view *file_view_open(struct arena *arena, int fd, uint64_t size)
{
	struct file_view *v = arena_alloc(arena, sizeof(*v));

	if (!v)
		return NULL;
	v->size = size;
	v->fd = fd;
	v->have = arena_alloc(arena, size / BLOCK_BYTES + 1);
	v->map = sys_map_fd((size_t)size, PROT_READ, MAP_PRIVATE, fd, 0, NULL);
	v->copy = NULL;
	if (v->map)
		SYS_CALL(SYS_madvise, v->map, size, MADV_DONTFORK, 0, 0, 0);
	if (v->have && v->map && (can_read_map(v) || fill_from(v, fd)))
		return v;
	file_view_close(v);
	return NULL;
}

void file_view_settle(struct file_view *v)
{
	v->fd = -1;
}

bool file_view_read(struct file_view *v, uint64_t offset, void *buf, uint64_t n)
{
	if (offset > v->size || n > v->size - offset)
		return false;
	if (v->fd >= 0)
		return sys_pread(v->fd, buf, n, offset) == (ssize_t)n;
	if (!have_copy(v)) /* no memory: each time, then */
		return read_map(v, offset, buf, n);
	for (uint64_t b = offset / BLOCK_BYTES; b * BLOCK_BYTES < offset + n; b++)
		if (!v->have[b] && !fill(v, b))
			return false;
	memcpy(buf, v->copy + offset, n);
	return true;
}

void file_view_close(struct file_view *v)
{
	if (v->map)
		sys_unmap((void *)(uintptr_t)v->map, v->size);
	if (v->copy)
		sys_unmap(v->copy, v->size);
	v->map = v->copy = NULL;
	v->size = 0;
}
