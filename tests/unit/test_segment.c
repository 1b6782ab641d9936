/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segment.c - segments on disk: names and modes, frames that are whole,
 * what a failed write leaves, and the limit on the total, which must not drift
 * however many segments have come and gone.
 *
 * links: preload/segment.c preload/trace_dir.c
 * libs: -l:liblz4.a
 */
#define _GNU_SOURCE
#include "../../preload/segment.h"
#include "../../preload/trace_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "../../include/prof_format.h"
#include "../check.h"

static char home[4096]; /* in the working directory, which the runner removes */

static struct buffer buffer_of(size_t n)
{
	uint8_t *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct buffer b;

	TRUE(memory != MAP_FAILED);
	buffer_init(&b, &memory, n);
	return b;
}

static struct buffer bytes_of(size_t n, unsigned seed)
{
	struct buffer b = buffer_of(n);

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		buffer_put_byte(&b, (uint8_t)(seed >> 16));
	}
	return b;
}

static void begin(bool keep)
{
	char path[4200];

	TRUE(getcwd(home, sizeof(home) - 20));
	strcat(home, "/segment-XXXXXX");
	TRUE(mkdtemp(home));
	snprintf(path, sizeof(path), "%s/t", home);
	EQ(segment_make_trace(path, keep), 0);
	STREQ(trace_dir_path(), path);
}

static uint64_t bytes_on_disk(unsigned *files)
{
	struct dirent *d;
	uint64_t sum = 0;
	DIR *dir = opendir(trace_dir_path());

	TRUE(dir);
	*files = 0;
	while ((d = readdir(dir))) {
		struct stat st;

		if (*d->d_name == '.' || fstatat(dirfd(dir), d->d_name, &st, 0))
			continue;
		EQ(st.st_mode & 0777, 0600);
		sum += (uint64_t)st.st_size;
		++*files;
	}
	closedir(dir);
	return sum;
}

static void end(void)
{
	char command[4200];

	segment_close();
	snprintf(command, sizeof(command), "rm -rf %s", home);
	EQ(system(command), 0);
}

static void lz4_accepts(unsigned number)
{
	char command[4300], name[40];

	snprintf(name, sizeof(name), PROF_SEGMENT_NAME_FMT, number);
	snprintf(command, sizeof(command), "lz4 -t -q %s/%s", trace_dir_path(), name);
	EQ(system(command), 0);
}

static void frames(bool keep)
{
	struct buffer header = bytes_of(50, 1), small = bytes_of(100, 2),
		      large = bytes_of(1 << 20, 3);
	struct buffer zeros = buffer_of(PROF_FRAME_BYTES_MAX);
	unsigned files;

	zeros.used = PROF_FRAME_BYTES_MAX;
	begin(keep);
	EQ(segment_is_open(), false);
	EQ(segment_open(&header), 0);
	EQ(segment_number(), 1);
	EQ(segment_write(&small), 0);
	EQ(segment_write(&large), 0);
	EQ(segment_write(&zeros), 0);
	EQ(segment_bytes(), bytes_on_disk(&files));
	EQ(files, 1);
	TRUE(segment_bytes() > 100 + (1 << 20) && segment_bytes() < (1 << 20) + 100000);
	lz4_accepts(1);
	EQ(segment_open(&header), 0);
	EQ(segment_number(), 2);
	EQ(segment_total_bytes(), bytes_on_disk(&files));
	EQ(files, 2);
	lz4_accepts(2);
	end();
}

TEST(frames_with_descriptors_kept)
{
	frames(true);
}
TEST(frames_with_files_reopened)
{
	frames(false);
}

TEST(suffix_where_the_name_is_taken)
{
	char first[4200];

	begin(true);
	snprintf(first, sizeof(first), "%s", trace_dir_path());
	segment_close();
	EQ(segment_make_trace(first, true), 0);
	STREQ(trace_dir_path() + strlen(first), ".2");
	segment_close();
	EQ(segment_make_trace(first, true), 0);
	STREQ(trace_dir_path() + strlen(first), ".3");
	end();
}

TEST(no_directory)
{
	EQ(segment_make_trace("/no/such/directory/t", true), -ENOENT);
	EQ(segment_make_trace("/dev/null/t", true), -ENOTDIR);
}

/* A write beyond RLIMIT_FSIZE fails half-way: the frame must be gone. */
TEST(failed_write_leaves_the_file_as_it_was)
{
	struct buffer header = bytes_of(50, 1), frame = bytes_of(10000, 2);
	struct rlimit limit = { 25000, RLIM_INFINITY };
	unsigned files;
	uint64_t before;

	signal(SIGXFSZ, SIG_IGN);
	begin(true);
	EQ(segment_open(&header), 0);
	EQ(segment_write(&frame), 0);
	EQ(segment_write(&frame), 0);
	before = segment_bytes();
	EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	EQ(segment_write(&frame), -EFBIG);
	EQ(segment_bytes(), before);
	EQ(bytes_on_disk(&files), before);
	lz4_accepts(1);
	limit.rlim_cur = RLIM_INFINITY;
	EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	EQ(segment_write(&frame), 0);
	lz4_accepts(1);
	end();
}

TEST(limit_does_not_drift)
{
	struct buffer header = bytes_of(50, 1), frame = bytes_of(1000, 2);
	const uint64_t limit = 20000;
	unsigned files;

	begin(true);
	for (unsigned i = 0; i < 1000; i++) {
		EQ(segment_open(&header), 0);
		EQ(segment_write(&frame), 0);
		segment_drop_oldest(limit);
		if (i % 500 == 499) {
			uint64_t real = bytes_on_disk(&files);

			if (real > limit)
				CHECK_FAIL("after %u segments: %llu bytes on disk, %llu accounted",
					   i + 1, (unsigned long long)real,
					   (unsigned long long)segment_total_bytes());
			TRUE(files >= limit / 1200 - 1);
		}
	}
	EQ(segment_drop_oldest(0), 0);
	TRUE(segment_drop_oldest(1) >= 1);
	bytes_on_disk(&files);
	EQ(files, 1);
	end();
}

/* Lets child run up to its next call of this number, which it has not made yet when this
 * returns; false when it has ended or stopped otherwise before. */
static bool run_to(pid_t child, long call, struct user_regs_struct *regs)
{
	int status;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, child, 0, 0) || waitpid(child, &status, 0) != child ||
		    !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return false;
		EQ(ptrace(PTRACE_GETREGS, child, 0, regs), 0);
		/* -ENOSYS stands in rax at the entry of a call. */
		if ((long)regs->orig_rax == call && (long)regs->rax == -ENOSYS)
			return true;
	}
}

/* What the child that writes tells the parent that watches it. */
struct told {
	char path[4200];
	uint64_t whole; /* bytes before the frame that is cut */
};

static void write_two_frames(struct told *told)
{
	struct buffer header = bytes_of(50, 1), small = bytes_of(100, 2);

	begin(true);
	EQ(segment_open(&header), 0);
	EQ(segment_write(&small), 0);
	snprintf(told->path, sizeof(told->path), "%s/" PROF_SEGMENT_NAME_FMT, trace_dir_path(), 1u);
	told->whole = segment_bytes();
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	segment_write(&small);
	_exit(0);
}

/* Killed between the two writes of a frame, the file ends with a skippable frame
 * over exactly the rest, and every decoder of LZ4 frames accepts it. */
TEST(killed_between_the_two_writes)
{
	struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct user_regs_struct regs;
	uint8_t head[8];
	char command[4300];
	struct stat st;
	pid_t child = fork();
	int fd;

	if (child == 0)
		write_two_frames(told);
	EQ(waitpid(child, NULL, 0), child);
	TRUE(run_to(child, SYS_pwrite64, &regs));
	EQ(regs.r10, told->whole);
	TRUE(regs.rdx > 8);
	TRUE(run_to(child, SYS_pwrite64, &regs));
	EQ(regs.r10, told->whole);
	EQ(regs.rdx, 8);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fd = open(told->path, O_RDONLY);
	EQ(pread(fd, head, sizeof(head), (off_t)told->whole), 8);
	EQ(fstat(fd, &st), 0);
	close(fd);
	EQ(prof_get_u32(head), PROF_SKIP_UNCOMMITTED);
	EQ(told->whole + 8 + prof_get_u32(head + 4), st.st_size);
	/* The runner removes what is left in its directory. */
	snprintf(command, sizeof(command), "lz4 -t -q %s", told->path);
	EQ(system(command), 0);
}

static void refuse(pid_t child, long call)
{
	struct user_regs_struct regs;

	TRUE(run_to(child, call, &regs));
	regs.orig_rax = UINT64_MAX; /* no such call: -ENOSYS */
	EQ(ptrace(PTRACE_SETREGS, child, 0, &regs), 0);
}

/* Rights that are lost between the making of a file and its naming leave it there without
 * its name: it is no reason to pass that number over. */
TEST(file_left_without_its_name)
{
	pid_t child = fork();
	unsigned files;
	int status;

	if (child == 0) {
		struct buffer header = bytes_of(50, 1);

		begin(true);
		EQ(segment_open(&header), 0);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		EQ(segment_open(&header), -ENOSYS);
		EQ(segment_number(), 1);
		EQ(segment_open(&header), 0);
		EQ(segment_number(), 2);
		bytes_on_disk(&files);
		EQ(files, 2);
		end();
		_exit(0);
	}
	EQ(waitpid(child, &status, 0), child);
	EQ(WIFSTOPPED(status), true);
	refuse(child, SYS_renameat);
	refuse(child, SYS_unlinkat);
	EQ(ptrace(PTRACE_DETACH, child, 0, 0), 0);
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
}
