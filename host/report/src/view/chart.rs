//! Charts of stacked bars. A chart is 1,000 wide and 200 high and stretched to its place, so its texts are beside it and not in it.

use super::collected::Collected;
use crate::class::{Class, ClassCounts};
use crate::format::{count, span};
use crate::latencies::Latencies;
use serde::Serialize;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 200.0;

/// How many labels stand below a chart.
const LABELS: u32 = 5;

/// A chart of stacked bars.
#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    id: &'static str,
    title: &'static str,
    /// The chart in one sentence.
    sentence: String,
    bars: Vec<Bar>,
    marks: Vec<Mark>,
    labels: Vec<String>,
    legend: Vec<(&'static str, &'static str)>,
}

#[derive(Debug, Serialize)]
struct Bar {
    title: String,
    /// The same for the table below the chart.
    from: String,
    numbers: String,
    x: String,
    width: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Serialize)]
struct Segment {
    style: &'static str,
    y: String,
    height: String,
}

/// A vertical line.
#[derive(Debug, Serialize)]
struct Mark {
    title: String,
    x: String,
}

/// Makes bars of counts. `name` names the place of a bar.
fn bars(all: &[ClassCounts], name: impl Fn(usize) -> String) -> Vec<Bar> {
    let highest = all.iter().map(ClassCounts::total).max().unwrap_or(0).max(1) as f64;
    let width = WIDTH / all.len().max(1) as f64;
    let gap = (width / 8.0).min(1.0);
    let place = |(place, counts): (usize, &ClassCounts)| {
        let mut y = HEIGHT;
        let mut segments = Vec::new();
        let mut numbers = Vec::new();
        for class in Class::ALL.into_iter().filter(|class| counts.get(*class) > 0) {
            // A single failure among thousands must be seen.
            let height = (HEIGHT * counts.get(class) as f64 / highest).max(1.5);
            y = (y - height).max(0.0);
            segments.push(Segment { style: class.style(), y: pixels(y), height: pixels(height) });
            numbers.push(format!("{} {}", count(counts.get(class)), class.name()));
        }
        let (from, numbers) = (name(place), numbers.join(", "));
        let title = format!("{from}: {}", if numbers.is_empty() { "none" } else { numbers.as_str() });
        Bar { title, from, numbers, x: pixels(place as f64 * width), width: pixels(width - gap), segments }
    };
    all.iter().enumerate().map(place).collect()
}

fn legend(all: &[ClassCounts]) -> Vec<(&'static str, &'static str)> {
    let occurs = |class: &Class| all.iter().any(|counts| counts.get(*class) > 0);
    Class::ALL.into_iter().filter(occurs).map(|class| (class.style(), class.name())).collect()
}

/// Outcomes over time; none if no time is known.
pub(crate) fn over_time(collected: &Collected) -> Option<Chart> {
    let timeline = &collected.timeline;
    let all = timeline.bars();
    let (start, width) = (timeline.start_us()?, timeline.width_us());
    let after = |bars: f64| span((bars * width as f64) as u64);
    let highest = all.iter().map(ClassCounts::total).max().unwrap_or(0);
    let rate = highest as f64 / (width as f64 / 1e6);
    let mut sentence = format!(
        "Outcomes by when they came, from {}. Each bar is {}, the highest is {} outcomes, or {} a second.",
        clock(start),
        span(width),
        count(highest),
        count(rate.round() as u64)
    );
    if timeline.without_time > 0 {
        sentence += &format!(" {} outcomes without a time are not shown.", count(timeline.without_time));
    }
    let label = |place: u32| format!("+{}", after(all.len() as f64 * f64::from(place) / f64::from(LABELS - 1)));
    Some(Chart {
        id: "over-time",
        title: "Over time",
        sentence,
        bars: bars(&all, |place| format!("after {}", after(place as f64))),
        marks: Vec::new(),
        labels: (0..LABELS).map(label).collect(),
        legend: legend(&all),
    })
}

/// How long requests took, on a logarithmic scale; none without a request.
pub(crate) fn latencies(responses: &Latencies, failures: &Latencies) -> Option<Chart> {
    let recorded = || {
        let responses = responses.recorded().map(|(micros, number)| (micros, number, Class::Successful));
        responses.chain(failures.recorded().map(|(micros, number)| (micros, number, Class::Failed)))
    };
    let shortest = recorded().map(|(micros, ..)| micros).min()?;
    let longest = recorded().map(|(micros, ..)| micros).max()?;
    let steps = if longest / shortest.max(1) > 100_000 { 6.0 } else { 12.0 };
    let exact = |micros: u64| (micros.max(1) as f64).log10() * steps;
    let (first, last) = (exact(shortest).floor(), exact(longest).floor() + 1.0);
    let mut all = vec![ClassCounts::default(); (last - first) as usize];
    for (micros, number, class) in recorded() {
        if let Some(counts) = all.get_mut((exact(micros) - first) as usize) {
            counts.add_many(class, number);
        }
    }
    let at = |place: f64| span(10_f64.powf((first + place) / steps).round() as u64);
    let number = all.len() as f64;
    let mark = |(name, quantile): (&str, f64)| {
        let micros = responses.at(quantile);
        let x = WIDTH * (exact(micros) - first) / number;
        Mark { title: format!("{name} {}", span(micros)), x: pixels(x.clamp(1.0, WIDTH - 1.0)) }
    };
    let marks = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
    let marks = if responses.count() > 0 { marks.map(mark).into() } else { Vec::new() };
    let sentence = "From when a request was read to its outcome, on a logarithmic scale.".to_owned();
    let mut legend = legend(&all);
    for (_, name) in &mut legend {
        *name = if *name == Class::Failed.name() { "failures" } else { "responses" };
    }
    Some(Chart {
        id: "latencies",
        title: "Latencies",
        sentence,
        bars: bars(&all, |place| format!("{} to {}", at(place as f64), at(place as f64 + 1.0))),
        marks,
        labels: (0..LABELS).map(|place| at(number * f64::from(place) / f64::from(LABELS - 1))).collect(),
        legend,
    })
}

/// A time of day, with its date.
pub(crate) fn clock(micros: u64) -> String {
    let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_micros(micros));
    // Years beyond 9999 cannot be written.
    let time = time.filter(|_| micros < 253_402_300_800_000_000);
    time.map_or_else(|| "an unknown time".to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// A coordinate.
pub(crate) fn pixels(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
