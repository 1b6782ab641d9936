// SPDX-License-Identifier: Apache-2.0
//
// plugin.cc - a plugin with private libraries that throws exceptions, through its
// own frames and through the program's.
#include <cstddef>
#include <stdexcept>

#include "plugin.h"

namespace
{

struct Counted {
	static int alive;
	Counted()
	{
		alive++;
	}
	~Counted()
	{
		alive--;
	}
};
int Counted::alive;

void throws()
{
	throw std::runtime_error("from the plugin");
}

int nested(int depth)
{
	Counted counted;

	if (depth)
		return 1 + nested(depth - 1);
	throws();
	return 0;
}

} // namespace

extern "C" int plugin_run(void *(*allocate)(size_t), void (*release)(void *),
			  void (*through)(void (*)(void)))
{
	int caught = 0;

	for (size_t i = 0; i < 10; i++) {
		void *block = allocate(60 + i);

		try {
			i % 2 ? through(throws) : (void)nested(20);
		} catch (const std::exception &) {
			caught++;
		}
		release(block);
	}
	return !(private_libraries_work() && caught == 10 && Counted::alive == 0);
}
