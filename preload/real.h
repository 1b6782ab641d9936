/* SPDX-License-Identifier: Apache-2.0
 *
 * real.h - the functions we stand in front of, behind one struct, so that a
 * call to somebody else's malloc is visible as real.malloc.  The struct is
 * usable from the process's first instruction: until real_resolve has run,
 * the allocation entries resolve first and then forward; while resolving
 * (dlsym may allocate) they serve from a small static bootstrap buffer.
 */
#ifndef PROF_REAL_H
#define PROF_REAL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <threads.h>

struct real_fns {
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	size_t (*malloc_usable_size)(void *);
	/* Not every C library has these; where malloc's has them or none has, free. */
	void (*cfree)(void *);
	void (*free_sized)(void *, size_t);
	void (*free_aligned_sized)(void *, size_t, size_t);

	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*thrd_create)(thrd_t *, thrd_start_t, void *);
	int (*pthread_setname_np)(pthread_t, const char *);
	int (*prctl)(int, ...);
	int (*dlclose)(void *);
	long (*syscall)(long, ...);
	int (*unshare)(int);
	int (*setns)(int, int);
	pid_t (*fork)(void);
	pid_t (*_Fork)(void);
	int (*daemon)(int, int);
	pid_t (*forkpty)(int *, char *, const void *, const void *);
	int (*execve)(const char *, char *const *, char *const *);
	int (*execvpe)(const char *, char *const *, char *const *);
	int (*fexecve)(int, char *const *, char *const *);
	int (*execveat)(int, const char *, char *const *, char *const *, int);
	void (*_exit)(int) __attribute__((noreturn));

	int (*sigaction)(int, const struct sigaction *, struct sigaction *);
	sighandler_t (*signal)(int, sighandler_t);
	sighandler_t (*bsd_signal)(int, sighandler_t);
	sighandler_t (*ssignal)(int, sighandler_t);
	sighandler_t (*sysv_signal)(int, sighandler_t);
	sighandler_t (*__sysv_signal)(int, sighandler_t);
	sighandler_t (*sigset)(int, sighandler_t);
	int (*sigaltstack)(const stack_t *, stack_t *);
	int (*sigprocmask)(int, const sigset_t *, sigset_t *);
	int (*sigpending)(sigset_t *);
	int (*pthread_sigmask)(int, const sigset_t *, sigset_t *);

	int (*initgroups)(const char *, gid_t);
	int (*setuid)(uid_t);
	int (*seteuid)(uid_t);
	int (*setgid)(gid_t);
	int (*setegid)(gid_t);
	int (*setreuid)(uid_t, uid_t);
	int (*setregid)(gid_t, gid_t);
	int (*setresuid)(uid_t, uid_t, uid_t);
	int (*setresgid)(gid_t, gid_t, gid_t);
	int (*setgroups)(size_t, const gid_t *);
	int (*capset)(void *, const void *);
};

extern struct real_fns real __attribute__((visibility("hidden")));

/* [init] [hook] Looks every function up behind this library (RTLD_NEXT) and
 * publishes the whole set; a second call does nothing. */
void real_resolve(void);

/* True when the next reallocarray is libc's, which calls whichever realloc is in
 * force (it is counted there); another allocator's serves itself. */
extern bool real_reallocarray_calls_realloc __attribute__((visibility("hidden")));

/* True when block lies in the bootstrap buffer: it belongs to no allocator, is at
 * most real_bootstrap_bytes long, and goes back by real_bootstrap_free. */
bool real_is_bootstrap(const void *block);
size_t real_bootstrap_bytes(const void *block);
void real_bootstrap_free(void *block);

/* [writer] Zeroed bytes for what ld.so and libc allocate on a thread of ours (thread_tls.own),
 * from the bootstrap buffer; NULL when it is used up.  The program's allocator would
 * set up an arena for the thread: 64 MiB of address space in glibc. */
void *real_own_alloc(size_t bytes);

/* Whether setuid and its kin behind us are libc's (fakeroot and uid_wrapper have their own).
 * Valid once real_resolve has run. */
extern bool real_credentials_are_libcs __attribute__((visibility("hidden")));

/* [hook] The function of that name in the first object that was loaded behind ours and has
 * it, or NULL; *with_malloc: that object has real.malloc, too. */
void *real_find(const char *name, bool *with_malloc);

/* [init] [hook] Takes functions of ours out of what the loader finds: nothing that the program
 * was started with has them behind us, so each library that is loaded later is to have its own.
 * We could not tell them apart: who calls does not show where a call has become a jump. */
void real_hide(const char *const *names, unsigned n);

/* [init] [hook] Part of real_resolve: whether real_find may be used. */
bool real_find_init(void);

/* [init] [hook] Whether both addresses are in one loaded object. */
bool real_same_object(const void *one, const void *other);

#endif
