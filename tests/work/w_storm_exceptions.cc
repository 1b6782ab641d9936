/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_exceptions.cc - exceptions thrown on one thread and thrown again on
 * another, through frames with destructors and through libc's qsort; threads
 * that end by pthread_exit and by cancellation, whose destructors must run.
 * Every object of the storm holds a block.
 */
#include "storm.h"

#include <deque>
#include <exception>
#include <mutex>
#include <pthread.h>
#include <stdexcept>

#define PAIRS 3

static volatile bool for_ever = true;
static uint64_t thrown, caught, ended;
static std::mutex lock;
static std::deque<std::exception_ptr> handed_over;

struct holder {
	void *block;
	holder() : block(storm_malloc(120))
	{
	}
	holder(const holder &) : block(storm_malloc(130))
	{
	}
	~holder()
	{
		storm_free(block);
	}
};

struct trouble : std::exception {
	holder inside;
};

static FRAME void throws(int depth)
{
	holder h;

	if (!depth)
		throw trouble();
	throws(depth - 1);
	STAY;
}

static int compare(const void *, const void *)
{
	throws(2);
	return 0;
}

static FRAME void throws_through_libc(void)
{
	int numbers[8] = { 3, 1, 2, 7, 5, 8, 4, 6 };
	holder h;

	qsort(numbers, 8, sizeof(*numbers), compare);
	STAY;
}

static void *producer(void *unused)
{
	for (unsigned n = 0; storm_running(); n++) {
		try {
			STORM_ADD(thrown, 1);
			if (n % 2)
				throws(4);
			else
				throws_through_libc();
		} catch (const trouble &) {
			std::lock_guard<std::mutex> held(lock);

			handed_over.push_back(std::current_exception());
		}
	}
	return unused;
}

/* One exception of another thread's; false when there is none. */
static FRAME bool throw_again(void)
{
	std::exception_ptr other;

	{
		std::lock_guard<std::mutex> held(lock);

		if (handed_over.empty())
			return false;
		other = handed_over.front();
		handed_over.pop_front();
	}
	try {
		holder h;

		std::rethrow_exception(other);
	} catch (const trouble &) {
		STORM_ADD(caught, 1);
	}
	return true;
}

static void *consumer(void *unused)
{
	while (throw_again() || storm_running())
		;
	return unused;
}

static FRAME void exits(int depth)
{
	holder h;

	if (depth)
		exits(depth - 1);
	else if (for_ever)
		pthread_exit(NULL);
	STAY;
}

static FRAME void waits(int depth)
{
	holder h;

	if (depth)
		waits(depth - 1);
	while (!depth && for_ever)
		pause();
	STAY;
}

static void *ends(void *how)
{
	if (how)
		exits(3);
	waits(3);
	return NULL;
}

static void *maker(void *unused)
{
	while (storm_running()) {
		pthread_t exiting, cancelled;

		if (pthread_create(&exiting, NULL, ends, &lock))
			continue;
		if (!pthread_create(&cancelled, NULL, ends, NULL)) {
			pthread_cancel(cancelled);
			pthread_join(cancelled, NULL);
			STORM_ADD(ended, 1);
		}
		pthread_join(exiting, NULL);
		STORM_ADD(ended, 1);
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t id[3 * PAIRS];

	storm_begin(argc, argv);
	for (int i = 0; i < PAIRS; i++) {
		pthread_create(&id[3 * i], NULL, producer, NULL);
		pthread_create(&id[3 * i + 1], NULL, consumer, NULL);
		pthread_create(&id[3 * i + 2], NULL, maker, NULL);
	}
	for (pthread_t t : id)
		pthread_join(t, NULL);
	while (throw_again())
		;
	storm_load("exceptions_across_threads", thrown);
	storm_load("threads_unwound", ended);
	storm_must("not_caught", thrown - caught);
	storm_must("not_destroyed", (uint64_t)storm_row->live);
	storm_end();
	return 0;
}
