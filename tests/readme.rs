//! README's limits are those of the code.

use crate::support::root;
use fantail::{Limits, Policy, PoolLimits, ServiceOptions};
use fantail_wire::policy_from_json;

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// A bound as README writes it, as JSON: `4,096`, `1 ms`, `7 days`.
fn bound(text: &str, one_more: bool) -> Option<String> {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().ok()?;
    let in_millis = |millis: u64| {
        let millis = number * millis;
        format!("\"{}us\"", if one_more { millis * 1_000 + 1 } else { millis * 1_000 })
    };
    Some(match unit {
        "" => (number + u64::from(one_more)).to_string(),
        "ms" => in_millis(1),
        "h" => in_millis(3_600_000),
        "days" => in_millis(24 * 3_600_000),
        _ => return None,
    })
}

fn is_accepted(field: &str, value: &str) -> bool {
    policy_from_json(&format!("{{\"{field}\":{value}}}")).is_ok_and(|policy| accepted(&policy))
}

fn accepted(policy: &Policy) -> bool {
    policy.resolve().is_ok()
}

#[test]
fn the_bounds_of_policies_in_the_readme_are_those_that_are_kept() {
    let readme = readme();
    let table = readme.split("| field | option |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut checked = 0;
    for row in table.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let Some((from, to)) = cells[3].split_once(" to ") else { continue };
        let Some(over) = bound(to, true) else { continue };
        let fields = cells[0].split('`').skip(1).step_by(2).filter(|name| cells[0].contains(&format!("`{name}`:")));
        for field in fields {
            // `0 to 7 days`: what is nothing needs no unit.
            let from = if to.contains(' ') && !from.contains(' ') { format!("{from} ms") } else { from.to_owned() };
            for within in [bound(&from, false), bound(to, false)].into_iter().flatten() {
                assert!(is_accepted(field, &within), "{field}: {within} of {row}");
            }
            assert!(!is_accepted(field, &over), "{field}: {over} of {row}");
            checked += 1;
        }
    }
    assert!(checked >= 20, "only {checked} were found");
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
        format!("| computing without asking anything of the host | {:?} |", limits.stall),
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
