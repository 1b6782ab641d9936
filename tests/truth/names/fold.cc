// SPDX-License-Identifier: Apache-2.0
//
// fold.cc - functions of different names and the same bytes, for linkers that
// fold them into one (--icf=all).  Compiled in many ways, never run.
#include <utility>

volatile long sink;

template <typename T> struct box {
	T *value;
	__attribute__((noinline)) T *take()
	{
		T *was = value;

		value = nullptr;
		sink++;
		return was;
	}
	__attribute__((noinline)) bool has() const
	{
		for (int i = 0; i < 3; i++)
			sink += value != nullptr;
		return value != nullptr;
	}
};

extern "C" __attribute__((noinline)) long first_of_two(long x)
{
	sink = x * 31;
	return sink + 17;
}

extern "C" __attribute__((noinline)) long second_of_two(long x)
{
	sink = x * 31;
	return sink + 17;
}

struct one {
	long a;
};
struct two {
	char b[8];
};

template <typename T> static inline long twist(long x)
{
	T t{};

	sink = x * 77 + sizeof(t);
	return sink ^ x;
}

extern "C" __attribute__((noinline)) long twist_a(long x)
{
	return twist<one>(x) + 3;
}

extern "C" __attribute__((noinline)) long twist_b(long x)
{
	return twist<two>(x) + 3;
}

template <typename T> __attribute__((noinline)) static long use(T *value)
{
	box<T> b{ value };
	long had = b.has();

	return had + (b.take() == value) + b.has();
}

/* A hundred and more pairs of functions of the same bytes, no two pairs alike. */
template <int N, typename T> __attribute__((noinline)) static long weigh(long x)
{
	T t{};

	for (int i = 0; i < N % 5 + 2; i++) {
		if ((x >> i & 7) == N % 7)
			sink = twist<T>(x + N) + i;
		x = x * (2 * N + 3) + sink;
	}
	return x ^ sizeof(t) * N;
}

template <int... N> static long weigh_all(long x, std::integer_sequence<int, N...>)
{
	return ((weigh<N, one>(x) + weigh<N, two>(x)) + ...);
}

int main(int argc, char **argv)
{
	one x{ argc };
	two y{};
	int z = 0;

	return use(&x) + use(&y) + use(&z) + use(argv) + first_of_two(argc) + second_of_two(argc) +
	       twist_a(argc) + twist_b(argc) +
	       weigh_all(argc, std::make_integer_sequence<int, 120>());
}
