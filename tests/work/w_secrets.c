/* SPDX-License-Identifier: Apache-2.0
 *
 * w_secrets.c - has secrets everywhere a program has data, and allocates and computes
 * among them: in its arguments and environment (the caller puts them there), in a
 * line of standard input, in heap blocks, arrays on the stack, static memory, a file
 * that it maps (argument 1), and where code made at run time, that keeps frame pointers
 * but has no tables, should have its caller's address.  `w_secrets FILE [URL]`
 */
#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define SECRET_BYTES 32
#define DEPTH 12

static char secret[64], keep[4096];
static const char *file_content;

/* push rbp; mov rbp, rsp; call *rdi; pop rbp; ret */
static const unsigned char framed_code[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3 };
/* Spins 2^25 times with rbp at a frame whose words are both a piece of the secret:
 * push rbp; push rdi; push rdi; mov rbp, rsp; mov ecx, 1<<25; dec ecx; jnz -4;
 * pop rdi; pop rdi; pop rbp; ret */
static const unsigned char false_code[] = { 0x55, 0x57, 0x57, 0x48, 0x89, 0xe5, 0xb9,
					    0x00, 0x00, 0x00, 0x02, 0xff, 0xc9, 0x75,
					    0xfc, 0x5f, 0x5f, 0x5d, 0xc3 };

static void fill(char *to, size_t bytes)
{
	for (size_t i = 0; i + SECRET_BYTES <= bytes; i += SECRET_BYTES)
		memcpy(to + i, secret, SECRET_BYTES);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* Blocks hold it when they come and when they go; the allocator's own words are among. */
static FRAME void allocate(void)
{
	char *block[16];

	for (int i = 0; i < 16; i++) {
		block[i] = malloc(64 + (size_t)i * 100);
		fill(block[i], 64 + (size_t)i * 100);
	}
	for (int i = 0; i < 16; i++)
		free(block[i]);
}

static FRAME void descend(unsigned depth)
{
	char around[256];

	fill(around, sizeof(around));
	if (depth)
		descend(depth - 1);
	allocate();
	work_burn(4 * MS);
	fill(around, sizeof(around));
}

static FRAME void from_framed_code(void)
{
	allocate();
	work_burn(20 * MS);
}

static void run_made_code(void)
{
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*framed)(void (*)(void)), (*false_frame)(uint64_t);
	uint64_t piece;

	if (code == MAP_FAILED)
		exit(3);
	memcpy(code, framed_code, sizeof(framed_code));
	memcpy(code + 64, false_code, sizeof(false_code));
	framed = (void (*)(void (*)(void)))(uintptr_t)code;
	false_frame = (void (*)(uint64_t))(uintptr_t)(code + 64);
	framed(from_framed_code);
	for (size_t i = 0; i + sizeof(piece) <= SECRET_BYTES; i += sizeof(piece)) {
		memcpy(&piece, secret + i, sizeof(piece));
		false_frame(piece);
	}
}

static void *worker(void *unused)
{
	pthread_setname_np(pthread_self(), "open-name");
	descend(DEPTH);
	return unused;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
	pthread_t id;

	if (fd < 0 || !fgets(secret, sizeof(secret), stdin) || strlen(secret) < SECRET_BYTES)
		return 2;
	file_content = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	memcpy(keep, file_content, SECRET_BYTES);
	fill(keep + SECRET_BYTES, sizeof(keep) - SECRET_BYTES);
	descend(DEPTH);
	run_made_code();
	if (pthread_create(&id, NULL, worker, NULL) || pthread_join(id, NULL))
		return 4;
	printf("kept %d\n", !memcmp(keep, file_content, SECRET_BYTES));
	return 0;
}
