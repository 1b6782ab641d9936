/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_perf_open.c - the perf engine's first half: events and rings on every
 * CPU, as large as the locked memory allows, and what to say when they are
 * refused.  Runs on the writer thread.
 */
#include "cpu_perf.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "cpu_perf_rings.h"
#include "sys.h"

#define LARGE_RING_BYTES (256u << 10)
#define RING_BYTES_MIN (64u << 10)
#define RING_NS UINT64_C(150000000)
#define RING_BYTES_WANTED_MIN (256u << 10)
#define RING_BYTES_WANTED_MAX (2u << 20)
#define ALL_RINGS_BYTES (32u << 20)

/* Linux 5.13; newer than the headers we may be built with. */
#define ATTR_INHERIT_THREAD (UINT64_C(1) << 35)

enum perf_step { STEP_CPUS, STEP_OPEN, STEP_MEMORY, STEP_MAP };

static char why_text[256];

__attribute__((format(printf, 1, 2))) static const char *say_why(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why_text, sizeof(why_text), format, args);
	va_end(args);
	return why_text;
}

/* An integer of /proc/sys/kernel, -1 when it cannot be read. */
static int read_sysctl(const char *path)
{
	char text[16] = "";
	int fd = sys_open(path, O_RDONLY, 0), value = -1;

	if (fd < 0)
		return -1;
	if (sys_read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%d", &value) != 1)
		value = -1;
	sys_close(fd);
	return value;
}

static const char *explain(enum perf_step step, int err)
{
	int paranoid;

	if (step == STEP_MAP)
		return say_why(
			"no locked memory left for the perf rings: raise it with "
			"'sysctl kernel.perf_event_mlock_kb=4096' (now %d) or 'ulimit -l unlimited'",
			read_sysctl("/proc/sys/kernel/perf_event_mlock_kb"));
	if (step == STEP_MEMORY)
		return "no memory for the perf engine's tables";
	if (step == STEP_CPUS)
		return say_why("sched_getaffinity failed (errno %d)", -err);
	paranoid = (int)read_sysctl("/proc/sys/kernel/perf_event_paranoid");
	switch (err) {
	case -EACCES:
		return paranoid > 2
			       ? say_why("perf_event_open is forbidden, kernel.perf_event_paranoid is %d: "
					 "allow it with 'sysctl kernel.perf_event_paranoid=2'",
					 paranoid)
			       : say_why("perf_event_open is forbidden although "
					 "kernel.perf_event_paranoid is %d: a sandbox or security module "
					 "does it, allow the call there",
					 paranoid);
	case -EPERM:
	case -ENOSYS:
		return say_why(
			"perf_event_open is blocked (%s), as containers do with seccomp: allow "
			"it in the container's seccomp profile or with '--cap-add PERFMON'",
			err == -EPERM ? "EPERM" : "ENOSYS");
	case -EMFILE:
	case -ENFILE:
		return "too many open files, the perf engine needs one for each CPU: raise the limit "
		       "with 'ulimit -n 65536'";
	case -EINVAL:
		return "the kernel does not know thread-only inheritance of perf events: Linux 5.13 or "
		       "newer is needed";
	default: return say_why("perf_event_open failed (errno %d)", -err);
	}
}

int perf_event_open_on(int tid, int cpu)
{
	return (int)SYS_CALL(SYS_perf_event_open, &perf_engine.attr, tid, cpu, -1,
			     PERF_FLAG_FD_CLOEXEC, 0);
}

/* By how much the writer is woken: by half of a ring, of a small one, which has little room behind
 * the sample that wakes, by a quarter. */
static uint32_t wakeup_bytes(uint32_t ring_bytes)
{
	return ring_bytes / (ring_bytes < LARGE_RING_BYTES ? 4 : 2);
}

static void fill_attr(const struct cpu_perf_options *options, uint32_t ring_bytes)
{
	struct perf_event_attr *a = &perf_engine.attr;
	uint64_t *flags =
		(uint64_t *)(void *)((char *)a + offsetof(struct perf_event_attr, read_format) +
				     sizeof(a->read_format));

	*a = (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(*a),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = options->period_ns,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID |
			       PERF_SAMPLE_CPU | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_REGS_USER |
			       PERF_SAMPLE_STACK_USER,
		.read_format = PERF_ENGINE_FORMAT_LOST,
		.disabled = 1,
		.inherit = 1,
		.exclude_hv = 1,
		.exclude_callchain_user = 1,
		.mmap = 1,
		.mmap2 = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.sample_id_all = 1,
		.watermark = 1,
		.wakeup_watermark = wakeup_bytes(ring_bytes),
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.sample_regs_user = ARCH_PERF_REGS_MASK,
		.sample_stack_user = options->stack_bytes & ~7u,
	};
	*flags |= ATTR_INHERIT_THREAD;
}

/* The first event: finds out what the kernel knows and allows, and leaves
 * attr so. */
static int event_open_first(int tid, int cpu)
{
	struct perf_event_attr *a = &perf_engine.attr;

	for (;;) {
		int fd = perf_event_open_on(tid, cpu);

		if ((fd == -EACCES || fd == -EPERM) && !a->exclude_kernel) {
			a->exclude_kernel = 1;
			a->exclude_callchain_user = 0;
			a->sample_type &= ~(uint64_t)PERF_SAMPLE_CALLCHAIN;
		} else if (fd == -EINVAL && a->read_format) {
			a->read_format = 0;
		} else {
			return fd;
		}
	}
}

/* A CPU that went offline meanwhile is left out; its EINVAL is only believed
 * to mean the attributes when no CPU takes them. */
static int open_events(uint32_t cpus)
{
	int err = -ENODEV;

	perf_engine.n_rings = 0;
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		struct perf_ring *r = &perf_engine.rings[perf_engine.n_rings];
		int fd;

		if (!(perf_engine.cpus[cpu / 8] >> cpu % 8 & 1))
			continue;
		fd = perf_engine.n_rings ? perf_event_open_on(perf_engine.tid, (int)cpu)
					 : event_open_first(perf_engine.tid, (int)cpu);
		if (fd >= 0) {
			*r = (struct perf_ring){ .fd = fd, .cpu = (int)cpu };
			perf_engine.n_rings++;
		} else {
			err = fd;
			if (fd != -ENODEV && fd != -EINVAL)
				return fd;
		}
	}
	return perf_engine.n_rings ? 0 : err;
}

static int map_ring(struct perf_ring *r)
{
	int err = 0;

	r->page = sys_map_fd(perf_mapping_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0,
			     &err);
	if (r->page)
		r->data = (uint8_t *)r->page + PERF_PAGE_BYTES;
	return r->page ? 0 : err;
}

static int map_rings(void)
{
	int err = 0;

	for (uint32_t i = 0; i < perf_engine.n_rings && !err; i++)
		err = map_ring(&perf_engine.rings[i]);
	return err;
}

/* Bytes of the set, or -errno. */
static long allowed_cpus(int tid, uint8_t *set)
{
	return SYS_CALL(SYS_sched_getaffinity, tid, sizeof(perf_engine.cpus), set, 0, 0, 0);
}

/* Events and rings of one size on all CPUs, or nothing. */
static int open_all(const struct cpu_perf_options *options, uint32_t ring_bytes,
		    enum perf_step *step)
{
	long got = allowed_cpus(options->tid, perf_engine.cpus);
	int err;

	*step = STEP_CPUS;
	if (got < 0)
		return (int)got;
	*step = STEP_MEMORY;
	if (!perf_engine.rings) {
		perf_engine.max_rings = (uint32_t)got * 8;
		perf_engine.rings =
			sys_map_unforked(perf_engine.max_rings * sizeof(*perf_engine.rings));
		perf_engine.bounce = sys_map_unforked(PERF_RECORD_BYTES_MAX);
		if (!perf_engine.rings || !perf_engine.bounce)
			return -ENOMEM;
	}
	*step = STEP_OPEN;
	perf_engine.data_bytes = ring_bytes;
	fill_attr(options, ring_bytes);
	err = open_events(perf_engine.max_rings);
	if (!err) {
		*step = STEP_MAP;
		err = map_rings();
	}
	if (err)
		perf_rings_close();
	return err;
}

uint32_t cpu_perf_ring_bytes(uint64_t period_ns, uint32_t stack_bytes, uint64_t cpus)
{
	uint64_t most = ALL_RINGS_BYTES / cpus;
	uint32_t bytes = RING_BYTES_WANTED_MIN;

	while (bytes < perf_bytes_in(RING_NS, period_ns, stack_bytes) &&
	       bytes < RING_BYTES_WANTED_MAX)
		bytes *= 2;
	while (bytes > most && bytes > RING_BYTES_MIN)
		bytes /= 2;
	return bytes;
}

int cpu_perf_open(const struct cpu_perf_options *options, struct cpu_perf_info *info)
{
	uint32_t least = RING_BYTES_MIN, bytes;
	enum perf_step step;
	int err;

	cpu_perf_close();
	*info = (struct cpu_perf_info){ 0 };
	perf_engine.pid = sys_getpid();
	perf_engine.tid = options->tid;
	perf_engine.clock_offset_ns = options->clock_offset_ns;
	/* A ring must hold two samples, or it loses every other one. */
	while (least / 2 < options->stack_bytes + 1024)
		least *= 2;
	for (bytes = least; 2 * bytes <= options->ring_bytes;)
		bytes *= 2;
	do {
		err = open_all(options, bytes, &step);
		bytes /= 2;
	} while (err && step == STEP_MAP && bytes >= least);
	if (err) {
		info->why = explain(step, err);
		info->memory = step == STEP_MAP;
		cpu_perf_close();
		return step == STEP_MAP ? -EPERM : err;
	}
	info->cpus = perf_engine.n_rings;
	info->ring_bytes = (uint32_t)perf_engine.data_bytes;
	info->kernel = !perf_engine.attr.exclude_kernel;
	return 0;
}

int cpu_perf_reopen(const struct cpu_perf_options *options, struct cpu_perf_info *info)
{
	struct perf_engine old = perf_engine, anew;
	int err;

	perf_engine = (struct perf_engine){ 0 };
	err = cpu_perf_open(options, info);
	anew = perf_engine;
	perf_engine = old;
	if (err && (!info->memory || old.on)) {
		perf_engine.clock_offset_ns = options->clock_offset_ns;
		return err;
	}
	cpu_perf_count_lost();
	cpu_perf_close();
	perf_engine = anew;
	/* Both at a time were more than may be locked. */
	return err || info->ring_bytes < old.data_bytes ? cpu_perf_open(options, info) : 0;
}

/* With an event of the followed thread, or, where that has ended, of tid. */
static int add_ring(int cpu, int tid)
{
	struct perf_ring *r = &perf_engine.rings[perf_engine.n_rings];
	int err;

	if (perf_engine.n_rings == perf_engine.max_rings)
		return -ENOMEM;
	*r = (struct perf_ring){ .fd = perf_event_open_on(perf_engine.tid, cpu), .cpu = cpu };
	if (r->fd == -ESRCH)
		r->fd = perf_event_open_on(tid, cpu);
	if (r->fd < 0)
		return r->fd;
	err = map_ring(r);
	if (err) {
		sys_close(r->fd);
		return err;
	}
	if (perf_engine.on)
		SYS_CALL(SYS_ioctl, r->fd, PERF_EVENT_IOC_ENABLE, 0, 0, 0, 0);
	perf_engine.n_rings++;
	return 0;
}

uint32_t cpu_perf_widen(int tid, int *err)
{
	uint8_t allowed[sizeof(perf_engine.cpus)] = { 0 };
	long bytes = allowed_cpus(tid, allowed);
	uint32_t before = perf_engine.n_rings;

	for (long cpu = 0; cpu < 8 * bytes; cpu++) {
		uint8_t *set = &perf_engine.cpus[cpu / 8], bit = (uint8_t)(1u << cpu % 8);
		int refused;

		if (!(allowed[cpu / 8] & bit) || *set & bit)
			continue;
		*set |= bit;
		refused = perf_engine.detached ? -EBADF : add_ring((int)cpu, tid);
		*err = refused ? refused : *err;
	}
	return perf_engine.n_rings - before;
}
