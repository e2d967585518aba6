//! Private keys: made of the seed, written as Go writes them, and signing with SHA-256.

use curve25519_dalek::Scalar as EdScalar;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::clamp_integer;
use num_bigint::BigUint;
use p256::elliptic_curve::PrimeField as _;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates as _;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{ProjectivePoint, Scalar, U256};
use sha2::{Digest, Sha256, Sha512};

use super::der::{NULL, OCTETS, Reader, SEQUENCE, bits, integer, oid, sequence, small, value};
use super::{pem, primes};
use crate::functions::Fail;
use crate::go::Scope;
use crate::random::Stream;

const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_SHA256: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const SHA256: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const EC: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ED25519: [u8; 3] = [0x2b, 0x65, 0x70];

/// What key is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Of so many bits.
    Rsa(usize),
    Dsa,
    Ecdsa,
    Ed25519,
}

/// A private key.
pub(super) enum Key {
    Rsa(Box<Rsa>),
    /// P, Q, G, Y, X.
    Dsa(Box<[BigUint; 5]>),
    /// On P-256.
    Ecdsa(Scalar),
    Ed25519([u8; 32]),
}

pub(super) struct Rsa {
    n: BigUint,
    e: BigUint,
    d: BigUint,
    p: BigUint,
    q: BigUint,
}

impl Rsa {
    fn generate(random: &mut Stream, size: usize) -> Self {
        let (one, two, e) = (BigUint::from(1_u8), BigUint::from(2_u8), BigUint::from(65_537_u32));
        loop {
            let p = primes::next(&primes::odd(random, size / 2), &two);
            let q = primes::next(&primes::odd(random, size / 2), &two);
            let n = &p * &q;
            let d = e.modinv(&((&p - &one) * (&q - &one)));
            if let Some(d) = d.filter(|_| p != q && n.bits() == size as u64) {
                return Self { n, e, d, p, q };
            }
        }
    }

    fn to_der(&self) -> Vec<u8> {
        let one = BigUint::from(1_u8);
        let inverse = self.q.modinv(&self.p).unwrap_or_default();
        let numbers = [
            &self.n,
            &self.e,
            &self.d,
            &self.p,
            &self.q,
            &(&self.d % (&self.p - &one)),
            &(&self.d % (&self.q - &one)),
            &inverse,
        ];
        let mut parts = vec![small(0)];
        parts.extend(numbers.into_iter().map(integer));
        sequence(&parts)
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let mut reader = Reader(Reader(der).expect(SEQUENCE)?);
        reader.number()?;
        let (n, e, d) = (reader.number()?, reader.number()?, reader.number()?);
        let (p, q) = (reader.number()?, reader.number()?);
        (n == &p * &q && n.bits() >= 512).then_some(Self { n, e, d, p, q })
    }

    /// PKCS #1 v1.5.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let algorithm = sequence(&[oid(&SHA256), NULL.to_vec()]);
        let digest = sequence(&[algorithm, value(OCTETS, &Sha256::digest(message))]);
        let size = usize::try_from(self.n.bits().div_ceil(8)).unwrap_or(0);
        let filling = vec![0xff; size.saturating_sub(digest.len() + 3)];
        let block = [[0, 1].as_slice(), &filling, &[0], &digest].concat();
        let signature = BigUint::from_bytes_be(&block).modpow(&self.d, &self.n).to_bytes_be();
        [vec![0; size.saturating_sub(signature.len())], signature].concat()
    }
}

impl Key {
    /// A new one from the seed of the rendering.
    pub(super) fn generate(scope: &mut Scope<'_>, kind: Kind) -> Result<Self, Fail> {
        scope.steps(match kind {
            Kind::Rsa(size) => size * size / 12,
            Kind::Dsa => 1_000_000,
            Kind::Ecdsa | Kind::Ed25519 => 2_000,
        })?;
        let random = scope.random()?;
        Ok(match kind {
            Kind::Rsa(size) => Self::Rsa(Box::new(Rsa::generate(random, size))),
            Kind::Dsa => Self::Dsa(Box::new(primes::dsa(random))),
            Kind::Ecdsa => Self::Ecdsa(scalar(&random.array())),
            Kind::Ed25519 => Self::Ed25519(random.array()),
        })
    }

    pub(super) fn to_pem(&self) -> String {
        match self {
            Self::Rsa(key) => pem::encode("RSA PRIVATE KEY", &key.to_der()),
            Self::Dsa(numbers) => {
                let mut parts = vec![small(0)];
                parts.extend(numbers.iter().map(integer));
                pem::encode("DSA PRIVATE KEY", &sequence(&parts))
            }
            Self::Ecdsa(secret) => {
                let parts = [
                    small(1),
                    value(OCTETS, &secret.to_repr()),
                    value(0xa0, &oid(&P256)),
                    value(0xa1, &bits(&ec_public(secret))),
                ];
                pem::encode("EC PRIVATE KEY", &sequence(&parts))
            }
            Self::Ed25519(seed) => {
                let parts = [small(0), sequence(&[oid(&ED25519)]), value(OCTETS, &value(OCTETS, seed))];
                pem::encode("PRIVATE KEY", &sequence(&parts))
            }
        }
    }

    /// Reads what [`Key::to_pem`] writes, and PKCS #8.
    ///
    /// # Errors
    /// In sprig's words.
    pub(super) fn from_pem(text: &str) -> Result<Self, String> {
        let (kind, der) = pem::decode(text).ok_or("no PEM data in input")?;
        let wrong = |what: &str| format!("{what}: malformed private key");
        match kind.as_str() {
            "PRIVATE KEY" => from_pkcs8(&der).ok_or_else(|| wrong("decoding PEM as PKCS#8")),
            "RSA PRIVATE KEY" => Rsa::from_der(&der)
                .map(|key| Self::Rsa(Box::new(key)))
                .ok_or_else(|| wrong("parsing RSA private key from PEM")),
            "EC PRIVATE KEY" => from_sec1(&der).ok_or_else(|| wrong("parsing EC private key from PEM")),
            "DSA PRIVATE KEY" => from_dsa(&der).ok_or_else(|| wrong("parsing DSA private key from PEM")),
            _ if kind.ends_with(" PRIVATE KEY") => Err(format!("invalid private key type {kind}")),
            _ => Err(format!("no private key data in PEM block of type {kind}")),
        }
    }

    /// The public key as certificates hold it; `None` for DSA, which signs none.
    pub(super) fn public(&self) -> Option<Vec<u8>> {
        Some(match self {
            Self::Rsa(key) => {
                let numbers = sequence(&[integer(&key.n), integer(&key.e)]);
                sequence(&[sequence(&[oid(&RSA), NULL.to_vec()]), bits(&numbers)])
            }
            Self::Dsa(_) => return None,
            Self::Ecdsa(secret) => sequence(&[sequence(&[oid(&EC), oid(&P256)]), bits(&ec_public(secret))]),
            Self::Ed25519(seed) => sequence(&[sequence(&[oid(&ED25519)]), bits(&ed_public(seed))]),
        })
    }

    /// The algorithm by which [`Key::sign`] signs.
    pub(super) fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) | Self::Dsa(_) => sequence(&[oid(&RSA_SHA256), NULL.to_vec()]),
            Self::Ecdsa(_) => sequence(&[oid(&ECDSA_SHA256)]),
            Self::Ed25519(_) => sequence(&[oid(&ED25519)]),
        }
    }

    /// The signature of `message`; none by DSA.
    pub(super) fn sign(&self, message: &[u8], random: &mut Stream) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.sign(message),
            Self::Dsa(_) => Vec::new(),
            Self::Ecdsa(secret) => {
                let nonce = scalar(&random.array());
                let point = (ProjectivePoint::GENERATOR * nonce).to_affine();
                let r = scalar(&point.x().into());
                let digest: [u8; 32] = Sha256::digest(message).into();
                let inverse = Option::<Scalar>::from(nonce.invert()).unwrap_or_default();
                let s = inverse * (scalar(&digest) + r * secret);
                let number = |scalar: Scalar| integer(&BigUint::from_bytes_be(&scalar.to_repr()));
                sequence(&[number(r), number(s)])
            }
            Self::Ed25519(seed) => ed_sign(seed, message),
        }
    }
}

fn scalar(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<U256>>::reduce(U256::from_be_slice(bytes))
}

fn ec_public(secret: &Scalar) -> Vec<u8> {
    (ProjectivePoint::GENERATOR * secret).to_affine().to_encoded_point(false).as_bytes().to_vec()
}

/// The two halves of the hashed seed: the secret number, and what makes nonces.
fn ed_halves(seed: &[u8; 32]) -> (EdScalar, [u8; 32]) {
    let hash: [u8; 64] = Sha512::digest(seed).into();
    let (mut secret, mut prefix) = ([0; 32], [0; 32]);
    secret.copy_from_slice(&hash[..32]);
    prefix.copy_from_slice(&hash[32..]);
    (EdScalar::from_bytes_mod_order(clamp_integer(secret)), prefix)
}

fn ed_public(seed: &[u8; 32]) -> [u8; 32] {
    EdwardsPoint::mul_base(&ed_halves(seed).0).compress().to_bytes()
}

/// RFC 8032.
fn ed_sign(seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let hashed =
        |parts: &[&[u8]]| EdScalar::from_bytes_mod_order_wide(&Sha512::digest(parts.concat()).into());
    let (secret, prefix) = ed_halves(seed);
    let nonce = hashed(&[&prefix, message]);
    let point = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
    let challenge = hashed(&[&point, &ed_public(seed), message]);
    [point, (nonce + challenge * secret).to_bytes()].concat()
}

fn from_pkcs8(der: &[u8]) -> Option<Key> {
    let mut reader = Reader(Reader(der).expect(SEQUENCE)?);
    reader.number()?;
    let algorithm = Reader(reader.expect(SEQUENCE)?).expect(super::der::OID)?;
    let inner = reader.expect(OCTETS)?;
    if algorithm == ED25519 {
        return Some(Key::Ed25519(Reader(inner).expect(OCTETS)?.try_into().ok()?));
    }
    if algorithm == RSA {
        return Rsa::from_der(inner).map(|key| Key::Rsa(Box::new(key)));
    }
    if algorithm == EC { from_sec1(inner) } else { None }
}

fn from_sec1(der: &[u8]) -> Option<Key> {
    let mut reader = Reader(Reader(der).expect(SEQUENCE)?);
    reader.number()?;
    let secret: [u8; 32] = reader.expect(OCTETS)?.try_into().ok()?;
    Some(Key::Ecdsa(scalar(&secret)))
}

fn from_dsa(der: &[u8]) -> Option<Key> {
    let mut reader = Reader(Reader(der).expect(SEQUENCE)?);
    reader.number()?;
    let mut numbers: [BigUint; 5] = Default::default();
    for number in &mut numbers {
        *number = reader.number()?;
    }
    Some(Key::Dsa(Box::new(numbers)))
}
