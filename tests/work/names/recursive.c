/* SPDX-License-Identifier: Apache-2.0
 *
 * recursive.c - a corpus for the names of the reader: a function that GCC at
 * -O3 inlines into itself.  Compiled by the tests, never run.
 */
static int fibonacci(int n)
{
	if (n < 2)
		return n;
	return fibonacci(n - 1) + fibonacci(n - 2);
}

int main(int argc, char **argv)
{
	(void)argv;
	return fibonacci(argc);
}
