//! The IPv4 addresses that an IPv6 address stands for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as written, and each IPv4 address that it leads to, or may lead to through a translation or a tunnel of the network.
pub(super) fn forms(written: IpAddr) -> impl Iterator<Item = IpAddr> {
    let embedded = match written {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(ip) => embedded(ip),
    };
    std::iter::once(written).chain(embedded.into_iter().map(IpAddr::V4))
}

/// Where an IPv4 address begins in an IPv6 address.
enum Place {
    /// It fills four bytes from here.
    At(usize),
    /// The same, with each bit inverted.
    Inverted(usize),
    /// From here, skipping byte 8, which must be zero (RFC 6052, section 2.2). A result in 0.0.0.0/8, where there are no hosts, is ignored: the
    /// address is then at another position.
    Around(usize),
}

/// The prefix of each form, and the positions of the embedded addresses.
const EMBEDDINGS: [(&[u8], &[Place]); 6] = [
    // IPv4-mapped (RFC 4291, section 2.5.5.2): the system connects to the address inside.
    (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], &[Place::At(12)]),
    // IPv4-translated (RFC 2765, section 2.1).
    (&[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0], &[Place::At(12)]),
    // NAT64 with the well-known prefix (RFC 6052), and with a network's own prefix, of any length, below the one reserved for that (RFC 8215).
    (&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], &[Place::At(12)]),
    (&[0, 0x64, 0xff, 0x9b, 0, 1], &[Place::Around(6), Place::Around(7), Place::Around(8), Place::At(12)]),
    // 6to4 (RFC 3056).
    (&[0x20, 0x02], &[Place::At(2)]),
    // Teredo (RFC 4380, section 4): the server's address, and the client's with its bits inverted.
    (&[0x20, 0x01, 0, 0], &[Place::At(4), Place::Inverted(12)]),
];

/// The last IPv4-compatible address (RFC 4291, section 2.5.5.1). The loopback and the unspecified address have the same form.
const COMPATIBLE: u128 = u32::MAX as u128;

/// Bytes 8 to 11 of an ISATAP address (RFC 5214, section 6.1), in any network: one bit says whether the embedded address is globally unique.
const ISATAP: [[u8; 4]; 2] = [[0, 0, 0x5e, 0xfe], [2, 0, 0x5e, 0xfe]];

fn embedded(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bytes = ip.octets();
    let mut found: Vec<Ipv4Addr> = EMBEDDINGS
        .iter()
        .filter(|(prefix, _)| bytes.starts_with(prefix))
        .flat_map(|(_, places)| places.iter().filter_map(|place| place.read(&bytes)))
        .collect();
    let isatap = bytes.get(8..12).is_some_and(|middle| ISATAP.iter().any(|isatap| middle == isatap));
    let compatible = (2..=COMPATIBLE).contains(&ip.to_bits());
    if isatap || compatible {
        found.extend(Place::At(12).read(&bytes));
    }
    found
}

impl Place {
    fn read(&self, bytes: &[u8; 16]) -> Option<Ipv4Addr> {
        let four = |from: usize| bytes.get(from..from + 4)?.first_chunk::<4>().copied();
        match *self {
            Place::At(from) => four(from).map(Ipv4Addr::from),
            Place::Inverted(from) => four(from).map(|four| Ipv4Addr::from(four.map(|byte| !byte))),
            Place::Around(from) => {
                let around = bytes.iter().enumerate().filter(|(at, _)| *at >= from && *at != 8).map(|(_, byte)| *byte);
                let around = around.take(4).collect::<Vec<_>>().first_chunk::<4>().copied();
                around.filter(|four| four.first() != Some(&0)).map(Ipv4Addr::from)
            }
        }
    }
}

/// Every form of 10.1.2.3.
#[cfg(test)]
pub(super) const EMBEDDED_10_1_2_3: [&str; 15] = [
    "::ffff:10.1.2.3",
    "::ffff:0:10.1.2.3",
    "::10.1.2.3",
    "64:ff9b::10.1.2.3",
    "64:ff9b:1::10.1.2.3",
    "64:ff9b:1:a01:2:300::",
    "64:ff9b:1:0a:1:203::",
    "64:ff9b:1:ff:a:102:300:0",
    "64:ff9b:1:2:3:4:10.1.2.3",
    "2002:a01:203::1",
    "2001:0:a01:203::1",
    "2001:0:4136:e378:8000:63bf:f5fe:fdfc",
    "2606:4700::5efe:10.1.2.3",
    "2606:4700::200:5efe:10.1.2.3",
    "fe80::5efe:10.1.2.3",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedding_is_found() {
        let inside: IpAddr = "10.1.2.3".parse().unwrap();
        for written in EMBEDDED_10_1_2_3 {
            assert!(forms(written.parse().unwrap()).any(|form| form == inside), "{written}");
        }
    }

    #[test]
    fn an_address_without_an_embedded_one_has_one_form() {
        for written in ["10.1.2.3", "::1", "::", "2606:4700::1111", "fe80::1", "64:ff9b:2::1", "2001:db8::a01:203"] {
            let written: IpAddr = written.parse().unwrap();
            assert_eq!(forms(written).collect::<Vec<_>>(), [written]);
        }
    }
}
