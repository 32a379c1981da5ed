//! Networks as daemons write them: `192.168.0.0/16`, `fd00::/8`.

use core::net::IpAddr;

/// True when `network` (an address, a slash, a number of bits) contains the address; false for anything malformed.
pub fn contains(network: &str, ip: IpAddr) -> bool {
    let Some((network, bits)) = network.split_once('/') else { return false };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (one, other, width): (u128, u128, u32) = match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => (u32::from(network).into(), u32::from(ip).into(), 32),
        (IpAddr::V6(network), IpAddr::V6(ip)) => (network.into(), ip.into(), 128),
        _ => return false,
    };
    // A shift by all 128 bits (prefix 0) leaves nothing that could differ.
    bits <= width && (one ^ other).checked_shr(width - bits).unwrap_or(0) == 0
}
