/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_coro.c - thousands of coroutines, each on 16 KiB of its own with a
 * guard page below, run by four threads that take whichever is next, so that
 * each is left by one thread and gone on with by another.  They allocate at
 * every depth down to the last bytes that plain malloc is sure to do with.
 *
 *	w_storm_coro SECONDS context|assembly LEAVE
 *
 * LEAVE: bytes left between the deepest allocation and the guard page.
 */
#include "storm.h"

#include <pthread.h>
#include <string.h>
#include <ucontext.h>

#define COROUTINES 3000u
#define THREADS 4
#define STACK_BYTES 16384u
#define GUARD_BYTES 4096u

struct coroutine {
	void *sp; /* of the switch by hand */
	ucontext_t context;
	char *low; /* end of its stack */
	void *kept;
	uint64_t turns;
	struct runner *runner; /* the thread that runs it now */
	struct coroutine *next;
};

struct runner {
	void *sp;
	ucontext_t context;
};

static struct coroutine all[COROUTINES];
static struct {
	pthread_mutex_t lock;
	struct coroutine *first, **end;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .end = &queue.first };
static _Atomic uint64_t switches;
static int by_hand;
static size_t leave_bytes;

/* Saves what a call must keep on this stack, and goes on where to's was saved. */
void switch_stacks(void **from, void *to);
#if defined(__x86_64__)
__asm__(".text\n.globl switch_stacks\n.type switch_stacks,@function\n"
	"switch_stacks:\n.cfi_startproc\n"
	"push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbp, 0\n"
	"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbx, 0\n"
	"push %r12\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r12, 0\n"
	"push %r13\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r13, 0\n"
	"push %r14\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r14, 0\n"
	"push %r15\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r15, 0\n"
	"mov %rsp, (%rdi)\n"
	"mov %rsi, %rsp\n"
	"pop %r15\n.cfi_adjust_cfa_offset -8\n"
	"pop %r14\n.cfi_adjust_cfa_offset -8\n"
	"pop %r13\n.cfi_adjust_cfa_offset -8\n"
	"pop %r12\n.cfi_adjust_cfa_offset -8\n"
	"pop %rbx\n.cfi_adjust_cfa_offset -8\n"
	"pop %rbp\n.cfi_adjust_cfa_offset -8\n"
	"ret\n.cfi_endproc\n.size switch_stacks,.-switch_stacks\n");
#else
#error "switch_stacks is not written for this architecture"
#endif

static void leave(struct coroutine *c)
{
	if (by_hand)
		switch_stacks(&c->sp, c->runner->sp);
	else
		swapcontext(&c->context, &c->runner->context);
}

static void enter(struct runner *r, struct coroutine *c)
{
	c->runner = r;
	if (by_hand)
		switch_stacks(&r->sp, c->sp);
	else
		swapcontext(&r->context, &c->context);
}

/* Recurses until no more than leave_bytes are left, then allocates. */
static FRAME void allocate_deep(const struct coroutine *c, size_t step)
{
	volatile char room[256];
	size_t left = (size_t)((char *)__builtin_frame_address(0) - sizeof(room) - c->low);

	room[0] = (char)step;
	if (left > leave_bytes + sizeof(room) + 64) {
		allocate_deep(c, step + (size_t)room[0]);
		STAY;
		return;
	}
	storm_free(storm_malloc(1000));
	STAY;
}

/* Both ways on a stack that was someone else's thread's a moment ago. */
static FRAME void coroutine_body(struct coroutine *c)
{
	for (;;) {
		void *was = c->kept;

		c->kept = storm_malloc(100 + c->turns % 400);
		memset(c->kept, 0x5a, 100);
		storm_free(was);
		allocate_deep(c, 0);
		c->turns++;
		leave(c);
	}
}

static void coroutine_main(unsigned low, unsigned high)
{
	coroutine_body((struct coroutine *)((uintptr_t)low | (uintptr_t)high << 32));
}

static struct coroutine *starting; /* the switch by hand passes nothing along */
static void coroutine_main_by_hand(void)
{
	coroutine_body(starting->runner ? starting : NULL);
}

static void make(struct coroutine *c)
{
	char *map = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (map == MAP_FAILED || mprotect(map + GUARD_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE))
		exit(97);
	c->low = map + GUARD_BYTES;
	if (by_hand) {
		void **top = (void **)(c->low + STACK_BYTES);

		top[-2] = (void *)coroutine_main_by_hand; /* and rsp + 8 a multiple of 16 there */
		c->sp = &top[-8];
		return;
	}
	getcontext(&c->context);
	c->context.uc_stack.ss_sp = c->low;
	c->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&c->context, (void (*)(void))coroutine_main, 2, (unsigned)(uintptr_t)c,
		    (unsigned)((uintptr_t)c >> 32));
}

static struct coroutine *take(void)
{
	struct coroutine *c;

	pthread_mutex_lock(&queue.lock);
	c = queue.first;
	if (c) {
		queue.first = c->next;
		if (!queue.first)
			queue.end = &queue.first;
	}
	pthread_mutex_unlock(&queue.lock);
	return c;
}

static void put(struct coroutine *c)
{
	c->next = NULL;
	pthread_mutex_lock(&queue.lock);
	*queue.end = c;
	queue.end = &c->next;
	pthread_mutex_unlock(&queue.lock);
}

static void *runs(void *arg)
{
	struct runner self = { 0 };

	while (storm_running())
		for (int i = 0; i < 50; i++) {
			struct coroutine *c = take();

			if (!c)
				continue;
			enter(&self, c);
			switches++;
			put(c);
		}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t id[THREADS];
	struct runner self = { 0 };
	uint64_t idle = 0;

	storm_begin(argc, argv);
	by_hand = argc > 2 && !strcmp(argv[2], "assembly");
	leave_bytes = work_arg(argc, argv, 3, 1536);
	for (unsigned i = 0; i < COROUTINES; i++) {
		make(&all[i]);
		starting = &all[i];
		enter(&self, &all[i]);
		put(&all[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&id[i], NULL, runs, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	for (unsigned i = 0; i < COROUTINES; i++)
		idle += all[i].turns == 0;
	storm_load("switches", switches);
	storm_must("idle", idle);
	storm_end();
	return 0;
}
