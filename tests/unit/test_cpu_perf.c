/* SPDX-License-Identifier: Apache-2.0
 *
 * test_cpu_perf.c - the perf engine against workloads of known CPU time: the
 * test's main thread is the writer, a thread called root and all that it
 * creates is what the engine follows.  Skipped where perf is denied altogether.
 *
 * links: preload/cpu_perf.c preload/cpu_perf_open.c preload/cpu_perf_read.c
 */
#define _GNU_SOURCE
#include "../../preload/cpu_perf.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "../../preload/cpu_perf_rings.h"
#include "../../preload/stats.h"
#include "../../preload/sys.h"
#include "../check.h"

#define MS UINT64_C(1000000)
#define PERIOD_NS UINT64_C(1001001) /* 999 Hz */
#define STACK_BYTES 4096u
#define MARKER UINT64_C(0x6d61726b65723032)
#define NOT_ROOT 54321 /* a user nobody else uses: the ring budget is one per user */

_Atomic uint64_t stats_lost[PROF_LOSS_CODES];

/* ---- The workload ---- */

static uint64_t cpu_ns(void)
{
	return sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void burn(uint64_t ns)
{
	uint64_t end = cpu_ns() + ns;
	volatile unsigned spins = 0;

	while (cpu_ns() < end)
		for (int i = 0; i < 100000; i++) /* mostly outside the kernel */
			spins++;
}

#define WORKERS_MAX 64

/* A thread that burns, with a known word at a known place of its stack. */
struct worker {
	uint64_t burn_ns, used_ns;
	bool in_kernel;
	_Atomic int tid;
	_Atomic uint64_t marker_at;
	pthread_t thread;
	unsigned samples, with_marker;
};

static struct worker workers[WORKERS_MAX];
static unsigned n_workers;

static __thread char scratch[4096];

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	volatile uint64_t marker = MARKER;
	uint64_t before = cpu_ns();

	w->marker_at = (uint64_t)(uintptr_t)&marker;
	w->tid = sys_gettid();
	if (w->in_kernel)
		while (cpu_ns() < before + w->burn_ns)
			sys_read_own_memory((uint64_t)(uintptr_t)workers, scratch, 4096);
	else
		burn(w->burn_ns);
	w->used_ns = cpu_ns() - before;
	return NULL;
}

static struct worker *start_worker(uint64_t burn_ns, bool in_kernel)
{
	struct worker *w = &workers[n_workers++];

	TRUE(n_workers <= WORKERS_MAX);
	w->burn_ns = burn_ns;
	w->in_kernel = in_kernel;
	TRUE(!pthread_create(&w->thread, NULL, worker_main, w));
	return w;
}

static void join_workers(void)
{
	for (unsigned i = 0; i < n_workers; i++)
		pthread_join(workers[i].thread, NULL);
}

/* ---- The followed thread ---- */

static pthread_t root;
static _Atomic int root_tid;
static _Atomic bool root_go, root_done;
static void (*root_work)(void);

static void *root_main(void *arg)
{
	(void)arg;
	root_tid = sys_gettid();
	while (!root_go)
		usleep(200);
	root_work();
	root_done = true;
	return NULL;
}

static struct cpu_perf_info info;

static int open_root(uint32_t ring_bytes, uint32_t stack_bytes, void (*work)(void))
{
	struct cpu_perf_options options = { PERIOD_NS, stack_bytes, 0, ring_bytes, 0 };

	root_work = work;
	TRUE(!pthread_create(&root, NULL, root_main, NULL));
	while (!root_tid)
		usleep(100);
	options.tid = root_tid;
	return cpu_perf_open(&options, &info);
}

/* ---- What came out of the rings ---- */

static struct {
	unsigned samples, kernel_samples, kernel_chains, unknown_tids, other_pids, bounced;
	unsigned forks, exits, comms, maps, others;
	bool saw_name, saw_file, saw_anon;
	uint64_t last_ns, last_on_cpu_ns[1024], back_ns, back_on_cpu_ns;
	uint32_t tids[256];
	unsigned n_tids;
} seen;

static void *exec_map, *anon_map;

static void know_tid(uint32_t tid)
{
	TRUE(seen.n_tids < 256);
	seen.tids[seen.n_tids++] = tid;
}

static bool is_known_tid(uint32_t tid)
{
	for (unsigned i = 0; i < seen.n_tids; i++)
		if (seen.tids[i] == tid)
			return true;
	return tid == (uint32_t)root_tid;
}

static void check_order(const struct perf_rec *rec)
{
	uint64_t *on_cpu = &seen.last_on_cpu_ns[rec->cpu % 1024];

	if (rec->t_ns < seen.last_ns && seen.last_ns - rec->t_ns > seen.back_ns)
		seen.back_ns = seen.last_ns - rec->t_ns;
	if (rec->t_ns<*on_cpu && * on_cpu - rec->t_ns> seen.back_on_cpu_ns)
		seen.back_on_cpu_ns = *on_cpu - rec->t_ns;
	seen.last_ns = rec->t_ns;
	*on_cpu = rec->t_ns;
}

static void check_stack(const struct perf_rec *rec, struct worker *w)
{
	const struct capture *c = &rec->sample.user;
	uint64_t at = w->marker_at, offset = at - c->regs[ARCH_SP], value;

	w->samples++;
	if (!at || c->stack_bytes < 8 || offset > c->stack_bytes - 8)
		return;
	memcpy(&value, c->stack + offset, 8);
	w->with_marker += value == MARKER;
}

static void take_sample(const struct perf_rec *rec)
{
	const struct capture *c = &rec->sample.user;

	seen.samples++;
	seen.other_pids += rec->pid != (uint32_t)getpid();
	seen.unknown_tids += !is_known_tid(rec->tid);
	seen.bounced += c->stack >= perf_engine.bounce &&
			c->stack < perf_engine.bounce + PERF_RECORD_BYTES_MAX;
	TRUE(c->valid & 1u << ARCH_SP && c->valid & 1u << ARCH_IP);
	TRUE(c->regs[ARCH_IP] < ARCH_KERNEL_START);
	if (rec->sample.in_kernel) {
		seen.kernel_samples++;
		seen.kernel_chains += rec->sample.kernel_frames > 1;
		for (unsigned i = 0; i < rec->sample.kernel_frames; i++)
			TRUE(rec->sample.kernel_pc[i] >= ARCH_KERNEL_START);
	} else {
		EQ(rec->sample.kernel_frames, 0);
	}
	for (unsigned i = 0; i < n_workers; i++)
		if ((uint32_t)workers[i].tid == rec->tid)
			check_stack(rec, &workers[i]);
}

static void take_map(const struct perf_rec *rec)
{
	seen.maps++;
	if (rec->mmap.start == (uint64_t)(uintptr_t)exec_map) {
		struct stat st;

		TRUE(!stat("/proc/self/exe", &st));
		TRUE(strstr(rec->mmap.path, "test_cpu_perf"));
		EQ(rec->mmap.bytes, 4096);
		EQ(rec->mmap.ino, st.st_ino);
		EQ(rec->mmap.dev, st.st_dev);
		EQ(rec->mmap.file_offset, 4096);
		seen.saw_file = true;
	}
	if (rec->mmap.start == (uint64_t)(uintptr_t)anon_map) {
		STREQ(rec->mmap.path, "//anon");
		seen.saw_anon = true;
	}
}

static void take(const struct perf_rec *rec)
{
	check_order(rec);
	switch (rec->kind) {
	case PERF_REC_SAMPLE: take_sample(rec); break;
	case PERF_REC_FORK:
		seen.forks++;
		know_tid(rec->tid);
		break;
	case PERF_REC_EXIT: seen.exits++; break;
	case PERF_REC_COMM:
		seen.comms++;
		seen.saw_name |= !strcmp(rec->comm.name, "renamed") && !rec->comm.exec;
		break;
	case PERF_REC_MMAP: take_map(rec); break;
	default: seen.others++;
	}
}

static void drain(void)
{
	struct perf_rec rec;

	while (cpu_perf_next(&rec)) {
		take(&rec);
		cpu_perf_consume();
	}
}

/* Drains as the writer would: woken by a quarter of a ring, or by time. */
static void run(void)
{
	struct pollfd fds[1024];

	cpu_perf_enable(true);
	root_go = true;
	while (!root_done) {
		unsigned n = cpu_perf_pollfds(fds, 1024);

		poll(fds, n, 50);
		cpu_perf_polled(fds, n);
		drain();
	}
	pthread_join(root, NULL);
	cpu_perf_enable(false);
	drain();
	cpu_perf_count_lost();
}

/* Samples of w against its own clock.  Where the kernel is not sampled, an
 * expiry that falls into it is lost, and a busy machine makes these many.  Beside
 * threads that want the CPUs, too, ticks fall in or out of its turns: 0.92 to 1.07. */
static void expect_worker(const struct worker *w)
{
	double expected = (double)w->used_ns / (double)PERIOD_NS;

	printf("  thread %d: %u samples, %.1f expected, %u with its marker\n", w->tid, w->samples,
	       expected, w->with_marker);
	TRUE(w->samples > expected * (info.kernel ? 0.88 : 0.5) - 4 &&
	     w->samples < expected * 1.12 + 4);
	TRUE(w->with_marker + 2 >= w->samples);
}

static void print_seen(void)
{
	printf("  %u samples, %u in the kernel, %u through the bounce buffer, "
	       "lost %llu; forks %u, exits %u, comms %u, maps %u, others %u; rings %u x %u KiB; "
	       "backward by %llu ns, on one CPU %llu ns\n",
	       seen.samples, seen.kernel_samples, seen.bounced,
	       (unsigned long long)stats_lost[PROF_LOSS_CPU_RING], seen.forks, seen.exits,
	       seen.comms, seen.maps, seen.others, info.cpus, info.ring_bytes >> 10,
	       (unsigned long long)seen.back_ns, (unsigned long long)seen.back_on_cpu_ns);
}

/* ---- Tests ---- */

static _Atomic int child_pid;

static void child_burns(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		burn(100 * MS);
		_exit(0);
	}
	child_pid = pid;
	TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
}

static void map_code(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	exec_map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096);
	anon_map = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRUE(fd >= 0 && exec_map != MAP_FAILED && anon_map != MAP_FAILED);
	close(fd);
}

static void all_sorts_of_work(void)
{
	for (int i = 0; i < 3; i++)
		start_worker(200 * MS, i == 2);
	for (int i = 0; i < 30; i++)
		start_worker(3 * MS, false);
	map_code();
	TRUE(!pthread_setname_np(pthread_self(), "renamed"));
	child_burns();
	join_workers();
}

static void expect_all_sorts(void)
{
	print_seen();
	for (unsigned i = 0; i < 3; i++)
		if (info.kernel || !workers[i].in_kernel)
			expect_worker(&workers[i]);
	EQ(seen.unknown_tids, 0);
	EQ(seen.other_pids, 0);
	EQ(seen.forks, n_workers);
	TRUE(seen.exits >= n_workers);
	TRUE(seen.saw_name && seen.saw_file && seen.saw_anon);
	EQ(stats_lost[PROF_LOSS_CPU_RING], 0);
	EQ(stats_lost[PROF_LOSS_OTHER_RECORDS], 0);
	TRUE(seen.back_ns < 1 * MS && seen.back_on_cpu_ns < 1 * MS);
	TRUE(info.kernel ? seen.kernel_chains > 50 : !seen.kernel_samples);
}

TEST(all_sorts)
{
	EQ(open_root(512 << 10, STACK_BYTES, all_sorts_of_work), 0);
	EQ(info.ring_bytes, 512 << 10);
	run();
	expect_all_sorts();
	cpu_perf_close();
}

static void become_ordinary(void)
{
	if (!getuid())
		TRUE(!setresuid(NOT_ROOT, NOT_ROOT, NOT_ROOT));
}

static bool is_denied(int err)
{
	if (err != -EACCES)
		return false;
	TRUE(strstr(info.why, "perf_event_paranoid"));
	printf("  denied: %s\n", info.why);
	return true;
}

TEST(ordinary_user)
{
	int err;

	become_ordinary();
	err = open_root(512 << 10, STACK_BYTES, all_sorts_of_work);
	if (is_denied(err))
		return;
	EQ(err, 0);
	run();
	expect_all_sorts();
	cpu_perf_close();
}

static void two_workers(void)
{
	start_worker(300 * MS, false);
	start_worker(300 * MS, false);
	join_workers();
}

/* The smallest rings: records of 8 KiB that never divide it. */
TEST(records_that_wrap)
{
	EQ(open_root(1, 8192, two_workers), 0);
	EQ(info.ring_bytes, 64 << 10);
	run();
	print_seen();
	expect_worker(&workers[0]);
	expect_worker(&workers[1]);
	TRUE(seen.bounced > 20);
	EQ(stats_lost[PROF_LOSS_OTHER_RECORDS], 0);
	cpu_perf_close();
}

/* Large stacks get rings that hold at least two of them. */
TEST(largest_stack)
{
	EQ(open_root(1, 65528, two_workers), 0);
	EQ(info.ring_bytes, 256 << 10);
	run();
	print_seen();
	TRUE(seen.samples > 100);
	cpu_perf_close();
}

TEST(losses_are_counted)
{
	unsigned expected;

	EQ(open_root(64 << 10, 8192, two_workers), 0);
	cpu_perf_enable(true);
	root_go = true;
	pthread_join(root, NULL);
	cpu_perf_enable(false);
	drain();
	cpu_perf_count_lost();
	print_seen();
	expected = (unsigned)((workers[0].used_ns + workers[1].used_ns) / PERIOD_NS);
	TRUE(seen.samples < 10 * info.cpus);
	TRUE(seen.samples + stats_lost[PROF_LOSS_CPU_RING] > expected * 0.93);
	/* the fork, exit, comm and mmap records among them are few */
	TRUE(seen.samples + stats_lost[PROF_LOSS_CPU_RING] < expected * 1.05 + 30);
	expected = (unsigned)stats_lost[PROF_LOSS_CPU_RING];
	cpu_perf_count_lost();
	EQ(stats_lost[PROF_LOSS_CPU_RING], expected);
	cpu_perf_close();
}

static void nothing(void)
{
}

TEST(nothing_before_enable)
{
	EQ(open_root(128 << 10, STACK_BYTES, two_workers), 0);
	root_go = true;
	pthread_join(root, NULL);
	drain();
	EQ(seen.samples, 0);
	cpu_perf_close();
}

static _Atomic bool other_go;

static void *other_main(void *arg)
{
	_Atomic int *tid = arg;

	*tid = sys_gettid();
	while (!other_go)
		usleep(200);
	two_workers();
	return NULL;
}

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/thread-self/fd");
	unsigned n = 0;

	TRUE(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void expect_two_workers(void)
{
	print_seen();
	expect_worker(&workers[0]);
	expect_worker(&workers[1]);
}

/* A thread that root did not create, and its children, with two events each. */
TEST(thread_that_existed)
{
	_Atomic int other_tid = 0;
	unsigned fds = count_fds();
	pthread_t other;

	EQ(open_root(128 << 10, STACK_BYTES, nothing), 0);
	TRUE(!pthread_create(&other, NULL, other_main, &other_tid));
	while (!other_tid)
		usleep(100);
	EQ(cpu_perf_follow(other_tid, UINT32_MAX), 0);
	EQ(cpu_perf_follow(other_tid, UINT32_MAX), 0); /* twice, which is to be as once */
	EQ(cpu_perf_follow(0x3ffffff, UINT32_MAX), -ESRCH);
	cpu_perf_enable(true);
	root_go = true;
	other_go = true;
	while (pthread_tryjoin_np(other, NULL)) {
		usleep(2000);
		drain();
	}
	cpu_perf_enable(false);
	pthread_join(root, NULL);
	drain();
	expect_two_workers();
	cpu_perf_close();
	EQ(count_fds(), fds);
}

/* Without a descriptor left, the rings fill, and can still be switched. */
TEST(detached_rings_go_on)
{
	unsigned fds = count_fds();
	struct pollfd fd;

	EQ(open_root(512 << 10, STACK_BYTES, two_workers), 0);
	cpu_perf_detach();
	EQ(count_fds(), fds);
	EQ(cpu_perf_follow(root_tid, UINT32_MAX), -EBADF);
	EQ(cpu_perf_pollfds(&fd, 1), 0);
	cpu_perf_enable(true);
	cpu_perf_enable(false);
	cpu_perf_enable(true);
	root_go = true;
	while (!root_done) {
		usleep(2000);
		drain();
	}
	pthread_join(root, NULL);
	cpu_perf_enable(false);
	drain();
	cpu_perf_count_lost();
	EQ(stats_lost[PROF_LOSS_CPU_RING], 0);
	expect_two_workers();
	cpu_perf_close();
	EQ(count_fds(), fds);
}

TEST(hangup_is_left_out)
{
	struct pollfd fds[64];
	unsigned n;

	EQ(open_root(128 << 10, STACK_BYTES, nothing), 0);
	run();
	n = cpu_perf_pollfds(fds, 64);
	TRUE(poll(fds, n, 1000) >= 0);
	cpu_perf_polled(fds, n);
	EQ(cpu_perf_pollfds(fds, 64), 0);
	cpu_perf_close();
}

/* Other processes of the user hold rings until nothing is left: halved and halved
 * again, and the last gets a reason. */
TEST(locked_memory_runs_out)
{
	struct rlimit none = { 0, 0 };
	int tell[2], hold[2], result[2] = { 0, 512 << 10 }, last = 512 << 10, holders = 0;
	char why[256] = "";

	TRUE(!setrlimit(RLIMIT_MEMLOCK, &none) && !pipe(tell) && !pipe(hold));
	become_ordinary();
	for (; !result[0]; holders++) {
		TRUE(holders < 64);
		if (!fork()) {
			close(hold[1]);
			result[0] =
				open_root(holders ? 512 << 10 : 256 << 10, STACK_BYTES, nothing);
			result[1] = (int)info.ring_bytes;
			if (info.why)
				snprintf(why, sizeof(why), "%s", info.why);
			TRUE(write(tell[1], result, sizeof(result)) == sizeof(result));
			TRUE(write(tell[1], why, sizeof(why)) == sizeof(why));
			_exit(read(hold[0], why, 1) != 0);
		}
		TRUE(read(tell[0], result, sizeof(result)) == sizeof(result));
		TRUE(read(tell[0], why, sizeof(why)) == sizeof(why));
		printf("  %d: %d, rings of %d KiB%s%s\n", holders, result[0], result[1] >> 10,
		       *why ? "; " : "", why);
		TRUE(result[0] || (result[1] >= 64 << 10 && result[1] <= 512 << 10));
		TRUE(result[0] || holders < 2 || result[1] <= last);
		last = result[0] ? last : result[1];
	}
	close(hold[1]);
	while (wait(NULL) > 0)
		;
	if (result[0] == -EACCES)
		return;
	EQ(result[0], -EPERM);
	TRUE(holders < 3 || last < 512 << 10);
	TRUE(strstr(why, "perf_event_mlock_kb") && strstr(why, "ulimit -l"));
}

static void deny_perf(int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	TRUE(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRUE(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

static void expect_denied(int err, const char *word)
{
	unsigned fds = count_fds();

	if (err != EMFILE)
		deny_perf(err);
	EQ(open_root(128 << 10, STACK_BYTES, nothing), -err);
	printf("  %s\n", info.why);
	TRUE(strstr(info.why, word));
	EQ(cpu_perf_follow(root_tid, UINT32_MAX), -EBADF);
	drain();
	EQ(seen.samples, 0);
	if (err != EMFILE)
		EQ(count_fds(), fds);
}

TEST(denied_eperm)
{
	expect_denied(EPERM, "seccomp");
}

TEST(denied_enosys)
{
	expect_denied(ENOSYS, "seccomp");
}

TEST(denied_eacces)
{
	expect_denied(EACCES, "kernel.perf_event_paranoid");
}

TEST(denied_einval)
{
	expect_denied(EINVAL, "5.13");
}

TEST(denied_emfile)
{
	struct rlimit few = { 4, 4 };

	TRUE(!setrlimit(RLIMIT_NOFILE, &few));
	while (dup(1) >= 0)
		;
	EQ(open_root(128 << 10, STACK_BYTES, nothing), -EMFILE);
	TRUE(strstr(info.why, "ulimit -n"));
}

/* In a forked child the engine's descriptor numbers are the program's. */
TEST(forked_child_forgets)
{
	unsigned fds;
	int status;
	pid_t pid;

	EQ(open_root(128 << 10, STACK_BYTES, nothing), 0);
	pid = fork();
	if (!pid) {
		fds = count_fds();
		cpu_perf_reset_in_child();
		cpu_perf_close();
		EQ(count_fds(), fds);
		_exit(0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	cpu_perf_close();
}

/* ---- Rings that lie ---- */

#define FAKE_BYTES (64u << 10)
static _Alignas(4096) uint8_t fake[4096 + FAKE_BYTES];
static struct perf_ring fake_ring;
static uint8_t fake_bounce[PERF_RECORD_BYTES_MAX];

static void fake_engine(void)
{
	struct perf_event_mmap_page *page = (void *)fake;

	fake_ring = (struct perf_ring){ .page = page, .data = fake + 4096, .fd = -1 };
	perf_engine = (struct perf_engine){ .rings = &fake_ring,
					    .n_rings = 1,
					    .data_bytes = FAKE_BYTES,
					    .bounce = fake_bounce,
					    .pid = 7 };
	perf_engine.attr.sample_type = PERF_SAMPLE_CALLCHAIN;
	page->data_head = page->data_tail = 0;
}

static unsigned read_fake(uint64_t bytes)
{
	struct perf_event_mmap_page *page = (void *)fake;
	struct perf_rec rec;
	unsigned n = 0;

	page->data_head += bytes;
	while (cpu_perf_next(&rec)) {
		n++;
		TRUE(n <= FAKE_BYTES / 32);
		if (rec.kind == PERF_REC_SAMPLE)
			TRUE(rec.sample.kernel_frames <= PERF_KERNEL_FRAMES_MAX &&
			     rec.sample.user.stack_bytes < 65536);
		if (rec.kind == PERF_REC_COMM)
			TRUE(strlen(rec.comm.name) < 65536);
		if (rec.kind == PERF_REC_MMAP)
			TRUE(strlen(rec.mmap.path) < 65536);
		cpu_perf_consume();
	}
	EQ(page->data_tail, page->data_head);
	return n;
}

static void put_header(unsigned at, uint32_t type, uint16_t size)
{
	struct perf_event_header h = { type, 0, size };

	memcpy(fake + 4096 + at, &h, sizeof(h));
}

TEST(sizes_that_do_not_add_up)
{
	static const uint16_t bad[] = { 0, 8, 24, 33, 65528 };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		fake_engine();
		put_header(0, PERF_RECORD_COMM, bad[i]);
		stats_lost[PROF_LOSS_OTHER_RECORDS] = 0;
		EQ(read_fake(1024), 0);
		EQ(stats_lost[PROF_LOSS_OTHER_RECORDS], 1);
	}
}

TEST(fields_that_do_not_fit)
{
	fake_engine();
	memset(fake + 4096, 0xff, 1024);    /* no terminator, counts of 2^64 - 1 */
	memset(fake + 4096 + 8 + 24, 0, 8); /* pid and tid of the COMM */
	put_header(0, PERF_RECORD_SAMPLE, 256);
	put_header(256, PERF_RECORD_COMM, 256);
	put_header(512, PERF_RECORD_MMAP2, 256);
	put_header(768, PERF_RECORD_FORK, 256);
	EQ(read_fake(1024), 4);
	EQ(stats_lost[PROF_LOSS_OTHER_RECORDS], 3);
}

/* Any bytes at all: ends, and reads nothing outside (the sanitizers watch). */
TEST(any_bytes)
{
	uint64_t x = 88172645463325252u;

	fake_engine();
	for (int round = 0; round < 300; round++) {
		for (unsigned i = 0; i < FAKE_BYTES; i += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(fake + 4096 + i, &x, 8);
		}
		/* some whole records before the noise, over the ring's end too */
		for (unsigned at = 0; at < 60000; at += 1000)
			put_header((unsigned)(fake_ring.tail + at) % FAKE_BYTES & ~7u,
				   x >> (at / 1000) & 1 ? PERF_RECORD_SAMPLE : x % 16, 1000);
		read_fake((x % 60000) & ~7u);
	}
}

/* Where perf is denied altogether there is nothing to test. */
__attribute__((constructor)) static void skip_without_perf(void)
{
	struct cpu_perf_options options = { PERIOD_NS, STACK_BYTES, sys_getpid(), 64 << 10, 0 };
	int err = cpu_perf_open(&options, &info);

	if (err) {
		printf("perf is denied here: %s\n", info.why);
		exit(77);
	}
	cpu_perf_close();
}
