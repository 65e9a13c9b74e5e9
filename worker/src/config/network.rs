//! Addresses and blocks of addresses (CIDR) in the configuration.

use std::{net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};

/// A block of addresses; one address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    /// How many of the leading bits count.
    bits: u32,
}

impl Network {
    /// True for an address of the block. IPv4 written as IPv6 is IPv4.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(given)) => {
                let rest = 32_u32.saturating_sub(self.bits);
                (u32::from(ours) ^ u32::from(given)).checked_shr(rest).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(given)) => {
                let rest = 128_u32.saturating_sub(self.bits);
                (u128::from(ours) ^ u128::from(given)).checked_shr(rest).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is no address: write one such as 192.0.2.7, or a block such as 192.0.2.0/24");
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address = address.parse::<IpAddr>().map_err(|_| wrong())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(whole), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > whole {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

/// A list of blocks, or one text with commas, as the environment has it.
pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Network>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        List(Vec<String>),
        Text(String),
    }
    let texts = match Written::deserialize(from)? {
        Written::List(list) => list,
        Written::Text(text) => text.split(',').map(str::to_owned).collect(),
    };
    let texts = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    texts.map(|text| text.parse().map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_own_and_nothing_else() {
        for (block, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/24", "::ffff:192.0.2.255", "192.0.3.0"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "127.0.0.1"),
        ] {
            let network: Network = block.parse().expect(block);
            let holds = |text: &str| network.contains(text.parse().expect("an address"));
            assert!(holds(inside) && !holds(outside), "{block}");
        }
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "::/129",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
    }
}
