/* SPDX-License-Identifier: Apache-2.0
 *
 * test_json_write.c - the JSON writer: placement of commas and lines, and
 * escaping of hostile text.  What a parser makes of whole documents is tested
 * end to end.
 *
 * links: reader/json_write.c reader/format_units.c
 * flags: $(pkg-config --cflags glib-2.0)
 * libs: $(pkg-config --libs glib-2.0)
 */
#include "../../reader/json_write.h"

#include "../check.h"

static char *text;
static size_t text_bytes;

static FILE *begin(struct json_writer *json, unsigned lines_depth)
{
	FILE *file = open_memstream(&text, &text_bytes);

	json_init(json, file, lines_depth);
	return file;
}

/* The JSON of one text. */
static const char *escaped(const char *s)
{
	struct json_writer json;
	FILE *file = begin(&json, 0);

	json_text(&json, NULL, s);
	fclose(file);
	return text;
}

TEST(escapes_what_json_must)
{
	STREQ(escaped("plain"), "\"plain\"");
	STREQ(escaped(""), "\"\"");
	STREQ(escaped("a\"b\\c"), "\"a\\\"b\\\\c\"");
	STREQ(escaped("a\nb\x1b[31m\x7f"), "\"a\\u000ab\\u001b[31m\\u007f\"");
	STREQ(escaped(NULL), "null");
}

TEST(escapes_what_deceives)
{
	STREQ(escaped("\xc2\x9b"), "\"\\u009b\""); /* C1: CSI */
	STREQ(escaped("\xe2\x80\xae"
		      "cod"),
	      "\"\\u202ecod\""); /* right to left */
	STREQ(escaped("\xe2\x80\xa8"), "\"\\u2028\"");
}

TEST(escapes_what_a_page_would_run)
{
	STREQ(escaped("</script><!--"), "\"\\u003c/script>\\u003c!--\"");
	STREQ(escaped("a<b> & c"), "\"a\\u003cb> & c\"");
}

TEST(keeps_utf8)
{
	STREQ(escaped("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x89"),
	      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x89\"");
}

TEST(replaces_what_is_no_utf8)
{
	STREQ(escaped("a\xff"
		      "b"),
	      "\"a\xef\xbf\xbd"
	      "b\"");
	STREQ(escaped("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");		    /* overlong */
	STREQ(escaped("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* surrogate */
	STREQ(escaped("x\xe2\x82"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");		    /* cut */
}

TEST(places_commas_and_lines)
{
	struct json_writer json;
	FILE *file = begin(&json, 1);

	json_begin_object(&json, NULL);
	json_uint(&json, "a", 1);
	json_begin_array(&json, "b");
	json_int(&json, NULL, -1);
	json_bool(&json, NULL, true);
	json_begin_object(&json, NULL);
	json_end_object(&json);
	json_end_array(&json);
	json_begin_array(&json, "c");
	json_end_array(&json);
	json_end_object(&json);
	fclose(file);
	STREQ(text, "{\n\t\"a\": 1,\n\t\"b\": [-1, true, {}],\n\t\"c\": []\n}\n");
}

TEST(one_line_at_depth_0)
{
	struct json_writer json;
	FILE *file = begin(&json, 0);

	json_begin_object(&json, NULL);
	json_null(&json, "a");
	json_text_named(&json, "b\n", "c");
	json_end_object(&json);
	fclose(file);
	STREQ(text, "{\"a\": null, \"b\\u000a\": \"c\"}\n");
}

TEST(writes_numbers_exactly)
{
	struct json_writer json;
	FILE *file = begin(&json, 0);

	json_begin_array(&json, NULL);
	json_uint(&json, NULL, UINT64_MAX);
	json_int(&json, NULL, INT64_MIN);
	json_real(&json, NULL, 2.5, 1);
	json_real(&json, NULL, 1e300 * 1e300, 1);
	json_address(&json, NULL, 0xffffffff81000000);
	json_end_array(&json);
	fclose(file);
	STREQ(text, "[18446744073709551615, -9223372036854775808, 2.5, null, "
		    "\"0xffffffff81000000\"]\n");
}
