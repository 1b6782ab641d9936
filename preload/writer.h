/* SPDX-License-Identifier: Apache-2.0
 *
 * writer.h - the writer thread as the rest of the library sees it.  It lives
 * apart from the program (a descriptor table, working directory and umask of
 * its own, all signals blocked) and does all the work: drains rings, unwinds,
 * interns, encodes, writes.  Nothing of the program runs on it.
 */
#ifndef PROF_WRITER_H
#define PROF_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum writer_request {
	WRITER_FLUSH = 1,	 /* what is recorded so far reaches the file */
	WRITER_START = 2,	 /* sampling on */
	WRITER_STOP = 4,	 /* sampling off */
	WRITER_EXEC = 8,	 /* flush; the image is about to be replaced */
	WRITER_EXIT = 16,	 /* last flush, close the trace, end the thread */
	WRITER_CREDENTIALS = 64, /* follow a change of user or group */
	WRITER_COUNT = 512,	 /* threads of the process, from the writer's own root directory */
	WRITER_LEAVE = 256,	 /* as EXIT: the program is about to forbid system calls */
	WRITER_PAUSE = 32,	 /* flush and end the thread; the trace goes on later */
	WRITER_LAST = 1024	 /* with PAUSE: a new thread may be refused after it */
};

enum writer_stop_reason { WRITER_STOP_EXIT, WRITER_STOP_LAST_THREAD };

/* [init] [child] Starts the thread and, in the first process, waits until its engines
 * are open.  in_child: the thread first waits a moment, so that a child that
 * execs at once costs as little as can be, and makes its trace only when there
 * is something to record.  0, or -errno and *why: nothing will be profiled. */
int writer_start(bool in_child, const char **why);

/* [hook] Asks for requests (bits of enum writer_request) and waits until they are done,
 * at most timeout_ns.  False when there is no writer or time was up. */
bool writer_request(unsigned requests, uint64_t timeout_ns);

/* [hook] True in a forked child that has nothing to record yet: the writer need
 * not be asked before the child execs or exits. */
bool writer_has_nothing(void);

/* [hook] [signal] Tells the writer that the event ring is filling.  Never
 * waits; a system call only when the writer may be asleep. */
void writer_ring_bell(void);

/* [hook] Ends the trace.  LAST_THREAD also waits until the thread is gone, since
 * the process ends only when no thread is left. */
void writer_stop(enum writer_stop_reason reason);

/* [hook] The writer thread goes away so that the process is single-threaded
 * for a call that insists, and comes back.  False: it could not.  last: the call
 * may leave the process without the right to make a thread, and the trace is to
 * say so while it can. */
bool writer_pause(bool last);
void writer_resume(void);

/* [hook] True where the writer's root directory is, or may be, the program's own one. */
bool writer_shares_root(void);

/* [hook] The calling thread has changed its credentials by the system call nr
 * with these arguments: the writer's threads do the same, or end. */
void writer_follow_credentials(long nr, long a, long b, long c);

/* [hook] The program forked child. */
void writer_note_fork(pid_t child);

/* [child] Forgets the parent's writer. */
void writer_reset_in_child(void);

/* [hook] Before a seccomp filter, which may kill for any call of ours: ends the trace,
 * takes every timer back; from then on nothing here makes a system call.  Other threads, which
 * the filter may be for, too, are waited for where they record, begin or end (two seconds;
 * one that jumped out of a record is waited for in vain, once). */
void writer_leave_for_good(void);

/* [hook] True when the process has, but for the writer's own, one thread: the
 * caller.  The kernel is asked, since libc makes threads that nobody sees. */
bool writer_alone_with_caller(void);

/* [hook] True when threads of ours may have other rights than the program's: they followed
 * a change by themselves, or the caller may be the only one it was made for.  libc ends a
 * process whose threads answer a change differently. */
bool writer_rights_may_differ(void);

/* [hook] Gives ours the rights of the caller, no more. */
void writer_take_rights(void);

/* What the end message says; valid after writer_stop. */
struct writer_summary {
	const char *path;		     /* of the trace, "" when there is none */
	uint64_t samples, heap_events, lost; /* events */
	uint64_t unwritten;		     /* bytes */
	int write_error;		     /* -errno of the last of them */
};
struct writer_summary writer_summary(void);

#endif
