/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_perf.c - see cpu_perf.h: the perf engine between opening and closing,
 * all but reading the rings (cpu_perf_read.c).  Everything runs on the writer
 * thread.
 */
#include "cpu_perf.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "cpu_perf_rings.h"
#include "stats.h"
#include "sys.h"

struct perf_engine perf_engine;

static int followers_grow(void)
{
	uint32_t max = perf_engine.max_followers ? 2 * perf_engine.max_followers : 256;
	int *bigger = sys_map_unforked(max * sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	if (perf_engine.followers) {
		memcpy(bigger, perf_engine.followers, perf_engine.n_followers * sizeof(*bigger));
		sys_unmap(perf_engine.followers, perf_engine.max_followers * sizeof(*bigger));
	}
	perf_engine.followers = bigger;
	perf_engine.max_followers = max;
	return 0;
}

static int follow_on_cpu(int tid, const struct perf_ring *r)
{
	int fd, err;

	if (perf_engine.n_followers == perf_engine.max_followers && followers_grow())
		return -ENOMEM;
	fd = perf_event_open_on(tid, r->cpu);
	if (fd < 0)
		return fd;
	err = (int)SYS_CALL(SYS_ioctl, fd, PERF_EVENT_IOC_SET_OUTPUT, r->fd, 0, 0, 0);
	if (err) {
		sys_close(fd);
		return err;
	}
	perf_engine.followers[perf_engine.n_followers++] = fd;
	return 0;
}

int cpu_perf_follow(int tid, uint32_t rings)
{
	uint32_t before = perf_engine.n_followers, all = perf_engine.n_rings;
	int err = 0;

	if (!all || perf_engine.detached)
		return -EBADF;
	for (uint32_t i = rings < all ? all - rings : 0; i < all && !err; i++)
		err = follow_on_cpu(tid, &perf_engine.rings[i]);
	if (err) {
		while (perf_engine.n_followers > before)
			sys_close(perf_engine.followers[--perf_engine.n_followers]);
		return err;
	}
	for (uint32_t i = before; perf_engine.on && i < perf_engine.n_followers; i++)
		SYS_CALL(SYS_ioctl, perf_engine.followers[i], PERF_EVENT_IOC_ENABLE, 0, 0, 0, 0);
	return 0;
}

/* Without descriptors all events of the thread that opened them are switched
 * together; the writer has no others. */
int cpu_perf_enable(bool on)
{
	unsigned long request = on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE;
	int err = 0, refused;

	if (on) /* threads that ended meanwhile were not told of */
		table_clear(&perf_engine.events);
	perf_engine.on = on;
	if (perf_engine.detached)
		return (int)SYS_CALL(SYS_prctl,
				     on ? PR_TASK_PERF_EVENTS_ENABLE : PR_TASK_PERF_EVENTS_DISABLE,
				     0, 0, 0, 0, 0);
	for (uint32_t i = 0; i < perf_engine.n_rings; i++) {
		refused = (int)SYS_CALL(SYS_ioctl, perf_engine.rings[i].fd, request, 0, 0, 0, 0);
		err = refused ? refused : err;
	}
	for (uint32_t i = 0; i < perf_engine.n_followers; i++) {
		refused = (int)SYS_CALL(SYS_ioctl, perf_engine.followers[i], request, 0, 0, 0, 0);
		err = refused ? refused : err;
	}
	return err;
}

bool cpu_perf_is_open(void)
{
	return perf_engine.n_rings;
}

/* What hangs up is the ring's own event and those inherited from it. */
bool cpu_perf_is_blind(void)
{
	bool blind = perf_engine.detached;

	for (uint32_t i = 0; i < perf_engine.n_rings && perf_engine.n_followers; i++)
		blind |= perf_engine.rings[i].hung_up;
	return blind;
}

bool cpu_perf_has_room_for(uint64_t ns)
{
	const struct perf_event_attr *a = &perf_engine.attr;

	return a->sample_period &&
	       perf_bytes_in(ns, a->sample_period, a->sample_stack_user) < perf_engine.data_bytes;
}

unsigned cpu_perf_pollfds(struct pollfd *fds, unsigned max)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < perf_engine.n_rings && n < max; i++)
		if (perf_engine.rings[i].fd >= 0 && !perf_engine.rings[i].hung_up)
			fds[n++] =
				(struct pollfd){ .fd = perf_engine.rings[i].fd, .events = POLLIN };
	return n;
}

void cpu_perf_polled(const struct pollfd *fds, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		if (!(fds[k].revents & (POLLHUP | POLLERR | POLLNVAL)))
			continue;
		for (uint32_t i = 0; i < perf_engine.n_rings; i++)
			if (perf_engine.rings[i].fd == fds[k].fd)
				perf_engine.rings[i].hung_up = true;
	}
}

static uint64_t read_lost(int fd)
{
	uint64_t value_lost[2] = { 0, 0 };

	if (fd < 0 || sys_read(fd, value_lost, sizeof(value_lost)) != sizeof(value_lost))
		return 0;
	return value_lost[1];
}

static void read_all_lost(void)
{
	uint64_t lost = 0;

	if (!(perf_engine.attr.read_format & PERF_ENGINE_FORMAT_LOST) || perf_engine.detached)
		return;
	for (uint32_t i = 0; i < perf_engine.n_rings; i++)
		lost += read_lost(perf_engine.rings[i].fd);
	for (uint32_t i = 0; i < perf_engine.n_followers; i++)
		lost += read_lost(perf_engine.followers[i]);
	perf_engine.lost_by_read = lost;
}

void cpu_perf_count_lost(void)
{
	uint64_t lost;

	/* Reading a running event interrupts the CPU it runs on. */
	if (!perf_engine.on)
		read_all_lost();
	lost = perf_engine.lost_by_read > perf_engine.lost_by_record ? perf_engine.lost_by_read
								     : perf_engine.lost_by_record;
	stats_lose(PROF_LOSS_CPU_RING, lost - perf_engine.lost_reported);
	perf_engine.lost_reported = lost;
}

static void followers_close(void)
{
	for (uint32_t i = 0; i < perf_engine.n_followers; i++)
		sys_close(perf_engine.followers[i]);
	perf_engine.n_followers = 0;
}

/* A mapped ring keeps its event; a redirected event has none of its own, and
 * the kernel refuses to map it (EBUSY). */
void cpu_perf_detach(void)
{
	if (perf_engine.detached)
		return;
	read_all_lost();
	followers_close();
	table_clear(&perf_engine.events);
	for (uint32_t i = 0; i < perf_engine.n_rings; i++) {
		sys_close(perf_engine.rings[i].fd);
		perf_engine.rings[i].fd = -1;
	}
	perf_engine.detached = true;
}

void perf_rings_close(void)
{
	for (uint32_t i = 0; i < perf_engine.n_rings; i++) {
		struct perf_ring *r = &perf_engine.rings[i];

		if (r->page)
			sys_unmap(r->page, perf_mapping_bytes());
		if (r->fd >= 0)
			sys_close(r->fd);
	}
	perf_engine.n_rings = 0;
}

void cpu_perf_reset_in_child(void)
{
	perf_engine = (struct perf_engine){ 0 };
}

void cpu_perf_close(void)
{
	followers_close();
	perf_rings_close();
	if (perf_engine.followers)
		sys_unmap(perf_engine.followers,
			  perf_engine.max_followers * sizeof(*perf_engine.followers));
	if (perf_engine.rings)
		sys_unmap(perf_engine.rings, perf_engine.max_rings * sizeof(*perf_engine.rings));
	if (perf_engine.bounce)
		sys_unmap(perf_engine.bounce, PERF_RECORD_BYTES_MAX);
	if (perf_engine.events.slots)
		sys_unmap(perf_engine.events.slots, table_bytes(&perf_engine.events));
	perf_engine = (struct perf_engine){ 0 };
}
