//! Patterns for origins, written as Spin writes them in `allowed_outbound_hosts`.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::str::FromStr;

/// Origins that requests may go to: `https://api.example.com`, `https://*.example.com`, `http://127.0.0.1:8000..8010`,
/// `*://10.0.0.0/8:*`. A wildcard in front of a domain stands for one label or more, not for none. Without a port it is the
/// scheme's own. A range of ports leaves out its end. A network stands for hosts that are written as an address in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: Option<Scheme>,
    host: Host,
    ports: Option<Range<u32>>,
    written: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// Begins with a dot.
    Below(String),
    Name(String),
    Network(IpNet),
}

/// What is wrong with a pattern, and how one is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{pattern:?} is not a pattern for origins: {reason}; it is written like https://*.example.com or http://127.0.0.1:8000"
)]
pub struct PatternError {
    pattern: String,
    reason: &'static str,
}

impl OriginPattern {
    /// Whether it stands for this origin. `host` is in lower case and punycode, an IPv6 address without brackets.
    pub(crate) fn matches(&self, https: bool, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.');
        let host_matches = match &self.host {
            Host::Any => true,
            Host::Below(domain) => host.len() > domain.len() && host.ends_with(domain.as_str()),
            Host::Name(name) => name == host,
            Host::Network(network) => host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address)),
        };
        let scheme = if https { Scheme::Https } else { Scheme::Http };
        let scheme_matches = self.scheme.is_none_or(|own| own == scheme);
        host_matches && scheme_matches && self.ports.as_ref().is_none_or(|ports| ports.contains(&port.into()))
    }

    /// Whether it stands for this origin and names its address, not only a network that it is in.
    pub(crate) fn names(&self, https: bool, address: SocketAddr) -> bool {
        let ip = address.ip();
        matches!(&self.host, Host::Network(network) if *network == IpNet::from(ip))
            && self.matches(https, &ip.to_string(), address.port())
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for OriginPattern {
    type Err = PatternError;

    fn from_str(pattern: &str) -> Result<Self, PatternError> {
        let wrong = |reason| PatternError { pattern: pattern.to_owned(), reason };
        let (scheme, rest) = pattern.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "*" => None,
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            _ => return Err(wrong("the scheme is none of http, https and *")),
        };
        let (host, port) =
            host_and_port(rest.trim_end_matches('/')).ok_or_else(|| wrong("what is in brackets is no address"))?;
        let ports = match (port, scheme) {
            (Some("*"), _) => None,
            (Some(port), _) => {
                Some(ports(port).ok_or_else(|| wrong("the port is no number, range like 80..90, or *"))?)
            }
            (None, Some(Scheme::Http)) => Some(80..81),
            (None, Some(Scheme::Https)) => Some(443..444),
            (None, None) => return Err(wrong("without a scheme it needs a port, which may be *")),
        };
        let host = host_pattern(host).ok_or_else(|| wrong("the host is no name, address, network, *.domain or *"))?;
        Ok(Self { scheme, host, ports, written: pattern.to_owned() })
    }
}

/// A network is written with a slash, and an IPv6 address in brackets or, in a network, without.
fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        let port = rest.strip_prefix(':');
        return (rest.is_empty() || port.is_some()).then_some((address, port));
    }
    let port_from = match text.split_once('/') {
        Some((address, rest)) => address.len() + 1 + rest.find(':').unwrap_or(rest.len()),
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at_checked(port_from)?;
    Some((host, port.strip_prefix(':')))
}

fn ports(text: &str) -> Option<Range<u32>> {
    let number = |text: &str| text.parse::<u16>().ok().map(u32::from);
    match text.split_once("..") {
        Some((from, to)) => Some(number(from)?..number(to)?).filter(|range| !range.is_empty()),
        None => number(text).map(|port| port..port + 1),
    }
}

fn host_pattern(host: &str) -> Option<Host> {
    if host == "*" {
        return Some(Host::Any);
    }
    if let Ok(network) = host.parse::<IpAddr>().map(IpNet::from).or_else(|_| host.parse()) {
        return Some(Host::Network(network));
    }
    let (below, domain) = host.strip_prefix("*.").map_or((false, host), |domain| (true, domain));
    // A domain as a URL would have it: lower case and punycode.
    let url::Host::Domain(domain) = url::Host::parse(domain).ok()? else { return None };
    let domain = domain.trim_end_matches('.');
    if domain.is_empty() || domain.contains('*') {
        return None;
    }
    Some(if below { Host::Below(format!(".{domain}")) } else { Host::Name(domain.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, url: &str) -> bool {
        let url = url::Url::parse(url).unwrap();
        let host = url.host_str().unwrap().trim_matches(['[', ']']);
        let pattern: OriginPattern = pattern.parse().unwrap();
        pattern.matches(url.scheme() == "https", host, url.port_or_known_default().unwrap())
    }

    #[test]
    fn a_pattern_stands_for_its_scheme_host_and_port_and_no_other() {
        for (pattern, url, expected) in [
            ("https://example.com", "https://EXAMPLE.com./x", true),
            ("https://example.com", "http://example.com/", false),
            ("https://example.com", "https://example.com:8443/", false),
            ("https://example.com", "https://a.example.com/", false),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://badexample.com/", false),
            ("https://bücher.example", "https://xn--bcher-kva.example/", true),
            ("*://*:*", "http://127.0.0.1:99/", true),
            ("*://a.test:80", "http://a.test/", true),
            ("http://a.test:8000..8010", "http://a.test:8009/", true),
            ("http://a.test:8000..8010", "http://a.test:8010/", false),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/", true),
            ("http://127.0.0.1:8000", "http://2130706433:8000/", true),
            ("http://127.0.0.1:8000", "http://127.0.0.2:8000/", false),
            ("http://10.0.0.0/8:*", "http://10.1.2.3:99/", true),
            ("http://10.0.0.0/8", "http://10.1.2.3:99/", false),
            ("http://[::1]:80", "http://[::1]/", true),
            ("*://fd00::/8:80", "http://[fd12::1]/", true),
            ("https://example.com/", "https://example.com/a", true),
        ] {
            assert_eq!(matches(pattern, url), expected, "{pattern} {url}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (pattern, reason) in [
            ("example.com", "it has no scheme"),
            ("ftp://example.com", "the scheme is none"),
            ("*://example.com", "needs a port"),
            ("http://example.com:99999", "the port is no number"),
            ("http://example.com:9..3", "the port is no number"),
            ("http://[::1", "what is in brackets"),
            ("http://[::1]8080", "what is in brackets"),
            ("http://[fd00::]/8", "what is in brackets"),
            ("http://*", ""),
            ("http://a.*.com", "the host is no name"),
            ("http://", "the host is no name"),
            ("http://example.com/path", "the host is no name"),
        ] {
            match pattern.parse::<OriginPattern>() {
                Ok(_) => assert_eq!(reason, "", "{pattern}"),
                Err(error) => assert!(!reason.is_empty() && error.to_string().contains(reason), "{error}"),
            }
        }
    }
}
