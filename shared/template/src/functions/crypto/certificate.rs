//! Certificates as Go's `x509.CreateCertificate` writes them from sprig's templates: for servers and clients, or for an authority.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use num_bigint::BigUint;
use sha2::{Digest, Sha256};

use super::der::{BITS, OCTETS, Reader, SEQUENCE, SET, bits, integer, oid, sequence, small, value};
use super::keys::{Key, Kind};
use super::{Pair, pem};
use crate::Value;
use crate::functions::encode;
use crate::functions::text::{any, bytes, int, text};
use crate::functions::{Answer, Fail};
use crate::go::Scope;

const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const SUBJECT_KEY: [u8; 3] = [0x55, 0x1d, 14];
const KEY_USAGE: [u8; 3] = [0x55, 0x1d, 15];
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1d, 17];
const CONSTRAINTS: [u8; 3] = [0x55, 0x1d, 19];
const AUTHORITY_KEY: [u8; 3] = [0x55, 0x1d, 35];
const EXTENDED_USAGE: [u8; 3] = [0x55, 0x1d, 37];
const SERVER: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 1];
const CLIENT: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 2];

/// What a certificate shall say.
struct Wanted {
    subject: Vec<u8>,
    names: Vec<Vec<u8>>,
    serial: BigUint,
    start: Timestamp,
    end: Timestamp,
    authority: bool,
}

/// Who signs.
struct Issuer<'k> {
    subject: Vec<u8>,
    key: &'k Key,
    /// The identifier of its key, if it says one.
    key_id: Option<Vec<u8>>,
}

/// `genCA name days [key]`
pub(super) fn authority(scope: &mut Scope<'_>, arguments: &[Value], key: Option<usize>) -> Answer {
    let key = key_for(scope, arguments, key)?;
    let mut wanted = wanted(scope, arguments, None, 1)?;
    wanted.authority = true;
    let issuer = Issuer { subject: wanted.subject.clone(), key: &key, key_id: None };
    create(scope, &wanted, &key, &issuer)
}

/// `genSelfSignedCert name ips names days [key]`
pub(super) fn self_signed(scope: &mut Scope<'_>, arguments: &[Value], key: Option<usize>) -> Answer {
    let key = key_for(scope, arguments, key)?;
    let wanted = wanted(scope, arguments, Some((1, 2)), 3)?;
    let issuer = Issuer { subject: wanted.subject.clone(), key: &key, key_id: None };
    create(scope, &wanted, &key, &issuer)
}

/// `genSignedCert name ips names days ca [key]`
pub(super) fn signed(scope: &mut Scope<'_>, arguments: &[Value], key: Option<usize>) -> Answer {
    let key = key_for(scope, arguments, key)?;
    let Some(pair) = Pair::at(arguments, 4) else { return Err(Fail::from("unable to decode certificate")) };
    let (_, der) = pem::decode(&pair.cert).ok_or_else(|| Fail::from("unable to decode certificate"))?;
    let parsed = parse(&der).ok_or_else(|| {
        Fail::from("error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate")
    })?;
    let signer = Key::from_pem(&pair.key).map_err(|error| format!("error parsing private key: {error}"))?;
    let wanted = wanted(scope, arguments, Some((1, 2)), 3)?;
    if signer.public().is_some_and(|public| public != parsed.public) {
        return Err(Fail::from(
            "error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey",
        ));
    }
    let issuer = Issuer { subject: parsed.subject, key: &signer, key_id: parsed.key_id };
    create(scope, &wanted, &key, &issuer)
}

/// `buildCustomCert certificate key`, both in base64.
pub(super) fn custom(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    scope.charge(bytes(arguments, 0).len() + bytes(arguments, 1).len())?;
    let decoded = |index: usize, what: &str| {
        let decoded = encode::decode(bytes(arguments, index));
        let decoded = decoded.map_err(|_| Fail::from(format!("unable to decode base64 {what}")))?;
        Ok::<_, Fail>(crate::quote::replaced(&decoded))
    };
    let (cert, key) = (decoded(0, "certificate")?, decoded(1, "private key")?);
    let (_, der) = pem::decode(&cert).ok_or_else(|| Fail::from("unable to decode certificate"))?;
    parse(&der).ok_or_else(|| {
        Fail::from("error parsing certificate: decodedCert.Bytes: x509: malformed certificate")
    })?;
    Key::from_pem(&key).map_err(|error| format!("error parsing private key: {error}"))?;
    Ok(Value::Object(Rc::new(Pair { cert, key })))
}

/// The key given at `index`, or a new one.
fn key_for(scope: &mut Scope<'_>, arguments: &[Value], index: Option<usize>) -> Result<Key, Fail> {
    match index {
        Some(index) => Key::from_pem(&text(arguments, index))
            .map_err(|error| Fail::from(format!("parsing private key: {error}"))),
        None => Key::generate(scope, Kind::Rsa(2048)),
    }
}

/// `names` are the indices of the addresses and of the names.
fn wanted(
    scope: &mut Scope<'_>,
    arguments: &[Value],
    names: Option<(usize, usize)>,
    days: usize,
) -> Result<Wanted, Fail> {
    let mut alternatives = Vec::new();
    if let Some((addresses, dns)) = names {
        let addresses = strings(scope, any(arguments, addresses), "error parsing ip: ")?;
        let dns = strings(scope, any(arguments, dns), "error processing alternate dns name: ")?;
        alternatives.extend(dns.iter().map(|name| value(0x82, name.as_bytes())));
        for address in &addresses {
            alternatives.push(value(0x87, &octets(address)?));
        }
        if let Some(name) = dns.iter().find(|name| !name.is_ascii()) {
            let name = crate::quote::quote(name.as_bytes());
            return Err(Fail::from(format!(
                "error creating certificate: x509: {name} cannot be encoded as an IA5String"
            )));
        }
    }
    let serial = BigUint::from_bytes_be(&scope.random()?.array::<16>());
    let start = scope.now()?;
    let days = int(arguments, days);
    let end = days
        .checked_mul(86_400)
        .and_then(|seconds| start.checked_add(SignedDuration::from_secs(seconds)).ok())
        .ok_or_else(|| {
            Fail::from("error creating certificate: x509: cannot represent time as GeneralizedTime")
        })?;
    let subject = name(&text(arguments, 0));
    Ok(Wanted { subject, names: alternatives, serial, start, end, authority: false })
}

fn strings(scope: &mut Scope<'_>, value: &Value, complaint: &str) -> Result<Vec<String>, Fail> {
    let Value::List(list) = value else { return Ok(Vec::new()) };
    let mut strings = Vec::new();
    for item in crate::functions::text::items(scope, list)? {
        match &item {
            Value::Str(text) => strings.push(text.text().into_owned()),
            Value::Missing
            | Value::Nil
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Int64(_)
            | Value::Byte(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Object(_) => {
                let shown = crate::quote::replaced(&crate::format::plain(scope, &item)?);
                return Err(Fail::from(format!("{complaint}{shown} is not a string")));
            }
        }
    }
    Ok(strings)
}

/// An address in the shorter of its forms.
fn octets(address: &str) -> Result<Vec<u8>, Fail> {
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return Ok(address.octets().to_vec());
    }
    let address =
        address.parse::<Ipv6Addr>().map_err(|_| Fail::from(format!("error parsing ip: {address}")))?;
    Ok(address.to_ipv4_mapped().map_or_else(|| address.octets().to_vec(), |short| short.octets().to_vec()))
}

/// A distinguished name of a common name only, or of nothing.
fn name(common: &str) -> Vec<u8> {
    if common.is_empty() {
        return sequence(&[]);
    }
    let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = if common.bytes().all(printable) { 19 } else { 12 };
    let attribute = sequence(&[oid(&COMMON_NAME), value(tag, common.as_bytes())]);
    sequence(&[value(SET, &attribute)])
}

fn time(instant: Timestamp) -> Vec<u8> {
    let time = instant.to_zoned(jiff::tz::TimeZone::UTC);
    let clock = format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    match time.year() {
        year @ 1950..2050 => value(23, format!("{:02}{clock}", year % 100).as_bytes()),
        year => value(24, format!("{year:04}{clock}").as_bytes()),
    }
}

fn extension(id: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let flag = if critical { vec![1, 1, 0xff] } else { Vec::new() };
    sequence(&[oid(id), flag, value(OCTETS, content)])
}

/// The identifier of a public key: the start of its hash.
fn key_id(public: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(Reader(public).expect(SEQUENCE)?);
    reader.next()?;
    Some(Sha256::digest(reader.expect(BITS)?.get(1..)?)[..20].to_vec())
}

fn extensions(wanted: &Wanted, public: &[u8], issuer: &Issuer<'_>) -> Vec<u8> {
    let usage: &[u8] = if wanted.authority { &[3, 2, 2, 0xa4] } else { &[3, 2, 5, 0xa0] };
    let basic = if wanted.authority { sequence(&[vec![1, 1, 0xff]]) } else { sequence(&[]) };
    let mut parts = vec![
        extension(&KEY_USAGE, true, usage),
        extension(&EXTENDED_USAGE, false, &sequence(&[oid(&SERVER), oid(&CLIENT)])),
        extension(&CONSTRAINTS, true, &basic),
    ];
    if let Some(id) = key_id(public).filter(|_| wanted.authority) {
        parts.push(extension(&SUBJECT_KEY, false, &value(OCTETS, &id)));
    }
    if let Some(id) = issuer.key_id.as_ref().filter(|_| issuer.subject != wanted.subject) {
        parts.push(extension(&AUTHORITY_KEY, false, &sequence(&[value(0x80, id)])));
    }
    if !wanted.names.is_empty() {
        let nameless = wanted.subject == sequence(&[]);
        parts.push(extension(&ALTERNATIVE_NAMES, nameless, &sequence(&wanted.names)));
    }
    sequence(&parts)
}

fn create(scope: &mut Scope<'_>, wanted: &Wanted, key: &Key, issuer: &Issuer<'_>) -> Answer {
    let not_a_signer =
        "error creating certificate: x509: certificate private key does not implement crypto.Signer";
    let (Some(public), Some(_)) = (key.public(), issuer.key.public()) else {
        return Err(Fail::from(not_a_signer));
    };
    scope.steps(20_000)?;
    let algorithm = issuer.key.algorithm();
    let body = sequence(&[
        value(0xa0, &small(2)),
        integer(&wanted.serial),
        algorithm.clone(),
        issuer.subject.clone(),
        sequence(&[time(wanted.start), time(wanted.end)]),
        wanted.subject.clone(),
        public.clone(),
        value(0xa3, &extensions(wanted, &public, issuer)),
    ]);
    let signature = issuer.key.sign(&body, scope.random()?);
    let der = sequence(&[body, algorithm, bits(&signature)]);
    let pair = Pair { cert: pem::encode("CERTIFICATE", &der), key: key.to_pem() };
    scope.charge(pair.cert.len() + pair.key.len())?;
    Ok(Value::Object(Rc::new(pair)))
}

/// What is read of a certificate that signs.
struct Parsed {
    subject: Vec<u8>,
    public: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

fn parse(der: &[u8]) -> Option<Parsed> {
    let mut reader = Reader(Reader(Reader(der).expect(SEQUENCE)?).expect(SEQUENCE)?);
    let mut item = reader.next()?;
    if item.tag == 0xa0 {
        item = reader.next()?;
    }
    // That was the serial number; the algorithm, the issuer and the times follow.
    let _serial = item;
    for _ in 0..3 {
        reader.next()?;
    }
    let subject = reader.next()?.whole.to_vec();
    let public = reader.next()?.whole.to_vec();
    let mut found = None;
    while let Some(item) = reader.next() {
        if item.tag == 0xa3 {
            found = subject_key(item.content);
        }
    }
    Some(Parsed { subject, public, key_id: found })
}

fn subject_key(extensions: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(Reader(extensions).expect(SEQUENCE)?);
    while let Some(item) = reader.next() {
        let mut parts = Reader(item.content);
        if parts.next()?.content == SUBJECT_KEY {
            return Reader(parts.expect(OCTETS)?).expect(OCTETS).map(<[u8]>::to_vec);
        }
    }
    None
}
