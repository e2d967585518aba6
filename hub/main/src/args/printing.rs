//! What listing and showing commands take, in kubectl's words.

use super::Namespace;
use clap::{Args as Group, ValueEnum};

/// How an answer is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    #[default]
    #[value(alias = "text")]
    Table,
    /// For people, with more columns
    Wide,
    /// As the hub serves it; several as a List
    Json,
    /// The same as YAML
    Yaml,
    /// A line each: application.argoproj.io/web
    Name,
}

#[derive(Debug, Clone, Copy, Default, Group)]
pub(crate) struct Printing {
    /// How to print it
    #[arg(long, short = 'o', value_name = "FORM", value_enum, default_value_t = Form::Table, hide_default_value = true)]
    pub(crate) output: Form,
    /// Leave the headings of tables away
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// Which objects of a namespaced kind are listed, and how.
#[derive(Debug, Clone, Group)]
pub(crate) struct Listing {
    #[command(flatten)]
    namespace: Namespace,
    /// Of all namespaces
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,
    /// Only those with these labels, e.g. team=shop
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

impl Listing {
    /// The namespace; empty for all of them.
    pub(crate) fn place(&self) -> &str {
        if self.all_namespaces { "" } else { &self.namespace.namespace }
    }
}
