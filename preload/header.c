/* SPDX-License-Identifier: Apache-2.0
 *
 * header.c - see header.h.  Arguments and environment stay out of the trace,
 * but for what FORMAT.md names.
 */
#include "header.h"

#include <elf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../include/prof_format.h"
#include "apart.h"
#include "config.h"
#include "proc.h"
#include "state.h"
#include "sys.h"

#define FIELDS_BYTES (96u << 10)
#define TEXT_BYTES 4096u
#define TRACE_ID_BYTES 16u
#define CLOCK_TRIES 20
#define CLOCK_APART_NS 20000u
#define NAMES_WAIT_NS UINT64_C(100000000) /* at a time: nobody may be able to wake */

static struct {
	uint8_t trace_id[TRACE_ID_BYTES], parent_id[TRACE_ID_BYTES];
	bool forked;
	uint64_t mono_ns, real_ns, machine_ns;
	_Atomic uint32_t named; /* header_gather_names is done; a child has its parent's */
	struct utsname uts;
	char kernel[256], boot_id[64], container[80];
	char service[1024], exe[TEXT_BYTES], argv0[TEXT_BYTES], attributes[TEXT_BYTES];
} facts;
static uint8_t field_bytes[FIELDS_BYTES] APART; /* static: a trace has a header whatever fails */
static struct buffer fields = { .bytes = field_bytes, .capacity = FIELDS_BYTES };

const char *header_program(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN), *slash;

	if (!path || !*path)
		return "unknown";
	slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

uint64_t header_start_ns(void)
{
	return facts.mono_ns;
}

/* Without snprintf: a forked child comes by here too. */
static void take_text(char *to, size_t bytes, const char *text)
{
	size_t n = strlen(text);

	if (n > bytes - 1)
		n = bytes - 1;
	memcpy(to, text, n);
	to[n] = '\0';
}

static void take_environment(char *to, size_t bytes, const char *name)
{
	size_t n = strlen(name);

	*to = '\0';
	for (char *const *e = state.env; e && *e; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			take_text(to, bytes, *e + n + 1);
}

/* argv[0] as the kernel keeps it; the rest of the line is not looked at. */
static void take_argv0(void)
{
	if (proc_read("/proc/thread-self/cmdline", facts.argv0, sizeof(facts.argv0)) < 0)
		facts.argv0[0] = '\0';
}

/* The two clocks at one moment.  On a busy machine something may come between
 * the readings; all times of day in the trace would be off by as long as it
 * took, so the closest pair of several is kept. */
static void take_clocks(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < CLOCK_TRIES && least > CLOCK_APART_NS; i++) {
		uint64_t before = sys_now_ns(), real = sys_clock_ns(CLOCK_REALTIME);
		uint64_t apart = sys_now_ns() - before;

		if (apart >= least)
			continue;
		least = apart;
		facts.mono_ns = before;
		facts.real_ns = real;
	}
}

void header_gather(void)
{
	facts.forked = facts.mono_ns != 0; /* gathered once before */
	memcpy(facts.parent_id, facts.trace_id, TRACE_ID_BYTES);
	SYS_CALL(SYS_getrandom, facts.trace_id, TRACE_ID_BYTES, 0, 0, 0, 0);
	take_clocks();
}

void header_gather_names(void)
{
	ssize_t n;

	if (atomic_load(&facts.named))
		return;
	n = sys_readlink("/proc/thread-self/exe", facts.exe, sizeof(facts.exe) - 1);
	facts.exe[n > 0 ? n : 0] = '\0';
	take_argv0();
	uname(&facts.uts);
	take_text(facts.kernel, sizeof(facts.kernel), facts.uts.sysname);
	n = (ssize_t)strlen(facts.kernel);
	facts.kernel[n++] = ' ';
	take_text(facts.kernel + n, sizeof(facts.kernel) - (size_t)n, facts.uts.release);
	if (proc_read("/proc/sys/kernel/random/boot_id", facts.boot_id, sizeof(facts.boot_id)) > 0)
		facts.boot_id[strcspn(facts.boot_id, "\n")] = '\0';
	proc_container_id(facts.container, sizeof(facts.container));
	take_environment(facts.service, sizeof(facts.service), "OTEL_SERVICE_NAME");
	take_environment(facts.attributes, sizeof(facts.attributes), "OTEL_RESOURCE_ATTRIBUTES");
	atomic_store_explicit(&facts.named, 1, memory_order_release);
	sys_futex_wake(&facts.named);
}

static void await_names(void)
{
	while (!atomic_load_explicit(&facts.named, memory_order_acquire))
		sys_futex_wait(&facts.named, 0, NAMES_WAIT_NS);
}

/* UTC as 20060102T150405Z, without libc's time zone machinery.  Days to civil date:
 * Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static void utc_text(char *to, size_t bytes)
{
	uint64_t s = facts.real_ns / 1000000000u, days = s / 86400 + 719468, era = days / 146097;
	uint64_t doe = days % 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	uint64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;

	snprintf(to, bytes, "%04u%02u%02uT%02u%02u%02uZ",
		 (unsigned)(yoe + era * 400 + (month <= 2)), (unsigned)month, (unsigned)day,
		 (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

static int append(char *path, size_t bytes, size_t *used, const char *text)
{
	size_t n = strlen(text);

	if (*used + n + 1 > bytes)
		return -ENAMETOOLONG;
	memcpy(path + *used, text, n + 1);
	*used += n;
	return 0;
}

int header_expand_out(char *path, size_t bytes)
{
	size_t used = 0;
	int err = 0;

	await_names();
	*path = '\0';
	for (const char *p = config.out; *p && !err; p++) {
		char text[64] = { *p, '\0' };
		const char *piece = text;

		if (*p == '%' && p[1]) {
			switch (*++p) {
			case 'e': piece = header_program(); break;
			case 'h': piece = facts.uts.nodename; break;
			case 'p': snprintf(text, sizeof(text), "%d", state.pid); break;
			case 't': utc_text(text, sizeof(text)); break;
			case '%': break;
			default: text[1] = *p; text[2] = '\0';
			}
		}
		err = append(path, bytes, &used, piece);
	}
	return err;
}

static void put_bytes(enum prof_header_field key, const void *p, size_t n)
{
	if (!buffer_room(&fields, n + 2 * PROF_VARINT_BYTES_MAX))
		return;
	buffer_put(&fields, key);
	buffer_put(&fields, n);
	buffer_put_bytes(&fields, p, n);
}

static void put_text(enum prof_header_field key, const char *text)
{
	if (*text)
		put_bytes(key, text, strlen(text));
}

static void put_number(enum prof_header_field key, uint64_t v)
{
	uint8_t bytes[PROF_VARINT_BYTES_MAX];

	put_bytes(key, bytes, (size_t)(prof_put_varint(bytes, v) - bytes));
}

static void put_setting(void *arg, const char *setting)
{
	(void)arg;
	put_text(PROF_HDR_SETTING, setting);
}

static void put_process(void)
{
	put_bytes(PROF_HDR_TRACE_ID, facts.trace_id, TRACE_ID_BYTES);
	if (facts.forked)
		put_bytes(PROF_HDR_PARENT_TRACE_ID, facts.parent_id, TRACE_ID_BYTES);
	put_text(PROF_HDR_EXE, facts.exe);
	put_text(PROF_HDR_ARGV0, facts.argv0);
	put_text(PROF_HDR_PROGRAM, header_program());
	put_text(PROF_HDR_HOST, facts.uts.nodename);
	put_number(PROF_HDR_PID, (uint64_t)state.pid);
	put_number(PROF_HDR_PPID, (uint64_t)getppid());
	put_number(PROF_HDR_UID, (uint64_t)geteuid());
	put_text(PROF_HDR_CONTAINER_ID, facts.container);
	put_text(PROF_HDR_SERVICE_NAME, facts.service);
	put_text(PROF_HDR_RESOURCE_ATTRIBUTES, facts.attributes);
	put_text(PROF_HDR_KERNEL, facts.kernel);
	put_text(PROF_HDR_MACHINE, facts.uts.machine);
	put_text(PROF_HDR_BOOT_ID, facts.boot_id);
	put_number(PROF_HDR_PAGE_BYTES, (uint64_t)sysconf(_SC_PAGESIZE));
	put_number(PROF_HDR_ENTRY, getauxval(AT_ENTRY));
	put_text(PROF_HDR_WRITER_VERSION, PROF_VERSION);
}

const struct buffer *header_fields(uint32_t segment, uint64_t t_ns, const struct header_engines *e)
{
	fields.used = 0;
	put_process();
	put_number(PROF_HDR_SEGMENT, segment);
	put_number(PROF_HDR_START_MONO_NS, facts.mono_ns);
	put_number(PROF_HDR_START_REAL_NS, facts.real_ns);
	/* a namespace entered later does not move the start */
	if (segment == 1)
		facts.machine_ns = facts.mono_ns - (uint64_t)proc_clock_offset_ns();
	if (facts.machine_ns != facts.mono_ns)
		put_number(PROF_HDR_START_MACHINE_NS, facts.machine_ns);
	put_number(PROF_HDR_SEGMENT_START_NS, t_ns - facts.mono_ns);
	put_number(PROF_HDR_CPUS, e->cpus);
	put_text(PROF_HDR_CPU_ENGINE, e->cpu);
	put_number(PROF_HDR_CPU_PERIOD_NS, e->cpu_period_ns);
	put_number(PROF_HDR_CPU_KERNEL, (uint64_t)e->cpu_kernel);
	put_text(PROF_HDR_HEAP_ENGINE, e->heap);
	put_number(PROF_HDR_HEAP_MEAN_BYTES, e->heap_mean_bytes);
	put_number(PROF_HDR_STACK_BYTES, config.stack_bytes);
	config_each(put_setting, NULL);
	return &fields;
}
