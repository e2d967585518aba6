//! The order of keys in go-yaml's output: letters after everything else, runs of digits by their number (`a2` before `a10`).

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// The entries of `map` in go-yaml's order.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    let less = |a: &(&String, &Value), b: &(&String, &Value)| compare(a.0, b.0) == Ordering::Less;
    if entries.windows(2).all(|pair| less(&pair[0], &pair[1])) {
        return entries;
    }
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
    let equal = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let at = a.floor_char_boundary(equal).min(b.floor_char_boundary(equal));
    let (head, a, b) = (&a[..at], &a[at..], &b[at..]);
    let (Some(first), Some(second)) = (a.chars().next(), b.chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (first.is_alphabetic(), second.is_alphabetic()) {
        (true, true) => return first.cmp(&second),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Within a number that has begun before, zeros count: 10 and 101 differ at a zero.
    let inside_number = (first == '0' || second == '0')
        && head.chars().rev().take_while(|char| is_digit(*char)).any(|char| char != '0');
    let (a_number, a_digits) = run(a, inside_number);
    let (b_number, b_digits) = run(b, inside_number);
    a_number.cmp(&b_number).then(a_digits.cmp(&b_digits)).then(first.cmp(&second))
}

/// The number that `text` starts with, wrapping as Go's `int64` does, and how many digits it has. go-yaml takes every decimal digit of
/// Unicode for one and counts it by its distance from `0`.
fn run(text: &str, inside_number: bool) -> (i64, usize) {
    let mut number = i64::from(inside_number);
    let mut digits = 0;
    for char in text.chars().take_while(|char| is_digit(*char)) {
        let digit = i64::from(u32::from(char)) - i64::from(u32::from('0'));
        number = number.wrapping_mul(10).wrapping_add(digit);
        digits += 1;
    }
    (number, digits)
}

/// Go's `unicode.IsDigit`, the category Nd.
fn is_digit(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_digit();
    }
    let code = u32::from(char);
    let before = ZEROS.partition_point(|zero| *zero <= code);
    before.checked_sub(1).is_some_and(|at| code - ZEROS[at] < 10)
}

/// The zeros of Unicode 15 beyond ASCII; nine more digits follow each.
const ZEROS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50,
    0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6,
    0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0,
];
