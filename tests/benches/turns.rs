//! Measures variants in turns, so that whatever else the machine does falls on all of them.

use std::time::Duration;

/// Rounds of each variant.
pub(crate) const ROUNDS: usize = 11;

/// One of the things that are compared: its name, and what does one round and says how long that took.
pub(crate) type Variant<'a> = (&'a str, Box<dyn FnMut() -> Duration + 'a>);

/// The times of the rounds of one variant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

/// Lets each do one round that does not count, and then all of them [`ROUNDS`] in turns. Prints a line for each: `unit` of a second, each
/// of `count`, and the median in multiples of that of `base`.
pub(crate) fn print(
    title: &str,
    (unit, per_second): (&str, f64),
    count: u64,
    base: &str,
    variants: &mut [Variant<'_>],
) {
    let spreads = in_turns(variants);
    let base = variants.iter().zip(&spreads).find(|((name, _), _)| *name == base).map(|(_, spread)| spread.median);
    println!("\n| {title} | median | least to most | x |\n| --- | --- | --- | --- |");
    for ((name, _), spread) in variants.iter().zip(&spreads) {
        let each = |seconds: f64| seconds * per_second / count as f64;
        println!(
            "| {name} | {:.1} {unit} | {:.1} to {:.1} | {:.2} |",
            each(spread.median),
            each(spread.least),
            each(spread.most),
            spread.median / base.unwrap_or(spread.median)
        );
    }
}

fn in_turns(variants: &mut [Variant<'_>]) -> Vec<Spread> {
    let mut times: Vec<Vec<Duration>> = variants.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for ((_, measure), times) in variants.iter_mut().zip(&mut times) {
            let took = measure();
            if round > 0 {
                times.push(took);
            }
        }
    }
    times.into_iter().map(spread).collect()
}

fn spread(mut times: Vec<Duration>) -> Spread {
    times.sort_unstable();
    let at = |index: usize| times.get(index).map_or(0.0, Duration::as_secs_f64);
    Spread { least: at(0), median: at(times.len() / 2), most: at(times.len().saturating_sub(1)) }
}
