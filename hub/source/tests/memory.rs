//! What a large repository takes of memory: a process of its own fetches, lists and reads it under a hard
//! limit of its data. With MEMORY_FILES and MEMORY_MIB it makes larger ones and prints what was measured:
//!
//! ```text
//! MEMORY_FILES=100000 MEMORY_MIB=1024 cargo test --release --test memory -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::print_stdout, reason = "what was measured is told")]

#[path = "support/git_server.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod git_server;
#[path = "support/git.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod repository;

use git_server::{GitServer, Options};
use hub_source::{Config, ReadLimit, RepoUrl, Repositories};
use repository::Repository;
use std::{fs, io::Write as _, path::Path, process::Command, time::Duration};

/// Of the child: its heap, stacks and anonymous memory.
const DATA: u64 = 192 << 20;
const FOLDER: &str = "FLOTILLA_MEMORY_FOLDER";

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A commit of `files` small files in folders of a hundred and as many incompressible MiB, by fast-import.
fn fill(repository: &Repository, files: u64, mib: u64) -> String {
    let path = repository.folder().join(".git/import");
    let mut import = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    import.write_all(b"commit refs/heads/main\ncommitter A <a@example.com> 0 +0000\ndata 0\n").unwrap();
    for n in 0..files {
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app-{n}}}\n");
        write!(import, "M 100644 inline apps/{}/{n}.yaml\ndata {}\n{text}\n", n / 100, text.len()).unwrap();
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for n in 0..mib {
        write!(import, "M 100644 inline images/{n}.bin\ndata {}\n", 1 << 20).unwrap();
        for _ in 0..(1 << 17) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            import.write_all(&state.to_le_bytes()).unwrap();
        }
        import.write_all(b"\n").unwrap();
    }
    import.into_inner().unwrap().sync_all().unwrap();
    let input = fs::File::open(&path).unwrap();
    let done = repository::command(repository.folder(), &["fast-import", "--quiet"]).stdin(input).status();
    assert!(done.unwrap().success());
    fs::remove_file(path).unwrap();
    repository.git(&["rev-parse", "main"])
}

/// Runs this test binary again as the one who reads, under the limit; gives back what it said.
fn check(filters: bool) {
    let folder = tempfile::tempdir().unwrap();
    let app = Repository::init(folder.path().join("served/app"));
    app.git(&["config", "uploadpack.allowFilter", if filters { "true" } else { "false" }]);
    // What is measured does not get smaller by it.
    app.git(&["config", "core.compression", "0"]);
    let (files, mib) = (number("MEMORY_FILES", 5_000), number("MEMORY_MIB", 80));
    let commit = fill(&app, files, mib);
    let server =
        GitServer::start(Options { root: folder.path().join("served"), ..Options::default() }).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_one_who_reads", "--nocapture"])
        .env(FOLDER, folder.path().join("mirrors"))
        .env("MEMORY_URL", server.url("app"))
        .env("MEMORY_COMMIT", commit)
        .env("MALLOC_ARENA_MAX", "2")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let wrong = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "filters {filters}: {said}{wrong}");
    let measured = said.lines().find(|line| line.starts_with("measured:")).unwrap();
    let held = size(&folder.path().join("mirrors"));
    println!("{files} files, {mib} MiB, filters {filters}: {measured}; the mirror has {} MiB", held >> 20);
    assert_eq!(filters, held < 64 << 20, "{held}");
}

fn size(path: &Path) -> u64 {
    let entry = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        found if found.is_dir() => size(&entry.path()),
        found => found.len(),
    };
    fs::read_dir(path).unwrap().map(|found| entry(found.unwrap())).sum()
}

#[test]
fn a_server_that_leaves_files_out() {
    check(true);
}

#[test]
fn a_server_that_sends_everything() {
    check(false);
}

/// Does nothing unless a test above started it.
#[test]
fn the_one_who_reads() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    rlimit::Resource::DATA.set(DATA, DATA).unwrap();
    let url = RepoUrl::new(std::env::var("MEMORY_URL").unwrap());
    let commit = std::env::var("MEMORY_COMMIT").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { timeout: Duration::from_secs(3600), ..Config::new(folder) };
    let started = std::time::Instant::now();
    let read = runtime.block_on(async {
        let repositories = Repositories::build(config).unwrap();
        let commit_now = repositories.resolve(&url, "main", None).await.unwrap();
        assert_eq!(commit_now, commit);
        repositories.fetch(&url, &commit, "main", None).await.unwrap();
        let tree = repositories.list(&url, &commit).await.unwrap();
        let paths: Vec<String> = tree.under("apps/7").map(|entry| entry.path.clone()).collect();
        let limit = ReadLimit { per_file: 1 << 20, total: 10 << 20 };
        repositories.read(&url, &commit, &paths, limit).await.unwrap().len()
    });
    assert_eq!(read, 100);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned();
    println!(
        "\nmeasured: peak resident {}, data {} in {:.1?}",
        line("VmHWM:"),
        line("VmData:"),
        started.elapsed()
    );
}
