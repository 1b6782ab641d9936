#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Digests, ciphers, keys, a certificate, and a TLS server asked by a client, on
# a port that was free.
#
# needs: openssl
# programs: openssl*10
# states: none the server is waited for in a loop of processes
# limit: 120
set -u
seq 100000 >plain
openssl dgst -sha256 plain
openssl dgst -sha3-512 -hmac key plain
for cipher in aes-256-cbc chacha20 camellia-128-ctr; do
	openssl enc -$cipher -pbkdf2 -iter 20000 -S 0102030405060708 -k pw -in plain -out sealed
	openssl dgst -sha1 sealed
	openssl enc -d -$cipher -pbkdf2 -iter 20000 -S 0102030405060708 -k pw -in sealed | cmp - plain
	echo "$cipher $?"
done
openssl enc -d -aes-256-cbc -pbkdf2 -k wrong -in sealed -out /dev/null 2>/dev/null
echo "wrong key $?"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost 2>/dev/null
openssl pkeyutl -sign -inkey key.pem -rawin -digest sha256 -in plain -out signature
openssl x509 -in cert.pem -pubkey -noout >public.pem
openssl pkeyutl -verify -pubin -inkey public.pem -rawin -digest sha256 -in plain -sigfile signature
port=$((20000 + $$ % 20000))
for _ in 1 2 3 4 5 6 7 8 9; do
	openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -quiet -naccept 3 \
		-rev >/dev/null 2>&1 &
	server=$!
	for _ in $(seq 100); do
		[ "$(awk -v p=":$(printf %04X "$port")" '$2 ~ p "$" && $4 == "0A"' /proc/net/tcp)" ] && break 2
		[ -d /proc/$server ] || break
		sleep 0.1
	done
	kill "$server" 2>/dev/null
	port=$((port + 1))
done
for version in tls1_2 tls1_3; do
	printf 'hello\nCLOSE\n' | timeout 20 openssl s_client -connect "127.0.0.1:$port" -$version -quiet \
		-CAfile cert.pem -verify_return_error 2>/dev/null
done
openssl s_client -connect "127.0.0.1:$port" -tls1_3 -brief </dev/null 2>&1 | grep -c Ciphersuite
wait "$server"
echo "server $?"
rm -f ./*.pem signature
