//! Servers that are slow, broken, ask to be left alone, or send too much.

use crate::*;
use hub_source::{Error, poll::Failed};
use std::time::Duration;

async fn ask(
    said: impl Fn(&Asked) -> Said + Send + Sync + 'static,
    adjust: impl FnOnce(&mut Config),
) -> Error {
    let web = Web::start(None, said);
    let fixture = Fixture::with(adjust);
    fixture.charts.resolve(&helm(&web, "", "web"), "1.x", Some(&me())).await.unwrap_err()
}

fn check(err: &Error, part: &str, failed: Failed) {
    assert!(err.to_string().contains(part), "{err}");
    assert_eq!(Failed::from(err), failed, "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_of_itself_is_heard() {
    let err = ask(|_| Said::of(429).with("Retry-After", "90"), |_| {}).await;
    check(&err, "is asked for too often", Failed::Server { after: Some(Duration::from_secs(90)) });
    let err = ask(|_| Said::of(503), |_| {}).await;
    check(&err, "is asked for too often", Failed::Server { after: None });
    let err = ask(|_| Said::of(502), |_| {}).await;
    check(&err, "its server answers 502", Failed::Server { after: None });
    let err = ask(|_| Said::of(418), |_| {}).await;
    check(&err, "answers status 418", Failed::Repository);
    let err = ask(|_| Said::ok("<html>hello</html>"), |_| {}).await;
    check(&err, "its index.yaml cannot be read: it has no `entries`", Failed::Repository);
    let err = ask(|_| Said::ok("no gzip").with("Content-Encoding", "gzip"), |_| {}).await;
    check(&err, "is packed and cannot be unpacked", Failed::Repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_end_and_never_leave_tls() {
    let err = ask(|asked| Said::of(302).with("Location", format!("{}x", asked.path)), |_| {}).await;
    check(&err, "redirects for ever", Failed::Repository);
    let err = ask(|_| Said::of(302).with("Location", "file:///etc/passwd"), |_| {}).await;
    check(&err, "redirects to what is no address", Failed::Repository);
    let (authority, tls) = authority::authority();
    let web = Web::start(Some(tls), |_| Said::of(301).with("Location", "http://localhost:1/index.yaml"));
    let fixture = Fixture::with(|config| config.ca_certificates = vec![authority]);
    let err = fixture.resolve(&helm(&web, "", "web"), "1.x", &me()).await;
    assert!(err.ends_with("its server redirects from https to http"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_to_where_no_repository_is() {
    let metadata = "http://169.254.169.254/latest/meta-data/index.yaml";
    let err = ask(move |_| Said::of(302).with("Location", metadata), |_| {}).await;
    check(&err, "it leads to 169.254.169.254, which is at a link-local address", Failed::Repository);
    let fixture = Fixture::with(|_| {});
    let url = Address::repository("http://[fd00:ec2::254]/charts", "web").unwrap().to_url();
    let err = fixture.charts.resolve(&url, "1.x", None).await.unwrap_err();
    check(
        &err,
        "http://[fd00:ec2::254]/charts (chart web) could not be read: it leads to",
        Failed::Repository,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_ends_where_it_is_too_much() {
    let endless = |_: &Asked| Said { endless: true, ..Said::ok("entries: {}\n") };
    let err = ask(endless, |config| config.index = 100_000).await;
    check(&err, "the limit is 100000", Failed::Repository);
    let bomb = |_: &Asked| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut packer, &vec![b'#'; 10 << 20]).unwrap();
        Said::ok(packer.finish().unwrap()).with("Content-Encoding", "gzip")
    };
    let err = ask(bomb, |config| config.index = 100_000).await;
    check(&err, "and more, unpacked, the limit is 100000", Failed::Repository);
    let archive = |asked: &Asked| match asked.path.as_str() {
        "/index.yaml" => Said::ok("entries: {web: [{version: 1.0.0, urls: [web.tgz]}]}\n"),
        _ => Said { endless: true, ..Said::ok("") },
    };
    let err = ask(archive, |config| config.archive = 100_000).await;
    check(&err, "`web.tgz` in", Failed::Repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_ends_is_given_up() {
    let drips = |_: &Asked| Said { endless: true, ..Said::ok("") };
    let err = ask(drips, |config| {
        config.index = u64::MAX >> 1;
        config.timeout = Duration::from_millis(300);
    });
    check(&err.await, "did not answer within 0.3s", Failed::Server { after: None });
    let hangs = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = hangs.local_addr().unwrap();
    let fixture = Fixture::with(|config| config.timeout = Duration::from_millis(300));
    let url = Address::repository(&format!("http://{address}"), "web").unwrap().to_url();
    let err = fixture.charts.resolve(&url, "1.x", None).await.unwrap_err();
    check(&err, "did not answer within 0.3s", Failed::Server { after: None });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_is_bounded_but_for_what_is_pinned() {
    let web = Web::start(None, |asked| Said::ok(asked.path.repeat(1_000)));
    let fixture = Fixture::with(|config| config.kept = 20_000);
    let mut commits = Vec::new();
    for number in 0..20 {
        let url = Address::file(&format!("{}/{number:03}", web.url())).unwrap().to_url();
        let commit = fixture.charts.resolve(&url, "", None).await.unwrap();
        if number == 0 {
            fixture.charts.retain([commit.clone()].into()).await.unwrap();
        }
        commits.push((url, commit));
    }
    let held: u64 = std::fs::read_dir(fixture.folder.path().join("charts"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".archive"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(held <= 20_000, "{held}");
    web.asked();
    let (url, commit) = &commits[0];
    fixture.charts.fetch(url, commit, "", None).await.unwrap();
    assert_eq!(web.paths().len(), 0, "the pinned one is there");
    let (url, commit) = &commits[1];
    fixture.charts.fetch(url, commit, "", None).await.unwrap();
    assert_eq!(web.paths(), ["/001"]);
}
