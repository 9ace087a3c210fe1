//! `fantail report`: a page or a HAR file of outcomes that were written before.

use super::error::ReportError;
use super::exports::Exports;
use super::lines::{MAX_LINE, Read, read_line};
use super::options::ReportArguments;
use crate::{Exit, say};
use fantail_report::{Context, Line, count, parse_line};
use std::io;
use std::path::Path;
use std::time::SystemTime;
use tokio::io::{AsyncBufRead, BufReader};

/// How many lines that are no outcomes are named.
const MAX_NAMED: u64 = 10;

/// How many bytes are read at once.
const CHUNK_BYTES: usize = 256 * 1024;

pub(crate) async fn run(arguments: ReportArguments) -> Exit {
    tokio::select! {
        made = make(&arguments) => made.unwrap_or_else(Exit::usage),
        // Dropping it removes files that are not complete.
        _ = tokio::signal::ctrl_c() => Exit::Interrupted,
    }
}

async fn make(arguments: &ReportArguments) -> Result<Exit, ReportError> {
    let ReportArguments { outcomes: path, html, har, har_with_headers } = arguments;
    let mut source = open(path).await.map_err(|error| ReportError::Read { path: path.clone(), error })?;
    let mut exports = Exports::create(html.as_deref(), har.as_deref(), *har_with_headers)?;
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let mut lines = Lines { name, number: 0, passed_over: 0 };
    let mut notes = Vec::new();
    if let Err(error) = lines.add_all(&mut source, &mut exports).await {
        let Lines { name, number, .. } = &lines;
        let problem = format!("{name} cannot be read after line {}: {error}", count(*number));
        say(format_args!("error: {problem}"));
        notes.push(problem);
    }
    if lines.passed_over > 0 {
        let problem = format!("{} lines are no outcomes and were passed over", count(lines.passed_over));
        say(format_args!("{}: {problem}", lines.name));
        notes.push(problem);
    }
    let made = SystemTime::now();
    let context = Context { source: &lines.name, made, policy: None, summary: None, receipt: None, notes: &notes };
    let errors = exports.finish(&context).await;
    for error in &errors {
        say(format_args!("error: {error}"));
    }
    Ok(if errors.is_empty() && notes.is_empty() { Exit::Responses } else { Exit::Failures })
}

async fn open(path: &Path) -> io::Result<Box<dyn AsyncBufRead + Unpin>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::with_capacity(CHUNK_BYTES, tokio::io::stdin())));
    }
    let file = tokio::fs::File::open(path).await?;
    if file.metadata().await?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(BufReader::with_capacity(CHUNK_BYTES, file)))
}

/// Lines of a file of outcomes.
struct Lines {
    /// Of the file.
    name: String,
    /// Of the last line read, from 1.
    number: u64,
    /// How many are no outcomes.
    passed_over: u64,
}

impl Lines {
    async fn add_all(&mut self, source: &mut (impl AsyncBufRead + Unpin), exports: &mut Exports) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            let read = read_line(source, &mut line, MAX_LINE).await?;
            self.number += u64::from(read != Read::End);
            match read {
                Read::End => return Ok(()),
                Read::TooLong => self.pass_over(format_args!("longer than {} bytes", count(MAX_LINE))),
                Read::Line if line.iter().all(u8::is_ascii_whitespace) => {}
                Read::Line => match std::str::from_utf8(&line).map(parse_line) {
                    Ok(Ok(Line::Outcome(outcome, extra))) => exports.add(&outcome, &extra).await,
                    Ok(Ok(Line::Summary)) => {}
                    Ok(Err(error)) => self.pass_over(error),
                    Err(_) => self.pass_over("not UTF-8"),
                },
            }
        }
    }

    fn pass_over(&mut self, reason: impl std::fmt::Display) {
        self.passed_over += 1;
        if self.passed_over <= MAX_NAMED {
            say(format_args!("{}: line {} is no outcome: {reason}", self.name, self.number));
        }
    }
}
