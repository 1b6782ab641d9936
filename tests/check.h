/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h - the unit test harness: one program per module, tests found
 * through a linker section, each run in a process of its own with a time
 * limit, so that a crash or a hang is one failed test.
 *
 *	TEST(adds) { EQ(1 + 1, 2); STREQ(name, "x"); TRUE(p); }
 *
 * The program's arguments are test names to run (all without any).  It exits
 * 0 when all passed, 1 when one failed.
 */
#ifndef PROF_CHECK_H
#define PROF_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CHECK_SECONDS
#define CHECK_SECONDS 20
#endif

struct check_test {
	const char *name;
	void (*run)(void);
};

/* The section holds pointers: a sanitizer may pad it, and a hole is NULL. */
#define TEST(name_)                                                              \
	static void test_##name_(void);                                          \
	static const struct check_test check_##name_ = { #name_, test_##name_ }; \
	static const struct check_test *const check_entry_##name_                \
		__attribute__((section("check_tests"), used)) = &check_##name_;  \
	static void test_##name_(void)

extern const struct check_test *const __start_check_tests[], *const __stop_check_tests[];

#define CHECK_FAIL(...)                                \
	do {                                           \
		printf("%s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                   \
		printf("\n");                          \
		fflush(stdout);                        \
		_exit(1);                              \
	} while (0)

#define TRUE(cond)                                         \
	do {                                               \
		if (!(cond))                               \
			CHECK_FAIL("not true: %s", #cond); \
	} while (0)

#define EQ(a, b)                                                                               \
	do {                                                                                   \
		long long check_a = (long long)(a), check_b = (long long)(b);                  \
                                                                                               \
		if (check_a != check_b)                                                        \
			CHECK_FAIL("%s is %lld (%#llx), wanted %s: %lld (%#llx)", #a, check_a, \
				   (unsigned long long)check_a, #b, check_b,                   \
				   (unsigned long long)check_b);                               \
	} while (0)

#define STREQ(a, b)                                                                      \
	do {                                                                             \
		const char *check_a = (a), *check_b = (b);                               \
                                                                                         \
		if (strcmp(check_a, check_b))                                            \
			CHECK_FAIL("%s is \"%s\", wanted \"%s\"", #a, check_a, check_b); \
	} while (0)

/* True when the test passed. */
static int check_run(const struct check_test *t)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(CHECK_SECONDS);
		t->run();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("check: fork");
		return 0;
	}
	if (WIFSIGNALED(status))
		printf("FAIL %s: %s\n", t->name, strsignal(WTERMSIG(status)));
	else
		printf("%s %s\n", status ? "FAIL" : "ok  ", t->name);
	return status == 0;
}

int main(int argc, char **argv)
{
	unsigned ran = 0, failed = 0;

	for (const struct check_test *const *p = __start_check_tests; p < __stop_check_tests; p++) {
		int wanted = argc < 2 && *p;

		for (int i = 1; *p && i < argc; i++)
			wanted |= !strcmp(argv[i], (*p)->name);
		if (!wanted)
			continue;
		ran++;
		failed += !check_run(*p);
	}
	printf("%u of %u passed\n", ran - failed, ran);
	return failed || !ran;
}

#endif
