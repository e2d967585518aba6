//! The standard settings, as OpenTelemetry's specification has them ("OTLP exporter configuration", "Environment
//! variable specification"). One for traces alone (`OTEL_EXPORTER_OTLP_TRACES_…`) goes before the one for all.
//!
//! Values that are unknown or no numbers are passed over with a word in the log, as the specification wants it: operators
//! put variables into every Pod, and other programs know other values. An address, headers and certificates have no
//! default that would do, so they are errors, for who decides to end by them.

use super::tls;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use shared_trace::Sampler;
use std::{cell::RefCell, fmt, sync::Arc, time::Duration};

/// Where spans go, and how.
#[derive(Clone)]
pub struct Settings {
    pub(super) endpoint: Uri,
    pub(super) protocol: Protocol,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) gzip: bool,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) resource: Arc<Resource>,
    pub(super) batch: usize,
    pub(super) queue: usize,
    pub(super) delay: Duration,
    sampler: Sampler,
}

/// How a collector is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC, port 4317 by custom.
    Grpc,
    /// OTLP/HTTP with protobuf, port 4318 by custom.
    Http,
}

/// Whose spans they are: OpenTelemetry's resource attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource(pub Vec<(String, String)>);

/// A setting that cannot be used. Values of headers are never in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}; {expected}")]
pub struct InvalidSetting {
    /// The environment variable.
    pub variable: String,
    /// What is wrong with it.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

/// The name that everything of this kind begins with.
const OTLP: &str = "OTEL_EXPORTER_OTLP_";

impl Settings {
    /// The settings, with what is in the files that they name. `None` when no collector is named, or exporting is
    /// switched off.
    pub(super) fn read(
        read: &Variables<'_>,
        resource: Resource,
        sampler: Sampler,
    ) -> Result<Option<Self>, InvalidSetting> {
        if !read.is_on() {
            return Ok(None);
        }
        let (protocol, endpoint) = read.endpoint()?;
        let queue = read.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048).max(1);
        let batch = read.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512).clamp(1, queue);
        // At once is a delay; never is no time to wait for an answer.
        let delay = read.number("OTEL_BSP_SCHEDULE_DELAY", 5_000);
        Ok(Some(Self {
            protocol,
            headers: read.headers()?,
            timeout: read.timeout(),
            gzip: read.gzip(),
            tls: Arc::new(tls::config(read)?),
            resource: Arc::new(resource),
            batch: usize::try_from(batch).unwrap_or(512),
            queue: usize::try_from(queue).unwrap_or(2048),
            delay: Duration::from_millis(delay),
            sampler,
            endpoint,
        }))
    }

    /// Which members' spans are kept for sure.
    pub const fn sampler(&self) -> Sampler {
        self.sampler
    }

    /// Adds to what is known of whose spans they are; what is known stays.
    pub fn describe(&mut self, name: &str, value: &str) {
        Arc::make_mut(&mut self.resource).describe(name, value);
    }
}

impl Resource {
    /// Adds an attribute, unless there is one of that name.
    pub fn describe(&mut self, name: &str, value: &str) {
        if !value.is_empty() && self.0.iter().all(|(known, _)| known != name) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }
}

impl fmt::Debug for Settings {
    /// Without headers: they hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, protocol, timeout, gzip, resource, .. } = self;
        f.debug_struct("Settings")
            .field("endpoint", &format_args!("{}", shown(endpoint)))
            .field("protocol", protocol)
            .field("timeout", timeout)
            .field("gzip", gzip)
            .field("resource", resource)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = if self.protocol == Protocol::Grpc { "gRPC" } else { "HTTP" };
        write!(f, "{} by {protocol}", shown(&self.endpoint))
    }
}

/// An address without a user's name and password, and without a query.
pub(super) fn shown(endpoint: &Uri) -> String {
    let host = endpoint.authority().map_or("", |authority| authority.as_str());
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{}://{host}{}", endpoint.scheme_str().unwrap_or("http"), endpoint.path())
}

/// The variables, as they are set, and what of them is passed over.
pub(super) struct Variables<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    ignored: RefCell<Vec<InvalidSetting>>,
}

fn invalid(variable: &str, problem: impl Into<String>, expected: impl Into<String>) -> InvalidSetting {
    InvalidSetting { variable: variable.to_owned(), problem: problem.into(), expected: expected.into() }
}

impl<'a> Variables<'a> {
    pub(super) fn new(get: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { get, ignored: RefCell::default() }
    }

    /// What was passed over.
    pub(super) fn ignored(self) -> Vec<InvalidSetting> {
        self.ignored.into_inner()
    }

    fn pass_over(&self, setting: InvalidSetting) {
        let mut ignored = self.ignored.borrow_mut();
        if !ignored.contains(&setting) {
            ignored.push(setting);
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// One of some words, whatever its case; unknown ones are passed over.
    fn word(&self, name: &str, known: &[&'static str], expected: &str) -> Option<&'static str> {
        let text = self.get(name)?;
        let found = known.iter().find(|word| word.eq_ignore_ascii_case(&text)).copied();
        if found.is_none() {
            self.pass_over(invalid(name, format!("`{text}` is not known here"), expected));
        }
        found
    }

    /// The name of the variable that counts: that of traces, if it is set.
    fn named(&self, setting: &str) -> String {
        let own = format!("{OTLP}TRACES_{setting}");
        if self.get(&own).is_some() { own } else { format!("{OTLP}{setting}") }
    }

    /// What a setting is, and the name that it was set by.
    pub(super) fn setting(&self, setting: &str) -> (String, Option<String>) {
        let name = self.named(setting);
        let value = self.get(&name);
        (name, value)
    }

    /// Whether it is `true`: nothing else is.
    fn truth(&self, name: &str) -> bool {
        self.word(name, &["true", "false"], "expected true or false") == Some("true")
    }

    fn is_on(&self) -> bool {
        let name = "OTEL_TRACES_EXPORTER";
        let set =
            || ["ENDPOINT", "TRACES_ENDPOINT"].iter().any(|end| self.get(&format!("{OTLP}{end}")).is_some());
        let text = self.get(name).unwrap_or_default();
        let (mut otlp, mut none) = (false, false);
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word.to_lowercase().as_str() {
                "otlp" => otlp = true,
                "none" => none = true,
                _ => self.pass_over(invalid(
                    name,
                    format!("`{word}` is not known here"),
                    "expected otlp or none",
                )),
            }
        }
        (otlp || (!none && set())) && !self.truth("OTEL_SDK_DISABLED")
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        let Some(text) = self.get(name) else { return default };
        text.parse().unwrap_or_else(|_| {
            let expected = format!("expected e.g. {default}");
            self.pass_over(invalid(name, format!("`{text}` is no whole number"), expected));
            default
        })
    }

    fn timeout(&self) -> Duration {
        let (name, value) = self.setting("TIMEOUT");
        let default = Duration::from_secs(10);
        let Some(text) = value else { return default };
        let number = text.parse::<u64>().ok().filter(|number| *number > 0);
        number.map(Duration::from_millis).unwrap_or_else(|| {
            let expected = "expected milliseconds, e.g. 10000";
            self.pass_over(invalid(&name, format!("`{text}` is no time"), expected));
            default
        })
    }

    /// Which members are kept: it counts for who exports by another's hand, too.
    pub(super) fn sampler(&self) -> Sampler {
        let text = |name: &str| self.get(name).unwrap_or_default();
        let (name, argument) = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG");
        let named = text(name).to_lowercase();
        Sampler::named(&named, &text(argument)).unwrap_or_else(|error| {
            let is_name = matches!(error, shared_trace::InvalidSampler::Name(_));
            let whole = error.to_string();
            let (problem, expected) = whole.split_once(": ").unwrap_or((&whole, ""));
            self.pass_over(invalid(if is_name { name } else { argument }, problem, expected));
            // As if what is wrong were not there.
            if is_name { Sampler::default() } else { Sampler::named(&named, "").unwrap_or_default() }
        })
    }

    fn gzip(&self) -> bool {
        self.word(&self.named("COMPRESSION"), &["none", "gzip"], "expected gzip or none") == Some("gzip")
    }

    fn endpoint(&self) -> Result<(Protocol, Uri), InvalidSetting> {
        let (known, expected) = (["grpc", "http/protobuf"], "expected grpc or http/protobuf");
        let protocol = match self.word(&self.named("PROTOCOL"), &known, expected) {
            Some("grpc") => Protocol::Grpc,
            Some(_) | None => Protocol::Http,
        };
        let (name, value) = self.setting("ENDPOINT");
        let text = value.unwrap_or_else(|| {
            let port = if protocol == Protocol::Grpc { 4317 } else { 4318 };
            format!("http://localhost:{port}")
        });
        let text = match (text.contains("://"), protocol) {
            (false, Protocol::Grpc) if self.truth(&self.named("INSECURE")) => format!("http://{text}"),
            (false, Protocol::Grpc) => format!("https://{text}"),
            _ => text,
        };
        let wrong = |problem: String| {
            invalid(
                &name,
                problem,
                "expected a URL, e.g. http://collector:4318 or https://collector.example.com:4317",
            )
        };
        let parsed: Uri = text.parse().map_err(|error| wrong(format!("it is no URL ({error})")))?;
        match (parsed.scheme_str(), parsed.host()) {
            (Some("http" | "https"), Some(_)) => {}
            _ => return Err(wrong("it is no URL with http or https and a host".to_owned())),
        }
        let path = match protocol {
            Protocol::Grpc => "/opentelemetry.proto.collector.trace.v1.TraceService/Export".to_owned(),
            // The one for traces is the whole address, that for all its beginning.
            Protocol::Http if name.ends_with("TRACES_ENDPOINT") => {
                parsed.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned()
            }
            Protocol::Http => format!("{}/v1/traces", parsed.path().trim_end_matches('/')),
        };
        let mut parts = parsed.into_parts();
        parts.path_and_query = Some(path.parse().map_err(|_| wrong("its path cannot be used".to_owned()))?);
        let endpoint = Uri::from_parts(parts).map_err(|error| wrong(error.to_string()))?;
        Ok((protocol, endpoint))
    }

    fn headers(&self) -> Result<HeaderMap, InvalidSetting> {
        let (name, value) = self.setting("HEADERS");
        let mut headers = HeaderMap::new();
        for (index, (key, value)) in
            pairs(&name, value.as_deref().unwrap_or_default())?.into_iter().enumerate()
        {
            let wrong = |what: &str| {
                let expected = "expected NAME=VALUE,NAME=VALUE with values percent-encoded";
                invalid(&name, format!("the {what} of entry {} cannot be sent", index + 1), expected)
            };
            let key = HeaderName::try_from(key.to_lowercase()).map_err(|_| wrong("name"))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| wrong("value"))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }

    /// Whose spans they are. `service` is the service's name where none is set.
    pub(super) fn resource(&self, service: &str, version: &str) -> Resource {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let mut attributes = pairs(name, &self.get(name).unwrap_or_default()).unwrap_or_else(|error| {
            // All of them, says the specification ("Specifying resource information via an environment variable").
            self.pass_over(error);
            Vec::new()
        });
        if let Some(named) = self.get("OTEL_SERVICE_NAME") {
            attributes.retain(|(name, _)| name != "service.name");
            attributes.push(("service.name".to_owned(), named));
        }
        let mut resource = Resource(attributes);
        resource.describe("service.name", service);
        resource.describe("service.version", version);
        resource
    }
}

/// `k=v,k=v` with values percent-encoded (W3C Baggage, which the specification names).
fn pairs(variable: &str, text: &str) -> Result<Vec<(String, String)>, InvalidSetting> {
    let mut pairs = Vec::new();
    for (index, entry) in text.split(',').filter(|entry| !entry.trim().is_empty()).enumerate() {
        let pair = entry.split_once('=').and_then(|(key, value)| {
            let key = key.trim();
            (!key.is_empty()).then_some(())?;
            Some((key.to_owned(), decoded(value.trim())?))
        });
        let wrong = || {
            let expected = "expected NAME=VALUE,NAME=VALUE with values percent-encoded";
            invalid(variable, format!("entry {} cannot be read", index + 1), expected)
        };
        pairs.push(pair.ok_or_else(wrong)?);
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
