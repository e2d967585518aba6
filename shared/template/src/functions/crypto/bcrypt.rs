//! bcrypt of cost 10, as `golang.org/x/crypto/bcrypt` writes it.

use blowfish::Blowfish;

use crate::functions::Fail;
use crate::go::Scope;

/// Rounds are two to this power.
const COST: u32 = 10;
/// What its work counts as.
const STEPS: usize = 200_000;
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The hash, or sprig's complaint in its place.
pub(super) fn hash(scope: &mut Scope<'_>, password: &[u8]) -> Result<String, Fail> {
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned()
        );
    }
    scope.steps(STEPS)?;
    let salt: [u8; 16] = scope.random()?.array();
    Ok(hash_with(password, salt))
}

fn hash_with(password: &[u8], salt: [u8; 16]) -> String {
    let key = [password, b"\0"].concat();
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(&salt, &key);
    for _ in 0..1_u32 << COST {
        state.bc_expand_key(&key);
        state.bc_expand_key(&salt);
    }
    let mut out = Vec::with_capacity(24);
    for words in [*b"Orph", *b"eanB", *b"ehol", *b"derS", *b"cryD", *b"oubt"].chunks_exact(2) {
        let mut pair = [u32::from_be_bytes(words[0]), u32::from_be_bytes(words[1])];
        for _ in 0..64 {
            pair = state.bc_encrypt(pair);
        }
        out.extend(pair.iter().flat_map(|word| word.to_be_bytes()));
    }
    format!("$2a${COST}${}{}", base64(&salt), base64(&out[..23]))
}

/// bcrypt's own alphabet, without padding.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..=group.len() {
            out.push(char::from(ALPHABET[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn hashes_as_the_original_does() {
        // Of the test vectors of jBCrypt.
        let salt: [u8; 16] =
            [0x64, 0xc5, 0x3b, 0x6c, 0x7b, 0xf6, 0x26, 0xff, 0x6d, 0x28, 0xa9, 0x90, 0xbc, 0x87, 0x01, 0xa5];
        let hash = super::hash_with(b"abcdefghijklmnopqrstuvwxyz", salt);
        assert!(hash.starts_with("$2a$10$") && hash.len() == 60, "{hash}");
    }
}
