//! A request per line: a URL or a JSON object.

use super::item::Item;
use super::line_reader::{Line, MAX_LINE, read_line};
use super::template::Template;
use fantail_wire::{Context, Readable, readable, request_with_context};
use futures::{Stream, stream};
use tokio::io::AsyncBufRead;

/// Lines of input, read one by one.
pub(crate) struct Lines<S> {
    source: S,
    template: Template,
    /// Whether a bare URL is a request.
    urls: bool,
    /// The id of the first line.
    first: u64,
    /// The id of the next line.
    next: u64,
    ended: bool,
}

impl<S: AsyncBufRead + Send + Unpin + 'static> Lines<S> {
    pub(crate) fn new(source: S, template: Template, urls: bool, first: u64) -> Self {
        Self { source, template, urls, first, next: first, ended: false }
    }

    /// One item per line that is neither blank nor a comment. Ids are line numbers counted from `first`; errors count lines from 1, as
    /// editors do.
    pub(crate) fn items(self) -> impl Stream<Item = Item> + Send {
        stream::unfold(self, |mut lines| async move {
            let item = lines.next().await?;
            Some((item, lines))
        })
    }

    async fn next(&mut self) -> Option<Item> {
        let mut line = Vec::new();
        while !self.ended {
            line.clear();
            let id = self.next;
            self.next += 1;
            let item = match read_line(&mut self.source, &mut line).await {
                Ok(Line::End) => return None,
                Ok(Line::Complete) => self.item(id, &line),
                Ok(Line::TooLong) => {
                    let detail = format!("longer than {MAX_LINE} bytes, skipped");
                    Some(Item::malformed(id, Readable::default(), detail, Some(b"too long")))
                }
                Err(error) => {
                    self.ended = true;
                    let detail = format!("the rest of the input cannot be read: {error}");
                    // It says nothing of a request, so it must not stand for one in a later run.
                    Some(Item::malformed(id, Readable::default(), detail, None))
                }
            };
            if let Some(item) = item {
                return Some(item.at_line(id - self.first + 1));
            }
        }
        None
    }

    /// The request of a line; none if there is none.
    fn item(&mut self, id: u64, line: &[u8]) -> Option<Item> {
        let is_first = id == self.first;
        let malformed = |readable, detail: String| Some(Item::malformed(id, readable, detail, Some(line)));
        if is_first && (line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff")) {
            self.ended = true;
            let detail = "the input is UTF-16, and was not read further: convert it with `iconv -f UTF-16 -t UTF-8`";
            return Some(Item::malformed(id, Readable::default(), detail, None));
        }
        let marked = if is_first { line.strip_prefix(b"\xef\xbb\xbf") } else { None };
        let Ok(text) = std::str::from_utf8(marked.unwrap_or(line)) else {
            return malformed(Readable::default(), "not UTF-8".to_owned());
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        if let Some(place) = text.chars().position(|character| character == '\r') {
            let detail = format!(
                "a carriage return without a line feed at character {}: convert line ends with `tr '\\r' '\\n'`",
                place + 1
            );
            return malformed(Readable::default(), detail);
        }
        if self.urls && !text.starts_with('{') {
            return Some(self.template.item(id, text, None, Context::default()));
        }
        match request_with_context(text, id) {
            Ok((request, context)) => Some(self.template.complete(id, request, context)),
            Err(error) => malformed(readable(text), error.to_string()),
        }
    }
}
