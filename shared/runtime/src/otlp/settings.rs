//! The standard settings, as OpenTelemetry's specification has them ("OTLP exporter configuration", "Environment
//! variable specification"). One for traces alone (`OTEL_EXPORTER_OTLP_TRACES_…`) goes before the one for all.

use super::tls;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use shared_trace::Sampler;
use std::{fmt, sync::Arc, time::Duration};

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
    /// Reads the settings through `get`, and the files that they name. `None` when no collector is named, or
    /// exporting is switched off. `service` is the service's name where none is set.
    ///
    /// # Errors
    /// Which variable cannot be used, and what is expected of it.
    pub fn read(
        get: impl Fn(&str) -> Option<String>,
        service: &str,
        version: &str,
    ) -> Result<Option<Self>, InvalidSetting> {
        let read = Variables(&|name: &str| {
            get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        });
        if !read.is_on()? {
            return Ok(None);
        }
        let (protocol, endpoint) = read.endpoint()?;
        let queue = read.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)?.max(1);
        let batch = read.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?.clamp(1, queue);
        Ok(Some(Self {
            protocol,
            headers: read.headers()?,
            timeout: read.milliseconds(&read.named("TIMEOUT"), 10_000)?,
            gzip: read.gzip()?,
            tls: Arc::new(tls::config(&read)?),
            resource: Arc::new(read.resource(service, version)?),
            batch: usize::try_from(batch).unwrap_or(512),
            queue: usize::try_from(queue).unwrap_or(2048),
            delay: read.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000)?,
            sampler: read.sampler()?,
            endpoint,
        }))
    }

    /// The sampler alone: it counts for who exports by another's hand, too.
    ///
    /// # Errors
    /// When it is unknown.
    pub fn read_sampler(get: impl Fn(&str) -> Option<String>) -> Result<Sampler, InvalidSetting> {
        Variables(&|name: &str| get(name).filter(|text| !text.is_empty())).sampler()
    }

    /// The resource alone: for who exports by another's hand.
    ///
    /// # Errors
    /// When the attributes cannot be read.
    pub fn read_resource(
        get: impl Fn(&str) -> Option<String>,
        service: &str,
        version: &str,
    ) -> Result<Resource, InvalidSetting> {
        Variables(&|name: &str| get(name).filter(|text| !text.is_empty())).resource(service, version)
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

/// The variables, as they are set.
pub(super) struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

fn invalid(variable: &str, problem: impl Into<String>, expected: impl Into<String>) -> InvalidSetting {
    InvalidSetting { variable: variable.to_owned(), problem: problem.into(), expected: expected.into() }
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
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

    fn truth(&self, name: &str) -> Result<bool, InvalidSetting> {
        match self.get(name).map(|text| text.to_lowercase()).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => {
                Err(invalid(name, format!("`{other}` is neither yes nor no"), "expected true or false"))
            }
        }
    }

    fn is_on(&self) -> Result<bool, InvalidSetting> {
        let name = "OTEL_TRACES_EXPORTER";
        let named = match self.get(name).as_deref() {
            None => {
                ["ENDPOINT", "TRACES_ENDPOINT"].iter().any(|end| self.get(&format!("{OTLP}{end}")).is_some())
            }
            Some("otlp") => true,
            Some("none") => false,
            Some(other) => {
                return Err(invalid(name, format!("`{other}` is not known here"), "expected otlp or none"));
            }
        };
        Ok(named && !self.truth("OTEL_SDK_DISABLED")?)
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, InvalidSetting> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().map_err(|_| {
            invalid(name, format!("`{text}` is no whole number"), format!("expected e.g. {default}"))
        })
    }

    fn milliseconds(&self, name: &str, default: u64) -> Result<Duration, InvalidSetting> {
        let Some(text) = self.get(name) else { return Ok(Duration::from_millis(default)) };
        let number = text.parse::<u64>().ok().filter(|number| *number > 0);
        let wrong = || {
            invalid(name, format!("`{text}` is no time"), format!("expected milliseconds, e.g. {default}"))
        };
        number.map(Duration::from_millis).ok_or_else(wrong)
    }

    fn sampler(&self) -> Result<Sampler, InvalidSetting> {
        let text = |name: &str| self.get(name).unwrap_or_default();
        let (name, argument) = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG");
        Sampler::named(&text(name), &text(argument)).map_err(|error| {
            let is_name = matches!(error, shared_trace::InvalidSampler::Name(_));
            let whole = error.to_string();
            let (problem, expected) = whole.split_once(": ").unwrap_or((&whole, ""));
            invalid(if is_name { name } else { argument }, problem, expected)
        })
    }

    fn gzip(&self) -> Result<bool, InvalidSetting> {
        let (name, value) = self.setting("COMPRESSION");
        match value.as_deref() {
            None | Some("none") => Ok(false),
            Some("gzip") => Ok(true),
            Some(other) => {
                Err(invalid(&name, format!("`{other}` is not known here"), "expected gzip or none"))
            }
        }
    }

    fn endpoint(&self) -> Result<(Protocol, Uri), InvalidSetting> {
        let (name, value) = self.setting("PROTOCOL");
        let protocol = match value.as_deref() {
            Some("grpc") => Protocol::Grpc,
            None | Some("http/protobuf") => Protocol::Http,
            Some(other) => {
                let problem = format!("`{other}` is not known here");
                return Err(invalid(&name, problem, "expected grpc or http/protobuf"));
            }
        };
        let (name, value) = self.setting("ENDPOINT");
        let text = value.unwrap_or_else(|| {
            let port = if protocol == Protocol::Grpc { 4317 } else { 4318 };
            format!("http://localhost:{port}")
        });
        let text = match (text.contains("://"), protocol) {
            (false, Protocol::Grpc) if self.truth(&self.named("INSECURE"))? => format!("http://{text}"),
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

    fn resource(&self, service: &str, version: &str) -> Result<Resource, InvalidSetting> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let mut attributes = pairs(name, &self.get(name).unwrap_or_default())?;
        if let Some(named) = self.get("OTEL_SERVICE_NAME") {
            attributes.retain(|(name, _)| name != "service.name");
            attributes.push(("service.name".to_owned(), named));
        }
        let mut resource = Resource(attributes);
        resource.describe("service.name", service);
        resource.describe("service.version", version);
        Ok(resource)
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
