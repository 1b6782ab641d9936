#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# git: a repository of 30 commits, branches, a merge, a clone by path and one over
# pipes, fetch, gc, repack, fsck, bundle, bisect; every object's name is compared.
#
# programs: git*20
# needs: git
# hides: git
# states: set maintenance runs when it sees fit
# limit: 200
set -e
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c
export GIT_COMMITTER_EMAIL=c@d GIT_AUTHOR_DATE='1700000000 +0000' GIT_PAGER=cat
export GIT_COMMITTER_DATE='1700000000 +0000' GIT_TERMINAL_PROMPT=0
git config --global init.defaultBranch main
git config --global gc.auto 0
git config --global pack.threads 2
git config --global index.threads 1
git config --global protocol.file.allow always
git init -q one
cd one
for n in 1 2 3 4 5 6 7 8 9 10; do
	seq "$n" "$((n * 300))" >"file$n"
	seq "$((n * 7))" >>shared
	git add .
	git commit -qm "change $n"
done
git checkout -qb side HEAD~3
seq 5000 >big
git add big
git commit -qm side
git checkout -q main
git merge -q -m merged side
git tag -a -m tagged v1
git log --oneline --stat | cksum
cd ..
git clone -q one two
git clone -q --bare "file://$PWD/one" three.git
git -C two gc -q --aggressive --prune=now
git -C two fsck --full --strict 2>&1 | sort
git -C two rev-list --objects --all | sort | cksum
git -C two cat-file --batch-all-objects --batch-check | cksum
git -C three.git repack -q -a -d -f
git verify-pack -v three.git/objects/pack/*.pack | grep -c blob
git -C two commit -q --allow-empty -m empty
git -C two push -q ../three.git main
git -C one pull -q ../three.git main
git -C one diff --stat HEAD~4 | tail -n 1
git -C one blame -s shared | cksum
git -C one grep -c 99 | head -n 3
git -C one archive HEAD | cksum
git -C one bundle create -q ../bundle --all
git clone -q bundle four 2>&1
git -C four log -1 --format=%H
git -C one stash list
git -C one bisect start HEAD HEAD~8 >/dev/null
git -C one bisect run sh -c 'test ! -e file9' | grep 'first bad'
find . -path '*/hooks/*' -delete
# Packs hold what threads found, in their order; indexes hold times and inodes.
rm -rf one/.git/index one/.git/logs two/.git/index two/.git/logs four/.git/index four/.git/logs
find . -name '*.pack' -delete -o -name '*.idx' -delete -o -name '*.rev' -delete
rm -f bundle
