#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# gcc and g++: preprocessed text, assembly, objects, archives and programs are the same
# to the byte; a file with an error; link-time optimisation; the programs run.
#
# programs: gcc*3 cc1*2 as*2 collect2 ld cc1plus ar
# needs: gcc g++
# hides: temporary
# short: timer
# limit: 200
cat >a.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
int sum(int);
int main(int argc, char **argv)
{
	qsort(argv + 1, argc - 1, sizeof(*argv), compare);
	for (int i = 1; i < argc; i++)
		printf("%s ", argv[i]);
	printf("%d\n", sum(100));
	return argc;
}
C
echo 'int sum(int n) { return n ? n + sum(n - 1) : 0; }' >b.c
cat >c.cc <<'C'
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main()
{
	std::map<std::string, std::vector<int>> m;
	for (int i = 0; i < 2000; i++)
		m[std::to_string(i % 37)].push_back(i);
	std::smatch found;
	std::string text = "key=value";
	std::regex_match(text, found, std::regex("(\\w+)=(\\w+)"));
	try {
		m.at("none");
	} catch (const std::out_of_range &) {
		std::cout << m.size() << " " << found[2] << std::endl;
	}
}
C
sed -n '/expected/p' /dev/null
gcc -O2 -g -Wall -c a.c b.c
ar rcD libb.a b.o
gcc -o program a.o libb.a
./program one two three
echo "status $?"
gcc -O2 -flto=2 -frandom-seed=1 -o lto a.c b.c && ./lto b a
g++ -O1 -pipe -c c.cc && g++ -o cc c.o && ./cc
gcc -E a.c | cksum
gcc -S -O3 -fverbose-asm -o - b.c | grep -c mov
echo 'int f( { }' >bad.c
gcc -c bad.c
echo "bad $?"
gcc -o unlinked a.o 2>&1 | grep -o 'undefined reference.*'
rm -f *.ltrans*
