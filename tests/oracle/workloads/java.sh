#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# needs: java javac jstack
# programs: java*6 javac
# states: set how often its output is looked at is left to time
# short: no
# limit: 400
#
# java: javac, threads and garbage under several collectors, interpreted and compiled,
# exit from a thread, SIGTERM with a shutdown hook, a thread dump, an error out of memory.
cat >Work.java <<'JAVA'
import java.util.*;
import java.util.concurrent.*;

public class Work {
    static int[] sink;
    static long churn(int n) {
        List<int[]> keep = new LinkedList<>();
        long sum = 0;
        for (int i = 0; i < n; i++) {
            int[] a = new int[100 + i % 1000];
            a[i % 100] = i;
            sum += a[i % 100] * 31L;
            if (i % 50 == 0) keep.add(a);
            if (keep.size() > 200) keep.remove(0);
            sink = a;
        }
        return sum;
    }
    static int deep(int n) { return n == 0 ? 0 : 1 + deep(n - 1); }
    static int overflow() { try { return 1 + overflow(); } catch (StackOverflowError e) { return 0; } }
    public static void main(String[] args) throws Exception {
        int n = Integer.parseInt(args[1]);
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> got = new ArrayList<>();
        for (int i = 0; i < 8; i++) { int k = n + i; got.add(pool.submit(() -> churn(k))); }
        for (Future<Long> f : got) System.out.print(f.get() + " ");
        pool.shutdown();
        Map<String, Integer> map = new ConcurrentSkipListMap<>();
        Thread[] ts = new Thread[6];
        for (int t = 0; t < ts.length; t++) {
            int k = t;
            ts[t] = new Thread(() -> { for (int i = 0; i < 500; i++) map.merge("k" + i % 50, k, Integer::sum); });
            ts[t].start();
        }
        for (Thread t : ts) t.join();
        System.out.println(map.hashCode() + " " + deep(2000) + " " + (overflow() >= 0));
        try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null"); }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        switch (args[0]) {
        case "exit": Thread t = new Thread(() -> System.exit(5)); t.start(); t.join(); break;
        case "halt": Runtime.getRuntime().halt(6); break;
        case "throw": throw new IllegalStateException("thrown");
        case "wait": System.out.println("waiting"); Thread.sleep(120000); break;
        case "memory": List<byte[]> all = new ArrayList<>();
            try { for (;;) all.add(new byte[1 << 20]); }
            catch (OutOfMemoryError e) { all.clear(); System.out.println("out of memory"); }
        }
    }
}
JAVA
javac -J-Xmx256m Work.java
echo "javac $?"
work() {
	local want=$1
	shift
	java -Xmx128m -XX:-UsePerfData "$@" 2>err
	echo "$want: $?" "$(grep -c IllegalState err)"
}
work return -cp . Work return 20000
work interpreted -Xint -cp . Work exit 3000
work compiled -Xcomp -XX:TieredStopAtLevel=1 -cp . Work halt 3000
work serial -XX:+UseSerialGC -cp . Work throw 20000
work parallel -XX:+UseParallelGC -cp . Work memory 20000
work zgc -XX:+UseZGC -cp . Work exit 20000

await() {
	for _ in $(seq 600); do
		grep -q "$1" out && return
		sleep 0.1
	done
	echo "never: $1"
}
java -Xmx128m -cp . Work wait 2000 >out 2>&1 &
pid=$!
await waiting
kill -QUIT $pid
await "Full thread dump"
jstack $pid >stack
echo "jstack $? $(grep -c '"main"' stack)"
kill -TERM $pid
wait $pid
echo "SIGTERM $? dumps $(grep -c 'Full thread dump' out) hook $(grep -cx hook out)" \
	"main $(grep -c '^"main"' out)"
rm -f out err stack ./*.class
