//! The page and the HAR file that are made of outcomes.

use super::error::ReportError;
use super::new_file::NewFile;
use crate::hints::hint;
use fantail_report::{Context, Extra, HarWriter, Options, Report};
use fantail_wire as wire;
use std::io;
use std::path::{Path, PathBuf};

/// How many bytes of a HAR file are written at once, and so about how many are held.
const CHUNK_BYTES: usize = 64 * 1024;

/// The page and the HAR file that are made of outcomes, as far as they are asked for.
pub(crate) struct Exports {
    page: Option<Page>,
    har: Option<Har>,
}

struct Page {
    path: PathBuf,
    file: NewFile,
    report: Report,
}

struct Har {
    path: PathBuf,
    writer: HarWriter,
    buffer: Vec<u8>,
    /// The file, until it cannot be written.
    file: Result<NewFile, ReportError>,
}

fn create(path: &Path) -> Result<NewFile, ReportError> {
    NewFile::create(path).map_err(|error| ReportError::Write { path: path.to_owned(), error })
}

impl Page {
    fn create(path: &Path) -> Result<Self, ReportError> {
        let report = Report::new(Options { hints: Some(hint), ..Options::default() });
        Ok(Self { path: path.to_owned(), file: create(path)?, report })
    }

    async fn finish(self, context: &Context<'_>) -> Result<(), ReportError> {
        let Self { path, file, report } = self;
        let page = report.render(context)?;
        write_last(file, page.as_bytes()).await.map_err(|error| ReportError::Write { path, error })
    }
}

impl Har {
    fn create(path: &Path, with_headers: bool) -> Result<Self, ReportError> {
        let mut buffer = Vec::new();
        let writer = HarWriter::begin(with_headers, &mut buffer);
        Ok(Self { path: path.to_owned(), writer, buffer, file: Ok(create(path)?) })
    }

    async fn add(&mut self, outcome: &wire::Outcome, extra: &Extra) {
        if self.file.is_err() {
            return;
        }
        self.writer.entry(outcome, extra, &mut self.buffer);
        if self.buffer.len() >= CHUNK_BYTES {
            self.write().await;
        }
    }

    async fn write(&mut self) {
        let Ok(file) = &mut self.file else { return };
        if let Err(error) = file.write(&self.buffer).await {
            self.file = Err(ReportError::Write { path: self.path.clone(), error });
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * CHUNK_BYTES);
    }

    async fn finish(self) -> Result<(), ReportError> {
        let Self { path, writer, mut buffer, file } = self;
        writer.end(&mut buffer);
        write_last(file?, &buffer).await.map_err(|error| ReportError::Write { path, error })
    }
}

/// Writes the end of a file, and completes it.
async fn write_last(mut file: NewFile, bytes: &[u8]) -> io::Result<()> {
    file.write(bytes).await?;
    file.finish().await
}

impl Exports {
    /// Creates the files.
    pub(crate) fn create(html: Option<&Path>, har: Option<&Path>, with_headers: bool) -> Result<Self, ReportError> {
        if let Some(path) = html.filter(|html| Some(*html) == har) {
            return Err(ReportError::SameFile(path.to_owned()));
        }
        let page = html.map(Page::create).transpose()?;
        let har = har.map(|path| Har::create(path, with_headers)).transpose()?;
        Ok(Self { page, har })
    }

    /// Whether there is any file to be made.
    pub(crate) fn are_wanted(&self) -> bool {
        self.page.is_some() || self.har.is_some()
    }

    /// Adds an outcome. An error of the HAR file is reported at the end: outcomes are worth more.
    pub(crate) async fn add(&mut self, outcome: &wire::Outcome, extra: &Extra) {
        if let Some(page) = &mut self.page {
            page.report.add(outcome, extra);
        }
        if let Some(har) = &mut self.har {
            har.add(outcome, extra).await;
        }
    }

    /// Completes the files, each whatever becomes of the other.
    pub(crate) async fn finish(self, context: &Context<'_>) -> Vec<ReportError> {
        let mut errors = Vec::new();
        if let Some(page) = self.page {
            errors.extend(page.finish(context).await.err());
        }
        if let Some(har) = self.har {
            errors.extend(har.finish().await.err());
        }
        errors
    }
}
