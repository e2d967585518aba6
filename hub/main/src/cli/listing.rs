//! `list` of a namespaced kind: by namespace or all of them, by labels, in every form.

use crate::{
    args::Listing,
    cli::{
        client::Hub,
        output,
        printing::{self, Column, Layout},
    },
};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{Kind, gvk};

/// What of a kind people are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) kind: Kind,
    pub(crate) columns: &'static [Column],
    /// A cell for each of the columns, as of a time.
    pub(crate) row: fn(&Value, Timestamp) -> Vec<String>,
    /// What to do where there is none of the kind at all.
    pub(crate) first: &'static str,
}

pub(crate) async fn list(hub: &Hub, listing: &Listing, shown: Shown) -> anyhow::Result<()> {
    let (place, selector) = (listing.place(), listing.selector.as_deref());
    let objects = hub.list(shown.kind, place, selector).await?;
    let printing = listing.printing;
    if let Some(lines) = printing::several(printing.output, shown.kind, &objects) {
        lines.iter().for_each(|line| output::line(line));
        return Ok(());
    }
    if objects.is_empty() {
        let elsewhere = if place.is_empty() { Vec::new() } else { hub.some(shown.kind, selector).await? };
        output::note(&nothing(shown, place, selector, &elsewhere));
        return Ok(());
    }
    let now = shared_runtime::now();
    let rows: Vec<Vec<String>> = objects.iter().map(|object| (shown.row)(object, now)).collect();
    let layout = Layout { printing, all_namespaces: listing.all_namespaces };
    layout.table(shown.columns, &rows).iter().for_each(|line| output::line(line));
    Ok(())
}

/// What to say of an empty list, with the next thing to try.
fn nothing(shown: Shown, place: &str, selector: Option<&str>, elsewhere: &[String]) -> String {
    let kind = gvk(shown.kind).kind;
    let of = selector.map(|selector| format!(" with the labels {selector}")).unwrap_or_default();
    let at = if place.is_empty() { String::new() } else { format!(" in namespace {place}") };
    match (elsewhere.first(), selector) {
        (Some(other), _) => {
            format!(
                "No {kind}s{of}{at}, but there are in {}: add -n {other}, or -A for all.",
                elsewhere.join(", ")
            )
        }
        (None, Some(_)) => format!("No {kind}s{of}{at}; without -l all are listed."),
        (None, None) => format!("No {kind}s yet{at}. {}", shown.first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_names_what_to_try() {
        let shown = Shown {
            kind: Kind::Application,
            columns: &[],
            row: |_, _| Vec::new(),
            first: "`kubectl apply -f` one.",
        };
        let check = |place: &str, selector: Option<&str>, elsewhere: &[&str], expect: &str| {
            let elsewhere: Vec<String> = elsewhere.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(nothing(shown, place, selector, &elsewhere), expect);
        };
        check("argocd", None, &[], "No Applications yet in namespace argocd. `kubectl apply -f` one.");
        check("", None, &[], "No Applications yet. `kubectl apply -f` one.");
        check(
            "argocd",
            None,
            &["team", "shop"],
            "No Applications in namespace argocd, but there are in team, shop: add -n team, or -A for all.",
        );
        check("", Some("a=b"), &[], "No Applications with the labels a=b; without -l all are listed.");
    }
}
