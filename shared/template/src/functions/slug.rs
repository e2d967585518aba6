//! `gosimple/slug` for names that [`super::argo`] has normalised already: ASCII letters, digits, dots and dashes.

/// Dashes in place of dots, none doubled, at most `max` bytes; `smart` cuts at a dash when it can. A `max` of 0 is none.
pub(super) fn slugify(name: &str, max: usize, smart: bool) -> String {
    let name = if !smart && name.len() >= max { &name[..max] } else { name };
    let mut slug = String::with_capacity(name.len());
    for character in name.chars() {
        let character = if character == '.' { '-' } else { character };
        if character != '-' || !slug.ends_with('-') {
            slug.push(character);
        }
    }
    let slug = slug.trim_matches(['-', '_']);
    if !smart || max == 0 || slug.len() <= max {
        return slug.to_owned();
    }
    let cut = slug[..=max].rfind('-').unwrap_or(max);
    slug[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::slugify;

    #[test]
    fn cuts_at_words_or_not() {
        let check = |name, max, smart, expect: &str| assert_eq!(slugify(name, max, smart), expect);
        check("a.b--c", 50, true, "a-b-c");
        check("feature-branch-name", 12, true, "feature");
        check("feature-branch-name", 14, true, "feature-branch");
        check("feature-branch-name", 9, false, "feature-b");
        check("verylongword", 4, true, "very");
    }
}
