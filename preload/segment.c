/* SPDX-License-Identifier: Apache-2.0
 *
 * segment.c - see segment.h; FORMAT.md describes the bytes.
 */
#define XXH_INLINE_ALL
#include "segment.h"

#include <errno.h>
#include <linux/falloc.h>
#include <lz4.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "../include/prof_format.h"
#include "apart.h"
#include "sys.h"
#include "trace_dir.h"

#define FILE_MODE 0600
#define COMMIT_BYTES 8u
#define SIZES_MAX 65536u
#define LAST_WORD_BYTES 4096u
#define ROOM_AHEAD_BYTES (4 * LAST_WORD_BYTES)
#define UNNAMED_SUFFIX ".new"

/* LZ4 frame descriptor: version 01, independent blocks, content checksum; blocks
 * of at most 4 MiB.  See the LZ4 frame format, "Frame Descriptor". */
#define LZ4_FLG 0x64
#define LZ4_BD 0x70
#define LZ4_BLOCK_UNCOMPRESSED 0x80000000u
#define LZ4_HEAD_BYTES 11u /* magic, FLG, BD, HC, block size */
#define LZ4_TAIL_BYTES 8u  /* end mark, content checksum */

static struct {
	bool keep;
	int fd; /* -1: not open; set before anything else by segment_make_trace */
	bool open;
	uint32_t number, oldest;
	uint64_t bytes, total;
	uint64_t reserved; /* end of the room kept for the current file */
	/* The one after it, when it has been made: its file, -1 where none is kept. */
	bool next_made;
	int next_fd;
	uint32_t next; /* its number, or the last that was tried */
	uint64_t next_bytes;
	bool counts_links; /* the file system does */
	bool unnamed_left; /* of an attempt to make it: to be removed before the next */
	uint8_t *out;
} seg;

static uint32_t sizes[SIZES_MAX] APART;	 /* bytes of segment n at n % SIZES_MAX */
static uint8_t lz4_state[1 << 15] APART; /* LZ4_sizeofState() is below; checked */

struct name {
	char text[64];
};

static struct name name_of(uint32_t number, const char *suffix)
{
	struct name name;
	int n = snprintf(name.text, sizeof(name.text), PROF_SEGMENT_NAME_FMT, number);

	snprintf(name.text + n, sizeof(name.text) - (size_t)n, "%s", suffix);
	return name;
}

int segment_make_trace(const char *path, bool keep_descriptors)
{
	seg.keep = keep_descriptors;
	seg.fd = -1;
	seg.open = false;
	seg.number = seg.next = 0;
	seg.next_made = seg.unnamed_left = false;
	seg.oldest = 1;
	seg.bytes = seg.total = 0;
	if (!seg.out)
		seg.out = sys_map_unforked(LZ4_COMPRESSBOUND(PROF_FRAME_BYTES_MAX) + 64);
	if (!seg.out || (size_t)LZ4_sizeofState() > sizeof(lz4_state))
		return -ENOMEM;
	return trace_dir_make(path, keep_descriptors);
}

void segment_reset_in_child(void)
{
	seg.out = NULL;
	seg.open = seg.next_made = seg.unnamed_left = false;
	seg.number = seg.next = 0;
}

/* The current segment's file, open. */
static int file_open(void)
{
	int dir, fd;

	if (seg.fd >= 0)
		return seg.fd;
	dir = trace_dir_enter();
	if (dir < 0)
		return dir;
	fd = sys_openat(dir, name_of(seg.number, "").text, O_RDWR | O_NOFOLLOW, 0);
	trace_dir_leave(dir);
	return fd;
}

static void file_release(int fd)
{
	if (seg.keep)
		seg.fd = fd;
	else
		sys_close(fd);
}

void segment_reattach(bool keep_descriptors)
{
	int fd;

	seg.keep = keep_descriptors;
	seg.fd = seg.next_fd = -1;
	trace_dir_reattach(keep_descriptors);
	fd = seg.open ? file_open() : -1;
	seg.open = fd >= 0;
	if (seg.open)
		file_release(fd);
}

static int write_all(int fd, const uint8_t *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t done = sys_pwrite(fd, p, n, at);

		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done ? (int)done : -EIO;
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static void account(uint64_t bytes)
{
	seg.bytes += bytes;
	seg.total += bytes;
	sizes[seg.number % SIZES_MAX] = seg.bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)seg.bytes;
}

/* Its length, or -errno. */
static int write_header(int fd, const struct buffer *fields)
{
	uint8_t head[8 + PROF_HEADER_FIXED_BYTES];
	int err;

	prof_put_u32(head, PROF_SKIP_HEADER);
	prof_put_u32(head + 4, (uint32_t)(PROF_HEADER_FIXED_BYTES + fields->used));
	memcpy(head + 8, PROF_HEADER_MAGIC, PROF_HEADER_MAGIC_BYTES);
	prof_put_u16(head + 16, PROF_FORMAT_VERSION);
	prof_put_u16(head + 18, PROF_FORMAT_MIN_READER);
	prof_put_u32(head + 20, (uint32_t)fields->used);
	prof_put_u32(head + 24, XXH32(fields->bytes, fields->used, 0));
	/* One write, so that no reader finds half a header. */
	memcpy(seg.out, head, sizeof(head));
	memcpy(seg.out + sizeof(head), fields->bytes, fields->used);
	err = write_all(fd, seg.out, sizeof(head) + fields->used, 0);
	return err ? err : (int)(sizeof(head) + fields->used);
}

static int allocate(int fd, uint64_t from, uint64_t bytes)
{
	return (int)SYS_CALL(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, from, bytes, 0, 0);
}

/* Room for a last word: on a full disk there must still be space to say so.  Where there is
 * more, it is not asked for each time. */
static void reserve_room(int fd, uint64_t bytes)
{
	int err;

	if (bytes + LAST_WORD_BYTES <= seg.reserved)
		return;
	err = allocate(fd, bytes, ROOM_AHEAD_BYTES);
	if (err && err != -EOPNOTSUPP)
		allocate(fd, bytes, LAST_WORD_BYTES);
	else
		seg.reserved = err ? UINT64_MAX : bytes + ROOM_AHEAD_BYTES;
}

/* The file gets its name when its header is in it: there is no instant at
 * which a segment is not valid.  A name that is taken is left alone. */
static int create_file(int dir, uint32_t number, const struct buffer *header_fields)
{
	struct name name = name_of(number, ""), unnamed = name_of(number, UNNAMED_SUFFIX);
	struct stat st;
	int fd, n;

	if (SYS_CALL(SYS_newfstatat, dir, name.text, &st, AT_SYMLINK_NOFOLLOW, 0, 0) == 0)
		return -EEXIST;
	n = seg.unnamed_left ? sys_unlinkat(dir, unnamed.text, 0) : 0;
	if (n < 0 && n != -ENOENT)
		return n;
	seg.unnamed_left = false;
	fd = sys_openat(dir, unnamed.text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return fd;
	SYS_CALL(SYS_fchmod, fd, FILE_MODE, 0, 0, 0, 0); /* the umask may be the program's */
	n = write_header(fd, header_fields);
	if (n >= 0) {
		seg.next_bytes = (uint64_t)n;
		allocate(fd, seg.next_bytes, LAST_WORD_BYTES);
		n = (int)SYS_CALL(SYS_renameat, dir, unnamed.text, dir, name.text, 0, 0);
	}
	if (n >= 0)
		return fd;
	sys_close(fd);
	/* Not where the rights were lost in between. */
	seg.unnamed_left = sys_unlinkat(dir, unnamed.text, 0) < 0;
	return n;
}

uint32_t segment_next(void)
{
	return (seg.next > seg.number ? seg.next : seg.number) + 1;
}

int segment_make_next(const struct buffer *header_fields)
{
	uint32_t number = segment_next();
	int dir, fd;

	if (seg.next_made)
		return 0;
	dir = trace_dir_enter();
	if (dir < 0)
		return dir;
	fd = create_file(dir, number, header_fields);
	trace_dir_leave(dir);
	if (fd >= 0 || fd == -EEXIST) {
		seg.next = number;
		sizes[number % SIZES_MAX] = 0;
	}
	if (fd < 0)
		return fd;
	if (!seg.keep)
		sys_close(fd);
	seg.next_fd = seg.keep ? fd : -1;
	seg.next_made = true;
	return 0;
}

int segment_open(const struct buffer *header_fields)
{
	int err = segment_make_next(header_fields);

	if (err)
		return err;
	segment_close();
	seg.number = seg.next;
	seg.fd = seg.next_fd;
	seg.next_made = false;
	seg.bytes = seg.reserved = 0;
	account(seg.next_bytes);
	seg.open = true;
	return 0;
}

/* content as one LZ4 frame at seg.out; its length. */
static size_t compress(const struct buffer *content)
{
	uint8_t *p = seg.out;
	int n = LZ4_compress_fast_extState(lz4_state, (const char *)content->bytes,
					   (char *)p + LZ4_HEAD_BYTES, (int)content->used,
					   LZ4_COMPRESSBOUND(PROF_FRAME_BYTES_MAX), 1);
	uint32_t size = (uint32_t)n;

	if (n <= 0 || (size_t)n >= content->used) {
		memcpy(p + LZ4_HEAD_BYTES, content->bytes, content->used);
		n = (int)content->used;
		size = (uint32_t)n | LZ4_BLOCK_UNCOMPRESSED;
	}
	prof_put_u32(p, PROF_LZ4_MAGIC);
	p[4] = LZ4_FLG;
	p[5] = LZ4_BD;
	p[6] = (uint8_t)(XXH32(p + 4, 2, 0) >> 8);
	prof_put_u32(p + 7, size);
	p += LZ4_HEAD_BYTES + n;
	prof_put_u32(p, 0);
	prof_put_u32(p + 4, XXH32(content->bytes, content->used, 0));
	return (size_t)n + LZ4_HEAD_BYTES + LZ4_TAIL_BYTES;
}

/* What is written to a file without a name is lost.  Some file systems never count names. */
static bool is_deleted(int fd)
{
	struct stat st;

	if (sys_fstat(fd, &st) || (!st.st_nlink && !seg.counts_links))
		return false;
	seg.counts_links = true;
	return !st.st_nlink;
}

/* A write can be cut by a kill at any byte, so the frame goes in behind a
 * skippable header first; one aligned-enough eight-byte write commits it. */
int segment_write(const struct buffer *content)
{
	uint8_t real[COMMIT_BYTES];
	size_t n = compress(content);
	int fd = file_open(), err;

	if (fd < 0)
		return fd;
	if (is_deleted(fd)) {
		file_release(fd);
		return -ENOENT;
	}
	memcpy(real, seg.out, sizeof(real));
	prof_put_u32(seg.out, PROF_SKIP_UNCOMMITTED);
	prof_put_u32(seg.out + 4, (uint32_t)(n - COMMIT_BYTES));
	err = write_all(fd, seg.out, n, seg.bytes);
	if (!err)
		err = write_all(fd, real, sizeof(real), seg.bytes);
	if (err)
		sys_ftruncate(fd, seg.bytes);
	else
		account(n);
	if (!err)
		reserve_room(fd, seg.bytes);
	file_release(fd);
	return err;
}

void segment_take_back(uint64_t bytes)
{
	int fd = seg.open ? file_open() : -1;

	if (fd < 0)
		return;
	if (sys_ftruncate(fd, seg.bytes - bytes) == 0) {
		account(-bytes);
		seg.reserved = 0; /* it went, too */
		reserve_room(fd, seg.bytes);
	}
	file_release(fd);
}

void segment_close(void)
{
	int fd = seg.open ? file_open() : -1; /* open is false before the first trace */

	if (fd >= 0) {
		sys_ftruncate(fd, seg.bytes); /* gives the reserved room back */
		sys_close(fd);
	}
	seg.fd = -1;
	seg.open = false;
}

uint64_t segment_bytes(void)
{
	return seg.bytes;
}

uint64_t segment_total_bytes(void)
{
	return seg.total;
}

uint32_t segment_number(void)
{
	return seg.number;
}

bool segment_is_open(void)
{
	return seg.open;
}

uint32_t segment_drop_oldest(uint64_t limit)
{
	uint32_t dropped = 0;
	int dir = -1, err;

	for (; limit && seg.total > limit && seg.oldest < seg.number; seg.oldest++) {
		uint64_t bytes = sizes[seg.oldest % SIZES_MAX];

		if (!bytes) /* the name was taken: not ours to delete */
			continue;
		if (dir < 0)
			dir = trace_dir_enter();
		err = dir < 0 ? dir : sys_unlinkat(dir, name_of(seg.oldest, "").text, 0);
		if (err && err != -ENOENT)
			break; /* still there */
		seg.total -= bytes < seg.total ? bytes : seg.total;
		dropped++;
	}
	if (dir >= 0)
		trace_dir_leave(dir);
	return dropped;
}
