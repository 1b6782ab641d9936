// SPDX-License-Identifier: Apache-2.0
//
// shapes.cc - a corpus for the names of the reader, compiled by its tests and
// never run: templates, lambdas, operators, virtual functions, namespaces and
// what the compiler inlines of them.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

volatile long sink;

namespace shapes
{
struct shape {
	virtual ~shape() {}
	virtual long area() const = 0;
};

template <typename T, int N> struct grid : shape {
	std::vector<T> cells;
	grid() : cells(N * N) {}
	__attribute__((noinline)) long area() const override
	{
		long sum = 0;
		for (const T &cell : cells)
			sum += static_cast<long>(cell) + N;
		return sum;
	}
	__attribute__((noinline)) grid &operator+=(const grid &other)
	{
		std::transform(cells.begin(), cells.end(), other.cells.begin(), cells.begin(),
			       [](T a, T b) { return a + b; });
		return *this;
	}
};

namespace
{
__attribute__((noinline)) long hidden(const std::string &name)
{
	std::map<std::string, long> counts;
	for (char c : name)
		counts[std::string(1, c)] += 2;
	return counts.size();
}
}
}

template <typename F> __attribute__((noinline)) long apply(F f, long n)
{
	return f(n) + f(n + 1);
}

int main(int argc, char **argv)
{
	shapes::grid<int, 4> a, b;
	shapes::grid<double, 8> c;
	shapes::shape *s = argc > 1 ? static_cast<shapes::shape *>(&a) : &c;
	std::vector<long> order(argc * 10);

	a += b;
	std::sort(order.begin(), order.end(), [](long x, long y) { return x > y; });
	sink = apply([argc](long n) { return n * argc + sink; }, s->area());
	return shapes::hidden(argv[0]) + order.size();
}
