//! The program beside others, each as a process of its own.

use crate::origin_process::OriginProcess;
use crate::turns::{self, Variant};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// URLs of a long list.
const MANY: u64 = 20_000;

pub(crate) fn print(origin: &OriginProcess) {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("\ncurl: skipped, it is not on PATH");
        return;
    }
    let one = origin.url("/ok");
    let mut variants: [Variant<'_>; 2] = [
        ("curl", Box::new(|| wall(curl().arg(&one)))),
        ("fantail fetch", Box::new(|| wall(fantail().args(["--format", "ndjson"]).arg(&one)))),
    ];
    turns::print("one URL, from start to end", ("ms", 1e3), 1, "curl", &mut variants);
    // curl reads a list of `url = "..."`, and fantail one of URLs.
    let (mut config, mut list) = (NamedTempFile::new().expect("a file"), NamedTempFile::new().expect("a file"));
    for number in 0..MANY {
        writeln!(config, "url = \"{one}?{number}\"\noutput = /dev/null").expect("written");
        writeln!(list, "{one}?{number}").expect("written");
    }
    for (title, measure) in
        [("20,000 URLs, 64 in flight: wall", wall as fn(&mut Command) -> Duration), ("the same: CPU", cpu)]
    {
        let (config, list) = (config.path(), list.path());
        let mut variants: [Variant<'_>; 2] = [
            ("curl -Z", Box::new(|| measure(curl().args(["-Z", "--parallel-max", "64", "-K"]).arg(config)))),
            ("fantail fetch", Box::new(|| measure(fantail().args(["-c", "64", "-i"]).arg(list)))),
        ];
        turns::print(title, ("us", 1e6), MANY, "curl -Z", &mut variants);
    }
}

fn curl() -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--no-progress-meter"]);
    curl
}

fn fantail() -> Command {
    let mut fantail = Command::new(env!("CARGO_BIN_EXE_fantail"));
    fantail.args(["fetch", "--quiet", "--allow-net", "127.0.0.0/8"]);
    fantail
}

fn wall(program: &mut Command) -> Duration {
    let start = Instant::now();
    run(program);
    start.elapsed()
}

/// User and system time of the process, which the kernel counts in hundredths of a second (proc(5)).
fn cpu(program: &mut Command) -> Duration {
    let before = ticks_of_children();
    run(program);
    Duration::from_millis(10 * (ticks_of_children() - before))
}

fn run(program: &mut Command) {
    let status = program.stdout(Stdio::null()).status().expect("it can be run");
    assert!(status.success(), "{program:?}: {status}");
}

fn ticks_of_children() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // After the name, which is in brackets: cutime and cstime are the fields 16 and 17, counted from 1 for the process's number.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    fields.split_whitespace().skip(13).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}
