//! One request of the input, whatever its format.

use crate::key::Key;
use fantail::{Entry, Header, Malformed};
use fantail_engine::Request;
use fantail_wire::{Context, Id, Readable};

/// One request of the input, or what is wrong with it.
pub(crate) struct Item {
    pub(crate) entry: Entry,
    pub(crate) context: Context,
    /// Whether it may be sent twice without harm.
    pub(crate) repeatable: bool,
    /// None if it has nothing to be recognised by.
    pub(crate) key: Option<Key>,
}

impl Item {
    /// A request. `number` is its id if the caller gave none; `user_agent` is sent too, and does not identify it.
    pub(crate) fn request(number: u64, mut request: Request, context: Context, user_agent: Option<Header>) -> Self {
        if let Some(problem) = white_space(&request.url) {
            let readable = Readable { id: context.id, url: Some(request.url.clone()), meta: context.meta };
            return Self::malformed(number, readable, problem, Some(request.url.as_bytes()));
        }
        // The number of a line is not part of what identifies it, so that lines may move.
        let key = Key::of_request(&request, context.id.as_ref(), context.meta.as_ref());
        request.headers.extend(user_agent);
        let method = Some(request.method.clone());
        let (id, repeatable) = (context.id.or(Some(Id::Number(number))), request.is_repeatable());
        Self { entry: request.into(), context: Context { id, method, ..context }, repeatable, key: Some(key) }
    }

    /// Input that is not a request. `raw` is what it is recognised by.
    pub(crate) fn malformed(number: u64, readable: Readable, detail: impl Into<String>, raw: Option<&[u8]>) -> Self {
        let Readable { id, url, meta } = readable;
        let (url, detail) = (url.unwrap_or_default(), detail.into());
        let id = Some(id.unwrap_or(Id::Number(number)));
        let entry = Entry::Malformed(Malformed { id: number, url, detail });
        let context = Context { id, meta, ..Context::default() };
        Self { entry, context, repeatable: true, key: raw.map(Key::of_malformed) }
    }

    /// Says where a malformed one is.
    pub(crate) fn at_line(mut self, line: u64) -> Self {
        if let Entry::Malformed(Malformed { detail, .. }) = &mut self.entry {
            *detail = format!("line {line}: {detail}");
        }
        self
    }
}

/// What is wrong with a URL that has white space in it. Parsers of URLs encode a space and drop a tab without a word, so that a URL with a
/// label behind it would be another URL.
fn white_space(url: &str) -> Option<String> {
    let (index, (_, found)) = url.char_indices().enumerate().find(|(_, (_, character))| character.is_whitespace())?;
    let name = match found {
        ' ' => "a space".to_owned(),
        '\t' => "a tab".to_owned(),
        '\r' => "a carriage return".to_owned(),
        '\n' => "a line feed".to_owned(),
        other => format!("white space (U+{:04X})", u32::from(other)),
    };
    let hint = match found {
        '\t' => "columns are read with --input-format tsv",
        '\r' => "convert line ends with `tr '\\r' '\\n'`",
        _ => "a space of the URL itself is written %20",
    };
    Some(format!("the URL has {name} at character {}: {hint}", index + 1))
}

#[cfg(test)]
mod tests {
    use super::white_space;

    #[test]
    fn white_space_in_a_url_is_found_and_named() {
        assert_eq!(white_space("http://a.test/?q=%20#é"), None);
        let space = "the URL has a space at character 15: a space of the URL itself is written %20";
        assert_eq!(white_space("http://a.test/ label").as_deref(), Some(space));
        assert!(white_space("http://a.test/é\tx").unwrap().starts_with("the URL has a tab at character 16: columns"));
        assert!(white_space("http://a.test/\u{a0}x").unwrap().starts_with("the URL has white space (U+00A0)"));
    }
}
