/* SPDX-License-Identifier: Apache-2.0
 *
 * w_wrong.c - a program with a fault that sanitizers and valgrind find: `w_wrong
 * used|past|lost|race|undefined|none` reads a freed block, writes past one's end, loses
 * one, lets two threads write one word, branches on a value never set, does
 * nothing wrong.  Tests build it with each sanitizer and run it under valgrind.
 */
#include "work.h"

#include <pthread.h>
#include <string.h>

static int shared;
static char *volatile kept;
static volatile char *volatile freed;

static void *churn(void *arg)
{
	for (size_t i = 0; i < 1000; i++) {
		char *p = malloc(100 + i);

		memset(p, 1, 100);
		free(p);
	}
	return arg;
}

/* The second is later by the clock, which no sanitizer takes for an order. */
static void *race(void *arg)
{
	if (arg)
		work_sleep_ms(100);
	shared++;
	return arg;
}

static void run_two(void *(*start)(void *))
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, start, i ? t : NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static FRAME void lose(void)
{
	kept = malloc(77);
	STAY;
	kept = NULL;
}

static FRAME void wipe_stack(void)
{
	volatile char unused[512];

	memset((char *)unused, 0, sizeof(unused));
}

int main(int argc, char **argv)
{
	const char *fault = argc > 1 ? argv[1] : "none";
	char *p;

	run_two(churn);
	p = malloc(10);
	__asm__ volatile("" : "+r"(p)); /* the compiler must not know which block it is */
	if (!strcmp(fault, "past"))
		((volatile char *)p)[10] = 1;
	if (!strcmp(fault, "undefined") && ((volatile char *)p)[5])
		puts("it was set");
	freed = p;
	free(p);
	if (!strcmp(fault, "used") && freed[5] == 77)
		puts("it is still there");
	if (!strcmp(fault, "lost"))
		lose();
	wipe_stack();
	if (!strcmp(fault, "race"))
		run_two(race);
	puts("done");
	return 0;
}
