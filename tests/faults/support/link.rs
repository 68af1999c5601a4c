//! A second way to the other end.

use super::netns::Netns;

/// The addresses of w0 and w1.
pub const HERE2: &str = "10.78.0.1";
pub const THERE2: &str = "10.78.0.2";

/// Joins two namespaces by one more veth pair: w0 here, w1 there.
pub fn second_link(here: &Netns, there: &Netns) {
    here.ip("link add w0 type veth peer name w1");
    here.ip(&format!("link set w1 netns {}", there.path()));
    for (ns, link, address) in [(here, "w0", HERE2), (there, "w1", THERE2)] {
        ns.ip(&format!("addr add {address}/24 dev {link}"));
        ns.ip(&format!("link set {link} up"));
    }
}
