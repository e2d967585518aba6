//! Whole files.

use super::{one, two};
use crate::{File, Identities, LARGEST, MOST_VALUES};

fn open(name: &str, text: &str, identities: &Identities) -> Result<String, String> {
    let file = File::read(name, text).map_err(|error| error.to_string())?;
    let opened = file.open(identities).map_err(|error| error.to_string())?;
    let plain = opened.plain(&file, text).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

/// What a YAML or JSON text says, to compare texts that differ in spacing.
fn said(text: &str) -> Vec<serde_json::Value> {
    let documents = shared_manifest::yaml::parse_all(&text.replace(": .inf", ": infinite")).unwrap();
    documents.into_iter().map(|document| document.value).collect()
}

fn check(name: &str, encrypted: &str, plain: &str) {
    let opened = open(name, encrypted, &one()).unwrap();
    assert_eq!(said(&opened), said(plain), "{name}:\n{opened}");
}

#[test]
fn files_of_every_form_open_to_what_was_encrypted() {
    let secret = vector!("secret.plain.yaml");
    check("secret.enc.yaml", vector!("secret.enc.yaml"), secret);
    check("both.enc.yaml", vector!("both.enc.yaml"), secret);
    check("mac.enc.yaml", vector!("mac.enc.yaml"), secret);
    check("rotated.enc.yaml", vector!("rotated.enc.yaml"), secret);
    check("multi.enc.yaml", vector!("multi.enc.yaml"), vector!("multi.plain.yaml"));
    check("values.enc.yaml", vector!("values.enc.yaml"), vector!("values.plain.yaml"));
    check("types.enc.yaml", vector!("types.enc.yaml"), vector!("types.dec.yaml"));
    check("suffix.enc.yaml", vector!("suffix.enc.yaml"), vector!("types.dec.yaml"));
    check("types.enc.json", vector!("types.enc.json"), vector!("types.dec.json"));
    let set = secret.replace("hunter2-ž-✓", "another one");
    check("set.enc.yaml", vector!("set.enc.yaml"), &set);
    assert_eq!(open("app.enc.env", vector!("app.enc.env"), &one()).unwrap(), vector!("app.dec.env"));
}

#[test]
fn bytes_open_to_bytes() {
    let text = vector!("bytes.enc.bin");
    let file = File::read("bytes.enc.bin", text).unwrap();
    let opened = file.open(&one()).unwrap();
    assert_eq!(&**opened.plain(&file, text).unwrap(), include_bytes!("vectors/bytes.plain.bin"));
}

#[test]
fn any_of_the_keys_opens() {
    let text = vector!("both.enc.yaml");
    let plain = open("both.enc.yaml", text, &one()).unwrap();
    assert_eq!(open("both.enc.yaml", text, &two()).unwrap(), plain);
    assert_eq!(open("rotated.enc.yaml", vector!("rotated.enc.yaml"), &two()).unwrap(), plain);
    assert!(open("other.enc.yaml", vector!("other.enc.yaml"), &one().and(two())).is_ok());
}

/// A file as large as this is not read, and the refusal says so.
fn check_refused(name: &str, text: &str, expect: &str) {
    let error = File::read(name, text).unwrap_err().to_string();
    assert!(error.contains(expect), "{name}: {error}");
}

#[test]
fn one_file_is_bounded() {
    let too_many = "too many values, or they are nested too deeply";
    let lists = format!("{{\"a\":[{}[]]}}", "[],".repeat(200_000));
    let keys = format!("{{\"a\":[{}0]}}", "{\"b\":0},".repeat(70_000));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(110), "]".repeat(110));
    for text in [&lists, &keys, &deep] {
        check_refused("a.json", text, too_many);
        // By its text.
        check_refused("a", text, too_many);
    }
    check_refused("a.yaml", &format!("a: [{}[]]", "[],".repeat(200_000)), too_many);
    check_refused("a.json", &"[],".repeat(LARGEST / 3 + 1), "more than 2 MiB");
    let token = "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]";
    let values = |count: usize| {
        let all: Vec<String> = (0..count).map(|_| format!("{token:?}")).collect();
        let end = "\"sops\":{\"mac\":\"x\",\"lastmodified\":\"x\"}";
        format!("{{\"a\":[{}],{end}}}", all.join(","))
    };
    assert!(File::read("a.json", &values(MOST_VALUES)).is_ok());
    check_refused("a.json", &values(MOST_VALUES + 1), "more than 2000 encrypted values");
}
