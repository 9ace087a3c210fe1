//! Where requests may go, and who is trusted there.

use super::Connection;
use crate::suggest::closest;
use clap::Args;
use fantail::{OriginPattern, PatternError};
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Egress")]
pub(crate) struct Egress {
    /// Allows only origins that are listed, such as https://*.example.com or http://127.0.0.1:8000. May be repeated.
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) allow: Vec<OriginPattern>,
    /// Allows addresses that are not globally reachable: a network such as 127.0.0.0/8, or one address.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub(crate) allow_net: Vec<IpNet>,
    /// Refuses a network whatever else is allowed.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub(crate) deny_net: Vec<IpNet>,
    /// Trusts the certificates of this PEM file, and no others: authorities, and servers' own (self-signed).
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// A PEM file with the certificate to show to servers that ask for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Says what may have been meant.
fn pattern(text: &str) -> Result<OriginPattern, String> {
    text.parse().map_err(|error: PatternError| {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let scheme = closest(scheme, ["http", "https"]).unwrap_or("https");
        let meant = format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default());
        match meant.parse::<OriginPattern>() {
            Ok(meant) => format!("{error}; did you mean {meant}?"),
            Err(_) => error.to_string(),
        }
    })
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| "expected a network such as 127.0.0.0/8 or one address".to_owned())
}
