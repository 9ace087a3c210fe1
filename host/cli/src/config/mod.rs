//! The arguments, with the options of a profile.

mod file;
mod options;

use super::arguments::{self, Arguments};
use super::{Exit, say};
use clap::{CommandFactory, FromArgMatches, Parser};
use file::{ConfigError, Profile};
use std::ffi::OsString;
use std::process::ExitCode;

/// The command that has profiles.
const COMMAND: &str = "fetch";

/// Parses the arguments. If the command names a profile, its options are put in front of those that are given.
pub(crate) fn parse() -> Result<Arguments, ExitCode> {
    let mut given: Vec<OsString> = std::env::args_os().collect();
    let profile = with_profile(&mut given).map_err(|error| Exit::usage(error).code())?;
    Arguments::try_parse_from(given).map_err(|error| {
        let _ = error.print();
        if let Some(profile) = profile.filter(|_| error.use_stderr()) {
            // Their values may be secret.
            say(format_args!("note: {profile} was read, with the options {}", profile.names()));
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

/// Adds the options of the profile that is named in the arguments, if one is.
fn with_profile(given: &mut Vec<OsString>) -> Result<Option<Profile>, ConfigError> {
    if given.get(1).is_none_or(|command| command != COMMAND) {
        return Ok(None);
    }
    let mut command = Arguments::command();
    command.build();
    // Mistakes are reported when all options are there.
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(&*given) else { return Ok(None) };
    let Some(matches) = matches.subcommand_matches(COMMAND) else { return Ok(None) };
    let Ok(named) = arguments::Profile::from_arg_matches(matches) else { return Ok(None) };
    let Some(name) = named.profile else { return Ok(None) };
    let Some(fetch) = command.find_subcommand(COMMAND) else { return Ok(None) };
    let profile = Profile::read(named.config, name)?;
    let arguments = options::arguments(&profile, fetch, matches)?;
    given.splice(2..2, arguments);
    Ok(Some(profile))
}
