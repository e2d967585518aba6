use crate::otlp::Settings;
use std::collections::BTreeMap;

fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, crate::otlp::InvalidSetting> {
    crate::install_crypto();
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Settings::read(|name| variables.get(name).map(|value| (*value).to_owned()), "flotilla-hub", "1.2.3")
}

fn check(variables: &[(&str, &str)], expect: &str) {
    let found = match read(variables) {
        Ok(Some(settings)) => settings.to_string(),
        Ok(None) => "off".to_owned(),
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
        &[on, (PROTOCOL, "http/json")],
        "OTEL_EXPORTER_OTLP_PROTOCOL: `http/json` is not known here; expected grpc or http/protobuf",
    );
    check(
        &[("OTEL_TRACES_EXPORTER", "zipkin")],
        "OTEL_TRACES_EXPORTER: `zipkin` is not known here; expected otlp or none",
    );
    check(
        &[on, ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s")],
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: `10s` is no time; expected milliseconds, e.g. 10000",
    );
    check(
        &[on, ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")],
        "OTEL_EXPORTER_OTLP_COMPRESSION: `zstd` is not known here; expected gzip or none",
    );
    check(
        &[on, ("OTEL_TRACES_SAMPLER_ARG", "2"), ("OTEL_TRACES_SAMPLER", "traceidratio")],
        "OTEL_TRACES_SAMPLER_ARG: `2` is no share; expected a number from 0 to 1, e.g. 0.1",
    );
    check(
        &[on, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/ca.pem")],
        "OTEL_EXPORTER_OTLP_CERTIFICATE: /no/such/ca.pem: No such file or directory (os error 2); expected a file in PEM",
    );
    check(
        &[on, ("OTEL_BSP_MAX_QUEUE_SIZE", "many")],
        "OTEL_BSP_MAX_QUEUE_SIZE: `many` is no whole number; expected e.g. 2048",
    );
}

#[test]
fn headers_are_told_nobody() {
    let on = (ENDPOINT, "http://user:s3cret@c:4318");
    let set =
        read(&[on, ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret,x=1")]).unwrap().unwrap();
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
        let settings = read(variables).unwrap().unwrap();
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
