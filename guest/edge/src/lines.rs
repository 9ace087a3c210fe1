//! The lines of a body, as they arrive.

use crate::ceilings::Ceilings;
use bytes::{Buf, Bytes, BytesMut};
use fantail_wire::Problem;
use http_body_util::BodyExt;
use std::fmt;

/// The lines of a body, as they arrive. Holds one chunk of the body and the beginning of a line: never more than the
/// limit of the whole body, which is `max_batch_bytes`.
pub(crate) struct Lines<B> {
    body: B,
    ceilings: Ceilings,
    waiting: BytesMut,
    /// Bytes of `waiting` known to contain no line feed.
    searched: usize,
    received: u64,
    number: u64,
    ended: bool,
}

/// A line without its line feed. It may be blank or not even text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) bytes: Bytes,
}

/// Why no more lines come although the body has not ended.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The body is longer than it may be.
    TooLong(Problem),
    /// The body broke off, with the reason.
    Broken(String),
}

impl<B> Lines<B>
where
    B: http_body::Body<Data = Bytes, Error: fmt::Display> + Unpin,
{
    pub(crate) fn new(body: B, ceilings: Ceilings) -> Self {
        let (searched, received, number, ended) = Default::default();
        Self { body, ceilings, waiting: BytesMut::new(), searched, received, number, ended }
    }

    /// The next line that is not blank; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Line>, Cut> {
        loop {
            if let Some(line) = self.next_arrived() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// The next line that is not blank, if it has arrived already.
    pub(crate) fn next_arrived(&mut self) -> Option<Line> {
        loop {
            let unsearched = self.waiting.get(self.searched..).unwrap_or_default();
            let end = match unsearched.iter().position(|byte| *byte == b'\n') {
                Some(end) => self.searched + end,
                None if self.ended && !self.waiting.is_empty() => self.waiting.len(),
                None => {
                    self.searched = self.waiting.len();
                    return None;
                }
            };
            let bytes = self.waiting.split_to(end).freeze();
            if self.waiting.has_remaining() {
                self.waiting.advance(1);
            }
            self.searched = 0;
            self.number += 1;
            if !bytes.trim_ascii().is_empty() {
                return Some(Line { number: self.number, bytes });
            }
        }
    }

    async fn receive(&mut self) -> Result<(), Cut> {
        let Some(frame) = self.body.frame().await else {
            self.ended = true;
            return Ok(());
        };
        let frame = frame.map_err(|error| Cut::Broken(error.to_string()))?;
        if let Ok(piece) = frame.into_data() {
            self.received += piece.len() as u64;
            if self.received > self.ceilings.max_batch_bytes {
                return Err(Cut::TooLong(self.ceilings.too_many_bytes()));
            }
            self.waiting.extend_from_slice(&piece);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use http_body_util::StreamBody;
    use std::convert::Infallible;

    /// All lines of a body that arrives in these pieces.
    fn lines(pieces: &[&'static str], max_bytes: u64) -> (Vec<(u64, String)>, Option<Cut>) {
        let frames = pieces
            .iter()
            .map(|piece| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(piece.as_bytes()))));
        let body = StreamBody::new(futures::stream::iter(frames.collect::<Vec<_>>()));
        let mut lines = Lines::new(body, Ceilings { max_batch_bytes: max_bytes, ..Ceilings::default() });
        let mut all = Vec::new();
        loop {
            match lines.next().now_or_never().unwrap() {
                Ok(Some(line)) => all.push((line.number, String::from_utf8(line.bytes.to_vec()).unwrap())),
                Ok(None) => return (all, None),
                Err(cut) => return (all, Some(cut)),
            }
        }
    }

    #[test]
    fn lines_are_the_same_however_the_body_is_split() {
        let text = "one\n\n  \r\ntwo\r\nthré\nlast";
        let whole = lines(&[text], 100).0;
        assert_eq!(
            whole,
            [(1, "one".to_owned()), (4, "two\r".to_owned()), (5, "thré".to_owned()), (6, "last".to_owned())]
        );
        for cut in (1..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let (head, tail) = text.split_at(cut);
            assert_eq!(lines(&[head, tail], 100).0, whole, "cut at {cut}");
        }
        assert_eq!(lines(&[], 100).0, []);
        assert_eq!(lines(&["\n", "\n"], 100).0, []);
    }

    #[test]
    fn a_body_over_its_ceiling_is_cut_after_the_last_complete_line() {
        let (before, cut) = lines(&["one\ntwo\n", "three\n"], 8);
        assert_eq!(before.len(), 2);
        assert!(matches!(cut, Some(Cut::TooLong(problem)) if problem.status == 413));
    }
}
