//! The limits in README match the code.

use crate::support::root;
use fantail::{Limits, PoolLimits, ServiceOptions};

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

#[test]
fn the_limits_of_the_harness_in_the_readme_are_the_defaults() {
    let (readme, limits, pool, service) =
        (readme(), Limits::default(), PoolLimits::default(), ServiceOptions::default());
    let grouped = |number: usize| {
        let digits = number.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(",")
    };
    let (mib, kib) = (|bytes: usize| format!("{} MiB", bytes >> 20), |bytes: usize| format!("{} KiB", bytes >> 10));
    assert_eq!(limits.handles, limits.resources);
    for row in [
        format!("| memory of one instance, over all its memories | {} |", mib(limits.memory)),
        format!("| batches at once; more wait | {} |", grouped(fantail::Builder::BATCHES)),
        format!("| component handles, host resources | {} each |", grouped(limits.handles)),
        format!("| bytes passed to the host at once | {} |", mib(limits.hostcall_bytes)),
        format!(
            "| header fields of a message | {} in the component, {} and {} fields on the wire |",
            kib(limits.field_bytes),
            kib(pool.head_bytes),
            pool.head_fields
        ),
        format!("| bytes of the network for one batch, each way | {} TiB |", limits.network_bytes >> 40),
        format!("| bytes of one response's body, kept or not | {} GiB |", limits.response_bytes >> 30),
        format!("| computing without a call to the host | {:?} |", limits.stall),
        format!("| computing in all | {} h |", limits.cpu.as_secs() / 3_600),
        format!(
            "| connections: open, and to one origin | {}, {} |",
            grouped(pool.max_open),
            grouped(pool.max_open_per_origin)
        ),
        format!("| idle connections | {}, for {:?} |", grouped(pool.max_idle), pool.max_age),
        format!("| informational responses before an answer | {} |", pool.informational),
        format!("| instances, and callers of each | {}, {} |", service.instances, service.callers),
    ] {
        assert!(readme.contains(&row), "{row}");
    }
    assert_eq!(limits.wall.as_secs(), 7 * 24 * 3_600 + 60);
}
