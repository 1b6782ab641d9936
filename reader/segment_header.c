/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_header.c - header fields by number, driven by PROF_HEADER_FIELDS.
 */
#include "segment_header.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "prof_wire.h"

bool segment_header_likely(const uint8_t *bytes, size_t len)
{
	if (len >= 4 && prof_get_u32(bytes) == PROF_SKIP_HEADER)
		return len < 8 + PROF_HEADER_MAGIC_BYTES || memcmp(bytes + 8, "LIB", 3) == 0 ||
		       memcmp(bytes + 11, "PROF", 4) == 0;
	return len >= 8 + PROF_HEADER_MAGIC_BYTES &&
	       memcmp(bytes + 8, PROF_HEADER_MAGIC, PROF_HEADER_MAGIC_BYTES) == 0;
}

bool segment_content_likely(const uint8_t *bytes, size_t len)
{
#define RECORD_KIND(id, number, name) \
	case number: known++; break;
	struct prof_slice content = { bytes, bytes + len, false };
	size_t known = 0, unknown = 0; /* a later version writes some of the latter */

	while (prof_slice_left(&content)) {
		switch (*content.p++) {
			PROF_RECORDS(RECORD_KIND)
		default: unknown++;
		}
		prof_get_bytes(&content, prof_get_varint(&content));
	}
	return known > unknown && !content.bad;
}

/* 'u', 's' or 'b'; 0 for fields this version does not know. */
static char segment_field_type(uint64_t key)
{
#define FIELD_TYPE(id, number, type, name) \
	case number: return #type[0];
	switch (key) {
		PROF_HEADER_FIELDS(FIELD_TYPE)
	}
	return 0;
}

static void segment_set_text(struct segment_header *header, uint64_t key, char type,
			     const uint8_t *bytes, size_t len)
{
	char *text = g_malloc(len + 1);

	if (len)
		memcpy(text, bytes, len);
	text[len] = '\0';
	for (size_t i = 0; type == 's' && i < len; i++)
		if (!text[i])
			text[i] = ' ';
	if (key == PROF_HDR_SETTING) {
		g_ptr_array_add(header->settings, text);
	} else {
		g_free(header->text[key]);
		header->text[key] = text;
		header->text_len[key] = len;
	}
	header->present[key] = true;
}

static enum err segment_parse_fields(struct segment_header *header, struct prof_slice *fields)
{
	while (prof_slice_left(fields)) {
		uint64_t key = prof_get_varint(fields);
		uint64_t len = prof_get_varint(fields);
		const uint8_t *value = prof_get_bytes(fields, len);
		char type = segment_field_type(key);

		if (fields->bad)
			return ERR_HEADER_FIELD;
		if (type == 'u') {
			struct prof_slice number = { value, value + len, false };
			uint64_t v = prof_get_varint(&number);

			if (number.bad)
				return ERR_HEADER_FIELD;
			header->number[key] = v;
			header->present[key] = true;
		} else if (type) {
			segment_set_text(header, key, type, value, len);
		}
	}
	return ERR_NONE;
}

enum err segment_header_parse(struct segment_header *header, const uint8_t *bytes, size_t len)
{
	struct prof_slice fields;
	bool contradict;
	enum err err;

	if (len < PROF_HEADER_FIXED_BYTES)
		return ERR_HEADER_CUT;
	if (memcmp(bytes, PROF_HEADER_MAGIC, PROF_HEADER_MAGIC_BYTES) != 0)
		return ERR_HEADER_MAGIC;
	header->version = prof_get_u16(bytes + 8);
	header->min_reader = prof_get_u16(bytes + 10);
	if (prof_get_u32(bytes + 12) != len - PROF_HEADER_FIXED_BYTES)
		return ERR_HEADER_LENGTH;
	fields.p = bytes + PROF_HEADER_FIXED_BYTES;
	fields.end = bytes + len;
	fields.bad = false;
	if (XXH32(fields.p, len - PROF_HEADER_FIXED_BYTES, 0) != prof_get_u32(bytes + 16))
		return ERR_HEADER_CHECKSUM;
	/* No checksum covers the versions: damage must not refuse the segment. */
	contradict = header->min_reader > header->version;
	if (header->min_reader > PROF_FORMAT_VERSION && !contradict)
		return ERR_NEWER;
	err = segment_parse_fields(header, &fields);
	header->good = !err;
	return !err && contradict ? ERR_HEADER_VERSIONS : err;
}

void segment_header_fini(struct segment_header *header)
{
	for (unsigned i = 0; i < SEGMENT_FIELD_MAX; i++)
		g_free(header->text[i]);
	if (header->settings)
		g_ptr_array_free(header->settings, TRUE);
	memset(header, 0, sizeof(*header));
}
