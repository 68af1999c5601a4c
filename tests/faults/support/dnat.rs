//! A namespace's own DNAT, asked of nf_tables over netlink (linux/netfilter/nf_tables.h): the tests need no program of
//! the distribution's for one rule.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sched::{CloneFlags, setns};

use super::{came::End, netns::Netns};

const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_NFTABLES as u16;
/// What a message makes.
const NEWTABLE: u16 = SUBSYSTEM << 8 | libc::NFT_MSG_NEWTABLE as u16;
const NEWCHAIN: u16 = SUBSYSTEM << 8 | libc::NFT_MSG_NEWCHAIN as u16;
const NEWRULE: u16 = SUBSYSTEM << 8 | libc::NFT_MSG_NEWRULE as u16;
/// linux/netlink.h: NLA_F_NESTED.
const NESTED: u16 = 0x8000;
/// The registers that expressions pass values in.
const REGISTERS: [u32; 2] = [1, 2];

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut all = [&length.to_ne_bytes(), &kind.to_ne_bytes(), value].concat();
    all.resize(all.len().next_multiple_of(4), 0);
    all
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), b"\0"].concat())
}

fn nest(kind: u16, inner: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind | NESTED, &inner.concat())
}

/// One of a rule's expressions: NFTA_LIST_ELEM with NFTA_EXPR_NAME and NFTA_EXPR_DATA.
fn expression(name: &str, data: &[Vec<u8>]) -> Vec<u8> {
    nest(1, &[text(1, name), nest(2, data)])
}

/// The bytes at `offset` of the network header (base 1) or the transport header (base 2) are these.
fn has(base: u32, offset: u32, bytes: &[u8]) -> [Vec<u8>; 2] {
    let [register, _] = REGISTERS;
    let length = u32::try_from(bytes.len()).unwrap();
    [
        expression("payload", &[number(1, register), number(2, base), number(3, offset), number(4, length)]),
        // NFT_CMP_EQ
        expression("cmp", &[number(1, register), number(2, 0), nest(3, &[attribute(1, bytes)])]),
    ]
}

fn loads(register: u32, bytes: &[u8]) -> Vec<u8> {
    expression("immediate", &[number(1, register), nest(2, &[attribute(1, bytes)])])
}

fn octets(ip: &str) -> [u8; 4] {
    ip.parse::<std::net::Ipv4Addr>().unwrap().octets()
}

/// `ip daddr ASKED tcp/udp dport ASKED dnat to WIRE`
fn expressions(asked: End, wire: End) -> Vec<u8> {
    let [address, port] = REGISTERS;
    let to = [loads(address, &octets(wire.0)), loads(port, &wire.1.to_be_bytes())];
    // NFT_NAT_DNAT, NFPROTO_IPV4, and the registers.
    let nat = expression("nat", &[number(1, 1), number(2, 2), number(3, address), number(5, port)]);
    let asks = [has(1, 16, &octets(asked.0)), has(2, 2, &asked.1.to_be_bytes())].concat();
    nest(4, &[asks, to.to_vec(), vec![nat]].concat())
}

fn message(kind: u16, flags: i32, family: u8, resource: u16, seq: u32, attributes: &[u8]) -> Vec<u8> {
    let flags = u16::try_from(flags | libc::NLM_F_REQUEST).unwrap();
    let length = u32::try_from(20 + attributes.len()).unwrap();
    let header = [&kind.to_ne_bytes()[..], &flags.to_ne_bytes(), &seq.to_ne_bytes(), &[0; 4]].concat();
    // struct nfgenmsg: family, version, resource id in network order.
    let body = [&[family, 0][..], &resource.to_be_bytes()].concat();
    [&length.to_ne_bytes()[..], &header, &body, attributes].concat()
}

/// What programs of the namespace send to `asked` goes to `wire` from now on, until the namespace goes.
///
/// # Errors
/// This kernel has no nf_tables with NAT, or none that the test may ask.
pub fn dnat(ns: &Netns, asked: End, wire: End) -> io::Result<()> {
    let (table, chain) = ("test", "out");
    // NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST
    let hook = nest(4, &[number(1, 3), number(2, -100_i32 as u32)]);
    let made = [
        (NEWTABLE, text(1, table)),
        (NEWCHAIN, [text(1, table), text(3, chain), hook, text(7, "nat")].concat()),
        (NEWRULE, [text(1, table), text(2, chain), expressions(asked, wire)].concat()),
    ];
    let ack = libc::NLM_F_CREATE | libc::NLM_F_APPEND | libc::NLM_F_ACK;
    let mut batch = message(libc::NFNL_MSG_BATCH_BEGIN as u16, 0, 0, SUBSYSTEM, 0, &[]);
    for ((kind, attributes), seq) in made.iter().zip(1..) {
        batch.extend(message(*kind, ack, libc::NFPROTO_IPV4 as u8, 0, seq, attributes));
    }
    batch.extend(message(libc::NFNL_MSG_BATCH_END as u16, 0, 0, SUBSYSTEM, 9, &[]));
    let ns = ns.file();
    // A socket belongs to the namespace in which it was made; the thread goes and takes that with it.
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| {
            setns(ns, CloneFlags::CLONE_NEWNET)?;
            let socket = Socket::new(NETLINK_NETFILTER)?;
            socket.send_to(&batch, &SocketAddr::new(0, 0), 0)?;
            for _ in &made {
                let (answer, _) = socket.recv_from_full()?;
                // struct nlmsghdr, and then the error, negative or 0.
                match i32::from_ne_bytes(answer[16..20].try_into().unwrap()) {
                    0 => {}
                    errno => return Err(io::Error::from_raw_os_error(-errno)),
                }
            }
            Ok(())
        });
        asks.join().unwrap()
    })
}
