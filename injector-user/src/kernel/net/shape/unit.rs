//! The bytes of every kind of qdisc.

use std::time::Duration;

use super::super::parse::{Attrs, replies, u32_at, u64_at};
use super::super::rtnl::TCMSG;
use super::*;

/// Kind and options of the message that a shape becomes.
fn sent(shape: &Shape) -> (String, Vec<u8>) {
    let reply = replies(shape_message(7, shape).bytes(1)).remove(0);
    assert_eq!(reply.kind, libc::RTM_NEWQDISC);
    assert_eq!(i32::from(reply.flags), libc::NLM_F_REQUEST | libc::NLM_F_ACK | 0x400 | 0x100);
    assert_eq!(u32_at(&reply.payload, 4), Some(7), "ifindex");
    assert_eq!(u32_at(&reply.payload, 12), Some(u32::MAX), "the root");
    let attrs = reply.attrs(TCMSG);
    (attrs.str(TCA_KIND).unwrap(), attrs.get(TCA_OPTIONS).unwrap().to_vec())
}

fn all_words(data: &[u8]) -> Vec<u32> {
    data.chunks_exact(4).filter_map(|word| u32_at(word, 0)).collect()
}

#[test]
fn a_delay_is_ticks_and_64_bit_nanoseconds_and_nothing_more() {
    let netem = Netem {
        latency: Duration::from_millis(50),
        jitter: Duration::from_micros(64),
        limit_packets: 1234,
        ..Netem::default()
    };
    let (kind, options) = sent(&Shape::Netem(netem));
    assert_eq!(kind, "netem");
    assert_eq!(all_words(&options[..24]), [781_250, 1234, 0, 0, 0, 1000]);
    let attrs = Attrs(&options[24..]);
    assert_eq!(
        attrs.map(|(kind, data)| (kind, data.len())).collect::<Vec<_>>(),
        [(10, 8), (11, 8), (1, 12), (4, 8), (6, 16)]
    );
    assert_eq!(attrs.get(10).and_then(|data| u64_at(data, 0)), Some(50_000_000));
    assert_eq!(attrs.get(11).and_then(|data| u64_at(data, 0)), Some(64_000));
    for (kind, len) in [(1, 12), (4, 8), (6, 16)] {
        assert_eq!(attrs.get(kind), Some(&vec![0; len][..]), "said, so that a change takes it away");
    }
}

#[test]
fn all_that_netem_can_do() {
    let netem = Netem {
        correlation: 5,
        table: Some(Table::Measured([-8192, 0, 8192].into())),
        in_order: true,
        corrupt: true,
        duplicate: true,
        ..Netem::default()
    };
    let (_, options) = sent(&Shape::Netem(netem));
    assert_eq!(all_words(&options[..24]), [0, 1000, 0, 0, u32::MAX, 0]);
    let attrs = Attrs(&options[24..]);
    let words = |kind| attrs.get(kind).map(all_words);
    assert_eq!(words(1), Some(vec![5, 0, 0]));
    assert_eq!(words(4), Some(vec![u32::MAX, 0]));
    assert_eq!(words(6), Some(vec![0; 4]));
    let rate = attrs.get(8).and_then(|data| u64_at(data, 0)).unwrap();
    assert_eq!((512 << 10) * 1_000_000_000_u64 / rate, 0, "nanoseconds that the largest packet takes");
    assert!(rate.checked_mul(8).is_some(), "in bits");
    assert_eq!(attrs.get(2), Some(&[0, 0xe0, 0, 0, 0, 0x20][..]));
}

#[test]
fn a_rate_of_its_own_takes_the_place_of_the_one_for_order() {
    for in_order in [false, true] {
        let netem = Netem { in_order, rate_bytes_per_second: Some(96_000), ..Netem::default() };
        let (_, options) = sent(&Shape::Netem(netem));
        let attrs = Attrs(&options[24..]);
        assert_eq!(attrs.get(6).map(all_words), Some(vec![0; 4]));
        assert_eq!(attrs.get(8).and_then(|data| u64_at(data, 0)), Some(96_000));
    }
}

#[test]
fn the_largest_table_fits_into_a_message() {
    let table = Some(Table::Measured(vec![1; Table::MOST_ENTRIES].into()));
    let shape = Shape::Netem(Netem { table, ..Netem::default() });
    check(&shape).unwrap();
    let (_, options) = sent(&shape);
    assert_eq!(Attrs(&options[24..]).get(2).map(<[u8]>::len), Some(2 * Table::MOST_ENTRIES));
}

#[test]
fn a_rate_for_all_is_tbf() {
    let (kind, options) = sent(&Shape::Rate { bytes_per_second: 1_250_000, burst: 16_000, queue: 65_536 });
    assert_eq!(kind, "tbf");
    let attrs = Attrs(&options);
    let parms = attrs.get(1).unwrap();
    // 16,000 bytes take 12.8 ms, 200,000 ticks. A link layer of 0 would ask for a table of times.
    let layer = u32::from_ne_bytes([0, 1, 0, 0]);
    assert_eq!(all_words(parms), [layer, 0, 1_250_000, layer, 0, 0, 65_536, 200_000, 0]);
    assert_eq!((attrs.u32(6), attrs.get(4)), (Some(16_000), None));

    let fast = 12_500_000_000;
    let (_, options) = sent(&Shape::Rate { bytes_per_second: fast, burst: 1, queue: 1 });
    let attrs = Attrs(&options);
    assert_eq!(attrs.get(4).and_then(|data| u64_at(data, 0)), Some(fast));
    assert_eq!(u32_at(attrs.get(1).unwrap(), 8), Some(u32::MAX));
}

#[test]
fn a_rate_for_each_flow_is_fq() {
    let (kind, options) = sent(&Shape::FlowRate { bytes_per_second: 125_000, queue_packets: 200 });
    assert_eq!(kind, "fq");
    let found: Vec<_> = Attrs(&options).map(|(kind, data)| (kind, u32_at(data, 0).unwrap())).collect();
    assert_eq!(found, [(1, 10_000), (2, 200), (5, 1), (7, 125_000), (10, 0xf_ffff)]);
    let (_, options) = sent(&Shape::FlowRate { bytes_per_second: 1, queue_packets: 20_000 });
    assert_eq!(Attrs(&options).u32(1), Some(20_000), "one flow may fill it");
}

#[test]
fn what_the_kernel_would_cut_or_lose_is_refused() {
    let netem = Netem::default();
    let late = Duration::from_nanos(1 << 31);
    let flat = |entries: usize| Some(Table::Measured(vec![0; entries].into()));
    for (shape, says) in [
        (Shape::Netem(Netem { limit_packets: 0, ..netem.clone() }), "limit of 0"),
        (Shape::Netem(Netem { jitter: late, ..netem.clone() }), "2.147483648s: the kernel lowers it"),
        (Shape::Netem(Netem { latency: Duration::MAX, ..netem.clone() }), "too long"),
        (Shape::Netem(Netem { rate_bytes_per_second: Some(0), ..netem.clone() }), "a rate of 0"),
        (Shape::Netem(Netem { table: flat(0), ..netem.clone() }), "a table of 0 entries"),
        (Shape::Netem(Netem { table: flat(16_385), ..netem.clone() }), "a table of 16385 entries"),
        (Shape::Rate { bytes_per_second: 0, burst: 1, queue: 1 }, "a rate of 0"),
        (Shape::Rate { bytes_per_second: 1, burst: 0, queue: 1 }, "a burst of 0"),
        (Shape::Rate { bytes_per_second: 1, burst: 1, queue: 0 }, "a queue of 0"),
        (Shape::FlowRate { bytes_per_second: 0, queue_packets: 1 }, "a rate of 0"),
        (Shape::FlowRate { bytes_per_second: 1, queue_packets: 0 }, "a queue of 0"),
        (Shape::FlowRate { bytes_per_second: u64::from(u32::MAX), queue_packets: 1 }, "at most 4294967294"),
    ] {
        let error = format!("{:#}", check(&shape).unwrap_err());
        assert!(error.contains(says), "{shape:?}: {error}");
    }
    check(&Shape::FlowRate { bytes_per_second: rate::MOST_PER_FLOW, queue_packets: 1 }).unwrap();
    check(&Shape::Netem(Netem { jitter: Netem::MOST_JITTER, ..netem })).unwrap();
}
