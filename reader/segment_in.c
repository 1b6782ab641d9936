/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_in.c - segment files, frame by frame.
 */
#include "segment_in.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_window.h"
#include "prof_wire.h"
#include "segment_header.h"

/* Bytes that may be decoded in vain while searching for a good frame: a file
 * made of false magics must not cost its size squared. */
#define SEARCH_BYTES_MAX (256u << 20)

struct segment_in {
	char *path;
	struct file_window file;
	uint64_t next; /* offset of the next frame */
	uint64_t searched;
	uint64_t uncommitted;
	struct segment_header header;
	segment_damage_fn *damage;
	void *arg;

	LZ4F_dctx *lz4;
	uint8_t *content; /* PROF_FRAME_BYTES_MAX + 1 bytes, made when first needed */
};

static void segment_tell(struct segment_in *s, uint64_t offset, const char *what, enum err err,
			 const char *detail)
{
	if (s->damage)
		s->damage(s->arg, offset, what, err, detail);
}

/* Decodes the LZ4 frame at offset into content.  On success *used is its
 * length in the file and *len that of its content; on failure *used is what
 * was looked at and *detail may say more. */
static enum err segment_decode_lz4(struct segment_in *s, uint64_t offset, uint64_t *used,
				   size_t *len, const char **detail)
{
	LZ4F_frameInfo_t info = LZ4F_INIT_FRAMEINFO;
	size_t available, src, dst, hint;
	const uint8_t *p;

	*used = 0;
	*len = 0;
	*detail = NULL;
	LZ4F_resetDecompressionContext(s->lz4);
	p = file_window_peek(&s->file, offset, LZ4F_HEADER_SIZE_MAX, &available);
	src = available;
	hint = LZ4F_getFrameInfo(s->lz4, &info, p, &src);
	if (LZ4F_isError(hint)) {
		*detail = LZ4F_getErrorName(hint);
		return available < LZ4F_HEADER_SIZE_MAX ? ERR_FRAME_CUT : ERR_FRAME_LZ4;
	}
	if (info.contentChecksumFlag != LZ4F_contentChecksumEnabled)
		return ERR_FRAME_NO_CHECKSUM;
	if (!s->content)
		s->content = g_malloc(PROF_FRAME_BYTES_MAX + 1);
	for (*used = src; hint; *used += src) {
		p = file_window_peek(&s->file, offset + *used, 1, &available);
		if (!available)
			return ERR_FRAME_CUT;
		src = available;
		dst = PROF_FRAME_BYTES_MAX + 1 - *len;
		hint = LZ4F_decompress(s->lz4, s->content + *len, &dst, p, &src, NULL);
		if (LZ4F_isError(hint)) {
			*detail = LZ4F_getErrorName(hint);
			return ERR_FRAME_LZ4;
		}
		*len += dst;
		if (*len > PROF_FRAME_BYTES_MAX)
			return ERR_FRAME_SIZE;
	}
	return ERR_NONE;
}

/* Offset of the next place from offset on that looks like an LZ4 frame, or the
 * end. */
static uint64_t segment_find_magic(struct segment_in *s, uint64_t offset)
{
	static const uint8_t magic[4] = { 0x04, 0x22, 0x4d, 0x18 };

	return file_window_find(&s->file, offset, magic);
}

/* After damage at offset: tells it, and makes next the next frame that decodes,
 * or the end. */
static void segment_resync(struct segment_in *s, uint64_t offset, enum err err, const char *detail)
{
	uint64_t at = offset, used;
	const char *ignored;
	char *text;
	size_t len;

	do {
		at = segment_find_magic(s, at + 1);
		if (at >= s->file.end ||
		    segment_decode_lz4(s, at, &used, &len, &ignored) == ERR_NONE)
			break;
		s->searched += used + len + sizeof(uint32_t);
	} while (s->searched < SEARCH_BYTES_MAX);
	if (s->searched >= SEARCH_BYTES_MAX && at < s->file.end) {
		segment_tell(s, at, "frame", ERR_FRAME_BUDGET, NULL);
		at = s->file.end;
	}
	text = g_strdup_printf("%s%s%" PRIu64 " bytes skipped", detail ? detail : "",
			       detail ? ", " : "", at - offset);
	segment_tell(s, offset, "frame", err, text);
	g_free(text);
	s->next = at;
}

/* Steps over a skippable frame. */
static void segment_skip(struct segment_in *s, uint32_t magic, uint32_t len)
{
	uint64_t left = s->file.end - s->next;

	if (magic == PROF_SKIP_UNCOMMITTED) {
		s->uncommitted++;
		/* Cut or still being written: nothing is behind it. */
		s->next = len > left - 8 ? s->file.end : s->next + 8 + len;
	} else if (len > left - 8) {
		segment_resync(s, s->next, ERR_FRAME_CUT, NULL);
	} else {
		s->next += 8 + (uint64_t)len;
	}
}

bool segment_next(struct segment_in *s, struct segment_frame *frame)
{
	uint64_t offset, used;
	const char *detail;
	const uint8_t *p;
	uint32_t magic;
	size_t len;
	enum err err;

	while (s->next < s->file.end) {
		offset = s->next;
		p = file_window_peek(&s->file, offset, 8, &len);
		magic = len >= 4 ? prof_get_u32(p) : 0;
		if (len >= 8 && (magic & PROF_SKIP_MASK) == PROF_SKIP_HEADER) {
			segment_skip(s, magic, prof_get_u32(p + 4));
			continue;
		}
		if (magic != PROF_LZ4_MAGIC) {
			err = len < 8 ? ERR_FRAME_CUT : ERR_FRAME_MAGIC;
			segment_resync(s, offset, err, NULL);
			continue;
		}
		err = segment_decode_lz4(s, offset, &used, &len, &detail);
		if (err) {
			segment_resync(s, offset, err, detail);
			continue;
		}
		s->next = offset + used;
		*frame = (struct segment_frame){ offset, s->content, len };
		return true;
	}
	return false;
}

/* Reads and checks the header; next becomes the offset of what follows.
 * Damage is told here; the result is ERR_NONE unless the segment is refused. */
static enum err segment_read_header(struct segment_in *s)
{
	uint8_t *copy = NULL;
	const uint8_t *p;
	uint64_t len;
	size_t available;
	enum err err;
	bool magic;

	p = file_window_peek(&s->file, 0, 8 + PROF_HEADER_FIXED_BYTES, &available);
	if (!segment_header_likely(p, available))
		return ERR_FOREIGN;
	magic = available >= 4 && prof_get_u32(p) == PROF_SKIP_HEADER;
	len = available >= 8 ? prof_get_u32(p + 4) : 0;
	if (available < 8 || len > s->file.end - 8) {
		err = ERR_HEADER_CUT;
	} else if (len > SEGMENT_HEADER_BYTES_MAX) {
		err = ERR_HEADER_LENGTH;
	} else {
		s->next = 8 + len;
		copy = g_malloc(len + 1);
		for (uint64_t done = 0; done < len; done += available) {
			p = file_window_peek(&s->file, 8 + done, 1, &available);
			if (!available)
				break;
			available = MIN(available, len - done);
			memcpy(copy + done, p, available);
		}
		err = available || !len ? segment_header_parse(&s->header, copy, len)
					: ERR_HEADER_CUT;
		g_free(copy);
	}
	if (err && err != ERR_NEWER) {
		/* Its length may be what is wrong: frames follow where they look like it. */
		s->next = segment_find_magic(s, 8);
		segment_tell(s, 0, "header", err, NULL);
	} else if (!err && !magic) {
		segment_tell(s, 0, "header", ERR_HEADER_MAGIC, NULL);
	}
	return err == ERR_NEWER ? err : ERR_NONE;
}

/* Whether a file that does not begin as a segment goes on as one. */
static bool segment_lost_header(struct segment_in *s)
{
	segment_damage_fn *damage = s->damage;
	struct segment_frame frame;
	bool found;

	s->damage = NULL;
	s->next = segment_find_magic(s, 0);
	found = segment_next(s, &frame) && segment_content_likely(frame.data, frame.len);
	s->damage = damage;
	s->next = segment_find_magic(s, 0);
	s->searched = 0;
	s->uncommitted = 0;
	if (found)
		segment_tell(s, 0, "header", ERR_HEADER_MAGIC, NULL);
	return found;
}

enum err segment_open(struct segment_in **segment, const char *path, uint64_t limit,
		      segment_damage_fn *damage, void *arg)
{
	struct segment_in *s = g_new0(struct segment_in, 1);
	const char *detail = NULL;
	struct stat st = { 0 };
	enum err err = ERR_OPEN;

	s->path = g_strdup(path);
	s->damage = damage;
	s->arg = arg;
	s->header.settings = g_ptr_array_new_with_free_func(g_free);
	s->file.bytes = g_malloc(FILE_WINDOW_BYTES);
	/* O_NONBLOCK: a fifo must not make us wait for its writer. */
	s->file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (s->file.fd < 0 || fstat(s->file.fd, &st))
		detail = g_strerror(errno);
	else if (!S_ISREG(st.st_mode))
		detail = "not a regular file";
	else if (!st.st_size)
		err = ERR_EMPTY;
	else
		err = ERR_NONE;
	s->file.end = limit && limit < (uint64_t)st.st_size ? limit : (uint64_t)st.st_size;
	if (!err && LZ4F_isError(LZ4F_createDecompressionContext(&s->lz4, LZ4F_VERSION)))
		g_error("out of memory");
	if (!err)
		err = segment_read_header(s);
	if (err == ERR_FOREIGN && segment_lost_header(s))
		err = ERR_NONE;
	if (err) {
		segment_tell(s, 0, "segment", err, detail);
		segment_close(s);
		s = NULL;
	}
	*segment = s;
	return err;
}

const struct segment_header *segment_header(const struct segment_in *s)
{
	return &s->header;
}

uint64_t segment_number(const struct segment_in *s)
{
	const char *base = strrchr(s->path, '/');
	unsigned number = 0;

	if (s->header.present[PROF_HDR_SEGMENT])
		return s->header.number[PROF_HDR_SEGMENT];
	base = base ? base + 1 : s->path;
	return sscanf(base, "segment-%9u", &number) == 1 ? number : 0;
}

uint64_t segment_bytes(const struct segment_in *s)
{
	return s->file.end;
}

uint64_t segment_uncommitted(const struct segment_in *s)
{
	return s->uncommitted;
}

void segment_close(struct segment_in *s)
{
	if (!s)
		return;
	segment_header_fini(&s->header);
	if (s->file.fd >= 0)
		close(s->file.fd);
	LZ4F_freeDecompressionContext(s->lz4);
	g_free(s->content);
	g_free(s->file.bytes);
	g_free(s->path);
	g_free(s);
}
