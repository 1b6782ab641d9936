/* SPDX-License-Identifier: Apache-2.0
 *
 * w_mini.c - does nothing, like true; the argument is its exit status.
 */
#include "work.h"

int main(int argc, char **argv)
{
	return (int)work_arg(argc, argv, 1, 0);
}
