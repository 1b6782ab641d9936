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

#define PATH_BYTES 4096u
#define SUFFIX_MAX 10000u
#define DIRECTORY_MODE 0700
#define FILE_MODE 0600
#define COMMIT_BYTES 8u
#define SIZES_MAX 65536u
#define LAST_WORD_BYTES 4096u
#define UNNAMED_SUFFIX ".new"

/* LZ4 frame descriptor: version 01, independent blocks, content checksum; blocks
 * of at most 4 MiB.  See the LZ4 frame format, "Frame Descriptor". */
#define LZ4_FLG 0x64
#define LZ4_BD 0x70
#define LZ4_BLOCK_UNCOMPRESSED 0x80000000u
#define LZ4_HEAD_BYTES 11u /* magic, FLG, BD, HC, block size */
#define LZ4_TAIL_BYTES 8u  /* end mark, content checksum */

static struct {
	char path[PATH_BYTES];
	bool keep;
	int dir, fd; /* -1: not open; set before anything else by segment_make_trace */
	bool open;
	uint32_t number, oldest;
	uint64_t bytes, total;
	uint32_t sizes[SIZES_MAX]; /* bytes of segment n at n % SIZES_MAX */
	uint8_t *out;
	uint8_t lz4_state[1 << 15]; /* LZ4_sizeofState() is below; checked */
} seg;

static void segment_name(char *name, size_t bytes, uint32_t number)
{
	snprintf(name, bytes, PROF_SEGMENT_NAME_FMT, number);
}

/* A relative path is bound to the directory of this moment. */
static int absolute(const char *path, char *to, size_t bytes)
{
	char cwd[PATH_BYTES];
	int n;

	if (*path == '/') {
		n = snprintf(to, bytes, "%s", path);
	} else {
		if (SYS_CALL(SYS_getcwd, cwd, sizeof(cwd), 0, 0, 0, 0) < 0)
			return -ENOENT;
		n = snprintf(to, bytes, "%s/%s", cwd, path);
	}
	return n < 0 || (size_t)n + 64 > bytes ? -ENAMETOOLONG : 0;
}

/* mkdir neither follows a link at the end of the path nor takes a directory
 * that exists: what we get is new and ours. */
static int make_directory(void)
{
	size_t n = strlen(seg.path);
	int err = sys_mkdir(seg.path, DIRECTORY_MODE);
	struct stat st;

	if (err == -EEXIST &&
	    SYS_CALL(SYS_newfstatat, AT_FDCWD, seg.path, &st, AT_SYMLINK_NOFOLLOW, 0, 0) == 0 &&
	    !S_ISDIR(st.st_mode))
		return -ENOTDIR; /* not one of our traces: nobody meant a name beside it */
	for (unsigned i = 2; err == -EEXIST && i < SUFFIX_MAX; i++) {
		snprintf(seg.path + n, sizeof(seg.path) - n, ".%u", i);
		err = sys_mkdir(seg.path, DIRECTORY_MODE);
	}
	return err;
}

int segment_make_trace(const char *path, bool keep_descriptors)
{
	int err;

	seg.keep = keep_descriptors;
	seg.dir = seg.fd = -1;
	seg.open = false;
	seg.number = 0;
	seg.oldest = 1;
	seg.bytes = seg.total = 0;
	if (!seg.out)
		seg.out = sys_map_unforked(LZ4_COMPRESSBOUND(PROF_FRAME_BYTES_MAX) + 64);
	if (!seg.out || (size_t)LZ4_sizeofState() > sizeof(seg.lz4_state))
		return -ENOMEM;
	err = absolute(path, seg.path, sizeof(seg.path));
	if (!err)
		err = make_directory();
	if (err || !keep_descriptors)
		return err;
	seg.dir = sys_open(seg.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return seg.dir < 0 ? seg.dir : 0;
}

void segment_reattach(bool keep_descriptors)
{
	seg.keep = keep_descriptors;
	seg.fd = -1;
	seg.open = false;
	seg.dir =
		keep_descriptors ? sys_open(seg.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) : -1;
}

void segment_reset_in_child(void)
{
	seg.out = NULL;
	seg.open = false;
	seg.number = 0;
}

const char *segment_path(void)
{
	return seg.path;
}

/* Name of a segment for the *at calls that take seg.dir: relative to it where it
 * is open, else absolute. */
static const char *segment_at(char *name, size_t bytes, uint32_t number, const char *suffix)
{
	size_t n = 0;

	if (seg.dir < 0)
		n = (size_t)snprintf(name, bytes, "%s/", seg.path);
	segment_name(name + n, bytes - n, number);
	n += strlen(name + n);
	snprintf(name + n, bytes - n, "%s", suffix);
	return name;
}

static int dir_or_cwd(void)
{
	return seg.dir >= 0 ? seg.dir : AT_FDCWD;
}

/* The current segment's file, open. */
static int file_open(void)
{
	char name[PATH_BYTES + 64];

	if (seg.fd >= 0)
		return seg.fd;
	return sys_openat(dir_or_cwd(), segment_at(name, sizeof(name), seg.number, ""),
			  O_RDWR | O_NOFOLLOW, 0);
}

static void file_release(int fd)
{
	if (seg.keep)
		seg.fd = fd;
	else
		sys_close(fd);
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
	seg.sizes[seg.number % SIZES_MAX] =
		seg.bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)seg.bytes;
}

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
	if (!err)
		account(sizeof(head) + fields->used);
	return err;
}

static void remove_segment(uint32_t number, const char *suffix)
{
	char name[PATH_BYTES + 64];

	sys_unlinkat(dir_or_cwd(), segment_at(name, sizeof(name), number, suffix), 0);
}

/* Room for a last word: on a full disk there must still be space to say so. */
static void reserve_room(int fd)
{
	SYS_CALL(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, seg.bytes, LAST_WORD_BYTES, 0, 0);
}

/* The file gets its name when its header is in it: there is no instant at
 * which a segment is not valid. */
int segment_open(const struct buffer *header_fields)
{
	char name[PATH_BYTES + 64], unnamed[PATH_BYTES + 64];
	int fd, err;

	segment_close();
	seg.number++;
	seg.bytes = 0;
	segment_at(name, sizeof(name), seg.number, "");
	segment_at(unnamed, sizeof(unnamed), seg.number, UNNAMED_SUFFIX);
	fd = sys_openat(dir_or_cwd(), unnamed, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
	if (fd < 0) {
		seg.number--;
		return fd;
	}
	err = write_header(fd, header_fields);
	if (!err)
		err = (int)SYS_CALL(SYS_renameat, dir_or_cwd(), unnamed, dir_or_cwd(), name, 0, 0);
	if (err) {
		sys_close(fd);
		remove_segment(seg.number--, UNNAMED_SUFFIX);
		return err;
	}
	reserve_room(fd);
	file_release(fd);
	seg.open = true;
	return 0;
}

/* content as one LZ4 frame at seg.out; its length. */
static size_t compress(const struct buffer *content)
{
	uint8_t *p = seg.out;
	int n = LZ4_compress_fast_extState(seg.lz4_state, (const char *)content->bytes,
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

/* A write can be cut by a kill at any byte, so the frame goes in behind a
 * skippable header first; one aligned-enough eight-byte write commits it. */
int segment_write(const struct buffer *content)
{
	uint8_t real[COMMIT_BYTES];
	size_t n = compress(content);
	int fd = file_open(), err;

	if (fd < 0)
		return fd;
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
		reserve_room(fd);
	file_release(fd);
	return err;
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

	for (; limit && seg.total > limit && seg.oldest < seg.number; seg.oldest++, dropped++) {
		uint64_t bytes = seg.sizes[seg.oldest % SIZES_MAX];

		remove_segment(seg.oldest, "");
		seg.total -= bytes < seg.total ? bytes : seg.total;
	}
	return dropped;
}
