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

/// sprig gives the decoder's complaint in place of the text.
fn base64_decode(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(match decode(bytes(arguments, 0)) {
        Ok(decoded) => decoded.into(),
        Err(at) => format!("illegal base64 data at input byte {at}").into(),
    })
}

/// Go's decoder: skips line ends, does not mind stray bits, and says where it stopped.
pub(super) fn decode(input: &[u8]) -> Result<Vec<u8>, usize> {
    let line_ends = |at: usize| input[at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut out = Vec::with_capacity(input.len() / 4 * 3);
    let mut at = 0;
    loop {
        let (mut bits, mut digits) = (0_u32, 0_usize);
        while digits < 4 {
            at += line_ends(at);
            let Some(byte) = input.get(at) else {
                return if digits == 0 { Ok(out) } else { Err(at - digits) };
            };
            at += 1;
            if let Some(value) = digit(*byte) {
                bits |= value << (18 - 6 * digits);
                digits += 1;
                continue;
            }
            if *byte != b'=' || digits < 2 {
                return Err(at - 1);
            }
            if digits == 2 {
                at += line_ends(at);
                match input.get(at) {
                    None => return Err(input.len()),
                    Some(b'=') => at += 1,
                    Some(_) => return Err(at - 1),
                }
            }
            at += line_ends(at);
            out.extend_from_slice(&bits.to_be_bytes()[1..digits]);
            return if at < input.len() { Err(at) } else { Ok(out) };
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
}

fn digit(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
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
    Ok(match decode_base32(&input) {
        Ok(decoded) => decoded.into(),
        Err(at) => format!("illegal base32 data at input byte {at}").into(),
    })
}

/// Go's decoder, which does not read on after padding, and says where it stopped.
fn decode_base32(input: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0;
    let mut padded = false;
    while at < input.len() && !padded {
        let (mut bits, mut digits) = (0_u64, 0_usize);
        while digits < 8 {
            let Some(byte) = input.get(at) else { return Err(at - digits) };
            at += 1;
            let left = input.len() - at;
            if *byte == b'=' && digits >= 2 && left < 8 {
                if left + digits < 7 {
                    return Err(input.len());
                }
                let rest = input[at..].iter().take(7 - digits);
                if let Some(wrong) = rest.clone().position(|byte| *byte != b'=') {
                    return Err(at + wrong - 1);
                }
                padded = true;
                if matches!(digits, 1 | 3 | 6) {
                    return Err(at - 1);
                }
                break;
            }
            let Some(value) = ALPHABET.iter().position(|known| known == byte) else { return Err(at - 1) };
            bits |= (value as u64) << (35 - 5 * digits);
            digits += 1;
        }
        out.extend(&bits.to_be_bytes()[3..3 + digits * 5 / 8]);
    }
    Ok(out)
}

fn adler32(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes(arguments, 0) {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    Ok((high << 16 | low).to_string().into())
}
