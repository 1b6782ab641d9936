/* SPDX-License-Identifier: Apache-2.0
 *
 * test_maps.c - the picture of executable memory: what /proc says, newer
 * mappings over older ones, images from files and from memory, and that no
 * descriptor stays open.
 *
 * links: preload/arena.c preload/elf_image.c preload/file_view.c preload/elf_image_memory.c preload/maps.c
 * links: preload/maps_loader.c preload/maps_proc.c
 * libs: -ldl
 */
#include "../../preload/maps.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../include/prof_format.h"
#include "../../preload/arch.h"
#include "../../preload/elf_image.h"
#include "../../preload/maps_take.h"
#include "../../preload/unload.h"
#include "../check.h"

#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"
#define FAKE UINT64_C(0x10000000)

static struct arena arena;

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void start(void)
{
	maps_init(&arena);
	EQ(maps_refresh(7), 0);
}

static uint64_t address_of(const char *function)
{
	return (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, function);
}

TEST(this_process)
{
	unsigned before = descriptors();
	struct mapping *m, *self;
	struct link_map *lm;
	Dl_info info;

	start();
	EQ(descriptors(), before);
	m = maps_find(address_of("gnu_get_libc_version"));
	TRUE(m && m->flags == PROF_MAP_FILE && strstr(m->path, "libc.so.6"));
	TRUE(dladdr1((void *)(uintptr_t)address_of("gnu_get_libc_version"), &info, (void **)&lm,
		     RTLD_DL_LINKMAP));
	EQ(m->load_bias, lm->l_addr);
	EQ(m->t_ns, 7);
	EQ(m->build_id_len, 20);
	TRUE(m->image && m->image->fdes > 1000 && !m->ours);
	TRUE(maps_get(m->serial) == m);
	self = maps_find((uint64_t)(uintptr_t)maps_find);
	TRUE(self && self->ours);
	TRUE(!maps_find(0) && !maps_find(8) && !maps_find(UINT64_C(0x7fffffffffff)));
	TRUE(!maps_get(0) && !maps_get(100000));
}

TEST(kernel_and_vdso)
{
	struct mapping *m;
	uint32_t i = 1;

	start();
	m = maps_find(ARCH_KERNEL_START + 4096);
	TRUE(m && m->flags == PROF_MAP_KERNEL);
	TRUE(m == maps_find(UINT64_MAX - 1));
	while ((m = maps_get(i)) && !(m->flags & PROF_MAP_VDSO))
		i++;
	TRUE(m && m->image && m->image->fdes && m->build_id_len);
}

TEST(refresh_again_finds_nothing_new)
{
	uint32_t generation, serials = 1;

	start();
	generation = maps_generation;
	while (maps_get(serials))
		serials++;
	EQ(maps_refresh(8), 0);
	EQ(maps_refresh(9), 0);
	EQ(maps_generation, generation);
	TRUE(!maps_get(serials));
}

TEST(newer_over_older)
{
	struct mapping *old, *young;
	uint32_t generation;

	start();
	maps_add(1, FAKE, 0x10000, 0, 0, 0, "//anon", true);
	old = maps_find(FAKE);
	TRUE(old && old->flags == PROF_MAP_ANON && !*old->path);
	generation = maps_generation;
	maps_add(2, FAKE, 0x20000, 0, 0, 0, "", true);
	EQ(maps_generation, generation); /* anonymous code grows, nothing is replaced */
	TRUE(maps_find(FAKE) == old && maps_find(FAKE + 0x10000) != old);
	maps_add(3, FAKE + 0x4000, 0x4000, 0x26000, 1, 1, "/no/such/file", true);
	young = maps_find(FAKE + 0x4000);
	TRUE(young && young->flags == PROF_MAP_FILE && !young->image);
	EQ(maps_generation, generation + 1);
	TRUE(old->replaced && !young->replaced);
	TRUE(maps_find(FAKE + 0x3fff) == old && maps_find(FAKE + 0x8000) == old);
	TRUE(maps_find(FAKE + 0x7fff) == young);
	maps_add(4, FAKE + 0x4000, 0x4000, 0x26000, 1, 1, "/no/such/file", true);
	TRUE(maps_find(FAKE + 0x4000) == young);
	EQ(maps_generation, generation + 1);
	maps_add(5, FAKE + 0x5000, 0x1000, 0, 1, 2, "/another", true);
	TRUE(maps_find(FAKE + 0x4fff) == young && maps_find(FAKE + 0x6000) == young);
	TRUE(young->replaced);
}

/* Something executable at a place, of a file or of none. */
static void *put_at(void *place, const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int fixed = place ? MAP_FIXED : 0, flags = path ? MAP_PRIVATE : MAP_PRIVATE | MAP_ANONYMOUS;
	void *p = mmap(place, 4096, PROT_READ | PROT_EXEC, flags | fixed, fd, 0);

	TRUE(p != MAP_FAILED && (!path || fd >= 0));
	if (fd >= 0)
		close(fd);
	return p;
}

/* Where perf tells of mappings in their order, /proc knows the later ones too soon. */
TEST(filling_leaves_what_perf_told)
{
	static const char first[] = "/bin/true", second[] = "/bin/false";
	void *place = put_at(NULL, first), *other = put_at(NULL, second);
	uint64_t at = (uint64_t)(uintptr_t)place, beside = (uint64_t)(uintptr_t)other;

	start();
	put_at(place, second);
	munmap(other, 4096);
	EQ(maps_fill(8, 0), 0);
	TRUE(strstr(maps_find(at)->path, "true"));
	other = put_at(NULL, LIBC); /* at a place that was free, or the other's */
	EQ(maps_fill(9, 0), 0);
	TRUE(maps_find((uint64_t)(uintptr_t)other) && maps_find(beside));
	EQ(maps_refresh(10), 0);
	TRUE(strstr(maps_find(at)->path, "false"));
	put_at(place, NULL); /* code that is made: perf may not tell */
	EQ(maps_fill(11, 0), 0);
	EQ(maps_find(at)->flags, PROF_MAP_ANON);
	munmap(place, 4096);
	munmap(other, 4096);
}

#define PLACES 1500

static uint32_t known;	/* the newest before the reading */
static void *to_unload; /* a library, or NULL: the event of one comes */
static _Atomic bool waits;

/* Unloads as soon as the reading has begun. */
static void *unload_meanwhile(void *arg)
{
	atomic_store(&waits, true);
	while (atomic_load(&waits) && maps_newest() == known)
		;
	if (to_unload)
		EQ(dlclose(to_unload), 0);
	else
		atomic_store(&unload_pending, 1);
	return arg;
}

/* Whether all that is known after a reading is what was asked for. */
static bool fill_and_unload(const char *library, uint64_t at, uint64_t other)
{
	pthread_t t;
	bool alone;

	to_unload = library ? dlopen(library, RTLD_NOW) : NULL;
	TRUE(!library || to_unload);
	maps_init(&arena);
	known = maps_newest();
	EQ(pthread_create(&t, NULL, unload_meanwhile, NULL), 0);
	while (!waits)
		;
	EQ(maps_fill(8, at), 0);
	TRUE(maps_find(at));
	alone = !maps_find(other);
	atomic_store(&waits, false); /* the thread ends, whatever it saw */
	pthread_join(t, NULL);
	atomic_store(&unload_pending, 0);
	return alone;
}

/* What comes into the place of what is unloaded while /proc is read was not there for the
 * events before: only what was asked for is taken. */
static void filling_meets(const char *library)
{
	uint64_t places[PLACES];
	unsigned tries = 0;

	/* not side by side: they would be one mapping */
	for (unsigned i = 0; i < PLACES; i++)
		places[i] = (uint64_t)(uintptr_t)put_at(NULL, i % 2 ? "/bin/true" : "/bin/false");
	/* Should the other thread not get a CPU before the reading ends, all is taken. */
	while (!fill_and_unload(library, places[7], places[PLACES / 2]))
		TRUE(++tries < 100);
	TRUE(maps_changed()); /* so what was left out is looked for */
	TRUE(maps_find_new(places[PLACES / 2]));
	for (unsigned i = 0; i < PLACES; i++)
		munmap((void *)(uintptr_t)places[i], 4096);
}

TEST(filling_meets_an_unloading_that_is_told)
{
	filling_meets(NULL);
}

TEST(filling_meets_an_unloading_that_is_counted)
{
	filling_meets("libresolv.so.2");
}

static const char *copy_of_libc(void)
{
	static const char path[] = "/tmp/prof-test-maps.so";

	unlink(path);
	if (system("cp -L " LIBC " /tmp/prof-test-maps.so"))
		CHECK_FAIL("cannot copy libc");
	return path;
}

/* The executable part of a library, mapped as the loader would, far from the
 * real one. */
static uint8_t *map_library(const char *path, const struct mapping *like)
{
	uint64_t bytes = like->file_offset + (like->end - like->start);
	FILE *f = fopen(path, "r");
	uint8_t *p;

	TRUE(f);
	p = mmap(NULL, bytes + (1 << 20), PROT_READ, MAP_PRIVATE, fileno(f), 0);
	TRUE(p != MAP_FAILED);
	mprotect(p + like->file_offset, like->end - like->start, PROT_READ | PROT_EXEC);
	fclose(f);
	return p;
}

TEST(deleted_file_comes_from_memory)
{
	struct mapping *real, *m;
	const char *path = copy_of_libc();
	uint8_t *p;

	start();
	real = maps_find(address_of("gnu_get_libc_version"));
	p = map_library(path, real);
	unlink(path);
	EQ(maps_refresh(9), 0);
	m = maps_find((uint64_t)(uintptr_t)p + real->file_offset);
	TRUE(m && m->flags == (PROF_MAP_FILE | PROF_MAP_DELETED));
	STREQ(m->path, path);
	TRUE(m->image && m->image != real->image);
	EQ(m->image->fdes, real->image->fdes);
	EQ(m->load_bias, (uint64_t)(uintptr_t)p);
	EQ(memcmp(m->build_id, real->build_id, 20), 0);
}

/* Another file has taken the path: its bytes must not be used, those in memory are. */
TEST(replaced_file_is_not_believed)
{
	struct mapping *real, *m;
	const char *path = copy_of_libc();
	uint8_t *p;

	start();
	real = maps_find(address_of("gnu_get_libc_version"));
	p = map_library(path, real);
	unlink(path);
	EQ(system("cp -L /lib/x86_64-linux-gnu/libresolv.so.2 /tmp/prof-test-maps.so"), 0);
	maps_add(9, (uint64_t)(uintptr_t)p + real->file_offset, real->end - real->start,
		 real->file_offset, 1, 1, path, true);
	unlink(path);
	m = maps_find((uint64_t)(uintptr_t)p + real->file_offset);
	TRUE(m && m->image && m->image->fdes == real->image->fdes);
	EQ(memcmp(m->build_id, real->build_id, 20), 0);
}

/* What lies in memory is another object than was reported, or none is said to be there. */
TEST(memory_must_fit)
{
	const char *path = copy_of_libc();
	struct mapping *real, *m;
	uint64_t at;

	start();
	real = maps_find(address_of("gnu_get_libc_version"));
	at = (uint64_t)(uintptr_t)map_library(path, real) + real->file_offset;
	unlink(path);
	maps_add(9, at, real->end - real->start - 4096, real->file_offset, 1, 1, "/gone", true);
	m = maps_find(at);
	TRUE(m && !m->image);
	maps_forget(at, real->end);
	maps_add(9, at, real->end - real->start, real->file_offset, 1, 1, "/gone", false);
	m = maps_find(at);
	TRUE(m && !m->image);
}

TEST(loader_changes_are_seen)
{
	void *lib;

	start();
	TRUE(!maps_changed());
	lib = dlopen("libBrokenLocale.so.1", RTLD_NOW);
	TRUE(lib);
	TRUE(maps_changed());
	EQ(maps_refresh(2), 0);
	TRUE(!maps_changed());
	maps_fork_begin();
	dlclose(lib);
	TRUE(!maps_changed()); /* not possible now */
	maps_fork_end();
	TRUE(maps_changed());
}
