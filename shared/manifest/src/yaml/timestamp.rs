//! Which strings go-yaml would read as a timestamp: they are written in quotes.

/// Whether go-yaml v2 resolves the plain scalar `text` as `!!timestamp`: a date, or a date and time in RFC 3339's or the spaced form.
/// Source: go-yaml's `parseTimestamp` with the leniency of Go's `time.Parse` (one-digit months, days, hours, minutes, seconds).
pub(super) fn is_timestamp(text: &str) -> bool {
    let Some((year, rest)) =
        text.split_at_checked(4).filter(|(year, _)| year.bytes().all(|b| b.is_ascii_digit()))
    else {
        return false;
    };
    let year: u32 = year.parse().expect("four digits are a number");
    let mut cursor = Cursor(rest);
    let Some((month, day)) = cursor.literal(b"-").and_then(|()| cursor.number()).and_then(|month| {
        cursor.literal(b"-")?;
        Some((month, cursor.number()?))
    }) else {
        return false;
    };
    if day == 0 || day > days_in(year, month) {
        return false;
    }
    if cursor.0.is_empty() {
        return true;
    }
    let zoned = cursor.literal(b"Tt").is_some();
    if !zoned && cursor.literal(b" ").is_none() {
        return false;
    }
    cursor.clock().is_some() && (!zoned || cursor.zone().is_some()) && cursor.0.is_empty()
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn literal(&mut self, any_of: &[u8]) -> Option<()> {
        let first = *self.0.as_bytes().first()?;
        any_of.contains(&first).then(|| self.0 = &self.0[1..])
    }

    /// One or two digits.
    fn number(&mut self) -> Option<u32> {
        let digits = self.0.bytes().take(2).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok()
    }

    fn clock(&mut self) -> Option<()> {
        let hour = self.number()?;
        self.literal(b":")?;
        let minute = self.number()?;
        self.literal(b":")?;
        let second = self.number()?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if let Some(fraction) = self.0.strip_prefix(['.', ',']) {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                self.0 = &fraction[digits..];
            }
        }
        Some(())
    }

    fn zone(&mut self) -> Option<()> {
        if self.literal(b"Z").is_some() {
            return Some(());
        }
        self.literal(b"+-")?;
        let [h1, h2, b':', m1, m2, ..] = *self.0.as_bytes() else { return None };
        if ![h1, h2, m1, m2].iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = &self.0[5..];
        let number = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
        (number(h1, h2) <= 24 && number(m1, m2) <= 60).then_some(())
    }
}
