//! Requests in the rows of CSV and TSV.

use super::columns::{Columns, ColumnsError};
use super::item::Item;
use super::rows::{Row, Rows};
use super::template::Template;
use fantail_wire::{Context, Id, Meta, Readable};
use futures::{Stream, stream};
use std::collections::VecDeque;
use std::io;
use tokio::io::AsyncBufRead;

/// The header row cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("line {0}: {1}")]
    FirstRow(u64, String),
    #[error(transparent)]
    Columns(#[from] ColumnsError),
}

/// Rows whose columns are known.
pub(crate) struct Table<S> {
    rows: Rows<S>,
    /// Rows that were read to find the columns.
    before: VecDeque<Row>,
    columns: Option<Columns>,
    template: Template,
    /// The id of the next row.
    next: u64,
    ended: bool,
}

impl<S: AsyncBufRead + Send + Unpin + 'static> Table<S> {
    /// Reads the header, and the row after it if that is needed to find the URLs.
    pub(crate) async fn open(
        source: S,
        delimiter: u8,
        template: Template,
        wanted: Option<&str>,
        first: u64,
    ) -> Result<Self, TableError> {
        let mut rows = Rows::new(source, delimiter);
        let (mut before, mut columns) = (VecDeque::new(), None);
        if let Some(row) = rows.next().await? {
            let cells = row.cells.as_ref().map_err(|error| TableError::FirstRow(row.line, error.clone()))?;
            let found = match Columns::find(cells, None, wanted) {
                Err(ColumnsError::NoUrls { .. }) => {
                    before.extend(rows.next().await?);
                    let second = before.front().and_then(|row| row.cells.as_deref().ok());
                    Columns::find(cells, second, wanted)?
                }
                found => found?,
            };
            let (found, is_header) = found;
            if !is_header {
                before.push_front(row);
            }
            columns = Some(found);
        }
        Ok(Self { rows, before, columns, template, next: first, ended: false })
    }

    /// One item per row. Ids are row numbers, if there is no column with ids.
    pub(crate) fn items(self) -> impl Stream<Item = Item> + Send {
        stream::unfold(self, |mut table| async move {
            let item = table.next().await?;
            Some((item, table))
        })
    }

    async fn next(&mut self) -> Option<Item> {
        let columns = self.columns.as_ref().filter(|_| !self.ended)?;
        let number = self.next;
        let row = match self.before.pop_front() {
            Some(row) => row,
            None => match self.rows.next().await {
                Ok(row) => row?,
                Err(error) => {
                    self.ended = true;
                    let detail = format!("the rest of the input cannot be read: {error}");
                    return Some(Item::malformed(number, Readable::default(), detail, None));
                }
            },
        };
        self.next += 1;
        Some(item(columns, &self.template, number, row.cells).at_line(row.line))
    }
}

fn item(columns: &Columns, template: &Template, number: u64, cells: Result<Vec<String>, String>) -> Item {
    let cells = match cells {
        Ok(cells) => cells,
        Err(error) => return Item::malformed(number, Readable::default(), error, Some(b"row")),
    };
    let cell = |index: Option<usize>| {
        let text = index.and_then(|index| cells.get(index)).map(|cell| cell.trim());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let mut others = columns.others(&cells).peekable();
    let meta = others.peek().is_some().then(|| Meta::from_texts(others));
    let (id, url) = (cell(columns.id).map(id), cell(Some(columns.url)));
    let problem = match &url {
        _ if cells.len() > columns.len() => {
            format!("{} cells, but {} columns: is a delimiter not quoted?", cells.len(), columns.len())
        }
        None => "no URL in this row".to_owned(),
        Some(url) => {
            let context = Context { id, meta, ..Context::default() };
            return template.item(number, url, cell(columns.method), context);
        }
    };
    let raw = cells.join("\u{1f}");
    Item::malformed(number, Readable { id, url, meta }, problem, Some(raw.as_bytes()))
}

/// A number only if it is written as one is: `007` stays as it is.
fn id(text: String) -> Id {
    let number = text.parse::<u64>().ok().filter(|number| number.to_string() == text);
    number.map_or(Id::Text(text), Id::Number)
}
