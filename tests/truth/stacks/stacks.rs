// SPDX-License-Identifier: Apache-2.0
//
// stacks.rs - the Rust program of the truth corpus: closures, iterators, trait objects,
// panics that are caught, threads.  Argument: milliseconds of CPU time (600).  See stacks.h;
// what is not inlined of the language's own library may stand between any two functions.

use std::panic;

extern "C" {
    fn clock() -> i64; // microseconds of CPU time
}

// Here the value is wanted, whatever becomes of it.
#[inline(always)]
fn keep<T>(x: T) -> T {
    unsafe { std::arch::asm!("/* {0} */", in(reg) &x) };
    x
}

const PATHS: &str = "\
path main? * t_main *
path main? * t_main t_chain * t_b * t_c *
path main? * t_main t_closures * t_closed *
path main? * t_main t_dynamic * t_object *
path main? * t_main t_panics * t_unwinds * t_panicking *
path main? * t_main t_array * t_array_leaf *
path main? * t_main t_recursion t_down+ * t_bottom *
path main? * t_main t_vectors *
path main? * t_main t_threads *
path * t_thread t_thread_leaf *
";

#[inline(always)]
fn work(n: u64) {
    let (mut x, mut i) = (n, 0);
    while i < 20000 + n {
        x = keep(x.wrapping_mul(6364136223846793005).wrapping_add(n));
        i += 1;
    }
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_c() {
    work(51);
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_b() {
    t_c();
    work(52);
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_chain() {
    t_b();
    keep(1);
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_closed(n: u64) -> u64 {
    work(53);
    keep(n)
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_closures() {
    let s: u64 = (0..3u64).map(|i| t_closed(i)).filter(|i| *i != 1).sum();
    keep(s);
}

trait Object {
    fn method(&self) -> u64;
}
struct A;
struct B(u64);
#[no_mangle]
#[inline(never)]
extern "C" fn t_object(n: u64) -> u64 {
    work(54);
    keep(n)
}
impl Object for A {
    fn method(&self) -> u64 {
        keep(t_object(1)) + 1
    }
}
impl Object for B {
    fn method(&self) -> u64 {
        keep(t_object(self.0)) + 2
    }
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_dynamic() {
    let all: [Box<dyn Object>; 2] = [Box::new(A), Box::new(B(7))];
    for o in keep(&all).iter() {
        keep(o.method());
    }
}

#[no_mangle]
#[inline(never)]
fn t_panicking(n: u64) {
    work(55);
    if n > 0 {
        panic!("as it should");
    }
}

#[no_mangle]
#[inline(never)]
fn t_unwinds(n: u64) {
    let held = vec![1u8; keep(100)];
    t_panicking(n);
    keep(held);
}

#[no_mangle]
#[inline(never)]
fn t_panics() {
    let r = panic::catch_unwind(|| t_unwinds(keep(1)));
    keep(r.is_err());
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_array_leaf(a: &mut [u64; 500]) {
    a[7] = 1;
    work(56);
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_array() {
    let mut a = [0u64; 500];
    t_array_leaf(&mut a);
    keep(a[7]);
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_bottom() {
    work(57);
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_down(n: u64) -> u64 {
    let pad = keep([n; 4]);
    if n > 0 {
        keep(t_down(n - 1)) + pad[1]
    } else {
        t_bottom();
        keep(pad[0])
    }
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_recursion() {
    keep(t_down(50));
}

#[no_mangle]
#[inline(never)]
fn t_vectors() {
    let mut v: Vec<u64> = (0..1000).map(|i| i * 7919 % 1009).collect();
    v.sort();
    let s: Vec<String> = v.iter().take(30).map(|i| i.to_string()).collect();
    keep(s.len());
}

#[no_mangle]
#[inline(never)]
extern "C" fn t_thread_leaf() {
    let mut i = 0;
    while i < 30 {
        work(58);
        i += 1;
    }
}

#[no_mangle]
#[inline(never)]
fn t_thread() {
    t_thread_leaf();
    keep(1);
}

#[no_mangle]
#[inline(never)]
fn t_threads() {
    std::thread::spawn(|| t_thread()).join().unwrap();
}

#[no_mangle]
#[inline(never)]
fn t_main() {
    let ms = std::env::args().nth(1).map_or(600, |a| a.parse().unwrap());
    let end = unsafe { clock() } + ms * 1000;
    let mut turn = 0;
    print!("{}", PATHS);
    panic::set_hook(Box::new(|_| ()));
    while unsafe { clock() } < end {
        t_chain();
        t_closures();
        t_dynamic();
        t_panics();
        t_array();
        t_recursion();
        t_vectors();
        if turn % 8 == 0 {
            t_threads();
        }
        turn += 1;
    }
}

fn main() {
    t_main();
    keep(1);
}
