/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_cfi.c - see unwind_cfi.h.  libunwind's target-generic interface with
 * accessors of ours: tables come from an elf_image, everything else from the
 * caller.  Nothing is cached in libunwind: its cache is keyed by address
 * alone, and one address has two rules, as a pc and as a return address.
 */
#include "unwind_cfi.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "elf_image.h"
#include "sys.h"
#include "unwind_ns.h"

#define POPPED_BYTES_MAX 65536u

static struct unwind_ns ns;
static bool loaded, forgone;
static unw_addr_space_t space; /* from the first step on */

/* Set while libunwind runs.  A child forked meanwhile sees it set, and knows
 * that the locks it inherited may be held by nobody. */
static _Atomic bool inside;

/* A word of the object's own bytes; its data segments read as the file has
 * them, which serves for pointers that are read and not followed (personality
 * routines). */
static bool read_image(const struct mapping *map, uint64_t address, uint64_t *word)
{
	return elf_image_read(map->image, address - map->load_bias, word, sizeof(*word));
}

static int access_mem(unw_addr_space_t as, unw_word_t address, unw_word_t *word, int write,
		      void *arg)
{
	struct cfi_frame *f = arg;

	(void)as;
	if (write)
		return -UNW_EINVAL;
	if (read_image(f->map, address, word))
		return 0;
	f->last = address;
	return f->read(f, address, word) ? 0 : -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write,
		      void *arg)
{
	const struct cfi_frame *f = arg;

	(void)as;
	if (write || reg < 0 || reg >= ARCH_REGS || !(f->valid >> reg & 1))
		return -UNW_EBADREG;
	*value = f->regs[reg];
	return 0;
}

/* Points libunwind at the object's sorted table.  Any error but "no info"
 * makes it give up at once, which is what "no info" must do too: its own guess
 * would follow frame pointers without our checks. */
static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need,
			  void *arg)
{
	struct cfi_frame *f = arg;
	const struct elf_image *e = f->map->image;
	unw_dyn_info_t di = { .start_ip = f->map->start,
			      .end_ip = f->map->end,
			      .format = UNW_INFO_FORMAT_REMOTE_TABLE };
	int ret;

	if (!e->fde_table || ip < di.start_ip || ip >= di.end_ip)
		return -UNW_EUNSPEC;
	di.u.rti.segbase = e->eh_hdr + f->map->load_bias;
	di.u.rti.table_data = e->fde_table + f->map->load_bias;
	di.u.rti.table_len = e->fdes; /* entries are as long as words */
	ret = ns.dwarf_search_unwind_table(as, ip, &di, pi, need, arg);
	if (ret == -UNW_ENOINFO)
		return -UNW_EUNSPEC;
	f->covered = true;
	return ret;
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
	(void)as, (void)pi, (void)arg;
}

static int no_dynamic_info(unw_addr_space_t as, unw_word_t *list, void *arg)
{
	(void)as, (void)list, (void)arg;
	return -UNW_ENOINFO;
}

static int no_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write, void *arg)
{
	(void)as, (void)reg, (void)value, (void)write, (void)arg;
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	(void)as, (void)cursor, (void)arg;
	return -UNW_EINVAL;
}

static int no_proc_name(unw_addr_space_t as, unw_word_t ip, char *name, size_t bytes,
			unw_word_t *offset, void *arg)
{
	(void)as, (void)ip, (void)name, (void)bytes, (void)offset, (void)arg;
	return -UNW_ENOINFO;
}

static bool is_pipe(int fd, ino_t *ino)
{
	struct stat st;

	if (sys_fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return false;
	*ino = st.st_ino;
	return true;
}

/* libunwind's first use opens a pipe with which it would check addresses of
 * its own process, something that never happens here.  Its ends take the two
 * lowest free descriptors: where a new pipe stands there afterwards, it is closed. */
static unw_addr_space_t create_space(void)
{
	static unw_accessors_t accessors = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = no_dynamic_info,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = no_fpreg,
		.resume = no_resume,
		.get_proc_name = no_proc_name,
	};
	unw_addr_space_t as;
	ino_t a = 0, b = 1;
	int low = sys_open("/", O_PATH | O_DIRECTORY, 0);
	int next = sys_open("/", O_PATH | O_DIRECTORY, 0);

	if (low >= 0)
		sys_close(low);
	if (next >= 0)
		sys_close(next);
	as = ns.create_addr_space(&accessors, 0);
	if (as)
		ns.set_caching_policy(as, UNW_CACHE_NONE);
	if (low >= 0 && next >= 0 && is_pipe(low, &a) && is_pipe(next, &b) && a == b) {
		sys_close(low);
		sys_close(next);
	}
	return as;
}

int unwind_cfi_init(const char **why)
{
	int err;

	*why = NULL;
	forgone = false;
	if (loaded && !atomic_load(&inside))
		return 0;
	atomic_store(&inside, false);
	loaded = false;
	space = NULL;
	err = unwind_ns_load(&ns, why);
	if (err < 0)
		return err;
	loaded = true;
	*why = NULL;
	return 0;
}

bool unwind_cfi_begin(void)
{
	if (loaded && !space && !forgone && !atomic_load(&inside)) {
		atomic_store_explicit(&inside, true, memory_order_relaxed);
		space = create_space();
		atomic_store_explicit(&inside, false, memory_order_relaxed);
		forgone = !space;
	}
	return space;
}

void unwind_cfi_forgo(void)
{
	forgone = !space;
}

bool unwind_cfi_is_forgone(void)
{
	return loaded && forgone;
}

/* In an epilogue the tables still name the place that a register was popped
 * from.  It is below the stack pointer, so not in a copy of the stack, and not needed: the
 * register is the caller's already. */
static bool was_popped(const struct cfi_frame *f)
{
	return f->last && f->regs[ARCH_SP] - f->last - 1 < POPPED_BYTES_MAX;
}

static bool is_in_memory(struct cfi_frame *f, unw_cursor_t *cursor, unsigned reg)
{
	uint64_t value;

	f->last = 0;
	return ns.get_reg(cursor, (int)reg, &value) >= 0 && f->last;
}

/* Takes over the caller's registers, as far as a call keeps them; after a
 * signal trampoline all are known. */
static void take_regs(struct cfi_frame *f, unw_cursor_t *cursor, bool signal)
{
	uint64_t regs[ARCH_REGS] = { 0 };
	uint32_t valid = 0;

	f->lands =
		!signal && is_in_memory(f, cursor, ARCH_RAX) && is_in_memory(f, cursor, ARCH_RDX);
	for (unsigned r = 0; r < ARCH_REGS; r++) {
		bool known;

		if (!signal && !(ARCH_CALLEE_SAVED >> r & 1))
			continue;
		f->last = 0;
		known = ns.get_reg(cursor, (int)r, &regs[r]) >= 0;
		if (was_popped(f)) {
			known = f->valid >> r & 1;
			regs[r] = f->regs[r];
		}
		valid |= (uint32_t)known << r;
	}
	memcpy(f->regs, regs, sizeof(regs));
	f->valid = valid;
}

int unwind_cfi_step(struct cfi_frame *f, bool *signal)
{
	unw_cursor_t cursor;
	int ret;

	f->covered = false;
	if (!f->map->image || !f->map->image->fde_table || !unwind_cfi_begin())
		return -ENOENT;
	atomic_store_explicit(&inside, true, memory_order_relaxed);
	ret = ns.init_remote(&cursor, space, f);
	if (ret >= 0)
		ret = ns.step(&cursor);
	if (ret > 0) {
		*signal = ns.is_signal_frame(&cursor) > 0;
		take_regs(f, &cursor, *signal);
	}
	atomic_store_explicit(&inside, false, memory_order_relaxed);
	if (ret < 0)
		return f->covered ? -EIO : -ENOENT;
	return ret > 0;
}
