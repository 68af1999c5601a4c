//! The profiles that are in the program.

/// The files, by name.
pub const BUILT_IN: [&str; 8] = [
    include_str!("../../../profiles/3g.yaml"),
    include_str!("../../../profiles/brownout.yaml"),
    include_str!("../../../profiles/cloud-normal.yaml"),
    include_str!("../../../profiles/cross-az.yaml"),
    include_str!("../../../profiles/cross-region.yaml"),
    include_str!("../../../profiles/flaky-dns.yaml"),
    include_str!("../../../profiles/lossy-wifi.yaml"),
    include_str!("../../../profiles/satellite.yaml"),
];
