use super::*;
use std::{io::Write as _, os::unix::fs::PermissionsExt as _};

#[test]
fn a_file_is_put_aside_when_a_line_would_make_it_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let lines = |from: usize, upto: usize| {
        // As after a start: what is there is gone on with.
        let mut file = Rotating::open(&path, 20, 2).unwrap();
        for n in from..upto {
            file.write_all(format!("line {n}\n").as_bytes()).unwrap();
        }
    };
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    lines(0, 1);
    lines(1, 2);
    assert_eq!(read("audit.log"), "line 0\nline 1\n");
    lines(2, 7);
    assert_eq!(read("audit.log"), "line 6\n");
    assert_eq!(read("audit.log.1"), "line 4\nline 5\n");
    assert_eq!(read("audit.log.2"), "line 2\nline 3\n");
    assert!(!folder.path().join("audit.log.3").exists());
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(Rotating::open(&folder.path().join("no/such"), 20, 2).is_err());
}

#[test]
fn a_line_is_written_however_its_request_ends() {
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Written {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(line);
            Ok(line.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let check = |end: fn(Line), outcome: &str, bytes: u64| {
        let written = Written::default();
        let log = AuditLog::to(written.clone());
        end(Line::begin(&log, "get", None, None, &HeaderMap::new(), false));
        let line: serde_json::Value = serde_json::from_slice(&written.0.lock()).unwrap();
        assert_eq!((&line["outcome"], &line["bytes"]), (&outcome.into(), &bytes.into()), "{line}");
        assert_eq!(line["resource"], "(not served)");
    };
    check(drop, "left", 0);
    check(|line| line.broken(7, "not taken in time"), "not taken in time", 7);
    let answered = |line: Line| {
        line.answered(200, None);
        line.sent(9);
    };
    check(answered, "ok", 9);
    let refused = |line: Line| {
        line.answered(404, Some(&Status::no_such_path()));
        line.sent(3);
    };
    check(refused, "NotFound", 3);
}
