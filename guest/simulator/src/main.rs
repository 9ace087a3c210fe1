//! Plays the scenario of a seed, and prints what happens in it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line")]

use fantail_simulator::{Broken, Scenario, simulate};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(seed) = std::env::args().nth(1).and_then(|seed| seed.parse().ok()) else {
        eprintln!("which seed? A number, as a failed test prints it");
        return ExitCode::from(2);
    };
    let scenario = Scenario::draw(seed);
    println!("{:#?}", scenario.policy);
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
