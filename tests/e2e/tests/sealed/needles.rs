//! Looking for secrets in files as `strings` does, and in base64, in hex, and in what is compressed.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};

/// No compressed stream is looked at further.
const MOST: u64 = 16 << 20;

/// Something to find.
#[derive(Debug)]
pub(crate) struct Needle {
    name: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
    /// Where it is by design in what is compressed.
    packed_in: Option<&'static str>,
}

impl Needle {
    pub(crate) fn text(name: &'static str, text: &str) -> Self {
        Self::of(name, text.as_bytes())
    }

    pub(crate) fn base64(name: &'static str, text: &str) -> Result<Self> {
        Ok(Self::of(name, &decoded(text)?))
    }

    fn of(name: &'static str, bytes: &[u8]) -> Self {
        let mut forms = vec![("plain", bytes.to_vec()), ("hex", hex::encode(bytes).into_bytes())];
        // A text in base64 has three looks, by where in three bytes it begins.
        for before in 0..3 {
            let whole = [&vec![0; before][..], bytes].concat();
            let text = BASE64_STANDARD_NO_PAD.encode(&whole);
            let begin = (before * 8).div_ceil(6);
            forms.push(("base64", text.as_bytes()[begin..whole.len() * 8 / 6].to_vec()));
        }
        Self { name, forms, packed_in: None }
    }

    /// It may be compressed in this folder.
    pub(crate) fn packed_in(self, folder: &'static str) -> Self {
        Self { packed_in: Some(folder), ..self }
    }
}

pub(crate) fn decoded(text: &str) -> Result<Vec<u8>> {
    Ok(BASE64_STANDARD.decode(text)?)
}

/// Each place of a needle, in words.
pub(crate) fn search(folder: &Path, needles: &[Needle]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (path, bytes) in super::files(folder)? {
        let within = path.strip_prefix(folder)?;
        found.extend(told(needles, &bytes).map(|(needle, form)| said(needle, form, within)));
        for unpacked in unpacked(&bytes) {
            let strange = |needle: &Needle| needle.packed_in.is_none_or(|place| !within.starts_with(place));
            let told = told(needles, &unpacked).filter(|(needle, _)| strange(needle));
            found.extend(told.map(|(needle, form)| said(needle, form, within) + ", compressed"));
        }
    }
    found.dedup();
    Ok(found)
}

fn said(needle: &Needle, form: &str, within: &Path) -> String {
    format!("{} is in {}: {form}", needle.name, within.display())
}

fn told<'a>(needles: &'a [Needle], bytes: &'a [u8]) -> impl Iterator<Item = (&'a Needle, &'static str)> {
    let forms = needles.iter().flat_map(|needle| needle.forms.iter().map(move |form| (needle, form)));
    forms.filter(|(_, (_, form))| holds(bytes, form)).map(|(needle, (name, _))| (needle, *name))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    let Some((first, _)) = part.split_first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(part) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// What comes out of the compressed streams that begin anywhere in these bytes.
fn unpacked(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for at in 0..bytes.len() {
        let rest = &bytes[at..];
        let mut out = Vec::new();
        // What can be read before it breaks off counts.
        let _broken = match rest {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                zstd::Decoder::new(rest).and_then(|zstd| zstd.take(MOST).read_to_end(&mut out))
            }
            [0x1f, 0x8b, 0x08, ..] => flate2::read::GzDecoder::new(rest).take(MOST).read_to_end(&mut out),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
                flate2::read::ZlibDecoder::new(rest).take(MOST).read_to_end(&mut out)
            }
            _ => continue,
        };
        if !out.is_empty() {
            found.push(out);
        }
    }
    found
}

/// A search that finds nothing would pass every test: what is put into the folder is found in every form.
pub(crate) fn check_search(folder: &Path) -> Result<()> {
    let (planted, name) = ("planted-5dE6-needle", "what was planted");
    let check = |file: &str, bytes: &[u8], expect: &str| -> Result<()> {
        let path: PathBuf = folder.join(file);
        let noise: Vec<u8> = (0..9000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        std::fs::write(&path, [&noise, bytes, &noise].concat())?;
        let needle = Needle::text(name, planted).packed_in("mirrors");
        let found = search(folder, &[needle])?;
        std::fs::remove_file(&path)?;
        let expect = Some(expect).filter(|expect| !expect.is_empty());
        // What is compressed may hold the words as they are, too.
        assert_eq!(
            found.last(),
            expect.map(|form| format!("{name} is in {file}: {form}")).as_ref(),
            "in {file}"
        );
        Ok(())
    };
    let zlib = |text: &str| {
        let mut out = Vec::new();
        flate2::read::ZlibEncoder::new(text.as_bytes(), flate2::Compression::default())
            .read_to_end(&mut out)?;
        Ok::<_, std::io::Error>(out)
    };
    let words = format!("password: {planted}\n").repeat(20);
    check("planted", planted.as_bytes(), "plain")?;
    for before in ["", "x", "xx"] {
        let text = BASE64_STANDARD.encode(format!("{before}{planted}"));
        check("planted", text.as_bytes(), "base64")?;
    }
    check("planted", hex::encode(planted).as_bytes(), "hex")?;
    check("planted", &zstd::encode_all(words.as_bytes(), 3)?, "plain, compressed")?;
    check("planted", &zlib(&words)?, "plain, compressed")?;
    check("mirrors/planted", &zlib(&words)?, "")?;
    check("mirrors/planted", planted.as_bytes(), "plain")
}
