#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tar, xz with two threads, gzip, bzip2, zstd, lz4 and find, xargs, sort, awk and sed
# over some megabytes: archives are compared byte for byte.
#
# programs: tar*4 xz*2 gzip*2 zstd sort
# needs: xz zstd lz4
set -e
mkdir tree
for n in {1..60}; do seq "$n" 37 $((n * 3000)) >"tree/file$n"; done
ln -s file1 tree/link
ln tree/file2 tree/hard
mkdir -m 700 tree/private
touch -h -d @1700000000 tree/* tree
tar --sort=name --owner=0 --group=0 -cf plain.tar tree
tar --sort=name --owner=0 --group=0 -cJf tree.tar.xz tree
tar --sort=name --owner=0 --group=0 -czf tree.tar.gz tree
xz -T2 -3 --block-size=200KiB -k plain.tar
gzip -9nk plain.tar
zstd -q -T2 -5 plain.tar -o plain.zst
lz4 -q -9 plain.tar plain.lz4
for f in plain.tar.xz plain.tar.gz; do xz -dcf "$f" 2>/dev/null | cksum; done
gzip -dc plain.tar.gz | cksum
zstd -dqc plain.zst | cksum
lz4 -dc plain.lz4 2>/dev/null | cksum
xz --list --robot plain.tar.xz | awk '$1 == "file" {print $2, $3}'
mkdir out
tar -xf tree.tar.xz -C out
diff -r tree out/tree
rm -rf tree/file?
find tree -type f | sort | xargs -P2 -n10 cat | wc -l
cat tree/* 2>/dev/null | sort -n --parallel=2 -S 1M | uniq -c | awk '{s += $1 * $2} END {print s}'
sed -n '/7$/p' tree/file60 | head -n 5 | tr '\n' ' '
echo
head -c 100 plain.tar.xz >cut.xz
xz -dc cut.xz >/dev/null || echo "cut $?"
gzip -dc plain.zst || echo "wrong $?"
touch -d @1700000000 tree tree/* out out/*
