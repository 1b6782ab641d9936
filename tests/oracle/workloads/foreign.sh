#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Children that cannot be preloaded: static, static-pie, 32-bit, and Go without libc.
# They run, unprofiled, and nothing of ours is on stderr; to a 32-bit program the
# loader complains of any 64-bit library (mask "foreign").
#
# needs: gcc
# programs: foreign.sh
# masks: pid foreign
# limit: 120
set -u
cat >s.c <<'C'
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) { char *p = malloc(1000); sprintf(p, "%s %d", argv[1], argc);
	puts(p); free(p); return 4; }
C
env -u LD_PRELOAD gcc -static s.c -o static && env -u LD_PRELOAD gcc -static-pie s.c -o static-pie
./static one; echo "status $?"
./static-pie two; echo "status $?"
if env -u LD_PRELOAD gcc -m32 s.c -o narrow 2>/dev/null; then
	./narrow three; echo "status $?"
	bash -c './narrow four; ./static five; exec ./narrow six'; echo "status $?"
fi
if command -v go >/dev/null; then
	cat >g.go <<'GO'
package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	n := make([]int, 8)
	for i := range n {
		wg.Add(1)
		go func(i int) { defer wg.Done(); for k := 0; k < 1000000; k++ { n[i] += k % (i + 2) } }(i)
	}
	wg.Wait()
	out, err := exec.Command("bash", "-c", "echo from bash; exit 3").Output()
	fmt.Print(n, " ", string(out), err, "\n")
	os.Exit(5)
}
GO
	env -u LD_PRELOAD HOME="$PWD" GOFLAGS=-mod=mod CGO_ENABLED=0 GOCACHE="$PWD/cache" go build -o g g.go
	./g; echo "status $?"
fi
rm -rf static static-pie narrow g cache go
