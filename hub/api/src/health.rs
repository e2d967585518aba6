//! `/healthz`, `/livez` and `/readyz`, as kube-apiserver answers them: one check or all but some, in words or a list.

use crate::{answer, answer::Answer, query::Query};
use http::StatusCode;

/// What is known of the hub's health.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Health {
    /// Whether the store can be read.
    pub(crate) store: bool,
    /// How many plans would have broken an invariant, and were refused. A defect, and no reason to send nobody here:
    /// the hub goes on with every other line.
    pub(crate) violations: u64,
}

impl Health {
    /// The checks: their names, what is wrong, and whether that makes the hub unhealthy.
    fn checks(self) -> [(&'static str, Option<String>, bool); 3] {
        let store = (!self.store).then(|| "failed: the hub's log says why".to_owned());
        let plans = (self.violations > 0).then(|| {
            format!(
                "{} would have broken an invariant and were refused: the hub's log says which",
                self.violations
            )
        });
        [("ping", None, false), ("store", store, true), ("plans", plans, false)]
    }

    /// Answers one of the paths.
    pub(crate) fn answer(self, path: &str, query: &Query) -> Answer {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let (name, check) = (parts.next().unwrap_or_default(), parts.next());
        let missing = || answer::text(StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
        if parts.next().is_some() {
            return missing();
        }
        if let Some(check) = check {
            let Some((_, wrong, _)) = self.checks().into_iter().find(|(name, ..)| *name == check) else {
                return missing();
            };
            return match wrong {
                None => answer::text(StatusCode::OK, "ok".to_owned()),
                Some(wrong) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{check} {wrong}\n")),
            };
        }
        let excluded: Vec<&str> = query.all("exclude").collect();
        let (mut lines, mut fails) = (String::new(), false);
        for (check, wrong, makes_unhealthy) in self.checks() {
            let left_out = excluded.contains(&check);
            fails |= wrong.is_some() && makes_unhealthy && !left_out;
            lines += &match wrong {
                _ if left_out => format!("[+]{check} excluded: ok\n"),
                None => format!("[+]{check} ok\n"),
                Some(wrong) => format!("[-]{check} {wrong}\n"),
            };
        }
        let known = |name: &&&str| self.checks().iter().any(|(check, ..)| check == *name);
        let unknown: Vec<String> =
            excluded.iter().filter(|name| !known(name)).map(|name| format!("{name:?}")).collect();
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            lines += &format!("warn: some health checks cannot be excluded: no matches for {unknown}\n");
        }
        match (fails, query.has("verbose")) {
            (true, _) => {
                answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{lines}{name} check failed\n"))
            }
            (false, true) => answer::text(StatusCode::OK, format!("{lines}{name} check passed\n")),
            (false, false) => answer::text(StatusCode::OK, "ok".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use http_body_util::BodyExt as _;

    #[test]
    fn one_check_or_all_but_some() {
        let check = |store: bool, violations: u64, url: &str, code: u16, expect: &str| {
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            let answer = Health { store, violations }.answer(path, &Query::parse(query));
            assert_eq!(answer.status().as_u16(), code, "{url}");
            let body = answer.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
            assert_eq!(String::from_utf8_lossy(&body), expect, "{url}");
        };
        check(true, 0, "/readyz", 200, "ok");
        check(true, 0, "/readyz/", 200, "ok");
        check(true, 0, "/livez/ping", 200, "ok");
        check(true, 0, "/readyz/nothing", 404, "404 page not found\n");
        check(true, 0, "/readyz/ping/more", 404, "404 page not found\n");
        check(true, 0, "/readyz?verbose", 200, "[+]ping ok\n[+]store ok\n[+]plans ok\nreadyz check passed\n");
        check(false, 0, "/readyz/store", 500, "store failed: the hub's log says why\n");
        let failed =
            "[+]ping ok\n[-]store failed: the hub's log says why\n[+]plans ok\nreadyz check failed\n";
        check(false, 0, "/readyz", 500, failed);
        check(false, 0, "/readyz?exclude=store", 200, "ok");
        check(
            true,
            2,
            "/healthz?verbose&exclude=ping&exclude=foo",
            200,
            "[+]ping excluded: ok\n[+]store ok\n[-]plans 2 would have broken an invariant and were refused: the hub's \
             log says which\nwarn: some health checks cannot be excluded: no matches for \"foo\"\nhealthz check passed\n",
        );
    }
}
