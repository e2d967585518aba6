//! Whether a row of measurements is flat: a straight line through it by least squares.

/// A line that rises by no more than this share of the mean, over all of it, is called flat.
const FLAT: f64 = 0.02;

/// In words, of minutes and KiB.
pub(crate) fn said(points: &[(f64, f64)]) -> String {
    let Some((slope, mean)) = line(points) else { return "not measured often enough".to_owned() };
    let values = points.iter().map(|(_, value)| *value);
    let (least, most) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    let length = points.last().map_or(0.0, |last| last.0) - points.first().map_or(0.0, |first| first.0);
    let rises = slope * length > FLAT * mean;
    let word = if rises { "GREW" } else { "was flat" };
    let percent = 100.0 * slope * length / mean;
    format!(
        "{word}: {slope:+.1} KiB a minute ({percent:+.1} % over {length:.1} minutes), between {least:.0} and {most:.0} KiB"
    )
}

/// Slope and mean.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let square: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let product: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    (square > 0.0).then(|| (product / square, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expect: &str) {
        let points: Vec<(f64, f64)> = (0..).map(f64::from).zip(values.iter().copied()).collect();
        assert_eq!(said(&points), expect);
    }

    #[test]
    fn a_line_is_put_in_words() {
        check(&[], "not measured often enough");
        check(&[1000.0], "not measured often enough");
        check(
            &[1000.0, 1010.0, 1000.0, 1010.0],
            "was flat: +2.0 KiB a minute (+0.6 % over 3.0 minutes), between 1000 and 1010 KiB",
        );
        check(
            &[1000.0, 1100.0, 1200.0],
            "GREW: +100.0 KiB a minute (+18.2 % over 2.0 minutes), between 1000 and 1200 KiB",
        );
        check(
            &[1200.0, 1100.0, 1000.0],
            "was flat: -100.0 KiB a minute (-18.2 % over 2.0 minutes), between 1000 and 1200 KiB",
        );
    }
}
