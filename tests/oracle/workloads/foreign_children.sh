#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Children that cannot be preloaded, of a shell that is: a static program, a 32-bit
# one without a C library, and where there is a compiler for it one in Go and one of 32
# bits with its own C library.  They run, unprofiled, and nothing of ours is said.
#
# programs: foreign_children.sh bash
# masks: foreign
# needs: gcc
# limit: 200
cat >s.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	void *volatile p = malloc(1000);
	printf("%s: bits %zu args %d preload %d\n", argv[0], sizeof(long) * 8, argc,
	       getenv("LD_PRELOAD") != NULL);
	free(p);
	fflush(stdout);
	if (argc == 2)
		execl("/bin/echo", "echo", "after exec", (char *)NULL);
	if (argc == 3 && !fork())
		execl("/bin/sh", "sh", "-c", "echo child; exit 4", (char *)NULL);
	wait(NULL);
	return argc;
}
C
cat >n.c <<'C'
static int call(int nr, int a, const char *b, int c)
{
	int r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}
void _start(void)
{
	call(4, 1, "32 bits alone\n", 14);
	call(1, 7, 0, 0);
}
C
gcc -static -o static s.c && ./static && echo no
echo "static $?"
bash -c './static a; exit 3'
echo "shell $?"
./static a b
echo "forks $?"
gcc -m32 -nostdlib -static -o alone n.c
./alone
echo "32 bits $?"
if echo 'int main(void){return 0;}' | gcc -m32 -x c -o probe - 2>/dev/null; then
	gcc -m32 -o thirtytwo s.c
	./thirtytwo a b
	echo "32 bits $?"
fi
if type go >/dev/null 2>&1; then
	cat >g.go <<'GO'
package main

import (
	"fmt"
	"os/exec"
	"sync"
)

func main() {
	var wait sync.WaitGroup
	sum, lock := 0, sync.Mutex{}
	for n := 0; n < 50; n++ {
		wait.Add(1)
		go func(n int) {
			defer wait.Done()
			block := make([]byte, 1000*n)
			lock.Lock()
			sum += len(block)
			lock.Unlock()
		}(n)
	}
	wait.Wait()
	out, err := exec.Command("/bin/sh", "-c", "echo from go; exit 0").Output()
	fmt.Println(sum, string(out), err)
}
GO
	# The compiler itself is Go, and is run bare: it is the program that matters.
	env -u LD_PRELOAD GOCACHE="$PWD/cache" GOPATH="$PWD/path" GO111MODULE=off CGO_ENABLED=0 \
		go build -o gone g.go && ./gone
	echo "go $?"
	chmod -R u+w cache path 2>/dev/null
	rm -rf cache path gone
fi
rm -f probe
