use super::*;

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[number << 3 | 2, length][..], content].concat()
}

fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
    let kind = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), field(1, &kind), field(2, raw), field(3, b""), field(4, b"")].concat()
}

#[test]
fn a_secret_reads_as_its_json() {
    let label = [field(1, b"a"), field(2, b"b")].concat();
    let metadata =
        [field(1, b"repo"), field(3, b""), field(8, b""), field(11, &label), field(14, b"x/y")].concat();
    let data = [field(1, b"password"), field(2, b"\xff\x00")].concat();
    let raw = [field(1, &metadata), field(2, &data), field(3, b"Opaque"), vec![5 << 3, 1]].concat();
    let expect = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
        "metadata": {"name": "repo", "labels": {"a": "b"}, "finalizers": ["x/y"]},
        "data": {"password": "/wA="},
    });
    assert_eq!(read(&body("Secret", &raw)), Some(expect));
}

#[test]
fn what_is_damaged_or_not_known_is_nothing() {
    assert_eq!(read(b"{}"), None);
    assert_eq!(read(&body("Pod", b"")), None);
    assert_eq!(read(&body("Secret", &[10, 200])), None);
    assert_eq!(read(&body("Secret", &[0xff; 12])), None);
    let whole = body("Secret", &field(1, &field(1, b"repo")));
    assert!(read(&whole).is_some());
    for cut in 0..whole.len() {
        // No cut may panic; what is left of the envelope may still say something.
        let _read = read(&whole[..cut]);
    }
}
