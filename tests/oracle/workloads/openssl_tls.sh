#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# openssl: digests, ciphers, keys of its own, signatures checked, and s_server with
# s_client on loopback with a certificate of its own.
#
# programs: openssl*8
# needs: openssl
# states: set how often the client is tried is left to chance
seq 200000 >plain
openssl dgst -sha256 plain
openssl dgst -blake2b512 plain
openssl enc -aes-256-cbc -K "$(printf %064d 1)" -iv "$(printf %032d 2)" -in plain -out cipher
openssl enc -d -aes-256-cbc -K "$(printf %064d 1)" -iv "$(printf %032d 2)" -in cipher | cmp - plain && echo same
openssl dgst -sha256 cipher
openssl prime -generate -bits 64 | grep -qE '^[0-9]+$' && echo prime
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl req -new -x509 -key key.pem -subj /CN=localhost -days 2 -out cert.pem 2>/dev/null
openssl x509 -in cert.pem -noout -subject -issuer
openssl dgst -sha256 -sign key.pem -out signature plain
openssl dgst -sha256 -verify <(openssl ec -in key.pem -pubout 2>/dev/null) -signature signature plain
: >server.log
port=$((20000 + $$ % 20000))
for try in 1 2 3 4 5; do
	openssl s_server -accept "127.0.0.1:$((port + try))" -key key.pem -cert cert.pem -www \
		>server.log 2>&1 </dev/null &
	server=$!
	for _ in {1..100}; do
		kill -0 "$server" 2>/dev/null || break
		grep -q ACCEPT server.log && break 2
		sleep 0.05
	done
done
echo "GET /" | openssl s_client -connect "127.0.0.1:$((port + try))" -CAfile cert.pem -ign_eof \
	-verify_return_error >client.log 2>&1
echo "client $?"
grep -o 'Verify return code: .*' client.log | sort -u
grep -oE 'TLSv1.3|HTTP/1.0 200 ok' client.log | sort -u
kill "$server"
wait "$server"
echo "server $?"
rm -f key.pem cert.pem signature client.log server.log
