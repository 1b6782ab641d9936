// SPDX-License-Identifier: Apache-2.0
//
// crate.rs - a corpus for the names of the reader, compiled by its tests and
// never run: generic functions, methods, closures.

/// What the compiler cannot see through.
fn opaque(n: u64) -> u64 {
    unsafe { std::ptr::read_volatile(&n) }
}

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
    let s = Stack { items: vec![opaque(1), 2, 3] };
    let t = s.fold(0);
    println!("{}", deep::apply(|n| opaque(n) * t, t));
}
