// SPDX-License-Identifier: Apache-2.0
//
// shapes.rs - a Rust program compiled with both manglings and several
// optimisations, never run: traits, generics, closures, iterators, dynamic
// dispatch, threads, panics.
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display};
use std::sync::{mpsc, Arc, Mutex};

#[inline(never)]
fn keep<T>(x: T) -> T {
    x
}

trait Area {
    fn area(&self) -> f64;
    fn name(&self) -> String {
        format!("shape of {:.2}", self.area())
    }
}

struct Square(f64);
struct Grid<T, const N: usize> {
    cells: [T; N],
}

impl Area for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

impl<T: Copy + Into<f64>, const N: usize> Area for Grid<T, N> {
    #[inline(never)]
    fn area(&self) -> f64 {
        self.cells.iter().map(|&c| c.into()).filter(|&x: &f64| x > 0.5).sum()
    }
}

impl<T: Display, const N: usize> Display for Grid<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in &self.cells {
            write!(f, "{c} ")?;
        }
        Ok(())
    }
}

mod deep {
    pub mod deeper {
        #[inline(never)]
        pub fn apply<F: Fn(u64) -> u64>(f: F, n: u64) -> u64 {
            (0..n).map(|i| f(i) ^ i).fold(0, u64::wrapping_add)
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Number(i64),
    End,
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, std::num::ParseIntError> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        out.push(if word.starts_with(|c: char| c.is_ascii_digit()) {
            Token::Number(word.parse()?)
        } else {
            Token::Word(word)
        });
    }
    out.push(Token::End);
    Ok(out)
}

fn workers(n: u64) -> u64 {
    let (tx, rx) = mpsc::channel();
    let seen = Arc::new(Mutex::new(HashMap::new()));
    let threads: Vec<_> = (0..n)
        .map(|i| {
            let (tx, seen) = (tx.clone(), Arc::clone(&seen));
            std::thread::spawn(move || {
                seen.lock().unwrap().insert(i, format!("worker {i}"));
                tx.send(deep::deeper::apply(|x| keep(x) * i, 10)).unwrap();
            })
        })
        .collect();
    drop(tx);
    for t in threads {
        t.join().expect("a worker panicked");
    }
    let held = seen.lock().unwrap().len() as u64;
    rx.iter().sum::<u64>() + held
}

fn main() {
    let text: String = std::env::args().collect::<Vec<_>>().join(" ");
    let shapes: Vec<Box<dyn Area>> = vec![
        Box::new(Square(keep(2.0))),
        Box::new(Grid::<f32, 4> { cells: [1.0; 4] }),
        Box::new(Grid::<u8, 9> { cells: [3; 9] }),
    ];
    let mut table = BTreeMap::new();
    for (i, t) in tokens(&text).unwrap_or_default().into_iter().enumerate() {
        table.entry(format!("{t:?}")).or_insert_with(Vec::new).push(i);
    }
    for s in &shapes {
        println!("{} {}", s.name(), s.area());
    }
    println!("{} {:?} {}", Grid::<i32, 2> { cells: [1, 2] }, table, workers(3));
}
