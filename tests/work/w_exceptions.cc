/* SPDX-License-Identifier: Apache-2.0
 *
 * w_exceptions.cc - C++ exceptions thrown through six frames with cleanups,
 * and memory from operator new in its several forms.  Argument: throws
 * (60000).
 *
 *	caught COUNT SUM             site FUNCTION CALLS BYTES
 */
#include "work.h"

#include <new>
#include <stdexcept>
#include <string>

static unsigned long long cleanups;

struct cleanup {
	~cleanup()
	{
		cleanups++;
	}
};

static FRAME void thrower(int n)
{
	throw std::runtime_error(std::to_string(n));
}

template <int depth> static FRAME void through(int n)
{
	cleanup c;

	through<depth - 1>(n);
	STAY;
}

template <> FRAME void through<0>(int n)
{
	cleanup c;

	thrower(n);
	STAY;
}

struct alignas(64) wide {
	char bytes[192];
};

namespace shapes
{
FRAME void *make_plain()
{
	void *p = operator new(3000);

	STAY;
	return p;
}

FRAME wide *make_wide()
{
	wide *p = new wide;

	STAY;
	return p;
}

FRAME int *make_array()
{
	int *p = new (std::nothrow) int[500];

	STAY;
	return p;
}
} // namespace shapes

int main(int argc, char **argv)
{
	uint64_t throws = work_arg(argc, argv, 1, 60000);
	unsigned long long caught = 0, sum = 0;

	for (uint64_t i = 0; i < throws; i++)
		try {
			through<5>((int)i);
		} catch (const std::exception &e) {
			caught++;
			sum += std::stoull(e.what());
		}
	for (int i = 0; i < 1000; i++) {
		operator delete(shapes::make_plain());
		delete shapes::make_wide();
		delete[] shapes::make_array();
	}
	printf("caught %llu %llu cleanups %llu\n", caught, sum, cleanups);
	printf("site shapes::make_plain 1000 3000000\n");
	printf("site shapes::make_wide 1000 192000\n");
	printf("site shapes::make_array 1000 2000000\n");
	return 0;
}
