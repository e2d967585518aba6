//! The little of ASN.1's DER that keys and certificates need.

use num_bigint::BigUint;

pub(super) const INTEGER: u8 = 2;
pub(super) const BITS: u8 = 3;
pub(super) const OCTETS: u8 = 4;
pub(super) const OID: u8 = 6;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Tag, length, content.
pub(super) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match (content.len(), u8::try_from(significant.len())) {
        (0..128, _) => out.push(u8::try_from(content.len()).unwrap_or(0)),
        (_, Ok(count)) => {
            out.push(0x80 | count);
            out.extend_from_slice(significant);
        }
        (_, Err(_)) => {}
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

pub(super) fn integer(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes[0] & 0x80 != 0 {
        bytes.insert(0, 0);
    }
    value(INTEGER, &bytes)
}

pub(super) fn small(number: u8) -> Vec<u8> {
    value(INTEGER, &[number])
}

/// Whole bytes.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    value(BITS, &[&[0], content].concat())
}

/// An object identifier by its encoded bytes.
pub(super) fn oid(encoded: &[u8]) -> Vec<u8> {
    value(OID, encoded)
}

pub(super) const NULL: [u8; 2] = [5, 0];

/// Reads values one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'d>(pub(super) &'d [u8]);

/// A value: its tag, its content, and all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'d> {
    pub(super) tag: u8,
    pub(super) content: &'d [u8],
    pub(super) whole: &'d [u8],
}

impl<'d> Reader<'d> {
    pub(super) fn next(&mut self) -> Option<Item<'d>> {
        let [tag, first, rest @ ..] = self.0 else { return None };
        let (length, header) = if *first < 0x80 {
            (usize::from(*first), 2)
        } else {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count).filter(|digits| digits.len() <= 4)?;
            (digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), 2 + count)
        };
        let end = header.checked_add(length)?;
        let item = Item { tag: *tag, content: self.0.get(header..end)?, whole: &self.0[..end] };
        self.0 = &self.0[end..];
        Some(item)
    }

    /// The next value, which must be a `tag`.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next().filter(|item| item.tag == tag).map(|item| item.content)
    }

    pub(super) fn number(&mut self) -> Option<BigUint> {
        self.expect(INTEGER).map(BigUint::from_bytes_be)
    }
}
