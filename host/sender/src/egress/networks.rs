//! Checks addresses against networks.

use super::forms::forms;
use ipnet::{IpNet, Ipv4Net};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The networks that may be connected to, and those that may not.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    public: bool,
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

/// An address that a policy has approved to be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approved(SocketAddr);

impl Approved {
    /// The address.
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

/// An address that a policy refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The address, or the embedded one that is not allowed.
    pub address: IpAddr,
    /// What it is reserved for, or that it is denied.
    pub reason: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is refused: {}", self.address, self.reason)?;
        if self.reason == DENIED { Ok(()) } else { write!(f, " (--allow-net {} would allow it)", self.address) }
    }
}

const DENIED: &str = "denied by policy";

impl Networks {
    pub(super) fn nothing() -> Self {
        Self { public: false, allowed: Vec::new(), denied: Vec::new() }
    }

    pub(super) fn public() -> Self {
        Self { public: true, ..Self::nothing() }
    }

    pub(super) fn allow(&mut self, network: IpNet) {
        self.allowed.push(network);
    }

    pub(super) fn deny(&mut self, network: IpNet) {
        // Connecting to an IPv4-mapped address connects to the IPv4 address inside, so that one is denied in every form.
        self.denied.extend(unmapped(network));
        self.denied.push(network);
    }

    /// Checks an address, and every address it may lead to: all must be allowed. An address that is `named` by an origin pattern needs no
    /// allowed network, but its network must not be denied.
    pub(super) fn approve(&self, address: SocketAddr, named: bool) -> Result<Approved, Refused> {
        let contained = |networks: &[IpNet], ip| networks.iter().any(|network| network.contains(&ip));
        if let Some(denied) = forms(address.ip()).find(|form| contained(&self.denied, *form)) {
            return Err(Refused { address: denied, reason: DENIED });
        }
        let not_listed = if self.public { None } else { Some("only listed networks are allowed") };
        let forbidden = |form: IpAddr| {
            let reason = reserved_for(form).or(not_listed)?;
            (!contained(&self.allowed, form)).then_some(Refused { address: form, reason })
        };
        match forms(address.ip()).find_map(forbidden) {
            Some(refused) if !named => Err(refused),
            Some(_) | None => Ok(Approved(address)),
        }
    }
}

/// The IPv4 network that a network of IPv4-mapped addresses stands for.
fn unmapped(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(network) = network else { return None };
    let inside = network.network().to_ipv4_mapped()?;
    Ipv4Net::new(inside, network.prefix_len().checked_sub(96)?).ok().map(IpNet::V4)
}

/// The networks in IANA's special-purpose registries that are not globally reachable, or that lead to ones that are not.
const RESERVED: [(&str, &str); 27] = [
    ("0.0.0.0/8", "this network (RFC 791)"),
    ("10.0.0.0/8", "private use (RFC 1918)"),
    ("100.64.0.0/10", "shared address space (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122)"),
    ("169.254.0.0/16", "link local (RFC 3927)"),
    ("172.16.0.0/12", "private use (RFC 1918)"),
    ("192.0.0.0/24", "IETF protocol assignments (RFC 6890)"),
    ("192.0.2.0/24", "documentation (RFC 5737)"),
    ("192.88.99.0/24", "6to4 relay anycast (RFC 7526)"),
    ("192.168.0.0/16", "private use (RFC 1918)"),
    ("198.18.0.0/15", "benchmarking (RFC 2544)"),
    ("198.51.100.0/24", "documentation (RFC 5737)"),
    ("203.0.113.0/24", "documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("240.0.0.0/4", "reserved (RFC 1112)"),
    ("::/128", "unspecified (RFC 4291)"),
    ("::1/128", "loopback (RFC 4291)"),
    ("::ffff:0:0/96", "IPv4-mapped (RFC 4291)"),
    ("64:ff9b::/96", "IPv4 translation (RFC 6052)"),
    ("64:ff9b:1::/48", "IPv4 translation (RFC 8215)"),
    ("2001::/23", "IETF protocol assignments, Teredo included (RFC 2928)"),
    ("2001:db8::/32", "documentation (RFC 3849)"),
    ("2002::/16", "6to4 (RFC 3056)"),
    ("3fff::/20", "documentation (RFC 9637)"),
    ("fc00::/7", "unique local (RFC 4193)"),
    ("fe80::/10", "link local (RFC 4291)"),
    ("ff00::/8", "multicast (RFC 4291)"),
];

fn reserved_for(ip: IpAddr) -> Option<&'static str> {
    static NETWORKS: std::sync::LazyLock<Vec<(IpNet, &str)>> = std::sync::LazyLock::new(|| {
        RESERVED.iter().filter_map(|(network, reason)| Some((network.parse().ok()?, *reason))).collect()
    });
    let listed = NETWORKS.iter().find(|(network, _)| network.contains(&ip)).map(|(_, reason)| *reason);
    listed.or_else(|| match ip {
        IpAddr::V6(ip) if !is_global_unicast(ip) => Some("not global unicast (RFC 4291)"),
        IpAddr::V6(_) | IpAddr::V4(_) => None,
    })
}

/// 2000::/3, the only block that IANA has allocated for global unicast.
fn is_global_unicast(ip: Ipv6Addr) -> bool {
    ip.segments().first().is_some_and(|first| first >> 13 == 1)
}

#[cfg(test)]
mod tests {
    use super::super::forms::EMBEDDED_10_1_2_3;
    use super::*;
    use crate::Egress;

    fn verdict(egress: &Egress, ip: &str) -> Result<Approved, Refused> {
        egress.approve(SocketAddr::new(ip.parse().unwrap(), 443))
    }

    #[test]
    fn every_reserved_network_is_refused_from_its_first_to_its_last_address() {
        for (network, reason) in RESERVED {
            let network: IpNet = network.parse().unwrap();
            for ip in [network.network(), network.broadcast()] {
                let refused = Egress::public().approve(SocketAddr::new(ip, 80)).unwrap_err();
                assert_eq!((refused.address, refused.reason), (ip, reason));
            }
        }
    }

    #[test]
    fn global_addresses_are_approved_unchanged() {
        for ip in ["1.1.1.1", "9.255.255.255", "11.0.0.0", "172.32.0.0", "223.255.255.255", "2606:4700::1111"] {
            assert_eq!(verdict(&Egress::public(), ip).unwrap().address().ip().to_string(), ip);
        }
    }

    #[test]
    fn addresses_that_iana_has_not_allocated_are_refused() {
        for ip in ["4000::1", "100::1", "5f00::1", "::7f00:1"] {
            assert!(verdict(&Egress::public(), ip).is_err(), "{ip}");
        }
    }

    #[test]
    fn an_allowed_network_is_approved_but_not_in_its_other_forms() {
        let egress = Egress::public().allow("127.0.0.0/8".parse().unwrap());
        assert!(verdict(&egress, "127.9.9.9").is_ok());
        for ip in ["::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "0.0.0.0"] {
            assert!(verdict(&egress, ip).is_err(), "{ip}");
        }
    }

    fn with(mut egress: Egress, denied: &[&str], allowed: &[&str]) -> Egress {
        for network in denied {
            egress = egress.deny(network.parse().unwrap());
        }
        allowed.iter().fold(egress, |egress, network| egress.allow(network.parse().unwrap()))
    }

    /// L2: a denied network was not checked against the address embedded in an IPv4-mapped one.
    #[test]
    fn every_embedding_of_a_denied_address_is_denied_whatever_is_allowed() {
        let denies = ["10.1.2.3/32", "10.0.0.0/8", "0.0.0.0/0", "::ffff:10.0.0.0/104", "::ffff:0:0/96"];
        let allows: [&[&str]; 5] = [&[], &["::/0"], &["0.0.0.0/0"], &["::/0", "0.0.0.0/0"], &["::/0", "10.1.2.3/32"]];
        for (denied, allowed) in denies.iter().flat_map(|denied| allows.map(|allowed| (denied, allowed))) {
            for ip in EMBEDDED_10_1_2_3.into_iter().chain(["10.1.2.3"]) {
                for egress in [Egress::public(), Egress::nothing()] {
                    let refused = verdict(&with(egress, &[denied], allowed), ip).unwrap_err();
                    assert_eq!(refused.reason, DENIED, "{ip} against deny {denied} and allow {allowed:?}");
                }
            }
        }
        // The written form is checked too.
        for ip in EMBEDDED_10_1_2_3 {
            let egress = with(Egress::public(), &["::/0"], &["::/0", "0.0.0.0/0"]);
            assert_eq!(verdict(&egress, ip).unwrap_err().reason, DENIED, "{ip}");
            assert!(verdict(&egress, "10.1.2.3").is_ok());
        }
    }

    /// L2: an address has to be allowed in every form.
    #[test]
    fn an_address_with_an_embedded_one_is_approved_only_if_both_are_allowed() {
        for ip in EMBEDDED_10_1_2_3 {
            for egress in [Egress::public(), Egress::nothing()] {
                for (allowed, passes) in
                    [(&["::/0"][..], false), (&["::/0", "10.0.0.0/9"], true), (&["::/0", "11.0.0.0/8"], false)]
                {
                    let egress = with(egress.clone(), &[], allowed);
                    // Some of the forms embed more than one address.
                    let others = forms(ip.parse().unwrap()).filter(IpAddr::is_ipv4).count() > 1;
                    let approved = verdict(&egress, ip).is_ok();
                    assert!(approved == passes || (others && !approved), "{ip} with {allowed:?}");
                }
            }
            let all = with(Egress::nothing(), &[], &["::/0", "0.0.0.0/0"]);
            assert!(verdict(&all, ip).is_ok(), "{ip}");
        }
        // A network with NAT64 reaches the public addresses through it, and only those.
        let nat64 = with(Egress::public(), &[], &["64:ff9b::/96"]);
        assert!(verdict(&nat64, "64:ff9b::1.1.1.1").is_ok());
        let refused = verdict(&nat64, "64:ff9b::10.1.2.3").unwrap_err();
        assert_eq!((refused.address.to_string().as_str(), refused.reason), ("10.1.2.3", "private use (RFC 1918)"));
        // The IPv6 loopback embeds no other address.
        assert!(verdict(&with(Egress::public(), &[], &["::1/128"]), "::1").is_ok());
    }

    #[test]
    fn a_denied_network_is_refused_inside_an_allowed_one() {
        let egress = Egress::public().allow("10.0.0.0/8".parse().unwrap()).deny("10.1.0.0/16".parse().unwrap());
        assert!(verdict(&egress, "10.2.0.1").is_ok());
        assert_eq!(verdict(&egress, "10.1.0.1").unwrap_err().reason, DENIED);
        assert!(verdict(&egress.deny("1.0.0.0/8".parse().unwrap()), "1.1.1.1").is_err());
    }

    #[test]
    fn only_listed_networks_are_approved_if_public_addresses_are_not_allowed() {
        let egress = Egress::nothing().allow("127.0.0.0/8".parse().unwrap());
        assert!(verdict(&egress, "127.0.0.1").is_ok());
        assert_eq!(verdict(&egress, "1.1.1.1").unwrap_err().reason, "only listed networks are allowed");
    }

    #[test]
    fn an_address_named_by_a_pattern_is_approved_only_where_a_url_names_it() {
        let egress = Egress::public().origin("http://127.0.0.1:8000".parse().unwrap());
        let loopback = SocketAddr::new("127.0.0.1".parse().unwrap(), 8000);
        assert!(egress.approve_literal(false, loopback).is_ok());
        assert!(egress.approve_literal(true, loopback).is_err(), "another scheme");
        assert!(egress.approve_literal(false, SocketAddr::new(loopback.ip(), 8001)).is_err(), "another port");
        assert!(egress.approve(loopback).is_err(), "a name that resolves to it");
        let all = Egress::public().origin("http://127.0.0.0/8:*".parse().unwrap());
        assert!(all.approve_literal(false, loopback).is_err(), "a network is allowed by --allow-net");
        assert!(egress.deny("127.0.0.0/8".parse().unwrap()).approve_literal(false, loopback).is_err());
    }

    #[test]
    fn a_refusal_says_which_flag_would_allow_it() {
        let refused = verdict(&Egress::public(), "169.254.169.254").unwrap_err().to_string();
        assert_eq!(
            refused,
            "169.254.169.254 is refused: link local (RFC 3927) (--allow-net 169.254.169.254 would allow it)"
        );
    }
}
