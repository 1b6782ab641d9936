/* SPDX-License-Identifier: Apache-2.0
 *
 * common_files.c - inputs as files in memory, the limit of memory, and the end
 * of a run that found something.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the reader may hold at a time, whatever a file says. */
#define MEMORY_BYTES_MAX ((size_t)256 << 20)

static atomic_size_t held, base;

/* Of the sanitizer, where there is one: its allocator calls the hooks. */
size_t __sanitizer_get_allocated_size(const volatile void *block) __attribute__((weak));
void __sanitizer_malloc_hook(const volatile void *block, size_t size);
void __sanitizer_free_hook(const volatile void *block);

/* What the driver holds itself, its inputs, does not count: base. */
void __sanitizer_malloc_hook(const volatile void *block, size_t size)
{
	size_t now = atomic_fetch_add(&held, size) + size;

	if (block && now > atomic_load(&base) + MEMORY_BYTES_MAX)
		fuzz_require(false, "more than 256 MiB at a time");
}

void __sanitizer_free_hook(const volatile void *block)
{
	if (block)
		atomic_fetch_sub(&held, __sanitizer_get_allocated_size(block));
}

void fuzz_require(bool good, const char *what)
{
	if (good)
		return;
	dprintf(STDERR_FILENO, "fuzz: %s\n", what);
	abort();
}

void fuzz_begin(void)
{
	static bool quiet;

	if (!quiet) /* thousands of messages, which only cost time */
		stderr = fopen("/dev/null", "we");
	quiet = true;
	atomic_store(&base, atomic_load(&held));
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("input", MFD_CLOEXEC);
		fuzz_require(fd >= 0, "no file in memory");
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	fuzz_require(!ftruncate(fd, 0), "ftruncate");
	for (size_t done = 0; done < size;) {
		ssize_t n = pwrite(fd, data + done, size - done, (off_t)done);

		fuzz_require(n > 0, "pwrite");
		done += (size_t)n;
	}
	fuzz_begin();
	return path;
}
