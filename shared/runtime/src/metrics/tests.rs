use super::*;
use crate::Tasks;
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

type Label = [(&'static str, &'static str); 1];

fn sample() -> Exposed {
    let (passes, waits, took) =
        (Counter::<u64>::default(), Family::<Label, Gauge>::default(), Lapse::default());
    passes.inc_by(7);
    waits.get_or_create(&[("reason", "a # {\"\\ of} \n")]).set(3);
    took.took(
        Duration::from_secs(4),
        Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        "2026-01-02T03:04:05Z".parse().unwrap(),
    );
    took.took(Duration::from_secs(40), None, "2026-01-02T03:04:05Z".parse().unwrap());
    Exposed::new("test", "1.2.3", |registry| {
        registry.register("flotilla_test_passes", "Passes", passes);
        registry.register("flotilla_test_waits", "Waits", waits);
        registry.register("flotilla_test_wave_seconds", "Waves", took);
    })
}

/// The lines that begin with one of these.
fn lines<'a>(text: &'a str, starts: &[&str]) -> Vec<&'a str> {
    text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).collect()
}

#[test]
fn the_new_format_has_exemplars_and_an_end() {
    let scrape = sample().scrape("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert_eq!(scrape.media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = &scrape.text;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let passes = [
        "# HELP flotilla_test_passes Passes.",
        "# TYPE flotilla_test_passes counter",
        "flotilla_test_passes_total 7",
    ];
    assert_eq!(
        lines(text, &["# HELP flotilla_test_passes", "# TYPE flotilla_test_passes", "flotilla_test_passes"]),
        passes
    );
    let five = "flotilla_test_wave_seconds_bucket{le=\"5.0\"} 1 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 4.0 1767323045.0";
    assert_eq!(lines(text, &["flotilla_test_wave_seconds_bucket{le=\"5.0\"}"]), [five]);
    assert_eq!(
        lines(text, &["flotilla_build"]),
        ["flotilla_build_info{component=\"test\",version=\"1.2.3\"} 1"]
    );
}

#[test]
fn the_old_format_says_the_same_in_its_words() {
    let scrape = sample().scrape("");
    assert_eq!(scrape.media_type, "text/plain; version=0.0.4; charset=utf-8");
    let text = &scrape.text;
    assert!(!text.contains("# EOF") && !text.contains("trace_id") && !text.contains("# UNIT"), "{text}");
    let check = |start: &str, expect: &[&str]| assert_eq!(lines(text, &[start]), expect, "{start}");
    check("# HELP flotilla_test_passes", &["# HELP flotilla_test_passes_total Passes."]);
    check("# TYPE flotilla_test_passes", &["# TYPE flotilla_test_passes_total counter"]);
    check("flotilla_test_passes", &["flotilla_test_passes_total 7"]);
    check("# TYPE flotilla_build", &["# TYPE flotilla_build_info gauge"]);
    check("flotilla_test_waits", &[r#"flotilla_test_waits{reason="a # {\"\\ of} \n"} 3"#]);
    check(
        "flotilla_test_wave_seconds_bucket{le=\"5.0\"}",
        &["flotilla_test_wave_seconds_bucket{le=\"5.0\"} 1"],
    );
    check("flotilla_test_wave_seconds_sum", &["flotilla_test_wave_seconds_sum 44.0"]);
    check("# TYPE process_cpu", &["# TYPE process_cpu_seconds_total counter"]);
}

#[test]
fn a_scraper_gets_what_it_prefers() {
    let check = |accept: &str, expect: bool| {
        assert_eq!(text::wants_open_metrics(accept), expect, "{accept}");
    };
    check("", false);
    check("*/*", false);
    check("text/html,application/xml;q=0.9,*/*;q=0.8", false);
    check("application/openmetrics-text", true);
    check("application/openmetrics-text;version=9.0.0", false);
    check("application/openmetrics-text;q=0", false);
    check("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.3", false);
    // What Prometheus sends.
    check(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        true,
    );
}

/// The value of a sample without labels.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[test]
fn the_process_is_measured() {
    let exposed = Exposed::new("test", "1", |_| {});
    let before = exposed.scrape("").text;
    let memory = vec![1_u8; 64 << 20];
    let held: Vec<_> = (0..20).map(|_| std::fs::File::open("/proc/self/stat").unwrap()).collect();
    let after = exposed.scrape("").text;
    let grew = |name: &str| value(&after, name) - value(&before, name);
    assert!(grew("process_resident_memory_bytes") > 50e6, "{before}\n{after}");
    assert!(grew("process_open_fds") >= 15.0, "{before}\n{after}");
    let age = since_epoch(crate::now()) - value(&after, "process_start_time_seconds");
    assert!((-2.0..3600.0).contains(&age), "{age}");
    assert!(value(&after, "process_max_fds") >= value(&after, "process_open_fds"));
    drop((memory, held));
}

async fn ask(address: std::net::SocketAddr, head: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_port_of_its_own_serves_metrics_only() {
    let tasks = Tasks::new();
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    serve(listener, sample(), &tasks);
    let plain = ask(address, "GET /metrics HTTP/1.1").await;
    assert!(
        plain.starts_with("HTTP/1.1 200 OK") && plain.contains("\nflotilla_test_passes_total 7\n"),
        "{plain}"
    );
    let open = ask(address, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text").await;
    assert!(open.contains("openmetrics-text; version=1.0.0") && open.ends_with("# EOF\n"), "{open}");
    let head = ask(address, "HEAD /metrics HTTP/1.1").await;
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(ask(address, "GET / HTTP/1.1").await.starts_with("HTTP/1.1 404"));
    assert!(ask(address, "POST /metrics HTTP/1.1").await.starts_with("HTTP/1.1 405"));
    let taken = listen(address).await.unwrap_err().to_string();
    assert!(taken.contains(&address.to_string()) && taken.contains("--metrics-listen"), "{taken}");
    assert!(tasks.drain(Duration::from_secs(5)).await);
}
