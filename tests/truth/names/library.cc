// SPDX-License-Identifier: Apache-2.0
//
// library.cc - a program of templates, lambdas, virtual bases, operators,
// exceptions and much of the standard library, compiled in many ways and never
// run: some hundred kilobytes of code, most of it inlined into other code.
#include <algorithm>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

volatile long sink;

namespace store
{
struct error : std::runtime_error {
	using std::runtime_error::runtime_error;
};

struct base {
	virtual ~base();
	virtual long size() const = 0;
	long counted = 0;
};

base::~base()
{
	sink = counted;
}

template <typename K, typename V, template <typename...> class Map = std::map>
struct index : virtual base {
	Map<K, V> rows;

	index &operator+=(const std::pair<K, V> &row)
	{
		if (!rows.insert(row).second)
			throw error("twice");
		counted++;
		return *this;
	}

	const V &operator[](const K &key) const
	{
		auto found = rows.find(key);

		if (found == rows.end())
			throw error("none");
		return found->second;
	}

	long size() const override
	{
		return static_cast<long>(rows.size());
	}

	template <typename F> long each(F &&f) const
	{
		long sum = 0;

		for (const auto &row : rows)
			sum += f(row.first, row.second);
		return sum;
	}

	explicit operator bool() const
	{
		return !rows.empty();
	}
};

namespace
{
struct secret {
	std::string text;
	~secret()
	{
		sink = static_cast<long>(text.size());
	}
};

__attribute__((noinline)) long hidden(const std::string &text)
{
	secret s{ text + text };

	return std::count_if(s.text.begin(), s.text.end(), [&](char c) { return c != text[0]; });
}
}

template <typename... T> long total(T... values)
{
	return (0 + ... + static_cast<long>(values));
}

template <int N> struct power {
	static long of(long x)
	{
		return x * power<N - 1>::of(x);
	}
};

template <> struct power<0> {
	static long of(long)
	{
		return 1;
	}
};
}

static long words(const std::string &text)
{
	static const std::regex word("([a-z]+)[ \\t]*(=|:)?[ \\t]*([0-9]*)", std::regex::icase);
	std::unordered_map<std::string, long> seen;

	for (std::sregex_iterator it(text.begin(), text.end(), word), end; it != end; ++it)
		seen[(*it)[1].str()] += (*it)[3].length();
	return std::accumulate(seen.begin(), seen.end(), 0L,
			       [](long sum, const auto &row) { return sum + row.second; });
}

template <typename It> static void order(It from, It to)
{
	std::stable_sort(from, to, [](const auto &a, const auto &b) { return a.second < b.second; });
	std::make_heap(from, to);
	std::sort_heap(from, to);
}

static std::function<long(long)> compose(std::function<long(long)> f, long by)
{
	return [f = std::move(f), by](long x) {
		auto inner = [by](long y) { return y * by + sink; };

		return f(inner(x)) + inner(x + 1);
	};
}

int main(int argc, char **argv)
try {
	store::index<std::string, long> names;
	store::index<long, std::string, std::unordered_map> numbers;
	std::vector<std::pair<std::string, double>> rows;
	std::ostringstream out;

	for (int i = 0; i < argc; i++) {
		names += { argv[i], i };
		numbers += { i, argv[i] };
		rows.emplace_back(argv[i], i * 1.5);
	}
	order(rows.begin(), rows.end());
	for (const auto &[name, value] : rows)
		out << name << '=' << value << std::endl;
	auto later = std::async(std::launch::async, [&] { return words(out.str()); });
	auto f = compose([](long x) { return store::power<5>::of(x); }, argc);
	auto t = std::make_tuple(argc, out.str(), std::make_shared<store::error>("x"));

	sink = names.each([&](const std::string &s, long n) { return n + store::hidden(s); });
	sink = numbers.each([](long n, const std::string &s) { return n * s.size(); });
	sink += store::total(1, 2.5, 'c', argc) + f(argc) + (names ? 1 : 0);
	return static_cast<int>(later.get() + names["x"] + std::get<1>(t).size());
} catch (const store::error &e) {
	std::cerr << e.what() << '\n';
	return 1;
}
