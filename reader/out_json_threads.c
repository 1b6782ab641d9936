/* SPDX-License-Identifier: Apache-2.0
 *
 * out_json_threads.c - the table of threads of a JSON document: times by the
 * clocks and by samples, exact totals and estimates of the heap.
 */
#include "out_json.h"

#include "interval.h"

static void json_thread_times(struct json_writer *json, const struct thread *thread)
{
	json_uint(json, "cpu_ns", thread->cpu_ns);
	json_uint_if(json, "clock_cpu_ns", thread->has_cpu, thread->clock.cpu_ns);
	json_uint_if(json, "user_ns", thread->has_rusage, thread->window.user_ns);
	json_uint_if(json, "system_ns", thread->has_rusage, thread->window.system_ns);
	json_uint(json, "samples", thread->n_samples);
	json_uint(json, "sampled_ns", thread->sampled_ns);
	json_uint(json, "sampled_kernel_ns", thread->sampled_kernel_ns);
	json_uint(json, "not_sampled_ns", thread->not_sampled_ns);
	json_uint(json, "off_ns", thread->off_ns);
	json_uint(json, "kernel_not_sampled_ns", thread->kernel_not_sampled_ns);
	if (thread->kernel_high_ns) {
		json_begin_array(json, "kernel_not_sampled_ns_95");
		json_uint(json, NULL, thread->kernel_low_ns);
		json_uint(json, NULL, thread->kernel_high_ns);
		json_end_array(json);
	} else {
		json_null(json, "kernel_not_sampled_ns_95");
	}
}

static void json_write_thread(struct json_document *doc, uint32_t id)
{
	const struct thread *thread = profile_thread(doc->profile, id);
	const struct frame *start = profile_frame(doc->profile, thread->start_frame);
	struct heap_sum sum = heap_sum_of_thread(thread);
	struct json_writer *json = doc->json;

	json_begin_object(json, NULL);
	json_uint(json, "id", thread->trace_id);
	json_uint(json, "tid", thread->tid);
	json_text(json, "name", thread->name);
	json_bool(json, "main", thread->flags & PROF_THREAD_MAIN);
	json_uint(json, "start_ns", thread->t_start_ns);
	json_uint(json, "end_ns", thread->t_end_ns);
	json_bool(json, "ended", thread->ended);
	json_index(json, "creator", json_ids_find(&doc->threads, thread->creator));
	json_index(json, "creator_stack", json_stack_find(doc, thread->creator_stack));
	json_index(json, "start_frame",
		   thread->start_frame ? json_frame_add(doc, thread->start_frame, start->first_line)
				       : JSON_NONE);
	json_thread_times(json, thread);
	json_uint(json, "alloc_calls", thread->window.alloc_calls);
	json_uint(json, "alloc_bytes", thread->window.alloc_bytes);
	json_heap_sum(json, &sum, (struct json_rounding[4]){ 0 });
	json_bool(json, "cpu_few", interval_is_few(thread->n_samples));
	json_bool(json, "few",
		  interval_is_few(thread->n_samples) || heap_sum_alloc_is_few(&sum) ||
			  heap_sum_inuse_is_few(&sum));
	json_end_object(json);
}

void json_write_threads(struct json_document *doc)
{
	json_begin_array(doc->json, "threads");
	for (guint i = 0; i < doc->threads.keys->len; i++)
		json_write_thread(doc, (uint32_t)g_array_index(doc->threads.keys, uint64_t, i));
	json_end_array(doc->json);
}
