#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# programs: initdb postgres*20 pgbench psql*5
# user: nobody REASON it refuses to be run by root
# states: lines background processes come and go by time
# short: no
# hides: data sockets postgres ended
# limit: 500
"""postgres: initdb, transactions by pgbench, a parallel query, one backend killed and
the recovery after it, a fast shutdown, and a second start on the same data."""
import glob
import os
import signal
import subprocess
import time

BIN = max(glob.glob("/usr/lib/postgresql/*/bin"))
PG = dict(os.environ, PGHOST=os.getcwd(), PGUSER="me", PGDATABASE="postgres",
          PGOPTIONS="-c client_min_messages=error")


def pg(name, *options, **more):
    done = subprocess.run([f"{BIN}/{name}", *options], capture_output=True, text=True, env=PG,
                          **more)
    if done.returncode:
        print(name, "status", done.returncode, done.stderr)
    return done.stdout.strip()


def sql(text):
    return pg("psql", "-XAtqc", text)


def rows():
    return sql("select count(*), sum(abalance) = (select sum(bbalance) from pgbench_branches),"
               "sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts")


def start():
    """Not through a pipe: the server would keep it open."""
    done = subprocess.run([f"{BIN}/pg_ctl", "-D", "data", "-w", "-l", "log", "-o",
                           f"-k {os.getcwd()} -c listen_addresses=''"
                           " -c max_parallel_workers_per_gather=2", "start"], env=PG,
                          stdout=subprocess.DEVNULL)
    print("started", done.returncode)


def stop(mode):
    pg("pg_ctl", "-D", "data", "-w", "-m", mode, "stop")
    print("stopped", mode, "pid file left:", os.path.exists("data/postmaster.pid"))


pg("initdb", "-D", "data", "-A", "trust", "-U", "me", "--no-sync", "--no-locale")
print(open("data/PG_VERSION").read().strip())
start()
pg("pgbench", "-i", "-q", "-s", "1")
load = pg("pgbench", "-c", "4", "-j", "2", "-t", "60")
print([row for row in load.splitlines() if "actually" in row or "failed" in row])
print("accounts", rows(), "history", sql("select count(*) from pgbench_history"))
parallel = ("set parallel_setup_cost=0; set parallel_tuple_cost=0;"
            "set min_parallel_table_scan_size=0;")
query = "select count(*), sum(aid), md5(string_agg(bid::text, '')) from pgbench_accounts"
plan = sql(parallel + "explain (analyze, costs off, timing off) " + query.replace(
    ", md5(string_agg(bid::text, ''))", ""))
print("workers", [row.strip() for row in plan.splitlines() if "Workers" in row])
print("parallel", sql(parallel + query))
victim = subprocess.Popen([f"{BIN}/psql", "-XAtqc", "select pg_sleep(600)"], env=PG,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
pid = ""
while not pid:
    pid = sql("select pid from pg_stat_activity where query = 'select pg_sleep(600)'")
os.kill(int(pid), signal.SIGKILL)
print("its client:", victim.wait(60))
for _ in range(200):
    if subprocess.run([f"{BIN}/psql", "-XAtqc", "select 1"], env=PG,
                      capture_output=True).returncode == 0:
        break
    time.sleep(0.1)
print("recovered", rows())
stop("fast")
start()
print("again", rows(), sql("select count(*) from pgbench_history"))
stop("immediate")
start()
print("after a crash", rows())
stop("smart")
log = open("log").read()
print("log", log.count("automatic recovery in progress"), "PANIC" in log,
      log.count("terminated by signal 9"))
subprocess.run(["rm", "-r", "data", "log"])
