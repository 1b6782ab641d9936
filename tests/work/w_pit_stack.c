/* SPDX-License-Identifier: Apache-2.0
 *
 * w_pit_stack.c - stacks and the loader where whoever walks or locks them goes
 * wrong.  Prints the same whatever the library:
 *
 *	pointer		CPU time and allocations, on a thread, with the frame pointer register odd,
 *			in the kernel, before a page nobody may read, at itself, descending: MS
 *	last		functions whose last instruction calls one that does not return
 *	vdso		CPU time in clock_gettime alone: MS
 *	held		the loader's lock held while another thread computes and allocates
 *	ranges		what the loader made read-only after relocation is read-only
 *	attributes	pthread_getattr_np and allocations, on two threads
 *	jumps		longjmp out of nested calls and out of a signal handler
 *	deep		allocations at the bottom of a recursion of 100,000
 *
 * flags: -fno-optimize-sibling-calls -ffixed-rbp
 */
#include "work.h"

#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t each_ns;

/* Runs body with rbp = value, and says where the true one is. */
void with_pointer(uint64_t value, void (*body)(void));
__asm__(".text\n"
	".globl with_pointer\n"
	".type with_pointer, @function\n"
	"with_pointer:\n"
	".cfi_startproc\n"
	"push %rbp\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset %rbp, -16\n"
	"mov %rdi, %rbp\n"
	"call *%rsi\n"
	"pop %rbp\n"
	".cfi_def_cfa_offset 8\n"
	"ret\n"
	".cfi_endproc\n"
	".size with_pointer, . - with_pointer\n");

static FRAME void strange(void)
{
	work_burn(each_ns);
	for (int i = 0; i < 100; i++)
		work_alloc(1000);
	STAY;
}

static void *pointers(void *unused)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t frame[4], edge = (uint64_t)(uintptr_t)page + 4096 - 8;
	/* nearly all of the address space above this stack: somebody's, or nobody's */
	uint64_t hole = ((uint64_t)(uintptr_t)&frame + (UINT64_C(64) << 20)) & ~UINT64_C(4095);
	uint64_t *high =
		mmap((void *)(uintptr_t)hole, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t values[] = { 1,
			      UINT64_C(0xffff888000000000),
			      UINT64_C(0x800000000000),
			      (uint64_t)(uintptr_t)frame,
			      (uint64_t)(uintptr_t)frame + 3,
			      edge,
			      (uint64_t)(uintptr_t)high,
			      (uint64_t)(uintptr_t)high + 8 };

	mprotect(page + 4096, 4096, PROT_NONE);
	frame[0] = (uint64_t)(uintptr_t)frame; /* at itself */
	frame[1] = frame[2] = frame[3] = frame[0] - 64;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		with_pointer(values[i], strange);
	frame[0] = (uint64_t)(uintptr_t)&frame[2]; /* up, then down again for ever */
	frame[2] = frame[1] = (uint64_t)(uintptr_t)frame;
	with_pointer((uint64_t)(uintptr_t)frame, strange);
	return unused;
}

static void pointer(void)
{
	pthread_t id;

	pthread_create(&id, NULL, pointers, NULL);
	pthread_join(id, NULL);
	puts("pointer");
}

static jmp_buf back;

static __attribute__((noinline, noreturn)) void does_not_return(void)
{
	work_burn(each_ns);
	work_alloc(5000);
	longjmp(back, 1);
}

static __attribute__((noinline, noclone, noreturn)) void calls_last(void)
{
	work_spin(10);
	does_not_return();
}

/* Follows calls_last in the text: the return address above is its first byte. */
static __attribute__((noinline, noclone, used)) void after_the_last(void)
{
	work_spin(20);
}

static void last(void)
{
	if (!setjmp(back))
		calls_last();
	puts("last");
}

static FRAME void asks_the_time(void)
{
	uint64_t end = work_thread_cpu() + each_ns;
	struct timespec ts;

	while (work_thread_cpu() < end)
		for (int i = 0; i < 20000; i++)
			clock_gettime(CLOCK_MONOTONIC, &ts);
	STAY;
}

static void *computes(void *unused)
{
	work_burn(100 * MS);
	for (int i = 0; i < 1000; i++)
		work_alloc(1000);
	return unused;
}

static int in_callback(struct dl_phdr_info *info, size_t size, void *arg)
{
	pthread_t id;

	(void)info, (void)size, (void)arg;
	pthread_create(&id, NULL, computes, NULL);
	work_burn(50 * MS); /* the process's timers go off on the other thread, too */
	pthread_join(id, NULL);
	return 1;
}

static void held(void)
{
	dl_iterate_phdr(in_callback, NULL);
	puts("held");
}

/* True where the byte at p may be written, without doing it. */
static int writable(const void *p)
{
	/* SIG_BLOCK of an old set: the kernel writes to p and says whether it could */
	return syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, (void *)(uintptr_t)p, 8) == 0;
}

static int one_object(struct dl_phdr_info *info, size_t size, void *count)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr, end = start + ph->p_memsz;

		for (start = (start + 4095) & ~UINT64_C(4095);
		     ph->p_type == PT_GNU_RELRO && start + 4096 <= end; start += 4096)
			*(int *)count += writable((const void *)start);
	}
	return 0;
}

static void ranges(void)
{
	int open_pages = 0;

	dl_iterate_phdr(one_object, &open_pages);
	printf("writable %d\n", open_pages);
}

static void *asks_attributes(void *unused)
{
	for (int i = 0; i < 300; i++) {
		pthread_attr_t attr;
		void *low;
		size_t bytes;

		if (pthread_getattr_np(pthread_self(), &attr) ||
		    pthread_attr_getstack(&attr, &low, &bytes))
			abort();
		pthread_attr_destroy(&attr);
		work_alloc(100);
	}
	return unused;
}

static void attributes(void)
{
	pthread_t id;

	pthread_create(&id, NULL, asks_attributes, NULL);
	asks_attributes(NULL);
	pthread_join(id, NULL);
	puts("attributes");
}

static sigjmp_buf from_handler;

static void on_usr1(int sig)
{
	work_alloc(100);
	siglongjmp(from_handler, sig);
}

static FRAME void descend(int depth)
{
	static volatile int really = 1;

	work_alloc(100);
	if (depth > 0)
		descend(depth - 1);
	else if (really)
		longjmp(back, 1);
	STAY;
}

static void jumps(void)
{
	volatile int n = 0, caught = 0;

	signal(SIGUSR1, on_usr1);
	while (n < 200) {
		n = n + 1;
		if (!setjmp(back))
			descend(50);
		if (!sigsetjmp(from_handler, 1))
			raise(SIGUSR1);
		else
			caught = caught + 1;
	}
	printf("jumps %d %d\n", n, caught);
}

static FRAME uint64_t down(uint64_t depth)
{
	uint64_t below = 0;

	if (depth == 0)
		for (int i = 0; i < 100; i++)
			work_alloc(1000);
	else
		below = down(depth - 1) + 1;
	STAY;
	return below;
}

static void deep(void)
{
	printf("deep %llu\n", (unsigned long long)down(100000));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "pointer", pointer },
		      { "last", last },
		      { "held", held },
		      { "ranges", ranges },
		      { "attributes", attributes },
		      { "jumps", jumps },
		      { "deep", deep },
		      { "vdso", asks_the_time } };

	each_ns = work_arg(argc, argv, 2, 30) * MS;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc > 1 && !strcmp(argv[1], modes[i].name))
			modes[i].run();
	return 0;
}
