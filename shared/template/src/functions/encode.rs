//! sprig's encodings and digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::text::bytes;
use super::{Answer, Row};
use crate::Value;
use crate::go::Scope;

pub(super) const TABLE: &[Row] = &[
    ("adler32sum", "s", adler32),
    ("b32dec", "s", base32_decode),
    ("b32enc", "s", base32_encode),
    ("b64dec", "s", base64_decode),
    ("b64enc", "s", |_, a| Ok(STANDARD.encode(bytes(a, 0)).into())),
    ("sha1sum", "s", |_, a| Ok(hex::encode(Sha1::digest(bytes(a, 0))).into())),
    ("sha256sum", "s", |_, a| Ok(hex::encode(Sha256::digest(bytes(a, 0))).into())),
    ("sha512sum", "s", |_, a| Ok(hex::encode(Sha512::digest(bytes(a, 0))).into())),
];

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// sprig gives the decoder's complaint in place of the text. Go's decoder skips line ends.
fn base64_decode(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let input = bytes(arguments, 0);
    let lines: Vec<u8> = input.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    Ok(match STANDARD.decode(&lines) {
        Ok(decoded) => decoded.into(),
        Err(_) => format!("illegal base64 data at input byte {}", bad_base64_at(input)).into(),
    })
}

/// Where Go's decoder stops: at the first byte that does not belong, or at the start of a last group that is too short.
fn bad_base64_at(input: &[u8]) -> usize {
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'\r' | b'\n');
    let stop = input.iter().position(|byte| !belongs(byte)).unwrap_or(input.len());
    if stop < input.len() {
        let digits = input[..stop].iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).count();
        let pads = input[stop..].iter().take_while(|byte| **byte == b'=').count();
        return match (digits % 4, pads) {
            (_, 0) | (0 | 1, _) => stop,
            (2, 1) => input.len().min(stop + 1),
            (_, pads) => stop + pads.min(4 - digits % 4),
        };
    }
    stop - stop % 4
}

fn base32_encode(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let input = bytes(arguments, 0);
    scope.charge(input.len().saturating_mul(2))?;
    let mut out = String::new();
    for group in input.chunks(5) {
        let mut padded = [0_u8; 5];
        padded[..group.len()].copy_from_slice(group);
        let bits = padded.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let digits = (group.len() * 8).div_ceil(5);
        for digit in 0..8 {
            let index = usize::try_from(bits >> (35 - 5 * digit) & 31).unwrap_or(0);
            out.push(if digit < digits { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    Ok(out.into())
}

fn base32_decode(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let input: Vec<u8> =
        bytes(arguments, 0).iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out: Vec<u8> = Vec::new();
    let illegal = |at: usize| Ok(Value::from(format!("illegal base32 data at input byte {at}")));
    for (index, group) in input.chunks(8).enumerate() {
        let digits: &[u8] = group.splitn(2, |byte| *byte == b'=').next().unwrap_or(group);
        let mut bits = 0_u64;
        for (offset, byte) in digits.iter().enumerate() {
            let Some(value) = ALPHABET.iter().position(|known| known == byte) else {
                return illegal(index * 8 + offset);
            };
            bits |= (value as u64) << (35 - 5 * offset);
        }
        if group.len() < 8 || matches!(digits.len(), 1 | 3 | 6) {
            return illegal(index * 8 + digits.len());
        }
        out.extend(&bits.to_be_bytes()[3..3 + digits.len() * 5 / 8]);
    }
    Ok(out.into())
}

fn adler32(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes(arguments, 0) {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    Ok((high << 16 | low).to_string().into())
}
