// SPDX-License-Identifier: Apache-2.0
//
// second.cc - a second file that instantiates some of what library.cc does: its
// functions are in both, its types too (partial units hold them once).
#include <map>
#include <sstream>
#include <string>
#include <vector>

extern volatile long sink;

namespace
{
struct secret {
	std::vector<std::string> texts;
};

__attribute__((noinline)) long hidden(const secret &s)
{
	long sum = 0;

	for (const auto &text : s.texts)
		sum += text.size();
	return sum;
}
}

std::map<std::string, long> second_table(const std::vector<std::string> &all)
{
	std::map<std::string, long> table;
	std::ostringstream out;

	for (const auto &one : all) {
		out << one << std::endl;
		table[one] += hidden({ { one, out.str() } });
	}
	sink = table.size();
	return table;
}
