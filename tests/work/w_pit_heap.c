/* SPDX-License-Identifier: Apache-2.0
 *
 * w_pit_heap.c - the malloc family where a layer in front of it goes wrong.
 * What it prints is the same to the byte whatever the layer:
 *
 *	usable		every byte of malloc_usable_size is the program's, up to 2 MiB of alignment
 *	degenerate	zero, NULL, overflow: what is NULL, what errno says
 *	fails		a realloc that fails leaves the block; a posix_memalign that fails
 *			does not touch its argument
 *	matrix		a block of each kind, freed in each way there is
 *	locked		a thread allocates while another holds stderr's lock
 *	grows		a vector that realloc doubles to 1 GiB
 *	reused		one thread frees what the other allocates; half is kept
 *	many		100,000 blocks, alive at once
 */
#include "work.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_SIZE opaque_size(SIZE_MAX / 2)

static size_t opaque_size(size_t n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

static void *opaque(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static void use(const char *what, char *p, size_t asked, size_t alignment)
{
	size_t usable = malloc_usable_size(p);

	for (size_t i = 0; i < usable; i++)
		p[i] = (char)i;
	printf("%s enough %d aligned %d\n", what, usable >= asked, (uintptr_t)p % alignment == 0);
	free(p);
}

static void usable(void)
{
	void *p = NULL;

	for (size_t n = 1; n < 300000; n = n * 3 + 1)
		use("malloc", malloc(n), n, 16);
	use("calloc", calloc(33, 3), 99, 16);
	use("realloc", realloc(malloc(5), 5000), 5000, 16);
	use("memalign", memalign(4096, 100), 100, 4096);
	use("valloc", valloc(10), 10, 4096);
	use("pvalloc", pvalloc(10), 4096, 4096);
	if (!posix_memalign(&p, 2 << 20, 2 << 20))
		use("posix_memalign", p, 2 << 20, 2 << 20);
}

static void tell(const char *what, void *p)
{
	printf("%s %s errno %d\n", what, p ? "a block" : "NULL", errno);
	errno = 0;
	free(p);
}

static void degenerate(void)
{
	errno = 0;
	tell("malloc(0)", malloc(opaque_size(0)));
	tell("malloc(max)", malloc(opaque_size(SIZE_MAX)));
	tell("malloc(max - 8)", malloc(opaque_size(SIZE_MAX - 8)));
	tell("calloc(0, 0)", calloc(opaque_size(0), 0));
	tell("calloc(2^33, 2^31 + 1)", calloc(opaque_size((size_t)1 << 33), ((size_t)1 << 31) + 1));
	tell("realloc(NULL, 0)", realloc(opaque(NULL), opaque_size(0)));
	tell("realloc(p, 0)", realloc(opaque(malloc(10)), opaque_size(0)));
	tell("reallocarray(max, 2)", reallocarray(opaque(NULL), HUGE_SIZE, 4));
	tell("aligned_alloc(64, max)", aligned_alloc(64, opaque_size(SIZE_MAX - 100)));
	tell("memalign(64, 0)", memalign(64, opaque_size(0)));
	printf("usable(NULL) %zu\n", malloc_usable_size(opaque(NULL)));
}

static void fails(void)
{
	static void *volatile kept;
	char *p = opaque(malloc(5000));
	/* a place that nobody may read */
	void **forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 0x5a, 5000);
	for (int i = 0; i < 100; i++) {
		if (realloc(opaque(p), HUGE_SIZE))
			abort();
	}
	for (int i = 0; i < 5000; i++)
		if (p[i] != 0x5a)
			abort();
	printf("realloc failed, errno %d\n", errno);
	printf("posix_memalign(3) %d\n", posix_memalign(opaque(forbidden), 3, 8));
	printf("posix_memalign(24) %d\n", posix_memalign(opaque(forbidden), 24, 8));
	free(realloc(opaque(p), 6000));
	kept = opaque(malloc(7000)); /* alive at the end: that realloc changed nothing */
	if (realloc(opaque(kept), HUGE_SIZE))
		abort();
}

static void *make(int kind)
{
	void *p = NULL;

	switch (kind) {
	case 0: return malloc(100);
	case 1: return calloc(10, 10);
	case 2: return realloc(opaque(NULL), 100);
	case 3: return realloc(malloc(10), 9000);
	case 4: return reallocarray(opaque(NULL), 10, 10);
	case 5: return posix_memalign(&p, 64, 100) ? NULL : p;
	case 6: return aligned_alloc(64, 128);
	case 7: return memalign(64, 100);
	case 8: return valloc(100);
	case 9: return pvalloc(100);
	default: return strdup("a block of the C library's own making");
	}
}

static FRAME void matrix(void)
{
	int made = 0;

	for (int kind = 0; kind < 11; kind++)
		for (int way = 0; way < 4; way++) {
			void *p = opaque(make(kind));

			made += p != NULL;
			switch (way) {
			case 0: free(p); break;
			case 1: p = opaque(realloc(p, 0)); break;
			case 2: free(opaque(realloc(p, 20000))); break;
			default: free(opaque(reallocarray(p, 3, 7))); break;
			}
		}
	printf("made %d\n", made);
	STAY;
}

static void *allocates(void *unused)
{
	static void *blocks[10000];

	for (int i = 0; i < 10000; i++)
		blocks[i] = malloc(100);
	for (int i = 0; i < 10000; i++)
		free(blocks[i]);
	return unused;
}

static void locked(void)
{
	pthread_t id;

	flockfile(stderr);
	flockfile(stdout);
	pthread_create(&id, NULL, allocates, NULL);
	pthread_join(id, NULL);
	funlockfile(stdout);
	funlockfile(stderr);
	puts("locked");
}

static FRAME void grows(void)
{
	void *p = malloc(1);

	for (size_t n = 2; n <= (size_t)1 << 30; n *= 2)
		p = opaque(realloc(p, n));
	printf("grown %d\n", p != NULL);
	STAY;
}

#define SLOTS 8
#define PASSED 1000
#define PASSED_BYTES 2000 /* of p_slow_free.c */

static void *handed[SLOTS];

static FRAME void *frees(void *unused)
{
	for (int i = 0; i < PASSED; i++) {
		void *p;

		while (!(p = __atomic_exchange_n(&handed[i % SLOTS], NULL, __ATOMIC_ACQ_REL)))
			sched_yield();
		free(p);
	}
	return unused;
}

/* A block goes to the other thread, which frees it; another of the size, quite
 * often at its very address by then, is kept. */
static FRAME void reused(void)
{
	static void *volatile kept[PASSED];
	pthread_t id;

	pthread_create(&id, NULL, frees, NULL);
	for (int i = 0; i < PASSED; i++) {
		void *p = malloc(PASSED_BYTES);

		while (__atomic_load_n(&handed[i % SLOTS], __ATOMIC_ACQUIRE))
			sched_yield();
		__atomic_store_n(&handed[i % SLOTS], p, __ATOMIC_RELEASE);
		kept[i] = opaque(malloc(PASSED_BYTES));
	}
	pthread_join(id, NULL);
	printf("reused %d\n", kept[0] != NULL);
}

static FRAME void many(void)
{
	static void *blocks[100000];

	for (int i = 0; i < 100000; i++)
		blocks[i] = malloc(24);
	puts("many");
	for (int i = 0; i < 100000; i++)
		free(blocks[i]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "usable", usable }, { "degenerate", degenerate },
		      { "fails", fails },   { "matrix", matrix },
		      { "locked", locked }, { "grows", grows },
		      { "reused", reused }, { "many", many } };

	static char buffer[BUFSIZ]; /* or printf would allocate */

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc > 1 && !strcmp(argv[1], modes[i].name))
			modes[i].run();
	return 0;
}
