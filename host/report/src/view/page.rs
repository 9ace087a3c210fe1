//! The whole page.

use super::chart::{Chart, latencies, over_time};
use super::collected::Collected;
use super::context::Context;
use super::facts::{Fact, Facts, policy, receipt, run, totals};
use super::tables::{Table, causes, origins, statuses};
use super::waterfall::{Waterfall, sample, slowest};
use crate::class::Class;
use fantail_engine::Cause;
use serde::Serialize;

/// The whole page.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    source: String,
    made: String,
    version: &'static str,
    notes: Vec<String>,
    totals: Vec<Fact>,
    classes: Vec<(&'static str, &'static str)>,
    over_time: Option<Chart>,
    latencies: Option<Chart>,
    waterfalls: Vec<Waterfall>,
    tables: Vec<Table>,
    facts: Vec<Facts>,
}

/// Makes the page.
pub(crate) fn page(collected: &Collected, hints: Option<fn(Cause) -> &'static str>, context: &Context<'_>) -> Page {
    let all = collected.classes.total();
    let occurs = |class: &Class| collected.classes.get(*class) > 0;
    Page {
        source: context.source.to_owned(),
        made: humantime::format_rfc3339_seconds(context.made).to_string(),
        version: env!("CARGO_PKG_VERSION"),
        notes: context.notes.to_vec(),
        totals: totals(collected, context),
        classes: Class::ALL.into_iter().filter(occurs).map(|class| (class.style(), class.name())).collect(),
        over_time: over_time(collected),
        latencies: latencies(&collected.responses, &collected.failures),
        waterfalls: vec![slowest(&collected.slowest.rows()), sample(&collected.sample.rows(), collected.first_us, all)],
        tables: vec![causes(collected, hints), origins(collected), statuses(collected)],
        facts: vec![run(collected, context.summary), policy(context.policy), receipt(context.receipt)],
    }
}
