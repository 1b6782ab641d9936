#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A child in Go, which has no C library, of a shell that is preloaded: goroutines, and
# a child of its own, which is profiled again.  It runs, unprofiled, and nothing of ours
# is said.
#
# programs: foreign_go.sh sh
# needs: go
# limit: 200
set -eu
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
chmod -R u+w cache
rm -rf cache gone
