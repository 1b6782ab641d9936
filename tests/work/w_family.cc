/* SPDX-License-Identifier: Apache-2.0
 *
 * w_family.cc - every entry of an allocator, used as its documents allow: blocks
 * aligned as asked, zero where promised, writable up to malloc_usable_size, kept
 * by realloc, given back by each form of delete; errno untouched by what succeeds.
 * With an argument, operator new is not asked for what it has not got.
 * Prints what a heap profile should hold, and what is wrong, if anything:
 *
 *	site FUNCTION CALLS BYTES        wrong WHAT
 */
#include "work.h"

#include <cerrno>
#include <cstring>
#include <malloc.h>
#include <new>

#define TIMES 50

static int wrongs;
static volatile size_t huge = SIZE_MAX / 2;

static void wrong(const char *what, bool is)
{
	if (is && wrongs++ < 20)
		printf("wrong %s\n", what);
}

/* Writes all there is, which must hold what was asked for. */
static void *fill(void *p, size_t bytes, size_t align)
{
	wrong("no block", !p);
	wrong("alignment", (uintptr_t)p % align);
	wrong("usable size", malloc_usable_size(p) < bytes);
	memset(p, 0x5a, malloc_usable_size(p));
	return p;
}

extern "C" {
static FRAME size_t f_malloc(size_t i)
{
	free(fill(malloc(100 + i), 100 + i, 16));
	return 100 + i;
}

static FRAME size_t f_calloc(size_t i)
{
	char *p = (char *)calloc(10 + i, 8);

	for (size_t k = 0; k < (10 + i) * 8; k++)
		wrong("calloc's zeros", p[k]);
	free(fill(p, (10 + i) * 8, 16));
	return (10 + i) * 8;
}

static FRAME size_t f_posix_memalign(size_t i)
{
	void *p = NULL;

	wrong("posix_memalign", posix_memalign(&p, 4096, 99 + i) != 0);
	free(fill(p, 99 + i, 4096));
	return 99 + i;
}

static FRAME size_t f_aligned_alloc(size_t i)
{
	free(fill(aligned_alloc(64, 64 * (i + 1)), 64 * (i + 1), 64));
	return 64 * (i + 1);
}

static FRAME size_t f_memalign(size_t i)
{
	free(fill(memalign(256, 300 + i), 300 + i, 256));
	return 300 + i;
}

static FRAME size_t f_valloc(size_t i)
{
	free(fill(valloc(5000 + i), 5000 + i, 4096));
	return 5000 + i;
}

static FRAME size_t f_large(size_t i)
{
	free(fill(malloc((3 << 20) + i), (3 << 20) + i, 16));
	return (3 << 20) + i;
}

static FRAME size_t f_new(size_t i)
{
	operator delete(fill(operator new(40 + i), 40 + i, 16));
	return 40 + i;
}

static FRAME size_t f_new_array(size_t i)
{
	operator delete[](fill(operator new[](80 + i), 80 + i, 16));
	return 80 + i;
}

static FRAME size_t f_new_sized(size_t i)
{
	operator delete(fill(operator new(48 + i), 48 + i, 16), 48 + i);
	return 48 + i;
}

static FRAME size_t f_new_aligned(size_t i)
{
	const std::align_val_t align = std::align_val_t(128);

	operator delete(fill(operator new(70 + i, align), 70 + i, 128), align);
	operator delete[](fill(operator new[](70 + i, align), 70 + i, 128), 70 + i, align);
	return 2 * (70 + i);
}

static FRAME size_t f_new_nothrow(size_t i)
{
	operator delete(fill(operator new(60 + i, std::nothrow), 60 + i, 16), std::nothrow);
	wrong("nothrow new of everything", operator new(huge, std::nothrow) != NULL);
	return 60 + i;
}

static FRAME size_t f_new_throws(size_t i)
{
	bool thrown = false;

	try {
		operator delete(operator new(huge));
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	wrong("new of everything", !thrown);
	return i;
}
} /* extern "C" */

/* realloc's cases have two sizes, or fail. */
static void check_realloc()
{
	char *p = (char *)realloc(NULL, 33), *volatile q; /* no guesses about it */

	for (int i = 0; i < 33; i++)
		p[i] = (char)i;
	q = (char *)realloc(p, 300000);
	for (int i = 0; i < 33; i++)
		wrong("content after growing", q[i] != i);
	q = (char *)realloc(fill(q, 300000, 16), 20);
	wrong("content after shrinking", q[19] != 0x5a);
	wrong("realloc to everything", realloc(q, huge) != NULL || errno != ENOMEM);
	wrong("content after failing", q[19] != 0x5a);
	q = (char *)reallocarray(q, 10, 20);
	wrong("content after reallocarray", q[19] != 0x5a);
	errno = 0;
	wrong("reallocarray that overflows", reallocarray(q, huge, 9) != NULL || errno != ENOMEM);
	free(realloc(q, 0)); /* NULL, or a block of no size */
	wrong("usable size of NULL", malloc_usable_size(NULL) != 0);
	free(NULL);
	operator delete(NULL);
}

struct site {
	const char *name;
	size_t (*run)(size_t);
	unsigned calls;
};

#define SITE(name, calls)          \
	{                          \
#name, name, calls \
	}
static const struct site sites[] = {
	SITE(f_malloc, 1),    SITE(f_calloc, 1),	SITE(f_posix_memalign, 1),
	SITE(f_memalign, 1),  SITE(f_aligned_alloc, 1), SITE(f_valloc, 1),
	SITE(f_large, 1),     SITE(f_new, 1),		SITE(f_new_array, 1),
	SITE(f_new_sized, 1), SITE(f_new_aligned, 2),	SITE(f_new_nothrow, 1),
};

int main(int argc, char **)
{
	for (const struct site &s : sites) {
		unsigned long long bytes = 0;

		for (size_t i = 0; i < TIMES; i++) {
			errno = 77;
			bytes += s.run(i);
			wrong(s.name, errno != 77 && s.run != f_new_nothrow);
		}
		printf("site %s %u %llu\n", s.name, s.calls * TIMES, bytes);
	}
	if (argc < 2) /* mimalloc built by a C compiler aborts */
		f_new_throws(1);
	check_realloc();
	return wrongs != 0;
}
