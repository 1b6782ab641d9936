/* SPDX-License-Identifier: Apache-2.0
 *
 * stacks.cc - the C++ program of the truth corpus: exceptions, virtual calls, lambdas,
 * destructors, and coroutines where the compiler has them.  Argument: milliseconds of
 * CPU time (600).
 */
#include "stacks.h"

#include <stdexcept>
#include <string>
#include <vector>
#ifdef __cpp_impl_coroutine
#include <coroutine>
#endif

static const char paths[] =
	"path main t_virtual * t_method t_method_leaf\n"
	"path main t_catch *\n"
	"path main t_catch t_middle *\n"
	"path main t_catch t_middle * t_cleanup\n"
	"path main t_catch t_middle t_through *\n"
	"path main t_catch t_middle t_through t_throw *\n"
	"path main t_catch t_caught\n"
	"path main t_rethrow *\n"
	"path main t_rethrow t_again *\n"
	"path main t_rethrow t_again t_first *\n"
	"path main t_often *\n"
	"path main t_often t_often_c *\n"
	"path main t_often t_often_c t_often_b *\n"
	"path main t_often t_often_c t_often_b t_often_throw *\n"
	"path main t_lambda * t_called\n"
	"path main t_strings *\n"
#ifdef __cpp_impl_coroutine
	"path main t_resumer *\n"
	"path main t_resumer * t_coroutine+ *\n"
	"path main t_resumer * t_coroutine+ * t_coroutine_leaf\n"
#endif
	"path main *\n";

static volatile int zero;

extern "C" {

APART void t_method_leaf(int n)
{
	__asm__ volatile("" : "+r"(n));
	WORK(31);
}

struct base {
	virtual ~base() = default;
	virtual void method(int n) = 0;
};

APART void t_method(int n)
{
	t_method_leaf(n);
	STAY;
}

APART void t_cleanup(void)
{
	WORK(32);
}

struct cleaner {
	~cleaner()
	{
		t_cleanup();
	}
};

APART void t_throw(int n)
{
	WORK(33);
	if (n)
		throw std::runtime_error("thrown");
}

APART void t_through(int n)
{
	std::string held(100, 'x');

	t_throw(n);
	zero = held.size() == 3 && zero;
}

APART void t_middle(int n)
{
	cleaner c;

	t_through(n);
	STAY;
}

APART void t_caught(void)
{
	WORK(34);
}

APART void t_catch(int n)
{
	try {
		t_middle(n);
	} catch (const std::exception &) {
		t_caught();
	}
}

APART void t_first(int n)
{
	WORK(35);
	throw n;
}

APART void t_again(int n)
{
	try {
		t_first(n);
	} catch (long) {
		WORK(36);
	} catch (...) {
		throw;
	}
}

APART void t_rethrow(int n)
{
	try {
		t_again(n);
	} catch (int) {
		WORK(37);
	}
}

/* Little else than the language's own code. */
struct counter {
	~counter()
	{
		__asm__ volatile("" ::: "memory");
	}
};

APART void t_often_throw(int n)
{
	throw n;
}

APART void t_often_b(int n)
{
	counter c;

	t_often_throw(n);
	STAY;
}

APART void t_often_c(int n)
{
	counter c;

	t_often_b(n);
	STAY;
}

APART void t_often(int n)
{
	for (int i = 0; i < n; i++) {
		try {
			t_often_c(i);
		} catch (int) {
		}
	}
}

APART void t_called(int n)
{
	__asm__ volatile("" : "+r"(n));
	WORK(38);
}

APART void t_strings(void)
{
	std::vector<std::string> v;

	for (int i = 0; i < 20; i++)
		v.push_back(std::string(static_cast<size_t>(i) * 10, 'a'));
	zero = v.size() == 3 && zero;
}

}

struct derived : base {
	void method(int n) override
	{
		t_method(n);
		STAY;
	}
};

extern "C" APART void t_virtual(base *b)
{
	b->method(1);
	STAY;
}

extern "C" APART void t_lambda(int n)
{
	auto f = [n](int m) __attribute__((noinline)) {
		t_called(n + m);
		STAY;
	};

	f(zero);
	STAY;
}

#ifdef __cpp_impl_coroutine
struct task {
	struct promise_type {
		task get_return_object()
		{
			return { std::coroutine_handle<promise_type>::from_promise(*this) };
		}
		std::suspend_always initial_suspend() { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		void return_void() {}
		void unhandled_exception() {}
	};
	std::coroutine_handle<promise_type> handle;
};

extern "C" APART void t_coroutine_leaf(void)
{
	WORK(39);
}

/* Not inlined, or its frame and its parts become the caller's own. */
static APART task t_coroutine(int n)
{
	for (int i = 0; i < n; i++) {
		t_coroutine_leaf();
		co_await std::suspend_always{};
		WORK(40);
	}
}

extern "C" APART void t_resumer(int n)
{
	task t = t_coroutine(n);

	while (!t.handle.done())
		t.handle.resume();
	t.handle.destroy();
	STAY;
}
#endif

int main(int argc, char **argv)
{
	uint64_t end = cpu_ms() + (argc > 1 ? strtoull(argv[1], NULL, 10) : 600);
	derived d;

	fputs(paths, stdout);
	while (cpu_ms() < end) {
		t_virtual(&d);
		for (int i = 0; i < 10; i++) {
			t_catch(1 - zero);
			t_rethrow(i);
		}
		t_often(300);
		t_lambda(1);
		t_strings();
#ifdef __cpp_impl_coroutine
		t_resumer(3);
#endif
	}
	return 0;
}
