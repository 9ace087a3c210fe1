//! Reads requests from arguments and lines, lazily.

use super::arguments::Fetch;
use super::data::{Data, DataError};
use super::template::{Template, TemplateError};
use fantail::{Entry, Malformed};
use fantail_wire::{Readable, readable};
use futures::{Stream, StreamExt, stream};
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};

/// The most bytes of one line. A longer line is skipped, and its outcome says so.
const MAX_LINE: usize = 1024 * 1024;

/// The input cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read {}: {error}", path.display())]
    Open { path: PathBuf, error: io::Error },
    #[error("{url:?} is a file here: to read URLs from it, use --input {url}")]
    FileAsUrl { url: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// All requests of a command: its arguments, then the lines of its input.
pub(crate) async fn entries(fetch: &Fetch) -> Result<impl Stream<Item = Entry> + Send + 'static, InputError> {
    let standard_input = fetch.input.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if standard_input && Data::of(&fetch.http).is_standard_input() {
        return Err(TemplateError::Data(DataError::StandardInputTwice).into());
    }
    let template = Template::new(&fetch.http).await?;
    let mut listed = Vec::new();
    for (id, url) in fetch.urls.iter().enumerate() {
        if !url.contains("://") && Path::new(url).is_file() {
            return Err(InputError::FileAsUrl { url: url.clone() });
        }
        listed.push(template.request(id as u64, url).into());
    }
    let first_line = listed.len() as u64;
    let lines = match &fetch.input {
        None => stream::empty().boxed(),
        Some(path) => {
            let source: Box<dyn AsyncRead + Send + Unpin> = if path.as_os_str() == "-" {
                Box::new(tokio::io::stdin())
            } else {
                Box::new(open(path).await.map_err(|error| InputError::Open { path: path.clone(), error })?)
            };
            lines(BufReader::with_capacity(64 * 1024, source), template, first_line).boxed()
        }
    };
    Ok(stream::iter(listed).chain(lines))
}

async fn open(path: &Path) -> io::Result<tokio::fs::File> {
    let file = tokio::fs::File::open(path).await?;
    if file.metadata().await?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}

/// One entry per line that is not blank. Ids are line numbers counted from `first`; errors count lines from 1, as editors do.
fn lines(
    source: impl AsyncBufRead + Send + Unpin + 'static,
    template: Template,
    first: u64,
) -> impl Stream<Item = Entry> + Send {
    let start = Some((source, first, template));
    stream::unfold(start, move |state| async move {
        let (mut source, mut number, template) = state?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let id = number;
            number += 1;
            let line_number = number - first;
            match read_line(&mut source, &mut line).await {
                Ok(Line::End) => return None,
                Ok(Line::Complete) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(Line::Complete) => {
                    return Some((entry(&line, (id, line_number), &template), Some((source, number, template))));
                }
                Ok(Line::TooLong) => {
                    let detail = format!("line {line_number}: longer than {MAX_LINE} bytes, skipped");
                    let malformed = Entry::Malformed(Malformed { id, url: String::new(), detail });
                    return Some((malformed, Some((source, number, template))));
                }
                Err(error) => {
                    let detail = format!("line {line_number}: the rest of the input cannot be read: {error}");
                    return Some((Entry::Malformed(Malformed { id, url: String::new(), detail }), None));
                }
            }
        }
    })
}

fn entry(line: &[u8], (id, line_number): (u64, u64), template: &Template) -> Entry {
    let malformed = |Readable { id: own_id, url }, detail: String| {
        let detail = format!("line {line_number}: {detail}");
        Entry::Malformed(Malformed { id: own_id.unwrap_or(id), url: url.unwrap_or_default(), detail })
    };
    let Ok(text) = std::str::from_utf8(line) else { return malformed(Readable::default(), "not UTF-8".to_owned()) };
    match fantail_wire::request_from_line(text, id, |url| template.request(id, url)) {
        Ok(request) => template.complete(request).into(),
        Err(error) => malformed(readable(text), error.to_string()),
    }
}

enum Line {
    Complete,
    /// Skipped to its end.
    TooLong,
    End,
}

/// Reads up to the next line feed, keeping at most [`MAX_LINE`] bytes.
async fn read_line(source: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<Line> {
    let mut too_long = false;
    loop {
        let available = source.fill_buf().await?;
        if available.is_empty() {
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Complete,
            });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let chunk = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        too_long |= line.len() + chunk.len() > MAX_LINE;
        if !too_long {
            line.extend_from_slice(chunk);
        }
        let consumed = end.map_or(chunk.len(), |end| end + 1);
        source.consume(consumed);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Complete });
        }
    }
}
