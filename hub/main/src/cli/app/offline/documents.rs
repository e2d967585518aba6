//! What files hold: Applications, ApplicationSets, Clusters, each checked as the hub would, every problem with file and line.

use anyhow::{Context as _, bail};
use serde_json::Value;
use shared_generate::lint::Rule;
use shared_manifest::yaml::{self, Places};
use shared_model::{DEFAULT_NAMESPACE, Kind, gvk, nearest};
use std::{collections::BTreeMap, fmt, fs, io::Read as _, path::Path, sync::Arc};

/// What a comment begins with that says that findings are meant; rules follow.
const MEANT: &str = "flotilla:allow";
/// The most of one file, in bytes.
const LARGEST: u64 = 64 << 20;

/// An object of a file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// `apps.yaml, line 3`.
    pub(crate) place: String,
    pub(crate) kind: Kind,
    pub(crate) object: Value,
    pub(crate) lines: Lines,
}

impl Document {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The line that something said of a field is about: within a block of text the one that a template's error names.
    pub(crate) fn line_of(&self, path: &str, said: &str) -> usize {
        let line = self.lines.line(path);
        let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
        let block = self.object.pointer(&pointer).and_then(Value::as_str);
        let named =
            said.split("template: ").nth(1).and_then(|said| said.split(':').nth(1)?.parse::<usize>().ok());
        match (block, named) {
            // The text of a block begins below its key.
            (Some(text), Some(named)) if text.lines().count() > 1 && named <= text.lines().count() => {
                line + named
            }
            _ => line,
        }
    }

    /// Its namespace.
    pub(crate) fn namespace(&self) -> &str {
        self.object["metadata"]["namespace"].as_str().unwrap_or_default()
    }
}

/// Where an object's fields stand.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) file: String,
    places: Arc<Places>,
    /// Where the object stands in its document, as an item of a list.
    within: String,
    /// What comments say is meant, by the line that they are about.
    meant: Arc<BTreeMap<usize, Vec<String>>>,
}

impl Lines {
    /// The line of a field, or of its nearest parent that is there.
    pub(crate) fn line(&self, path: &str) -> usize {
        self.places.line(&self.full(path))
    }

    /// `apps.yaml, line 3`.
    pub(crate) fn at(&self, path: &str) -> String {
        self.place(self.line(path))
    }

    /// `apps.yaml, line 3`; of what is in no file, where it is.
    pub(crate) fn place(&self, line: usize) -> String {
        if line == 0 { self.file.clone() } else { format!("{}, line {line}", self.file) }
    }

    /// Those of an object that no file holds.
    pub(crate) fn of_hub() -> Self {
        Self {
            file: "of the hub".to_owned(),
            places: Arc::default(),
            within: String::new(),
            meant: Arc::default(),
        }
    }

    /// Whether a comment says that what a rule finds in a line is meant.
    pub(crate) fn is_meant(&self, line: usize, rule: Rule) -> bool {
        self.meant.get(&line).is_some_and(|rules| rules.iter().any(|name| name == rule.name()))
    }

    /// A comment that names no rule: where, and what is wrong with it.
    pub(crate) fn wrong_comment(&self) -> Option<String> {
        let mut named =
            self.meant.iter().flat_map(|(line, rules)| rules.iter().map(move |name| (line, name)));
        named.find_map(|(line, name)| {
            let error = name.parse::<Rule>().err()?;
            Some(format!("{}: `# {MEANT}`: {error}", self.place(*line)))
        })
    }

    pub(super) fn item(&self, path: &str) -> Self {
        Self { within: self.full(path), ..self.clone() }
    }

    fn full(&self, path: &str) -> String {
        match (self.within.is_empty(), path.is_empty()) {
            (true, _) => path.to_owned(),
            (false, true) => self.within.clone(),
            (false, false) => format!("{}.{path}", self.within),
        }
    }

    /// The line of the field that a refusal names.
    fn of_refusal(&self, said: &str) -> usize {
        let unknown = said.split_once("unknown field \"").and_then(|(_, rest)| rest.split('"').next());
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '`' | ',' | ';' | '(' | ')');
        let words = said.split(ends).map(|word| word.trim_end_matches(':'));
        let named = |word: &&str| {
            ["spec", "metadata", "data"].iter().any(|root| {
                word.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        };
        self.line(unknown.or_else(|| words.into_iter().find(named)).unwrap_or_default())
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) rule: Rule,
    pub(crate) message: String,
    /// All of it, as people read it.
    text: String,
}

impl Trouble {
    pub(super) fn new(lines: &Lines, line: usize, message: String) -> Self {
        let file = lines.file.clone();
        let text = format!("{file}, line {line}: {message}");
        Self { file, line, rule: Rule::InvalidObject, message, text }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What files hold.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Objects that were wanted.
    pub(crate) found: Vec<Document>,
    /// Objects that were not: where, and what.
    pub(crate) passed: Vec<String>,
    pub(crate) troubles: Vec<Trouble>,
}

impl Read {
    /// The objects, when nothing is wrong.
    pub(crate) fn checked(self) -> anyhow::Result<Vec<Document>> {
        troubled(&self.troubles)?;
        Ok(self.found)
    }
}

/// All that is wrong, as one error.
pub(crate) fn troubled(troubles: &[Trouble]) -> anyhow::Result<()> {
    let said: Vec<String> = troubles.iter().map(ToString::to_string).collect();
    if said.is_empty() { Ok(()) } else { bail!("{}", said.join("\n       ")) }
}

/// The Applications and ApplicationSets of files; `-` is the standard input.
///
/// # Errors
/// Files that cannot be read, all problems of their objects at once, and files without either.
pub(crate) fn applications(files: &[String]) -> anyhow::Result<Vec<Document>> {
    let found = read(files, &[Kind::Application, Kind::ApplicationSet])?.checked()?;
    if found.is_empty() {
        bail!("{}: there is no Application or ApplicationSet in it", listed(files));
    }
    Ok(found)
}

/// The objects of these kinds in files.
///
/// # Errors
/// Files that cannot be read at all.
pub(crate) fn read(files: &[String], wanted: &[Kind]) -> anyhow::Result<Read> {
    let mut read = Read::default();
    for file in files {
        let Some(values) = values(file, &mut read.troubles)? else { continue };
        for (object, lines) in values {
            match check(&lines, object, wanted) {
                Ok(Checked::Wanted(document)) => read.found.push(*document),
                Ok(Checked::Other(what)) => read.passed.push(format!("{}: {what}", lines.at(""))),
                Err(trouble) => read.troubles.push(trouble),
            }
        }
    }
    Ok(read)
}

/// The objects of a file, those of lists one by one, each with its lines; `None` when it is no YAML.
///
/// # Errors
/// A file that cannot be read at all.
pub(super) fn values(file: &str, troubles: &mut Vec<Trouble>) -> anyhow::Result<Option<Vec<(Value, Lines)>>> {
    let (name, text) = text(file)?;
    let documents = match yaml::parse_all(&text) {
        Ok(documents) => documents,
        Err(error) => {
            // Its text names the line.
            let (line, message, text) = (error.line, error.message.clone(), format!("{name}: {error}"));
            troubles.push(Trouble { file: name, line, rule: Rule::InvalidObject, message, text });
            return Ok(None);
        }
    };
    for twice in yaml::duplicate_keys(&text).unwrap_or_default() {
        let message = format!("`{}` is set again here and this one wins; keep one of them", twice.path);
        let text = format!("{name}, {twice}");
        troubles.push(Trouble {
            file: name.clone(),
            line: twice.line,
            rule: Rule::DuplicateKey,
            message,
            text,
        });
    }
    let places = yaml::places(&text).unwrap_or_default();
    let places: BTreeMap<usize, Arc<Places>> =
        places.into_iter().map(|places| (places.start(), Arc::new(places))).collect();
    let mut found = Vec::new();
    let meant = Arc::new(meant(&text));
    for yaml::Document { value, line } in documents {
        let places = places.get(&line).cloned().unwrap_or_default();
        let lines = Lines { file: name.clone(), places, within: String::new(), meant: Arc::clone(&meant) };
        found.extend(opened(value, &lines));
    }
    Ok(Some(found))
}

/// The rules of `# flotilla:allow a, b -- why`, by the line that it is about: its own, or when it is alone there the next one that is no comment.
fn meant(text: &str) -> BTreeMap<usize, Vec<String>> {
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut waiting: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let comment = line.split_once('#').and_then(|(_, comment)| comment.trim_start().strip_prefix(MEANT));
        let rules = comment.map(|rules| rules.split(" -- ").next().unwrap_or_default().split([',', ' ']));
        let rules =
            rules.into_iter().flatten().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        waiting.extend(rules);
        if !line.trim_start().starts_with('#') && !waiting.is_empty() {
            found.entry(index + 1).or_default().append(&mut waiting);
        }
    }
    found
}

/// Files, for people.
pub(crate) fn listed(files: &[String]) -> String {
    files.iter().map(|file| called(file)).collect::<Vec<_>>().join(", ")
}

/// What people call a file.
pub(super) fn called(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

fn text(file: &str) -> anyhow::Result<(String, String)> {
    let (name, mut reader): (String, Box<dyn std::io::Read>) = if file == "-" {
        (called(file).to_owned(), Box::new(std::io::stdin().lock()))
    } else {
        let path = Path::new(file);
        if path.is_dir() {
            bail!("{file} is a folder: name the files in it, e.g. {}/*.yaml", file.trim_end_matches('/'));
        }
        (file.to_owned(), Box::new(fs::File::open(path).with_context(|| format!("{file} cannot be read"))?))
    };
    let mut bytes = Vec::new();
    reader
        .by_ref()
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() as u64 > LARGEST {
        bail!("{name} is larger than {} MiB", LARGEST >> 20);
    }
    let text = String::from_utf8(bytes).ok().with_context(|| format!("{name} is not UTF-8 text"))?;
    Ok((name, text))
}

/// The objects of a document: those of a `List`, as `kubectl get -o yaml` writes it.
fn opened(mut value: Value, lines: &Lines) -> Vec<(Value, Lines)> {
    if value.is_null() {
        return Vec::new();
    }
    if !value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) {
        return vec![(value, lines.clone())];
    }
    let items = value["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let placed =
        items.into_iter().enumerate().map(|(index, item)| (item, lines.item(&format!("items[{index}]"))));
    placed.collect()
}

pub(super) enum Checked {
    Wanted(Box<Document>),
    /// One of another kind: which, and what it is called.
    Other(String),
}

/// An object that is wanted, checked; one of another kind that the hub serves, or of Kubernetes, is passed over.
pub(super) fn check(lines: &Lines, mut object: Value, wanted: &[Kind]) -> Result<Checked, Trouble> {
    let wrong = |path: &str, said: String| Err(Trouble::new(lines, lines.line(path), said));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    if api_version.is_empty() || kind.is_empty() {
        let said = "apiVersion and kind are needed, e.g. apiVersion: argoproj.io/v1alpha1, kind: Application";
        return wrong("", said.to_owned());
    }
    let Some(found) = wanted.iter().copied().find(|wanted| gvk(*wanted).kind == kind) else {
        // `Aplication` is nothing that anybody serves; `Rollout` is somebody else's.
        let ours = ["argoproj.io/", "flotilla.dev/"].iter().any(|group| api_version.starts_with(group));
        let known = || Kind::ALL.iter().map(|known| gvk(*known).kind);
        let meant = nearest(&kind, known()).filter(|_| ours && !known().any(|known| known == kind));
        return match meant {
            Some(meant) => {
                wrong("kind", format!("there is no kind {kind} in {api_version}: did you mean {meant}?"))
            }
            None => Ok(Checked::Other(format!("{kind} {}", text(&object["metadata"]["name"])))),
        };
    };
    let gvk = gvk(found);
    let right = format!("{}/{}", gvk.group, gvk.version);
    if api_version != right {
        return wrong(
            "apiVersion",
            format!("{kind}: apiVersion: `{api_version}` has no such kind: write {right}"),
        );
    }
    // What a hub wrote is not the file's to say; of a Cluster it tells what that can do.
    let status = object.as_object_mut().and_then(|fields| {
        fields.remove("operation");
        fields.remove("status")
    });
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if gvk.namespaced {
            metadata.entry("namespace").or_insert_with(|| DEFAULT_NAMESPACE.into());
        }
        metadata.remove("managedFields");
    }
    if found == Kind::Cluster
        && let Some(fields) = object.as_object_mut()
    {
        fields.entry("spec").or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    if let Some(refusal) = hub_api::refusal(found, &object) {
        return Err(Trouble::new(lines, lines.of_refusal(&refusal), refusal));
    }
    if let Some(status) = status.filter(|_| found == Kind::Cluster) {
        object["status"] = status;
    }
    let (place, lines) = (lines.at(""), lines.clone());
    Ok(Checked::Wanted(Box::new(Document { place, kind: found, object, lines })))
}

#[cfg(test)]
mod tests;
