//! The options of a policy, generated from the engine's table of fields.

use clap::builder::TypedValueParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use fantail::{BodyMode, Hedge, Order, Policy, Until};
use fantail_engine::{FIELDS, Field, Value};
use std::path::{Path, PathBuf};

/// Shown by `--help`, but not by `-h`.
const RARE: [&str; 8] = [
    "window",
    "window_bytes",
    "burst",
    "max_backoff",
    "retry_percent",
    "retry_per_second",
    "breaker_minimum",
    "breaker_open",
];

/// The policy that is set by options.
pub(crate) struct PolicyOptions {
    file: Option<PathBuf>,
    given: Policy,
}

impl PolicyOptions {
    /// The policy file. Options override it.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The policy of the options, with the fields that they do not set taken from `file`.
    pub(crate) fn or(&self, file: Policy) -> Policy {
        self.given.over(&file)
    }

    /// Where the value of a field was given: an option, or a field of the policy file.
    pub(crate) fn place(&self, name: &str) -> String {
        let given = FIELDS.iter().find(|field| field.name == name && (field.get)(&self.given).is_some());
        match (given.and_then(|field| field.option), &self.file) {
            (None, Some(file)) => format!("{}: {}", file.display(), fantail_wire::policy_path(name)),
            (option, _) => format!("--{}", option.unwrap_or(name)),
        }
    }
}

impl Args for PolicyOptions {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("policy")
            .long("policy")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("A JSON file with a policy; options given here come before it")
            .help_heading("Policy");
        FIELDS.iter().filter_map(option).fold(command.arg(file), Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PolicyOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Policy::default();
        for field in FIELDS.iter().filter(|field| field.option.is_some()) {
            let value = match (field.example)() {
                Value::Flag(_) => matches.get_flag(field.name).then_some(Value::Flag(true)),
                _ => matches.get_one::<Value>(field.name).copied(),
            };
            // The parser made a value of the field's type, so it can be set.
            let _ = value.is_some_and(|value| (field.set)(&mut given, value));
        }
        Ok(Self { file: matches.get_one("policy").cloned(), given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The option of a field, if it has one.
fn option(field: &'static Field) -> Option<Arg> {
    let short = (field.name == "concurrency").then_some('c');
    let doc = field.doc.trim().trim_end_matches('.');
    let help = format!("{doc} [default: {}]", field.default).replace('`', "");
    let option = Arg::new(field.name)
        .long(field.option?)
        .short(short)
        .help(help)
        .help_heading("Policy")
        .hide_short_help(RARE.contains(&field.name));
    let value_name = match (field.example)() {
        Value::Flag(_) => return Some(option.action(ArgAction::SetTrue)),
        Value::Count(_) => "N",
        Value::Bytes(_) => "SIZE",
        Value::Span(_) => "TIME",
        Value::BodyMode(_) => "discard|bytes",
        Value::Order(_) => "completion|input",
        Value::Until(_) => "all|first-failure|N",
        Value::Hedge(_) => "TIME|auto",
    };
    Some(option.value_name(value_name).value_parser(parser(field)))
}

fn parser(field: &'static Field) -> impl TypedValueParser<Value = Value> {
    move |text: &str| {
        let bounds = field.bounds.map(|bounds| format!(", {bounds}")).unwrap_or_default();
        value(field, text).map_err(|expected| format!("expected {expected}{bounds}"))
    }
}

/// Parses a value of the command line. The error says what is expected.
fn value(field: &Field, text: &str) -> Result<Value, String> {
    match (field.example)() {
        Value::Count(_) => text.parse().map(Value::Count).map_err(|_| "a number".to_owned()),
        Value::Bytes(_) => {
            let size = text.parse::<bytesize::ByteSize>();
            size.map(|size| Value::Bytes(size.as_u64())).map_err(|_| "a size such as 64KiB or 10MiB".to_owned())
        }
        Value::Flag(_) => text.parse().map(Value::Flag).map_err(|_| "true or false".to_owned()),
        Value::Span(_) => time(text).map(Value::Span),
        Value::Hedge(_) if text == "auto" => Ok(Value::Hedge(Hedge::Auto)),
        Value::Hedge(_) => {
            time(text).map(|delay| Value::Hedge(Hedge::After(delay))).map_err(|expected| format!("auto, or {expected}"))
        }
        Value::BodyMode(_) => {
            // Nobody here could read an unread body.
            let mode = BodyMode::named(text).filter(|mode| *mode != BodyMode::Unread);
            mode.map(Value::BodyMode).ok_or_else(|| "discard or bytes".to_owned())
        }
        Value::Order(_) => Order::named(text).map(Value::Order).ok_or_else(|| "completion or input".to_owned()),
        Value::Until(_) => match text {
            "all" => Ok(Value::Until(Until::All)),
            "first-failure" => Ok(Value::Until(Until::FirstFailure)),
            number => {
                let count = number.parse().map(|count| Value::Until(Until::Successes(count)));
                count.map_err(|_| "all, first-failure, or a number".to_owned())
            }
        },
    }
}

fn time(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text).map_err(|_| match text.parse::<f64>() {
        Ok(_) => format!("a time with its unit, such as {text}s or {text}ms"),
        Err(_) => "a time such as 250ms or 5s".to_owned(),
    })
}
