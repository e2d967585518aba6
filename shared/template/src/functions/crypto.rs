//! sprig's passwords, ciphers, keys and certificates. What is random in them comes from the seed of the rendering.
//!
//! Each counts as the many steps of ordinary work that it costs, so that a template cannot ask for a thousand keys.

mod bcrypt;
mod certificate;
mod der;
mod derive;
mod keys;
mod pem;
mod primes;

use aes::Aes256;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::keys::{Key, Kind};
use super::encode;
use super::text::{any, bytes, text};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::{Object, Value};

pub(super) const TABLE: &[Row] = &[
    ("bcrypt", "s", |scope, a| Ok(bcrypt::hash(scope, bytes(a, 0))?.into())),
    ("buildCustomCert", "ss", certificate::custom),
    ("decryptAES", "ss", decrypt),
    ("derivePassword", "ussss", derive::password),
    ("encryptAES", "ss", encrypt),
    ("genCA", "si", |scope, a| certificate::authority(scope, a, None)),
    ("genCAWithKey", "sis", |scope, a| certificate::authority(scope, a, Some(2))),
    ("genPrivateKey", "s", private_key),
    ("genSelfSignedCert", "slli", |scope, a| certificate::self_signed(scope, a, None)),
    ("genSelfSignedCertWithKey", "sllis", |scope, a| certificate::self_signed(scope, a, Some(4))),
    ("genSignedCert", "sllic", |scope, a| certificate::signed(scope, a, None)),
    ("genSignedCertWithKey", "sllics", |scope, a| certificate::signed(scope, a, Some(5))),
    ("htpasswd", "ss", |scope, a| {
        let user = bytes(a, 0);
        if user.contains(&b':') {
            return Ok([b"invalid username: ", user].concat().into());
        }
        let hash = bcrypt::hash(scope, bytes(a, 1))?;
        Ok([user, b":", hash.as_bytes()].concat().into())
    }),
];

/// `sprig.certificate`: a certificate and its key, in PEM.
#[derive(Clone, Debug)]
struct Pair {
    cert: String,
    key: String,
}

impl Pair {
    /// The pair at `index`.
    fn at(arguments: &[Value], index: usize) -> Option<&Self> {
        let Value::Object(object) = any(arguments, index) else { return None };
        object.as_any().downcast_ref()
    }
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn member(&self, _: &mut Scope<'_>, name: &str, arguments: &[Value]) -> Option<Answer> {
        match (name, arguments) {
            ("Cert", []) => Some(Ok(self.cert.as_str().into())),
            ("Key", []) => Some(Ok(self.key.as_str().into())),
            ("Cert" | "Key", _) => Some(Err(Fail::from("it has arguments but is not a method"))),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn fields(&self) -> Option<crate::Fields> {
        let values = vec![("Cert", self.cert.as_str().into()), ("Key", self.key.as_str().into())];
        Some(crate::Fields { printed: true, values })
    }

    fn same(&self, other: &dyn Object) -> Option<bool> {
        let other = other.as_any().downcast_ref::<Self>();
        Some(other.is_some_and(|other| self.cert == other.cert && self.key == other.key))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn private_key(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let name = text(arguments, 0);
    let kind = match name.as_ref() {
        "" | "rsa" => Kind::Rsa(4096),
        "dsa" => Kind::Dsa,
        "ecdsa" => Kind::Ecdsa,
        "ed25519" => Kind::Ed25519,
        unknown => return Ok(format!("Unknown type {unknown}").into()),
    };
    Ok(Key::generate(scope, kind)?.to_pem().into())
}

const BLOCK: usize = 16;

/// The password cut or filled up to the length of a key.
fn cipher(password: &[u8]) -> Aes256 {
    let mut key = [0; 32];
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password[..length]);
    Aes256::new(&key.into())
}

/// AES-256-CBC: the initial block, then the text with PKCS#7 padding, in base64.
fn encrypt(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let plain = bytes(arguments, 1);
    if plain.is_empty() {
        return Ok("".into());
    }
    scope.charge(plain.len().saturating_mul(4).saturating_add(64))?;
    let cipher = cipher(bytes(arguments, 0));
    let padding = BLOCK - plain.len() % BLOCK;
    let padded = [plain, &vec![u8::try_from(padding).unwrap_or(0); padding]].concat();
    let mut previous: [u8; BLOCK] = scope.random()?.array();
    let mut out = previous.to_vec();
    for block in padded.chunks_exact(BLOCK) {
        previous.iter_mut().zip(block).for_each(|(byte, plain)| *byte ^= plain);
        cipher.encrypt_block(GenericArray::from_mut_slice(&mut previous));
        out.extend_from_slice(&previous);
    }
    Ok(STANDARD.encode(out).into())
}

fn decrypt(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let given = bytes(arguments, 1);
    if given.is_empty() {
        return Ok("".into());
    }
    scope.charge(given.len().saturating_mul(2))?;
    let sealed = encode::decode(given).map_err(|at| format!("illegal base64 data at input byte {at}"))?;
    let Some((first, rest)) = sealed.split_at_checked(BLOCK) else {
        let length = sealed.len();
        return Err(Fail::from(format!(
            "runtime error: slice bounds out of range [:{BLOCK}] with capacity {length}"
        )));
    };
    if rest.len() % BLOCK != 0 {
        return Err(Fail::from("crypto/cipher: input not full blocks"));
    }
    let cipher = cipher(bytes(arguments, 0));
    let mut previous = first;
    let mut out = Vec::with_capacity(rest.len());
    for block in rest.chunks_exact(BLOCK) {
        let mut open = [0; BLOCK];
        open.copy_from_slice(block);
        cipher.decrypt_block(GenericArray::from_mut_slice(&mut open));
        out.extend(open.iter().zip(previous).map(|(byte, before)| byte ^ before));
        previous = block;
    }
    let Some(padding) = out.last().map(|last| usize::from(*last)) else {
        return Err(Fail::from("runtime error: index out of range [-1]"));
    };
    match out.len().checked_sub(padding) {
        Some(length) => {
            out.truncate(length);
            Ok(out.into())
        }
        None => {
            let below = i64::try_from(out.len()).unwrap_or(0) - i64::try_from(padding).unwrap_or(0);
            Err(Fail::from(format!("runtime error: slice bounds out of range [:{below}]")))
        }
    }
}
