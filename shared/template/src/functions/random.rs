//! sprig's random strings, numbers and UUIDs, from the seed of the rendering ([`Scope::random`]).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::{bytes, int, text};
use super::{Answer, Fail, Row};
use crate::Value;
use crate::go::Scope;

pub(super) const TABLE: &[Row] = &[
    ("randAlpha", "i", |scope, a| picked(scope, a, &|byte| byte.is_ascii_alphabetic())),
    ("randAlphaNum", "i", |scope, a| picked(scope, a, &|byte| byte.is_ascii_alphanumeric())),
    ("randAscii", "i", |scope, a| picked(scope, a, &|byte| (b' '..=b'~').contains(&byte))),
    ("randBytes", "i", random_bytes),
    ("randInt", "ii", random_int),
    ("randNumeric", "i", |scope, a| picked(scope, a, &|byte| byte.is_ascii_digit())),
    ("shuffle", "s", shuffle),
    ("uuidv4", "", uuid),
];

/// So many characters, each one of those that `allowed` allows.
fn picked(scope: &mut Scope<'_>, arguments: &[Value], allowed: &dyn Fn(u8) -> bool) -> Answer {
    let count = usize::try_from(int(arguments, 0)).unwrap_or(0);
    scope.charge(count)?;
    scope.steps(count)?;
    let alphabet: Vec<u8> = (0..=127).filter(|byte| allowed(*byte)).collect();
    let random = scope.random()?;
    let pick = |_| alphabet[usize::try_from(random.below(alphabet.len() as u64)).unwrap_or(0)];
    Ok((0..count).map(pick).collect::<Vec<u8>>().into())
}

fn random_bytes(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let Ok(count) = usize::try_from(int(arguments, 0)) else {
        return Err(Fail::from("runtime error: makeslice: len out of range"));
    };
    scope.charge(count.saturating_mul(3))?;
    scope.steps(count)?;
    let mut made = vec![0; count];
    scope.random()?.fill(&mut made);
    Ok(STANDARD.encode(made).into())
}

/// At least the first, below the second.
fn random_int(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let (least, end) = (int(arguments, 0), int(arguments, 1));
    match u64::try_from(i128::from(end) - i128::from(least)) {
        Ok(range) if range > 0 => Ok(Value::Int(least.wrapping_add_unsigned(scope.random()?.below(range)))),
        _ => Err(Fail::from("invalid argument to Intn")),
    }
}

fn shuffle(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    scope.steps(bytes(arguments, 0).len())?;
    scope.charge(bytes(arguments, 0).len().saturating_mul(8))?;
    let mut characters: Vec<char> = text(arguments, 0).chars().collect();
    for last in (1..characters.len()).rev() {
        let other = usize::try_from(scope.random()?.below(last as u64 + 1)).unwrap_or(0);
        characters.swap(last, other);
    }
    Ok(characters.into_iter().collect::<String>().into())
}

fn uuid(scope: &mut Scope<'_>, _: &[Value]) -> Answer {
    let mut bytes: [u8; 16] = scope.random()?.array();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(parts.join("-").into())
}
