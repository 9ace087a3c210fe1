//! Where options are read from beside the command line.

use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Profile")]
pub(crate) struct Profile {
    /// Takes the options of [profiles.NAME] in the configuration file. Options given here come before it; those that may be repeated add
    /// to it.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The configuration file [default: $XDG_CONFIG_HOME/fantail/config.toml, or ~/.config/fantail/config.toml].
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub(crate) config: Option<PathBuf>,
}
