//! The order of keys in go-yaml's output: letters after everything else, runs of digits by their number (`a2` before `a10`).

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// The entries of `map` in go-yaml's order.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    merge_sort(entries)
}

/// A stable sort that needs no total order: go-yaml's comparison is not transitive for all keys (`0`, `00`, digits between), and the standard
/// library may panic on such.
fn merge_sort<'a>(mut entries: Vec<(&'a String, &'a Value)>) -> Vec<(&'a String, &'a Value)> {
    if entries.len() < 2 {
        return entries;
    }
    let right = merge_sort(entries.split_off(entries.len() / 2));
    let left = merge_sort(entries);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let next = if compare(r.0, l.0) == Ordering::Less { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Source: `keyList.Less` in go-yaml v2's `sorter.go`.
fn compare(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() && a == b {
        return Ordering::Equal;
    }
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, true) => return a[at].cmp(&b[at]),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Within a number that has begun before, zeros count: 10 and 101 differ at a zero.
    let inside_number = (a[at] == '0' || b[at] == '0')
        && a[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let (a_number, a_end) = run(&a, at, inside_number);
    let (b_number, b_end) = run(&b, at, inside_number);
    a_number.cmp(&b_number).then(a_end.cmp(&b_end)).then(a[at].cmp(&b[at]))
}

/// The number that starts at `at`, wrapping as Go's `int64` does, and where it ends.
fn run(chars: &[char], at: usize, inside_number: bool) -> (i64, usize) {
    let mut number = i64::from(inside_number);
    let mut end = at;
    while let Some(digit) = chars.get(end).and_then(|c| c.to_digit(10)) {
        number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
        end += 1;
    }
    (number, end)
}
