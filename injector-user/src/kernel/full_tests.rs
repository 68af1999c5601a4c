//! A slot that is full is emptied into its flow, and nothing is counted twice or lost.

use std::io::Write as _;

use injector_ebpf::slot::{FULL, packet, slot_of};

use super::*;

/// Five datagrams of 100 bytes from one socket to another, and five more each time it is told to.
const TALK_ON: &str = r#"
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 7002))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(("127.0.0.1", 7002))
def talk():
    for _ in range(5):
        v.send(b"z" * 72); u.recv(100)
talk()
print("ready", flush=True)
sys.stdin.readline()
talk()
sys.stdin.readline()
talk()
sys.stdin.readline()
"#;

#[test]
fn a_full_slot_is_emptied_into_its_flow() {
    let Some((cgroup, mut object, mut reader)) = observed("a_full_slot_is_emptied_into_its_flow") else {
        return;
    };
    let mut talker = Talker::start(&cgroup, TALK_ON);
    let mut flows = || {
        let mut flows = reader.all().unwrap();
        flows.sort_by_key(|flow| flow.counts.tx_packets);
        let [receiver, sender]: [Flow; 2] = flows.try_into().unwrap();
        (sender, receiver)
    };
    let (sender, receiver) = flows();
    assert_eq!((sender.counts.tx_packets, sender.counts.tx_bytes), (5, 500));
    assert_eq!((receiver.counts.rx_packets, receiver.counts.rx_bytes), (5, 500));

    // As if more had been sent and received: the third is the one that fills the sender's, the first the receiver's. The
    // first of the five before is the flow's own, for it had no slot yet.
    let full = FULL / packet(0);
    let slot = |object: &mut Object, flow: &Flow| {
        object.array::<Slot>(names::SLOTS).unwrap().get(&slot_of(flow.cookie), 0).unwrap()
    };
    let mut put = |flow: &Flow, change: &dyn Fn(Slot) -> Slot| {
        let had = slot(&mut object, flow);
        assert_eq!(had.cookie, flow.cookie);
        let place = slot_of(flow.cookie);
        object.array::<Slot>(names::SLOTS).unwrap().set(place, change(had), 0).unwrap();
    };
    let sent = SlotCounts { tx: packet(0) * (full - 3) + 7000, ..SlotCounts::default() };
    let received = SlotCounts { rx: packet(0) * (full - 1) + 8000, ..SlotCounts::default() };
    // Somebody else is about to empty the receiver's.
    put(&sender, &|had| Slot { counts: sent, ..had });
    put(&receiver, &|had| Slot { counts: received, moves: 1, ..had });
    let mut talk = |sent: u64, received: u64| {
        talker.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (sender, receiver) = flows();
            if (sender.counts.tx_packets, receiver.counts.rx_packets) == (sent, received) {
                break (sender, receiver);
            }
            assert!(Instant::now() < deadline, "{sender:?} {receiver:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let (sender, receiver) = talk(full + 3, full + 5);
    assert_eq!((sender.counts.tx_bytes, receiver.counts.rx_bytes), (7600, 8600));
    // Who finds it full has counted already, and moves that too.
    let now = slot(&mut object, &sender);
    assert_eq!((now.moves, now.counts.tx), (2, packet(100)));
    let now = slot(&mut object, &receiver);
    assert_eq!((now.moves, now.counts.rx), (1, received.rx + 5 * packet(100)));

    let place = slot_of(receiver.cookie);
    object.array::<Slot>(names::SLOTS).unwrap().set(place, Slot { moves: 8, ..now }, 0).unwrap();
    let (_, receiver) = talk(full + 8, full + 10);
    assert_eq!(receiver.counts.rx_bytes, 9100);
    let now = slot(&mut object, &receiver);
    assert_eq!((now.moves, now.counts.rx), (10, 4 * packet(100)));

    talker.end();
    // A process is gone only after its sockets.
    let deps = object.hash::<DepKey, DepValue>(names::DEPS).unwrap();
    let ended = |local| DepKey { port: 7002, protocol: 17, ..key(cgroup.id(), local) };
    let [sent, received] = [false, true].map(|local| deps.get(&ended(local), 0).unwrap());
    assert_eq!((sent.tx_segments, sent.tx_bytes), (full + 8, 8100));
    assert_eq!((received.rx_segments, received.rx_bytes), (full + 10, 9100));
}
