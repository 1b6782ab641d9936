#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# needs: node
# programs: node*5
# states: lines a worker's end is left to time
# hides: loops places
# short: no
# limit: 200
#
# node: worker threads, child processes, zlib, crypto, an HTTP server, a cluster.
cat >main.js <<'JS'
'use strict';
const { Worker } = require('worker_threads'), { execFile, fork } = require('child_process');
const zlib = require('zlib'), crypto = require('crypto'), http = require('http');
const { once } = require('events'), { promisify } = require('util');
const sha = data => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);
const text = Buffer.from(Array.from({ length: 50000 }, (_, i) => `${i * i}`).join(' '));
async function workers() {
  const source = `const { parentPort, workerData } = require('worker_threads');
    let a = []; for (let i = 0; i < 200000; i++) a.push({ i, s: 'x' + i % 97 });
    parentPort.postMessage(a.filter(o => o.i % workerData === 0).length);`;
  const done = [2, 3, 5, 7].map(async n => {
    const w = new Worker(source, { eval: true, workerData: n });
    const [m] = await once(w, 'message'); const [code] = await once(w, 'exit');
    return [n, m, code];
  });
  const cut = new Worker('setInterval(() => {}, 1000)', { eval: true });
  await once(cut, 'online');
  console.log('workers', JSON.stringify(await Promise.all(done)), await cut.terminate());
}
async function children() {
  const run = promisify(execFile);
  console.log('child', (await run('/bin/echo', ['hello'])).stdout.trim(),
    (await run('/bin/sh', ['-c', 'exit 3']).catch(e => e)).code);
  const c = fork(__filename, ['child']);
  c.send({ n: 21 });
  const [m] = await once(c, 'message'); const [code, sig] = await once(c, 'exit');
  console.log('forked', JSON.stringify(m), code, sig);
}
async function libraries() {
  const z = await promisify(zlib.gzip)(text), b = await promisify(zlib.brotliCompress)(text);
  console.log('zlib', sha(await promisify(zlib.gunzip)(z)) === sha(text),
    sha(await promisify(zlib.brotliDecompress)(b)) === sha(text));
  const key = await promisify(crypto.pbkdf2)('secret', 'salt', 20000, 32, 'sha512');
  const { publicKey, privateKey } = await promisify(crypto.generateKeyPair)('rsa',
    { modulusLength: 2048 });
  const sig = crypto.sign('sha256', text, privateKey);
  console.log('crypto', sha(key), crypto.verify('sha256', text, publicKey, sig));
}
async function server() {
  const s = http.createServer((q, r) => r.end(zlib.gzipSync(text))).listen(0, '127.0.0.1');
  await once(s, 'listening');
  const get = () => new Promise((ok, bad) => http.get({ port: s.address().port,
    host: '127.0.0.1' }, r => { const c = []; r.on('data', d => c.push(d));
      r.on('end', () => ok(sha(zlib.gunzipSync(Buffer.concat(c))))); }).on('error', bad));
  const got = await Promise.all(Array.from({ length: 40 }, get));
  s.close();
  console.log('http', got.length, new Set(got).size, got[0] === sha(text));
}
if (process.argv[2] === 'child')
  process.once('message', m => process.send({ twice: m.n * 2 }, () => process.exit(5)));
else
  (async () => {
    await workers(); await children(); await libraries(); await server();
    process.on('exit', code => console.log('exit', code));
    process.once('SIGTERM', () => { console.log('SIGTERM'); process.exit(7); });
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => {}, 60000);
  })();
JS
cat >cluster.js <<'JS'
'use strict';
const cluster = require('cluster'), http = require('http');
if (cluster.isPrimary) {
  let up = 0, codes = [];
  const ask = async port => {
    const got = [];
    for (let i = 0; i < 30; i++)
      got.push(await new Promise(ok => http.get({ port, host: '127.0.0.1', agent: false },
        r => { let t = ''; r.on('data', d => t += d); r.on('end', () => ok(t)); })));
    console.log('cluster', got.every(t => t === 'worker'), got.length);
    Object.values(cluster.workers).forEach(w => w.disconnect());
  };
  cluster.on('listening', (w, a) => ++up === 2 && ask(a.port));
  cluster.on('exit', (w, code) => {
    codes.push(code);
    if (codes.length === 2) console.log('workers ended', codes.join());
  });
  cluster.fork(); cluster.fork();
} else
  http.createServer((q, r) => r.end('worker')).listen(0, '127.0.0.1');
JS
node main.js
echo "status $?"
node cluster.js
echo "status $?"
quiet() { # the shell, too, says who died
	("$@"; exit $?) >/dev/null 2>&1
}
quiet node -e 'process.abort()'
echo "abort $?"
quiet node --max-old-space-size=32 -e 'let a = []; for (;;) a.push(new Array(1e5).fill(1.5))'
echo "no memory $?"
