/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_loop.h - what the writer thread does between its start and its end:
 * private to writer.c, which owns the thread and its callers.
 */
#ifndef PROF_WRITER_LOOP_H
#define PROF_WRITER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "writer.h"

/* [writer] Opens arena, maps, unwinder, engines and trace; the first process also
 * makes its directory at once.  apart: the descriptor table is ours alone.
 * 0, or -errno and *why. */
int loop_open(bool apart, bool in_child, const char **why);

/* [writer] In a new thread after a pause: goes on with everything as it was. */
int loop_resume(bool apart);

/* [writer] In a forked child: waits a little.  False when the child ended meanwhile
 * and had nothing to record. */
bool loop_gestate(void);

/* [writer] Once a second, and at the end (last); stats: the process's figures, too.  reset: in
 * a child, which has used nothing. */
void loop_every_second(uint64_t now, bool last, bool stats);
void loop_second_reset(void);

/* [writer] The memory of the writer's tables. */
struct arena;
const struct arena *loop_arena(void);

/* [writer] Until asked to end. */
void loop_run(void);

/* [hook] What WRITER_COUNT found; 0 it could not be told. */
uint32_t loop_thread_count(void);

/* [hook] The call that WRITER_CREDENTIALS, to be asked for next, follows. */
struct credential_call;
void loop_credentials(const struct credential_call *call);

/* [child] */
void loop_reset_in_child(void);

/* [writer] True when a forked child has used CPU time or recorded something. */
bool loop_child_has_something(void);

/* Held while the writer works on what a fork would copy. */
extern struct lock loop_work;

/* [hook] Around a fork, in the parent: the writer is not in the middle of anything.
 * False: it did not come out in time; nothing to end then. */
bool loop_fork_begin(void);
void loop_fork_end(void);

struct writer_summary loop_summary(void);

/* [writer] Requests that came in, and how many were counted with them; to be
 * answered with the same count.  peek leaves them. */
unsigned writer_take_requests(uint32_t *asked);
unsigned writer_peek_requests(void);
void writer_requests_done(uint32_t asked);

/* [hook] Requests that were not taken in time, and are not to be: those that still were pending
 * are in the answer. */
unsigned writer_take_back(unsigned requests);

/* [hook] Whether there is anybody to answer. */
bool writer_is_running(void);

/* [writer] Nobody is: whoever still waits for an answer looks. */
void writer_requests_end(void);

/* [child] Forgets the parent's. */
void writer_requests_reset(void);

#endif
