//! The names of stored bodies.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The most bytes of a name: file systems allow 255, and a number may follow.
const MAX_NAME: usize = 200;

/// The most bytes that are kept as an extension when a name is cut.
const MAX_EXTENSION: usize = 16;

/// How bodies are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameTemplate(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Id,
    Host,
    Path,
    Sha256,
    Extension,
}

/// What a name is made of.
pub(crate) struct Parts<'a> {
    pub(crate) id: &'a str,
    pub(crate) url: &'a str,
    pub(crate) content_type: &'a str,
    /// In hexadecimal digits.
    pub(crate) sha256: &'a str,
}

impl FromStr for NameTemplate {
    type Err = String;

    fn from_str(template: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("{{{after} is not closed by }}"))?;
            pieces.push(Piece::Text(text.to_owned()));
            pieces.push(match name {
                "id" => Piece::Id,
                "host" => Piece::Host,
                "path" => Piece::Path,
                "sha256" => Piece::Sha256,
                "ext" => Piece::Extension,
                _ => {
                    return Err(format!(
                        "{{{name}}} is not known: there are {{id}}, {{host}}, {{path}}, {{sha256}}, {{ext}}"
                    ));
                }
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let template = Self(pieces);
        let segments = template.segments(&Parts { id: "x", url: "http://x/x", content_type: "", sha256: "x" });
        if segments.iter().any(|segment| ["", ".", ".."].contains(&segment.as_str())) {
            return Err(
                "every part between slashes needs a name that is neither . nor .., and none comes first".to_owned()
            );
        }
        Ok(template)
    }
}

impl NameTemplate {
    /// Whether the hash of the body is part of the name.
    pub(crate) fn needs_hash(&self) -> bool {
        self.0.contains(&Piece::Sha256)
    }

    /// The path of a body below its folder. Slashes and dots that lead elsewhere come from nothing but the template.
    pub(crate) fn path(&self, parts: &Parts<'_>) -> PathBuf {
        self.segments(parts).iter().map(|segment| name(segment)).collect()
    }

    fn segments(&self, parts: &Parts<'_>) -> Vec<String> {
        let url = url::Url::parse(parts.url).ok();
        let mut segments = vec![String::new()];
        for piece in &self.0 {
            let value = match piece {
                Piece::Text(text) => {
                    let mut texts = text.split('/');
                    append(&mut segments, texts.next().unwrap_or_default());
                    segments.extend(texts.map(str::to_owned));
                    continue;
                }
                Piece::Id => clean(parts.id),
                Piece::Host => clean(url.as_ref().and_then(url::Url::host_str).unwrap_or("unknown")),
                Piece::Path => match url.as_ref().map_or("", url::Url::path).trim_matches('/') {
                    "" => "index".to_owned(),
                    path => clean(path),
                },
                Piece::Sha256 => parts.sha256.to_owned(),
                Piece::Extension => extension(parts.content_type).to_owned(),
            };
            append(&mut segments, &value);
        }
        segments
    }
}

fn append(segments: &mut [String], text: &str) {
    if let Some(last) = segments.last_mut() {
        last.push_str(text);
    }
}

/// The usual extension of a content type.
fn extension(content_type: &str) -> &'static str {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    mime2ext::mime2ext(&essence).unwrap_or("bin")
}

/// A text that can be part of a name on every file system.
fn clean(text: &str) -> String {
    let safe = |character: char| {
        let unsafe_one = character.is_control() || character.is_whitespace() || r#"/\:*?"<>|"#.contains(character);
        if unsafe_one { '_' } else { character }
    };
    text.chars().map(safe).collect()
}

/// A name that is neither hidden nor taken for an option, cut to [`MAX_NAME`] bytes before its extension.
fn name(segment: &str) -> String {
    let segment = match segment.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}"),
        None if segment.is_empty() => "_".to_owned(),
        None => segment.to_owned(),
    };
    if segment.len() <= MAX_NAME {
        return segment;
    }
    let (stem, extension) = split(&segment);
    let extension = if extension.len() <= MAX_EXTENSION { extension } else { "" };
    let cut = stem.floor_char_boundary(MAX_NAME - extension.len());
    [stem.get(..cut).unwrap_or_default(), extension].concat()
}

/// A name and its extension with the dot, if it has one.
fn split(name: &str) -> (&str, &str) {
    let dot = name.rfind('.').filter(|dot| *dot > 0).unwrap_or(name.len());
    name.split_at(dot)
}

/// A name with a number, before its extension. Zero is the name itself.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if number > 0 => {
            let (stem, extension) = split(name);
            path.with_file_name(format!("{stem}-{number}{extension}"))
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(template: &str, id: &str, url: &str) -> String {
        let template: NameTemplate = template.parse().unwrap();
        let parts = Parts { id, url, content_type: "Text/HTML; charset=utf-8", sha256: "ab12" };
        template.path(&parts).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_template_is_filled_in() {
        let url = "http://a.test:81/b/c%20d/?q=1";
        assert_eq!(path("{id}", "7", url), "7");
        assert_eq!(path("{host}/{path}-{sha256}.{ext}", "7", url), "a.test/b_c%20d-ab12.html");
        assert_eq!(path("pages/{path}", "7", "http://a.test/"), "pages/index");
    }

    #[test]
    fn nothing_from_outside_leads_out_of_the_folder() {
        for id in ["../../x", "/etc/passwd", "..", ".", "", ".hidden", "-rf", "a\0b", "a\\..\\b", "\n"] {
            for template in ["{id}", "{host}/{id}", "x{id}", "{id}/y"] {
                let path = path(template, id, "http://a.test/../..//x");
                let expected = template.matches('/').count() + 1;
                assert_eq!(Path::new(&path).components().count(), expected, "{template} of {id:?}: {path}");
                let normal = |component| matches!(component, std::path::Component::Normal(_));
                assert!(Path::new(&path).components().all(normal), "{template} of {id:?}: {path}");
                assert!(!path.contains(['\0', '\n', '\\']), "{path}");
            }
        }
        assert_eq!(path("{path}", "", "http://a.test/%2e%2e/x/..%2f..%2fy"), "x_..%2f..%2fy");
    }

    #[test]
    fn long_names_are_cut_before_their_extension() {
        let long = "é".repeat(300);
        let name = path("{id}.{ext}", &long, "http://a.test/");
        assert!(name.len() <= MAX_NAME && name.ends_with("é.html"), "{name}");
        assert!(path("{id}", &format!("a.{long}"), "http://a.test/").len() <= MAX_NAME);
        assert_eq!(numbered(Path::new("x/a.tar.gz"), 3), Path::new("x/a.tar-3.gz"));
        assert_eq!(numbered(Path::new("x/.a"), 1), Path::new("x/.a-1"));
    }

    #[test]
    fn a_template_that_names_nothing_is_refused() {
        for (wrong, message) in [
            ("{ids}", "{ids} is not known"),
            ("{id", "{id is not closed"),
            ("", "needs a name"),
            ("/{id}", "needs a name"),
            ("{id}/", "needs a name"),
            ("../{id}", "needs a name"),
        ] {
            let error = wrong.parse::<NameTemplate>().unwrap_err();
            assert!(error.contains(message), "{wrong}: {error}");
        }
    }
}
