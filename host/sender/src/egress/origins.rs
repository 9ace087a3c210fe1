//! Origin patterns, in the syntax of Spin's `allowed_outbound_hosts`.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::str::FromStr;

/// Matches origins that requests may go to: `https://api.example.com`, `https://*.example.com`, `http://127.0.0.1:8000..8010`,
/// `*://10.0.0.0/8:*`. A wildcard in front of a domain matches one label or more, but not none. The default port is that of the
/// scheme. The end of a port range is exclusive. A network matches hosts that are written as an address in it.
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
    /// The domain, with a leading dot.
    Subdomains(String),
    Name(String),
    Network(IpNet),
}

/// An invalid origin pattern: what is wrong with it, and how to write one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is not an origin pattern: {reason}; write it like https://*.example.com or http://127.0.0.1:8000")]
pub struct PatternError {
    pattern: String,
    reason: &'static str,
}

impl OriginPattern {
    /// Whether it matches this origin. `host` is in lower case and punycode, an IPv6 address without brackets.
    pub(crate) fn matches(&self, https: bool, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.');
        let host_matches = match &self.host {
            Host::Any => true,
            Host::Subdomains(domain) => host.len() > domain.len() && host.ends_with(domain.as_str()),
            Host::Name(name) => name == host,
            Host::Network(network) => host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address)),
        };
        let scheme = if https { Scheme::Https } else { Scheme::Http };
        let scheme_matches = self.scheme.is_none_or(|own| own == scheme);
        host_matches && scheme_matches && self.ports.as_ref().is_none_or(|ports| ports.contains(&port.into()))
    }

    /// Whether it matches this origin and names its very address, not only a network that contains it.
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
        let invalid = |reason| PatternError { pattern: pattern.to_owned(), reason };
        let (scheme, rest) = pattern.split_once("://").ok_or_else(|| invalid("it has no scheme"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "*" => None,
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            _ => return Err(invalid("the scheme is not http, https or *")),
        };
        let (host, port) = host_and_port(rest.trim_end_matches('/'))
            .ok_or_else(|| invalid("the host in brackets is not an address"))?;
        let ports = match (port, scheme) {
            (Some("*"), _) => None,
            (Some(port), _) => {
                Some(ports(port).ok_or_else(|| invalid("the port is not a number, a range like 80..90, or *"))?)
            }
            (None, Some(Scheme::Http)) => Some(80..81),
            (None, Some(Scheme::Https)) => Some(443..444),
            (None, None) => return Err(invalid("with the scheme * it needs a port, which may be *")),
        };
        let host = host_pattern(host)
            .ok_or_else(|| invalid("the host is not a name, an address, a network, *.domain or *"))?;
        Ok(Self { scheme, host, ports, written: pattern.to_owned() })
    }
}

/// A network has a slash. An IPv6 address is in brackets, except in a network.
fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        let port = rest.strip_prefix(':');
        return (rest.is_empty() || port.is_some()).then_some((address, port));
    }
    let host_end = match text.split_once('/') {
        Some((address, rest)) => address.len() + 1 + rest.find(':').unwrap_or(rest.len()),
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at_checked(host_end)?;
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
    let (wildcard, domain) = host.strip_prefix("*.").map_or((false, host), |domain| (true, domain));
    // Normalized as in a URL: lower case and punycode.
    let url::Host::Domain(domain) = url::Host::parse(domain).ok()? else { return None };
    let domain = domain.trim_end_matches('.');
    if domain.is_empty() || domain.contains('*') {
        return None;
    }
    Some(if wildcard { Host::Subdomains(format!(".{domain}")) } else { Host::Name(domain.to_owned()) })
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
    fn a_pattern_matches_its_scheme_host_and_port_and_no_other() {
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
    fn an_invalid_pattern_is_refused_with_a_reason() {
        for (pattern, reason) in [
            ("example.com", "it has no scheme"),
            ("ftp://example.com", "the scheme is not"),
            ("*://example.com", "needs a port"),
            ("http://example.com:99999", "the port is not a number"),
            ("http://example.com:9..3", "the port is not a number"),
            ("http://[::1", "the host in brackets"),
            ("http://[::1]8080", "the host in brackets"),
            ("http://[fd00::]/8", "the host in brackets"),
            ("http://*", ""),
            ("http://a.*.com", "the host is not a name"),
            ("http://", "the host is not a name"),
            ("http://example.com/path", "the host is not a name"),
        ] {
            match pattern.parse::<OriginPattern>() {
                Ok(_) => assert_eq!(reason, "", "{pattern}"),
                Err(error) => assert!(!reason.is_empty() && error.to_string().contains(reason), "{error}"),
            }
        }
    }
}
