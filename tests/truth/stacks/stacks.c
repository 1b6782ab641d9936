/* SPDX-License-Identifier: Apache-2.0
 *
 * stacks.c - the C program of the truth corpus.  Argument: milliseconds of CPU time (600).
 */
#define _GNU_SOURCE
#include "stacks.h"

#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "stacks_lib.h"

static const char paths[] =
	"path main t_chain t_b t_c\n"
	"path main t_tight t_tiny\n"
	"path main t_tight t_saver t_saved\n"
	"path main t_alloca t_alloca_leaf\n"
	"path main t_vla t_vla_leaf\n"
	"path main t_realign t_realign_leaf\n"
	"path main t_many t_many_leaf\n"
	"path main t_tail t_tail_b? t_tail_c? t_tail_leaf\n"
	"path main t_jumper *\n"
	"path main t_jumper t_noreturn t_never *\n"
	"path main t_cold t_refuse *\n"
	"path main t_raise * t_handler t_handler_leaf\n"
	"path main t_trap t_asm_trap * t_trap_handler\n"
	"path main t_elsewhere * t_alt_handler t_alt_leaf\n"
	"path main t_plt *\n"
	"path main t_library * t_back t_back_leaf\n"
	"path main t_vdso *\n"
	"path main t_copy *\n"
	"path main t_sort * t_compare\n"
	"path main t_recursion t_down+ t_bottom\n"
	"path main t_both_ways t_even? t_odd? t_even? t_odd? t_even? t_odd? t_even? t_odd? t_sum\n"
	"path main t_pointers t_pointed\n"
	"path main t_asm t_asm_push\n"
	"path main t_asm t_asm_rbx t_asm_rbx_leaf\n"
	"path main t_asm t_asm_expression t_asm_expression_leaf\n"
	"path main t_asm t_asm_register\n"
	"path main t_resume *\n"
	"path * t_fiber t_fiber_leaf\n"
	"path * t_fiber *\n"
	"path main t_threads *\n"
	"path * t_thread t_thread_leaf\n"
	"path main *\n";

static volatile int zero;

static APART void t_c(void)
{
	WORK(1);
}

static APART void t_b(void)
{
	t_c();
	WORK(2);
	t_c();
	STAY;
}

static APART void t_chain(void)
{
	t_b();
	STAY;
}

/* Short functions in a loop: most samples are in a prologue or an epilogue. */
static APART uint64_t t_tiny(uint64_t a)
{
	return a * 3 + (uint64_t)zero;
}

static APART uint64_t t_saved(uint64_t a)
{
	__asm__ volatile("" : "+r"(a));
	return a ^ 5;
}

static APART uint64_t t_saver(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t x = t_saved(a), y = t_saved(b), z = t_saved(c), w = t_saved(d);

	return t_saved(x + y) + t_saved(z + w) + a + b + c + d + x + y + z + w;
}

static APART void t_tight(void)
{
	uint64_t x = 1;

	for (int i = 0; i < 3000; i++)
		x = t_tiny(x) + t_saver(x, x + 1, x + 2, x + 3);
	zero = x == 42 && zero;
}

static APART void t_alloca_leaf(char *p)
{
	p[0] = 1;
	WORK(3);
}

static APART void t_alloca(unsigned n)
{
	for (unsigned i = 1; i < 4; i++)
		t_alloca_leaf(alloca(n * i));
	STAY;
}

static APART void t_vla_leaf(int *v, unsigned n)
{
	v[n - 1] = 1;
	WORK(4);
}

static APART void t_vla(unsigned n)
{
	for (unsigned i = 1; i < 4; i++) {
		int v[n * i];

		t_vla_leaf(v, n * i);
	}
	STAY;
}

static APART void t_realign_leaf(char *a, char *p)
{
	a[1] = p[1] = 1;
	WORK(5);
}

static APART void t_realign(unsigned n)
{
	_Alignas(128) char aligned[256];
	char *p = alloca(n);

	t_realign_leaf(aligned, p);
	STAY;
}

/* Arguments on the stack, which the caller takes away again. */
static APART long t_many_leaf(long a, long b, long c, long d, long e, long f, long g, long h,
			      long i)
{
	WORK(6);
	return a + b + c + d + e + f + g + h + i;
}

static APART void t_many(void)
{
	long x = 0;

	for (int i = 0; i < 3; i++)
		x += t_many_leaf(x, 1, 2, 3, 4, 5, 6, i, x);
	zero = x == 1 && zero;
}

static APART void t_tail_leaf(void)
{
	WORK(7);
}

static APART void t_tail_c(void)
{
	WORK(8);
	t_tail_leaf();
}

static APART void t_tail_b(int n)
{
	WORK(9);
	if (n)
		t_tail_c();
}

static APART void t_tail(int n)
{
	t_tail_b(n);
	STAY;
}

/* The call is the last instruction: the return address is in another function. */
static jmp_buf back;

static APART __attribute__((noreturn)) void t_never(int n)
{
	WORK(10);
	longjmp(back, n);
}

static APART __attribute__((noreturn)) void t_noreturn(int n)
{
	t_never(n + 1);
}

static APART void t_jumper(void)
{
	if (!setjmp(back))
		t_noreturn(zero);
	STAY;
}

/* The same from the part of a function that is put elsewhere. */
static APART __attribute__((noreturn, cold)) void t_refuse(int n)
{
	WORK(11);
	longjmp(back, n);
}

static APART int t_cold(int n)
{
	if (__builtin_expect(n > 5, 0))
		t_refuse(n);
	WORK(12);
	return n;
}

static APART void t_handler_leaf(void)
{
	WORK(13);
}

static APART void t_handler(int sig)
{
	(void)sig;
	t_handler_leaf();
	STAY;
}

static APART void t_raise(void)
{
	raise(SIGUSR1);
	STAY;
}

/* On a stack of its own. */
static APART void t_alt_leaf(void)
{
	WORK(23);
}

static APART void t_alt_handler(int sig)
{
	(void)sig;
	t_alt_leaf();
	STAY;
}

static APART void t_elsewhere(void)
{
	raise(SIGUSR2);
	STAY;
}

void t_asm_push(void);
void t_asm_rbx(void);
void t_asm_expression(void);
void t_asm_register(void);
void t_asm_trap(void);

static APART void t_trap_handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig, (void)info;
	WORK(14);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static APART void t_trap(void)
{
	t_asm_trap();
	STAY;
}

static APART void t_plt(void)
{
	uint64_t x = 1;

	for (int i = 0; i < 10000; i++)
		x = x_tiny(x) + x_other(x);
	zero = x == 42 && zero;
}

static APART void t_back_leaf(int n)
{
	__asm__ volatile("" : "+r"(n));
	WORK(15);
}

static APART void t_back(int n)
{
	t_back_leaf(n);
	STAY;
}

static APART void t_library(void)
{
	x_call(t_back, 3);
	STAY;
}

static APART void t_vdso(void)
{
	struct timespec ts;

	for (int i = 0; i < 1000; i++)
		clock_gettime(CLOCK_MONOTONIC, &ts);
}

static APART void t_copy(void)
{
	static char a[65536], b[65536];

	for (int i = 0; i < 8; i++) {
		memcpy(a + i, b, sizeof(a) - 8);
		memset(b, i, sizeof(b) - (size_t)i);
		__asm__ volatile("" : : "r"(a), "r"(b) : "memory");
	}
}

static APART int t_compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static APART void t_sort(void)
{
	static int v[1000];

	for (int i = 0; i < 1000; i++)
		v[i] = i * 7919 % 1009;
	qsort(v, 1000, sizeof(*v), t_compare);
	STAY;
}

static APART void t_bottom(void)
{
	WORK(16);
}

static APART int t_down(int n)
{
	volatile char pad[100];

	pad[n % 100] = 1;
	if (n)
		n = t_down(n - 1) + pad[n % 100];
	else
		t_bottom();
	STAY;
	return n;
}

static APART void t_recursion(int n)
{
	t_down(n);
	STAY;
}

static APART void t_sum(void)
{
	WORK(17);
}

static APART void t_odd(int n);
static APART void t_even(int n)
{
	if (n)
		t_odd(n - 1);
	else
		t_sum();
}

static APART void t_odd(int n)
{
	if (n)
		t_even(n - 1);
}

static APART void t_both_ways(void)
{
	t_even(6);
	STAY;
}

static APART void t_pointed(int n)
{
	__asm__ volatile("" : "+r"(n));
	WORK(18);
}
static void (*volatile pointer)(int) = t_pointed;

static APART void t_pointers(void)
{
	void (*volatile table[2])(int) = { pointer, pointer };

	pointer(1);
	table[zero](2);
	STAY;
}

void t_asm_rbx_leaf(void);
void t_asm_rbx_leaf(void)
{
	WORK(19);
}

void t_asm_expression_leaf(void);
void t_asm_expression_leaf(void)
{
	WORK(20);
}

static APART void t_asm(void)
{
	t_asm_push();
	t_asm_rbx();
	t_asm_expression();
	for (int i = 0; i < 5; i++)
		t_asm_register();
	STAY;
}

static ucontext_t here, fiber;

static APART void t_fiber_leaf(void)
{
	WORK(21);
}

static void t_fiber(void)
{
	for (;;) {
		t_fiber_leaf();
		swapcontext(&fiber, &here);
	}
}

static APART void t_resume(void)
{
	swapcontext(&here, &fiber);
	STAY;
}

static APART void t_thread_leaf(void)
{
	for (int i = 0; i < 30; i++)
		WORK(22);
}

static void *t_thread(void *arg)
{
	t_thread_leaf();
	STAY;
	return arg;
}

static APART void t_threads(void)
{
	pthread_t t;

	if (!pthread_create(&t, NULL, t_thread, NULL))
		pthread_join(t, NULL);
	STAY;
}

static void prepare(void)
{
	static char stack[65536], alternate[65536];
	struct sigaction handler = { .sa_handler = t_handler };
	struct sigaction alt = { .sa_handler = t_alt_handler, .sa_flags = SA_ONSTACK };
	stack_t alt_stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction trap = { .sa_sigaction = t_trap_handler, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &handler, NULL);
	sigaction(SIGILL, &trap, NULL);
	sigaltstack(&alt_stack, NULL);
	sigaction(SIGUSR2, &alt, NULL);
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	fiber.uc_link = NULL;
	makecontext(&fiber, t_fiber, 0);
}

int main(int argc, char **argv)
{
	uint64_t end = cpu_ms() + (argc > 1 ? strtoull(argv[1], NULL, 10) : 600);

	prepare();
	fputs(paths, stdout);
	for (unsigned i = 0; cpu_ms() < end; i++) {
		t_chain();
		t_tight();
		t_alloca(100 + i % 7);
		t_vla(30 + i % 7);
		t_realign(50 + i % 7);
		t_many();
		t_tail(1 - zero);
		t_jumper();
		if (!setjmp(back))
			t_cold(i % 2 ? 9 : 1);
		t_raise();
		t_trap();
		t_elsewhere();
		t_plt();
		t_library();
		t_vdso();
		t_copy();
		t_sort();
		t_recursion(i % 16 == 5 ? 800 : 20 + (int)(i % 80));
		t_both_ways();
		t_pointers();
		t_asm();
		t_resume();
		if (i % 8 == 0)
			t_threads();
	}
	return 0;
}
