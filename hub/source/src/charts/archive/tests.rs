use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write as _;

/// An entry of any path, as no honest program writes it.
fn entry(kind: EntryType, path: &[u8], link: &[u8], contents: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let fields = header.as_mut_bytes();
    fields[..path.len()].copy_from_slice(path);
    fields[157..157 + link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(contents.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(contents);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(path: &str, contents: &str) -> Vec<u8> {
    entry(EntryType::Regular, path.as_bytes(), b"", contents.as_bytes())
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn show(unpacked: Result<BTreeMap<String, Bytes>, Error>) -> String {
    match unpacked {
        Ok(files) => {
            let files =
                files.iter().map(|(path, bytes)| format!("{path}={}", String::from_utf8_lossy(bytes)));
            files.collect::<Vec<_>>().join(" ")
        }
        Err(err) => err.to_string(),
    }
}

/// What is in an archive of these entries, packed and not.
fn check(entries: &[Vec<u8>], layout: Layout, expect: &str) {
    let tar = tar(entries);
    assert_eq!(show(unpack(&tar, layout, &Limits::default())), expect);
    assert_eq!(show(unpack(&gzip(&tar), layout, &Limits::default())), expect, "packed");
}

#[test]
fn the_files_of_a_chart_are_without_its_folder() {
    let folder = entry(EntryType::Directory, b"web/templates/", b"", b"");
    check(
        &[
            folder.clone(),
            file("web/Chart.yaml", "a"),
            file("./web//templates/x.yaml", "b"),
            file("web/charts/db/Chart.yaml", "c"),
            file("web/.helmignore", "d"),
            file("README.md", "beside"),
        ],
        Layout::Chart,
        ".helmignore=d Chart.yaml=a charts/db/Chart.yaml=c templates/x.yaml=b",
    );
    check(&[folder, file("web/a", "1"), file("b", "2")], Layout::Folder, "b=2 web/a=1");
    check(&[], Layout::Chart, "");
}

#[test]
fn what_leads_elsewhere_is_refused() {
    let link = |kind| entry(kind, b"web/x", b"/etc/passwd", b"");
    let cases = [
        (file("../x", ""), "`../x` in it leads outside"),
        (file("web/../../x", ""), "`web/../../x` in it leads outside"),
        (file("web/..", ""), "`web/..` in it leads outside"),
        (file("/etc/x", ""), "`/etc/x` in it is an absolute path"),
        (file("C:/x", ""), "`C:/x` in it is an absolute path"),
        (file("web\\..\\x", ""), r"`web\\..\\x` in it has a character in it that paths do not have"),
        (link(EntryType::Symlink), "`web/x` in it is a link: pack the file itself"),
        (link(EntryType::Link), "`web/x` in it is a link: pack the file itself"),
        (entry(EntryType::Char, b"web/x", b"", b""), "`web/x` in it is no file"),
        (entry(EntryType::Fifo, b"web/x", b"", b""), "`web/x` in it is no file"),
        (entry(EntryType::Regular, b"web/\xff", b"", b""), "`web/\u{fffd}` in it is no path in UTF-8"),
    ];
    for (bad, expect) in cases {
        for layout in [Layout::Chart, Layout::Folder] {
            check(&[file("web/a", ""), bad.clone()], layout, expect);
        }
    }
    check(&[file("web/a", "1"), file("web/./a", "2")], Layout::Chart, "`web/./a` in it is in it twice");
    check(&[file("web/a", "1"), file("web/a/b", "2")], Layout::Folder, "`web/a/b` in it is below a file");
}

/// Paths that do not fit into a header of the first format: of a longer one, in two ways.
#[test]
fn long_paths_are_read_and_bounded() {
    let check = |length: usize, expect: Result<(), &str>| {
        let path = format!("web/{}", "x".repeat(length));
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        builder.append_data(&mut header, &path, &b"1"[..]).unwrap();
        let got = unpack(&builder.into_inner().unwrap(), Layout::Chart, &Limits::default());
        match expect {
            Ok(()) => assert!(got.unwrap().contains_key(&path["web/".len()..])),
            Err(part) => assert!(got.unwrap_err().to_string().contains(part)),
        }
    };
    check(200, Ok(()));
    check(2000, Err("is too long a path"));
}

#[test]
fn what_holds_too_much_is_refused_where_it_becomes_too_much() {
    let limits = Limits { entries: 3, bytes: 10_000, ratio: 10, free: 1_000, path: 100 };
    let check = |archive: &[u8], expect: &str| {
        assert_eq!(show(unpack(archive, Layout::Folder, &limits)), expect);
    };
    let files = |count: usize| (0..count).map(|n| file(&format!("f{n}"), "")).collect::<Vec<_>>();
    check(&tar(&files(3)), "f0= f1= f2=");
    check(&tar(&files(4)), "it holds more than 3 entries");
    let folders = vec![entry(EntryType::Directory, b"d/", b"", b""); 4];
    check(&tar(&folders), "it holds more than 3 entries");
    let large = tar(&[file("a", &"x".repeat(6_000)), file("b", &"x".repeat(6_000))]);
    check(&large, "it holds more than 10000 bytes of files");
    // 5,000 bytes packed into fewer than 500.
    let bomb = gzip(&tar(&[file("a", &"x".repeat(5_000))]));
    assert!(bomb.len() < 300, "{}", bomb.len());
    let allowed = (bomb.len() * 10).max(1_000);
    check(&bomb, &format!("it holds more than {allowed} bytes of files"));
}

/// Much of nothing in little, in one file and in what is beside files.
#[test]
fn bombs_cost_no_more_than_the_limit() {
    const SIZE: usize = 160 << 20;
    let nothing = vec![0_u8; SIZE];
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = tar::Header::new_gnu();
    header.set_path("web/bomb").unwrap();
    header.set_size(SIZE as u64);
    header.set_cksum();
    packer.write_all(header.as_bytes()).unwrap();
    packer.write_all(&nothing).unwrap();
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let error = unpack(&bomb, Layout::Chart, &Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("it holds more than"), "{error}");

    // A name that is as long.
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    header.set_entry_type(EntryType::GNULongName);
    header.set_cksum();
    packer.write_all(header.as_bytes()).unwrap();
    packer.write_all(&nothing).unwrap();
    let error = unpack(&packer.finish().unwrap(), Layout::Chart, &Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("it holds more than"), "{error}");
}

#[test]
fn what_is_no_archive_is_refused() {
    let check = |bytes: &[u8]| {
        let error = unpack(bytes, Layout::Chart, &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with("it is no whole archive"), "{error}");
    };
    check(b"<html>not found</html>");
    check(&gzip(b"<html>not found</html>"));
    check(&[0x1f, 0x8b]);
    let whole = gzip(&tar(&[file("web/a", &"x".repeat(5_000))]));
    check(&whole[..whole.len() / 2]);
}

fn paths() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(vec!["web", "a", "..", ".", "", "C:", "x\\y", "é", "templates"]),
        1..5,
    )
    .prop_map(|parts| parts.join("/"))
    .prop_filter("it fits into a header", |path| path.len() < 100)
}

proptest! {
    /// Whatever paths there are, those that come out lead nowhere else.
    #[test]
    fn no_path_leads_outside(paths in proptest::collection::vec(paths(), 0..6), folder: bool) {
        let layout = if folder { Layout::Folder } else { Layout::Chart };
        let entries: Vec<_> = paths.iter().map(|path| file(path, "x")).collect();
        if let Ok(files) = unpack(&tar(&entries), layout, &Limits::default()) {
            for path in files.keys() {
                prop_assert!(path.split('/').all(|part| !["", ".", ".."].contains(&part)), "{path}");
                prop_assert!(!path.contains('\\'), "{path}");
            }
        }
    }

    /// Archives with some bytes changed, packed or not: reading them ends, and stays within the limits.
    #[test]
    fn spoilt_archives_are_read_or_refused(
        packed: bool,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..24),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let limits = Limits { entries: 16, bytes: 1 << 16, ratio: 50, free: 4096, path: 200 };
        let mut bytes = tar(&[
            entry(EntryType::Directory, b"web/", b"", b""),
            file("web/Chart.yaml", "name: web\nversion: 1.0.0\n"),
            file("web/templates/a.yaml", &"kind: ConfigMap\n".repeat(40)),
            entry(EntryType::XHeader, b"pax", b"", b"20 path=web/other\n"),
            file("web/b", "1"),
        ]);
        if packed {
            bytes = gzip(&bytes);
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(files) = unpack(&bytes, Layout::Chart, &limits) {
            prop_assert!(files.len() <= limits.entries);
            prop_assert!(files.values().map(|file| file.len() as u64).sum::<u64>() <= limits.bytes);
        }
    }
}
