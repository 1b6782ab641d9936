// SPDX-License-Identifier: Apache-2.0
//
// crate.rs - a corpus for the names of the reader, compiled by its tests and
// never run: generic functions, methods, closures.
use std::hint::black_box;

struct Stack<T> {
    items: Vec<T>,
}

impl<T: Clone + std::ops::Add<Output = T>> Stack<T> {
    #[inline(never)]
    fn fold(&self, zero: T) -> T {
        self.items.iter().cloned().fold(zero, |a, b| a + b)
    }
}

mod deep {
    #[inline(never)]
    pub fn apply<F: Fn(u64) -> u64>(f: F, n: u64) -> u64 {
        f(n) + f(n + 1)
    }
}

fn main() {
    let s = Stack { items: vec![black_box(1u64), 2, 3] };
    let t = s.fold(0);
    println!("{}", deep::apply(|n| black_box(n) * t, t));
}
