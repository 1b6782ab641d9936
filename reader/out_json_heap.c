/* SPDX-License-Identifier: Apache-2.0
 *
 * out_json_heap.c - the members of a JSON document that are heap estimates: of
 * threads, rows and sites, each with its interval.
 */
#include "out_json.h"

#include <math.h>

#include "interval.h"

static uint64_t rounding_take(struct json_rounding *rounding, double value)
{
	double exact = value + rounding->carry;
	double whole = floor(exact + 0.5);

	if (!(whole >= 0 && whole < 1.8e19)) /* the double below 2^64 fits */
		whole = 0;
	rounding->carry = exact - whole;
	return (uint64_t)whole;
}

void json_interval(struct json_writer *json, const char *name, struct interval of)
{
	json_begin_array(json, name);
	json_uint(json, NULL, json_clip(floor(of.low + 0.5)));
	json_uint(json, NULL, json_clip(floor(of.high + 0.5)));
	json_end_array(json);
}

void json_heap_sum(struct json_writer *json, const struct heap_sum *sum,
		   struct json_rounding round[4])
{
	double calls = heap_sum_unseen_calls(sum);

	json_uint(json, "alloc_n", sum->alloc_n);
	json_uint(json, "alloc_objects", rounding_take(&round[0], sum->alloc_objects));
	json_interval(json, "alloc_objects_95",
		      interval_of_sum(sum->alloc_objects, sum->alloc_objects_var, calls));
	json_uint(json, "alloc_space", rounding_take(&round[1], sum->alloc_space));
	json_interval(json, "alloc_space_95",
		      interval_of_sum(sum->alloc_space, sum->alloc_space_var, sum->mean));
	json_uint(json, "inuse_n", sum->inuse_n);
	json_uint(json, "inuse_objects", rounding_take(&round[2], sum->inuse_objects));
	json_interval(json, "inuse_objects_95",
		      interval_of_sum(sum->inuse_objects, sum->inuse_objects_var, calls));
	json_uint(json, "inuse_space", rounding_take(&round[3], sum->inuse_space));
	json_interval(json, "inuse_space_95",
		      interval_of_sum(sum->inuse_space, sum->inuse_space_var, sum->mean));
	json_bool(json, "alloc_few", heap_sum_alloc_is_few(sum));
	json_bool(json, "inuse_few", heap_sum_inuse_is_few(sum));
}

void json_write_heap(struct json_document *doc)
{
	struct json_rounding round[4] = { 0 };

	json_begin_array(doc->json, "heap");
	for (size_t i = doc->from; i < doc->to; i++) {
		const struct cell *cell = g_ptr_array_index(doc->cells, i);
		struct heap_sum sum = { 0 };

		heap_sum_add(&sum, cell);
		if (heap_sum_is_empty(&sum))
			continue;
		json_begin_object(doc->json, NULL);
		json_index(doc->json, "thread", json_ids_find(&doc->threads, cell->thread));
		json_index(doc->json, "stack", json_stack_find(doc, cell->stack));
		json_heap_sum(doc->json, &sum, round);
		json_bool(doc->json, "few",
			  heap_sum_alloc_is_few(&sum) || heap_sum_inuse_is_few(&sum));
		json_end_object(doc->json);
	}
	json_end_array(doc->json);
}

void json_write_sites(struct json_document *doc)
{
	struct json_rounding round[4] = { 0 };

	json_begin_array(doc->json, "sites");
	for (guint i = 0; i < doc->sites->len; i++) {
		const struct site_sum *site = &g_array_index(doc->sites, struct site_sum, i);

		json_begin_object(doc->json, NULL);
		json_index(doc->json, "frame",
			   json_frame_add(doc, site->site.frame, site->site.line));
		json_heap_sum(doc->json, &site->sum, round);
		json_bool(doc->json, "few",
			  heap_sum_alloc_is_few(&site->sum) || heap_sum_inuse_is_few(&site->sum));
		json_end_object(doc->json);
	}
	json_end_array(doc->json);
}
