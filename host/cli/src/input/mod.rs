//! Reads requests from arguments, lines and rows, lazily.

mod columns;
mod item;
mod line_reader;
mod lines;
pub(crate) mod options;
mod rows;
mod table;
mod template;

pub(crate) use item::Item;

use crate::arguments::Fetch;
use crate::data::{Data, DataError};
use fantail_wire::Context;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use lines::Lines;
use options::Format;
use std::io;
use std::path::{Path, PathBuf};
use table::{Table, TableError};
use template::{Template, TemplateError};
use tokio::io::{AsyncRead, BufReader};

/// The input cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read {}: {error}", path.display())]
    Open { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Table { path: PathBuf, error: TableError },
    #[error("--url-column is for CSV and TSV: add --input-format csv")]
    ColumnOfLines,
    #[error("{url:?} is a file here: to read URLs from it, use --input {url}")]
    FileAsUrl { url: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// All requests of a command: its arguments, then those of its input.
pub(crate) async fn items(fetch: &Fetch) -> Result<BoxStream<'static, Item>, InputError> {
    let standard_input = fetch.input.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if standard_input && Data::of(&fetch.http).is_standard_input() {
        return Err(TemplateError::Data(DataError::StandardInputTwice).into());
    }
    let template = Template::new(&fetch.http).await?;
    let mut listed = Vec::new();
    for (number, url) in fetch.urls.iter().enumerate() {
        if !url.contains("://") && Path::new(url).is_file() {
            return Err(InputError::FileAsUrl { url: url.clone() });
        }
        listed.push(template.item(number as u64, url, None, Context::default()));
    }
    let first = listed.len() as u64;
    let read = match &fetch.input {
        None => stream::empty().boxed(),
        Some(path) => read(fetch, path, template, first).await?,
    };
    Ok(stream::iter(listed).chain(read).boxed())
}

/// The requests of a file. `first` is the id of the first.
async fn read(
    fetch: &Fetch,
    path: &Path,
    template: Template,
    first: u64,
) -> Result<BoxStream<'static, Item>, InputError> {
    let format = fetch.input_options.input_format.unwrap_or_else(|| by_name(path));
    let url_column = fetch.input_options.url_column.as_deref();
    let delimiter = match format {
        Format::Csv => b',',
        Format::Tsv => b'\t',
        Format::Lines | Format::Ndjson if url_column.is_some() => return Err(InputError::ColumnOfLines),
        Format::Lines | Format::Ndjson => {
            return Ok(Lines::new(open(path).await?, template, format == Format::Lines, first).items().boxed());
        }
    };
    let table = Table::open(open(path).await?, delimiter, template, url_column, first).await;
    Ok(table.map_err(|error| InputError::Table { path: path.to_owned(), error })?.items().boxed())
}

fn by_name(path: &Path) -> Format {
    let ends_with = |wanted: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted));
    match () {
        () if ends_with("csv") => Format::Csv,
        () if ends_with("tsv") => Format::Tsv,
        () => Format::Lines,
    }
}

/// Opens a file, or standard input for `-`.
async fn open(path: &Path) -> Result<BufReader<Box<dyn AsyncRead + Send + Unpin>>, InputError> {
    let source: Box<dyn AsyncRead + Send + Unpin> = if path.as_os_str() == "-" {
        Box::new(tokio::io::stdin())
    } else {
        Box::new(open_file(path).await.map_err(|error| InputError::Open { path: path.to_owned(), error })?)
    };
    Ok(BufReader::with_capacity(64 * 1024, source))
}

async fn open_file(path: &Path) -> io::Result<tokio::fs::File> {
    let file = tokio::fs::File::open(path).await?;
    if file.metadata().await?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}
