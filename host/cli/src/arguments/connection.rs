//! How connections are made.

use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Connects to this address for a host and port, without asking a name server. Several addresses are separated by commas. May
    /// be repeated. Addresses that are not globally reachable need --allow-net all the same.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = resolved)]
    pub(crate) resolve: Vec<Resolved>,
    /// Asks for compressed responses (gzip, br, zstd) and decodes them. --max-body holds for the decoded length.
    #[arg(long)]
    pub(crate) compressed: bool,
    /// Speaks HTTP/2 with http:// origins without asking them first.
    #[arg(long, conflicts_with = "proxy")]
    pub(crate) http2_prior_knowledge: bool,
    /// Opens every connection to this Unix domain socket, whatever the URL's host is. --allow still holds.
    #[arg(long, value_name = "PATH", conflicts_with = "proxy")]
    pub(crate) unix_socket: Option<PathBuf>,
    /// Sends every request through this HTTP proxy; the environment is not asked for one. Its address is judged like any other
    /// (--allow-net), but what a name leads to is known only to the proxy.
    #[arg(long, value_name = "http://[USER:PASSWORD@]HOST:PORT")]
    pub(crate) proxy: Option<String>,
}

/// A host at a port, and its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) addresses: Vec<IpAddr>,
}

fn resolved(text: &str) -> Result<Resolved, String> {
    let expected = "expected HOST:PORT:ADDRESS, such as example.com:443:192.0.2.7 or example.com:443:[2001:db8::7]";
    let mut parts = text.splitn(3, ':');
    let (host, port, addresses) = match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(port), Some(addresses)) if !host.is_empty() => (host, port, addresses),
        _ => return Err(expected.to_owned()),
    };
    if host.parse::<IpAddr>().is_ok() {
        return Err(format!("{host} is an address already, and is never resolved"));
    }
    let port = port.parse().map_err(|_| format!("{port:?} is not a port: {expected}"))?;
    let addresses = addresses.split(',').map(|address| {
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        bare.parse().map_err(|_| format!("{address:?} is not an address: {expected}"))
    });
    Ok(Resolved { host: host.to_owned(), port, addresses: addresses.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_a_port_and_addresses_of_both_families_are_read() {
        let read = resolved("example.com:443:192.0.2.7,[2001:db8::7],2001:db8::8").unwrap();
        assert_eq!((read.host.as_str(), read.port, read.addresses.len()), ("example.com", 443, 3));
    }

    #[test]
    fn what_is_not_of_this_form_is_refused_with_a_reason() {
        for (text, reason) in [
            ("example.com", "expected HOST:PORT:ADDRESS"),
            (":80:192.0.2.7", "expected HOST:PORT:ADDRESS"),
            ("example.com:http:192.0.2.7", "\"http\" is not a port"),
            ("example.com:80:localhost", "\"localhost\" is not an address"),
            ("192.0.2.1:80:192.0.2.7", "is an address already"),
        ] {
            let error = resolved(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
