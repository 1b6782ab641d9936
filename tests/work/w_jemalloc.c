/* SPDX-License-Identifier: Apache-2.0
 *
 * w_jemalloc.c - linked with jemalloc: known bytes at two sites.  Argument:
 * blocks at the first (30000).
 *
 *	site FUNCTION CALLS BYTES LIVE_CALLS LIVE_BYTES SIZE    jemalloc PRESENT
 *
 * libs: -ljemalloc
 */
#include "work.h"

int mallctl(const char *name, void *old, size_t *old_len, void *new_value, size_t new_len);

#define KEPT_BYTES (192 << 10) /* a size class: jemalloc counts what it rounds up to */

static void *volatile kept[400];

static FRAME void jemalloc_churn(uint64_t calls)
{
	for (uint64_t i = 0; i < calls; i++) {
		void *p = malloc(4096);

		__asm__ volatile("" : "+r"(p) : : "memory");
		free(p);
	}
}

static FRAME void jemalloc_kept(void)
{
	for (int i = 0; i < 400; i++)
		kept[i] = malloc(KEPT_BYTES);
}

int main(int argc, char **argv)
{
	uint64_t calls = work_arg(argc, argv, 1, 30000);
	size_t len = sizeof(char *);
	char *version = "none";

	jemalloc_kept();
	jemalloc_churn(calls);
	mallctl("version", &version, &len, NULL, 0);
	printf("site jemalloc_churn %llu %llu 0 0 4096\n", (unsigned long long)calls,
	       (unsigned long long)calls * 4096);
	printf("site jemalloc_kept 400 %d 400 %d %d\n", 400 * KEPT_BYTES, 400 * KEPT_BYTES,
	       KEPT_BYTES);
	printf("jemalloc %.5s\n", version);
	return 0;
}
