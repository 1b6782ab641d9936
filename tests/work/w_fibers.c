/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fibers.c - computes and allocates on stacks of its own making, 16 KiB
 * each with a guard page, and in two signal handlers, one of them on an alternate stack.
 *
 *	site FUNCTION CALLS BYTES    handled COUNT
 */
#include "work.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FIBERS 8
#define ROUNDS 25
#define STACK_BYTES 16384

static ucontext_t scheduler, fiber[FIBERS];
static volatile sig_atomic_t handled;

static FRAME void fiber_allocates(void)
{
	for (int i = 0; i < 10; i++) {
		void *p = malloc(20000);

		__asm__ volatile("" : "+r"(p) : : "memory");
		free(p);
	}
}

static FRAME void fiber_body(int n)
{
	for (int i = 0; i < ROUNDS; i++) {
		fiber_allocates();
		work_burn(MS);
		swapcontext(&fiber[n], &scheduler);
	}
}

static FRAME void on_usr1(int sig)
{
	(void)sig;
	handled++;
	work_burn(2 * MS);
}

static FRAME void on_usr2(int sig)
{
	(void)sig;
	handled++;
	work_burn(3 * MS);
}

static char *new_stack(size_t bytes)
{
	char *p = mmap(NULL, bytes + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p + 4096, bytes, PROT_READ | PROT_WRITE);
	return p + 4096;
}

int main(void)
{
	stack_t alternate = { .ss_sp = new_stack(65536), .ss_size = 65536 };
	struct sigaction act = { .sa_handler = on_usr1, .sa_flags = SA_ONSTACK };

	for (int i = 0; i < FIBERS; i++) {
		getcontext(&fiber[i]);
		fiber[i].uc_stack.ss_sp = new_stack(STACK_BYTES);
		fiber[i].uc_stack.ss_size = STACK_BYTES;
		fiber[i].uc_link = &scheduler;
		makecontext(&fiber[i], (void (*)(void))fiber_body, 1, i);
	}
	for (int r = 0; r < ROUNDS; r++)
		for (int i = 0; i < FIBERS; i++)
			swapcontext(&scheduler, &fiber[i]);
	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &act, NULL);
	act = (struct sigaction){ .sa_handler = on_usr2 };
	sigaction(SIGUSR2, &act, NULL);
	for (int i = 0; i < 50; i++)
		raise(i % 2 ? SIGUSR1 : SIGUSR2);
	printf("site fiber_allocates %d %d\n", FIBERS * ROUNDS * 10, FIBERS * ROUNDS * 10 * 20000);
	printf("handled %d\n", (int)handled);
	return 0;
}
