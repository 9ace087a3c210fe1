//! Makes arguments of a profile's options.

use super::file::{ConfigError, Profile};
use crate::suggest::hint;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;
use toml::Value;

/// Options that say which profile to read, or that end the program.
const NOT_IN_PROFILES: [&str; 4] = ["config", "help", "profile", "version"];

/// The profile's options as arguments of `command`, without those that `given` has already, or that exclude one of these.
pub(super) fn arguments(
    profile: &Profile,
    command: &Command,
    given: &ArgMatches,
) -> Result<Vec<OsString>, ConfigError> {
    let options =
        || command.get_arguments().filter(|arg| arg.get_long().is_some_and(|long| !NOT_IN_PROFILES.contains(&long)));
    let is_given = |arg: &Arg| given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let mut arguments = Vec::new();
    for (key, value) in &profile.options {
        let arg = options().find(|arg| arg.get_long() == Some(key)).ok_or_else(|| {
            let meant = hint(key, options().filter_map(Arg::get_long));
            profile.error(format!("there is no option {key}{meant}"))
        })?;
        let repeats = matches!(arg.get_action(), ArgAction::Append);
        let excluded = options().filter(|other| is_given(other)).any(|other| {
            let excludes = |one, another: &Arg| {
                command.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == another.get_id())
            };
            excludes(arg, other) || excludes(other, arg)
        });
        if excluded || (is_given(arg) && !repeats) {
            continue;
        }
        arguments.extend(written(arg, key, value).map_err(|reason| profile.error(reason))?);
    }
    Ok(arguments)
}

fn written(arg: &Arg, key: &str, value: &Value) -> Result<Vec<OsString>, String> {
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let needs_no_value = is_flag || arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    let values = match value {
        Value::Boolean(on) if needs_no_value => {
            return Ok(on.then(|| format!("--{key}").into()).into_iter().collect());
        }
        _ if is_flag => return Err(format!("{key} is true or false")),
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    };
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(format!("{key} is a text, a number, or a list of these")),
    };
    values.into_iter().map(|value| Ok(format!("--{key}={}", text(value)?).into())).collect()
}
