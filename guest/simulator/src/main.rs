//! Plays the scenario of a seed, and prints what happens in it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line")]

use fantail_simulator::{Broken, Scenario, simulate};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(seed) = args.next().and_then(|seed| seed.parse().ok()) else {
        eprintln!("usage: fantail-simulator SEED [paced], with the seed that a failed test prints");
        return ExitCode::from(2);
    };
    let paced = args.next().is_some_and(|which| which == "paced");
    let scenario = if paced { Scenario::draw_paced(seed) } else { Scenario::draw(seed) };
    println!("{scenario:#?}");
    match simulate(&scenario, &mut |line| println!("{line}")) {
        Ok(finished) => {
            finished.iter().for_each(|batch| println!("{:#?}", batch.summary));
            ExitCode::SUCCESS
        }
        Err(Broken(what)) => {
            eprintln!("broken: {what}");
            ExitCode::FAILURE
        }
    }
}
