//! Requests to the API server, by its own count.

use anyhow::Result;
use kube::Client;
use std::{collections::BTreeMap, time::Instant};

/// Requests answered up to a moment, by verb. Watches count when they end.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    at: Instant,
    verbs: BTreeMap<String, f64>,
}

impl Count {
    /// Asks the API server.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn take(client: &Client) -> Result<Self> {
        let text = client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
        Ok(Self { at: Instant::now(), verbs: parse(&text) })
    }

    /// Requests a second since an earlier count, by verb.
    pub(crate) fn since(&self, earlier: &Self) -> BTreeMap<String, f64> {
        let seconds = self.at.duration_since(earlier.at).as_secs_f64();
        let more = |(verb, count): (&String, &f64)| {
            (verb.clone(), (count - earlier.verbs.get(verb).copied().unwrap_or(0.0)) / seconds)
        };
        self.verbs.iter().map(more).collect()
    }

    /// Requests since an earlier count, by verb.
    pub(crate) fn more_than(&self, earlier: &Self) -> BTreeMap<String, f64> {
        let seconds = self.at.duration_since(earlier.at).as_secs_f64();
        self.since(earlier).into_iter().map(|(verb, rate)| (verb, (rate * seconds).round())).collect()
    }
}

/// Sums of `apiserver_request_total`, by verb. What is asked of this very measurement is left out: `/metrics` has
/// no resource.
fn parse(metrics: &str) -> BTreeMap<String, f64> {
    let mut verbs = BTreeMap::new();
    for line in metrics.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        let label = |name: &str| line.split(&format!("{name}=\"")).nth(1)?.split('"').next();
        let Some(count) = line.rsplit(' ').next().and_then(|text| text.parse::<f64>().ok()) else { continue };
        match (label("verb"), label("resource")) {
            (Some(verb), Some(resource)) if !resource.is_empty() => {
                *verbs.entry(verb.to_owned()).or_insert(0.0) += count;
            }
            _ => {}
        }
    }
    verbs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_summed() {
        let metrics = "\
# TYPE apiserver_request_total counter
apiserver_request_total{code=\"200\",group=\"\",resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"GET\",version=\"v1\"} 12
apiserver_request_total{code=\"404\",group=\"\",resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"GET\",version=\"v1\"} 3
apiserver_request_total{code=\"200\",group=\"\",resource=\"\",scope=\"\",subresource=\"/metrics\",verb=\"GET\",version=\"\"} 9
apiserver_request_total{code=\"200\",group=\"\",resource=\"secrets\",scope=\"namespace\",subresource=\"\",verb=\"APPLY\",version=\"v1\"} 1.5e+02
other{verb=\"GET\",resource=\"x\"} 1
";
        let expect = BTreeMap::from([("APPLY".to_owned(), 150.0), ("GET".to_owned(), 15.0)]);
        assert_eq!(parse(metrics), expect);
    }
}
