#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A compiler, its passes, assembler and linker: the objects are the same bytes, and
# so are its complaints.
#
# needs: gcc g++
# programs: cc1*2 cc1plus as*3 ld*2 collect2
# masks: temporary
# hides: temporary
# limit: 120
set -u
cp "$ORACLE_SRC"/reader/name_tree.c "$ORACLE_SRC"/tests/work/w_shares.c .
gcc -O2 -g -D_GNU_SOURCE -frandom-seed=1 -I"$ORACLE_SRC/tests/work" -c w_shares.c -o shares.o
gcc -pipe -O1 -D_GNU_SOURCE -I"$ORACLE_SRC/tests/work" -S w_shares.c -o shares.s
gcc shares.o -o shares -pthread
cat >t.cc <<'CC'
#include <map>
#include <string>
#include <iostream>
int main() { std::map<std::string, int> m; for (int i = 0; i < 99; i++) m[std::to_string(i)] = i;
	for (auto &p : m) if (p.second % 20 == 0) std::cout << p.first << "\n"; }
CC
g++ -O2 -flto=2 -frandom-seed=1 t.cc -o t && ./t
gcc -c name_tree.c -I/nonexistent
echo "status $?"
echo 'int main(void) { return x; }' | gcc -x c - 2>&1
echo "status $?"
