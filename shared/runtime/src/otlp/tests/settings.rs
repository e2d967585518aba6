use crate::otlp::{Choice, InvalidSetting};
use shared_trace::Sampler;
use std::collections::BTreeMap;

fn read(variables: &[(&str, &str)]) -> Result<Choice, InvalidSetting> {
    crate::install_crypto();
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Choice::read(|name| variables.get(name).map(|value| (*value).to_owned()), "flotilla-hub", "1.2.3")
}

fn told(choice: &Choice) -> String {
    choice.settings.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string)
}

fn check(variables: &[(&str, &str)], expect: &str) {
    let found = match read(variables) {
        Ok(choice) if choice.ignored.is_empty() => told(&choice),
        Ok(choice) => format!("{:?} is passed over", choice.ignored),
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expect, "{variables:?}");
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[test]
fn nothing_set_is_no_export() {
    check(&[], "off");
    check(&[("OTEL_SERVICE_NAME", "hub")], "off");
    check(&[(ENDPOINT, "http://c:4318"), ("OTEL_TRACES_EXPORTER", "none")], "off");
    check(&[(ENDPOINT, "http://c:4318"), ("OTEL_SDK_DISABLED", "true")], "off");
    check(&[("OTEL_TRACES_EXPORTER", "otlp")], "http://localhost:4318/v1/traces by HTTP");
}

#[test]
fn endpoints_are_read_as_the_specification_says() {
    check(&[(ENDPOINT, "http://c:4318")], "http://c:4318/v1/traces by HTTP");
    check(&[(ENDPOINT, "https://c.example.com/otlp/")], "https://c.example.com/otlp/v1/traces by HTTP");
    check(&[(TRACES, "http://c:4318/own/path")], "http://c:4318/own/path by HTTP");
    check(&[(TRACES, "http://c:4318"), (ENDPOINT, "http://other")], "http://c:4318/ by HTTP");
    let grpc = (PROTOCOL, "grpc");
    check(&[(ENDPOINT, "http://c:4317"), grpc], &format!("http://c:4317{EXPORT} by gRPC"));
    check(&[(ENDPOINT, "c:4317"), grpc], &format!("https://c:4317{EXPORT} by gRPC"));
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    check(&[(ENDPOINT, "c:4317"), grpc, insecure], &format!("http://c:4317{EXPORT} by gRPC"));
    let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
    check(
        &[(ENDPOINT, "http://c:1"), own, (PROTOCOL, "http/protobuf")],
        &format!("http://c:1{EXPORT} by gRPC"),
    );
}

#[test]
fn a_wrong_setting_says_which_one_and_what_is_expected() {
    let on = (ENDPOINT, "http://c:4318");
    check(
        &[(ENDPOINT, "c:4318")],
        "OTEL_EXPORTER_OTLP_ENDPOINT: it is no URL with http or https and a host; expected a URL, e.g. http://collector:4318 or https://collector.example.com:4317",
    );
    check(
        &[on, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/ca.pem")],
        "OTEL_EXPORTER_OTLP_CERTIFICATE: /no/such/ca.pem: No such file or directory (os error 2); expected a file in PEM",
    );
    // Nothing of that matters where nothing is exported.
    check(&[("OTEL_SDK_DISABLED", "true"), (ENDPOINT, "c:4318")], "off");
}

#[test]
fn what_is_unknown_is_passed_over_with_a_word() {
    let by_http = "http://c:4318/v1/traces by HTTP";
    let check = |set: (&str, &str), expect: &str, word: &str| {
        let choice = read(&[(ENDPOINT, "http://c:4318"), set]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(told(&choice), expect, "{set:?}");
        let words: Vec<String> = choice.ignored.iter().map(ToString::to_string).collect();
        assert_eq!(words.join("\n"), word, "{set:?}");
        choice
    };
    check(
        (PROTOCOL, "http/json"),
        by_http,
        "OTEL_EXPORTER_OTLP_PROTOCOL: `http/json` is not known here; expected grpc or http/protobuf",
    );
    check((PROTOCOL, "gRPC"), &format!("http://c:4318{EXPORT} by gRPC"), "");
    let exporter = "OTEL_TRACES_EXPORTER";
    check(
        (exporter, "console"),
        by_http,
        "OTEL_TRACES_EXPORTER: `console` is not known here; expected otlp or none",
    );
    check((exporter, "OTLP"), by_http, "");
    check((exporter, "None"), "off", "");
    check(
        ("OTEL_SDK_DISABLED", "1"),
        by_http,
        "OTEL_SDK_DISABLED: `1` is not known here; expected true or false",
    );
    check(("OTEL_SDK_DISABLED", "True"), "off", "");
    check(
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s"),
        by_http,
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: `10s` is no time; expected milliseconds, e.g. 10000",
    );
    let at_once = check(("OTEL_BSP_SCHEDULE_DELAY", "0"), by_http, "");
    assert!(at_once.settings.unwrap().delay.is_zero());
    let many = check(
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        by_http,
        "OTEL_BSP_MAX_QUEUE_SIZE: `many` is no whole number; expected e.g. 2048",
    );
    assert_eq!(many.settings.unwrap().queue, 2048);
    let zstd = ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd");
    check(zstd, by_http, "OTEL_EXPORTER_OTLP_COMPRESSION: `zstd` is not known here; expected gzip or none");
    let remote = ("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote");
    let word = "OTEL_TRACES_SAMPLER: `parentbased_jaeger_remote` is no sampler; expected always_on, always_off, traceidratio, or one of these after parentbased_";
    assert_eq!(check(remote, by_http, word).sampler, Sampler::Always);
    assert_eq!(check(("OTEL_TRACES_SAMPLER", "Always_Off"), by_http, "").sampler, Sampler::Never);
    let word = "OTEL_RESOURCE_ATTRIBUTES: entry 2 cannot be read; expected NAME=VALUE,NAME=VALUE with values percent-encoded";
    let choice = check(("OTEL_RESOURCE_ATTRIBUTES", "a=b,discount=10%"), by_http, word);
    assert!(choice.resource.0.iter().all(|(name, _)| name.starts_with("service.")), "{choice:?}");
}

#[test]
fn no_word_about_traces_ends_who_has_better_things_to_do() {
    crate::install_crypto();
    let set: BTreeMap<&str, &str> =
        [(ENDPOINT, "c:4318"), ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")]
            .into();
    let get = |name: &str| set.get(name).map(|value| (*value).to_owned());
    let choice = Choice::read_or_none(get, "flotilla-agent", "1.2.3");
    assert_eq!((told(&choice).as_str(), choice.sampler), ("off", Sampler::Always));
    let words: Vec<&str> = choice.ignored.iter().map(|setting| setting.variable.as_str()).collect();
    assert_eq!(words, ["OTEL_TRACES_SAMPLER_ARG", ENDPOINT]);
}

#[test]
fn headers_are_told_nobody() {
    let on = (ENDPOINT, "http://user:s3cret@c:4318");
    let set = read(&[on, ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret,x=1")])
        .unwrap()
        .settings
        .unwrap();
    assert!(!format!("{set:?} {set}").contains("s3cret"), "{set:?}");
    check(
        &[on, ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret%0A")],
        "OTEL_EXPORTER_OTLP_HEADERS: the value of entry 1 cannot be sent; expected NAME=VALUE,NAME=VALUE with values percent-encoded",
    );
    check(
        &[on, ("OTEL_EXPORTER_OTLP_HEADERS", "x=1,s3cret")],
        "OTEL_EXPORTER_OTLP_HEADERS: entry 2 cannot be read; expected NAME=VALUE,NAME=VALUE with values percent-encoded",
    );
}

#[test]
fn a_service_has_a_name() {
    let on = (ENDPOINT, "http://c:4318");
    let check = |variables: &[(&str, &str)], expect: &[(&str, &str)]| {
        let settings = read(variables).unwrap().settings.unwrap();
        let expect: Vec<_> =
            expect.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(settings.resource.0, expect);
    };
    check(&[on], &[("service.name", "flotilla-hub"), ("service.version", "1.2.3")]);
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod%20eu,service.name=a");
    check(
        &[on, attributes, ("OTEL_SERVICE_NAME", "b")],
        &[("deployment.environment.name", "prod eu"), ("service.name", "b"), ("service.version", "1.2.3")],
    );
}
