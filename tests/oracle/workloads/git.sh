#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A repository made, cloned, repacked, collected: the objects are the same.
#
# needs: git
# programs: git*20
# limit: 120
set -eu
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@d
export GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
export GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
git init -q -b main made
cd made
git config pack.threads 2
git config gc.writeCommitGraph true
for i in 1 2 3 4 5; do
	seq $((i * 100)) $((i * 900)) >numbers
	seq "$i" 40 | awk '{ print $1 * $1 }' >"square-$i"
	git add .
	git commit -q -m "step $i"
done
git checkout -q -b side HEAD~2
echo side >side
git add side
git commit -q -m side
git checkout -q main
git merge -q --no-edit side
git tag -a -m tagged v1
git log --format='%H %T %s' --all
git diff --stat HEAD~3
git blame -s square-3 | tail -n 2
cd ..
git clone -q --bare made bare.git
git clone -q --depth 2 "file://$PWD/bare.git" shallow
git -C shallow log --format=%H
git -C made gc -q --aggressive --prune=now
git -C made fsck --strict --no-progress
git -C made count-objects -v | grep -v size
git -C made rev-list --objects --all | sort | sha256sum
git -C made archive v1 | tar -t
# Packs are made by two threads and need not be cut alike: their objects are compared.
rm -rf made/.git bare.git shallow/.git
