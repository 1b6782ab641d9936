/* SPDX-License-Identifier: Apache-2.0
 *
 * lib.c - a small library, of which the benchmark makes thousands of copies for
 * libs.c to load.
 */
#include "../../tests/work/work.h"

__attribute__((visibility("default"))) uint64_t bench_lib_run(uint64_t iterations)
{
	work_spin(iterations);
	return iterations;
}
