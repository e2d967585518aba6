//! `derivePassword`: the Master Password algorithm (`masterpassword.app/masterpassword-algorithm.pdf`), as sprig has it.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::Value;
use crate::functions::text::{any, bytes, text};
use crate::functions::{Answer, Fail};
use crate::go::Scope;

const SALT: &[u8] = b"com.lyndir.masterpassword";
/// What its work counts as.
const STEPS: usize = 500_000;
/// The memory that makes it hard, for a moment: `128 * r * N`.
const MEMORY: usize = 33 << 20;

/// The forms of a password, each letter a class of characters.
fn forms(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// `derivePassword counter kind password user site`
pub(super) fn password(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let counter = if let Value::Int(counter) = any(arguments, 0) { *counter } else { 0 };
    let kind = text(arguments, 1);
    let (secret, user, site) = (bytes(arguments, 2), bytes(arguments, 3), bytes(arguments, 4));
    let Some(forms) = forms(&kind) else {
        return Ok(format!("cannot find password template {kind}").into());
    };
    scope.steps(STEPS)?;
    scope.charge(MEMORY)?;
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let params = scrypt::Params::new(15, 8, 2, 64).map_err(|error| Fail::from(error.to_string()))?;
    let mut key = [0; 64];
    scrypt::scrypt(secret, &[SALT, &length(user), user].concat(), &params, &mut key)
        .map_err(|error| Fail::from(error.to_string()))?;
    scope.release(MEMORY);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| Fail::from(error.to_string()))?;
    // Of the counter, 32 bits count.
    let counter = &counter.to_be_bytes()[4..];
    mac.update(&[SALT, &length(site), site, counter].concat());
    let seed = mac.finalize().into_bytes();
    let form = forms[usize::from(seed[0]) % forms.len()];
    let pick = |(class, byte): (u8, &u8)| {
        let characters = characters(class);
        characters[usize::from(*byte) % characters.len()]
    };
    Ok(form.bytes().zip(seed.iter().skip(1)).map(pick).collect::<Vec<u8>>().into())
}
