/* SPDX-License-Identifier: Apache-2.0
 *
 * w_truth_totals.c - threads of every length, from none to 20 periods and more,
 * in halves of the longest; they return, call pthread_exit, are cancelled, or sleep
 * on until the process ends.  Each reads its CPU clock when its work is done and once
 * more in the last destructor that runs for it: its total lies in between.  Where
 * the two are too far apart to say much (an interrupt, or the host, came in between),
 * another such thread is run, up to TRIES.
 * Argument: milliseconds of CPU of the longest (256).
 *
 *	thread TID NAME LEAST_NS MOST_NS
 */
#include "truth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define LENGTHS 16
#define ENDS 4
#define TRIES 5
/* The readings are to lie a hundredth of the thread's time apart at most, or of a
 * sampling period, where the thread is shorter. */
#define PERIOD_NS (1000000000 / 94)

enum end { END_RETURN, END_EXIT, END_CANCEL, END_NEVER };

struct worker {
	char name[16];
	pthread_t id;
	int tid;
	enum end end;
	uint64_t ns, least_ns, most_ns;
	int rounds;
	atomic_bool done;
};

static pthread_key_t key;

/* glibc runs destructors in up to four rounds; keys made earlier come first. */
static void last_look(void *arg)
{
	struct worker *w = arg;

	w->most_ns = work_thread_cpu();
	if (++w->rounds < 4)
		pthread_setspecific(key, w);
}

static FRAME void *thread_body(void *arg)
{
	struct worker *w = arg;

	w->tid = work_tid();
	pthread_setname_np(pthread_self(), w->name);
	pthread_setspecific(key, w);
	for (uint64_t now; (now = work_thread_cpu()) < w->ns;)
		FILL(truth_chunks((w->ns - now) * 4 / 5));
	w->least_ns = work_thread_cpu();
	atomic_store(&w->done, true);
	if (w->end == END_EXIT)
		pthread_exit(NULL);
	while (w->end != END_RETURN)
		pause();
	return NULL;
}

/* After its work it sleeps in pause() and nowhere else. */
static bool is_asleep(const struct worker *w)
{
	char path[64], line[512] = "";
	const char *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", w->tid);
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f))
		abort();
	fclose(f);
	state = strrchr(line, ')');
	return state && state[2] == 'S';
}

/* A sleeping thread's clock stands still. */
static void look_at_sleeper(struct worker *w)
{
	clockid_t clock;

	while (!atomic_load(&w->done) || !is_asleep(w))
		work_sleep_ms(1);
	if (w->end == END_CANCEL) {
		pthread_cancel(w->id);
		return;
	}
	pthread_getcpuclockid(w->id, &clock);
	w->most_ns = work_clock(clock);
}

static const char *const end_names[] = { "return", "exit", "cancel", "never" };

/* Who sleeps on needs its worker to the end. */
static struct worker *run(enum end end, unsigned length, uint64_t longest_ns)
{
	struct worker *w = calloc(1, sizeof(*w));

	w->end = end;
	w->ns = longest_ns >> length;
	snprintf(w->name, sizeof(w->name), "%s-%u", end_names[end], length);
	pthread_create(&w->id, NULL, thread_body, w);
	if (end == END_CANCEL || end == END_NEVER)
		look_at_sleeper(w);
	if (end != END_NEVER)
		pthread_join(w->id, NULL);
	return w;
}

static bool is_near(const struct worker *w)
{
	uint64_t ns = w->least_ns > PERIOD_NS ? w->least_ns : PERIOD_NS;

	return w->most_ns - w->least_ns <= ns / 100;
}

static void run_until_near(enum end end, unsigned length, uint64_t longest_ns)
{
	bool near = false;

	for (int i = 0; i < TRIES && !near; i++) {
		struct worker *w = run(end, length, longest_ns);

		printf("thread %d %s %llu %llu\n", w->tid, w->name, (unsigned long long)w->least_ns,
		       (unsigned long long)w->most_ns);
		near = is_near(w);
		if (end != END_NEVER)
			free(w);
	}
}

int main(int argc, char **argv)
{
	uint64_t longest_ns = work_arg(argc, argv, 1, 256) * MS;

	pthread_key_create(&key, last_look);
	truth_calibrate();
	free(run(END_CANCEL, 0, 0)); /* loads the unwinder, which would be in a bracket */
	for (unsigned length = 0; length < LENGTHS; length++)
		for (unsigned end = 0; end < ENDS; end++)
			run_until_near((enum end)end, length, longest_ns);
	return 0;
}
