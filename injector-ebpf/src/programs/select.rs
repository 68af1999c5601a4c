//! The classifiers that send a packet to a rule's device: the packet's tag says which rule has selected it.
//!
//! One for each rule: a filter has one action, hence one device, hence one rule. They outlive the daemon, and are
//! inert then: nobody tags packets any more.

use aya_ebpf::{macros::classifier, programs::TcContext};
use injector_ebpf::tag::{TAG_EGRESS, TAG_INGRESS};

/// Classifier answers (non-direct-action cls_bpf): -1 takes the filter's action, 0 goes to the next filter.
const SELECT: i32 = -1;
const NEXT: i32 = 0;

macro_rules! selectors {
    ($tag:expr; $($name:ident = $slot:expr),* $(,)?) => { $(
        #[classifier]
        pub fn $name(ctx: TcContext) -> i32 {
            let tag = unsafe { (*ctx.skb.skb).tc_index } as u16;
            if tag == $tag | $slot { SELECT } else { NEXT }
        }
    )* };
}
selectors!(TAG_EGRESS;
    inj_to_dev0 = 0,
    inj_to_dev1 = 1,
    inj_to_dev2 = 2,
    inj_to_dev3 = 3,
    inj_to_dev4 = 4,
    inj_to_dev5 = 5,
    inj_to_dev6 = 6,
    inj_to_dev7 = 7,
    inj_to_dev8 = 8,
    inj_to_dev9 = 9,
    inj_to_dev10 = 10,
    inj_to_dev11 = 11,
    inj_to_dev12 = 12,
    inj_to_dev13 = 13,
    inj_to_dev14 = 14,
    inj_to_dev15 = 15,
);
selectors!(TAG_INGRESS;
    inj_in_dev0 = 0,
    inj_in_dev1 = 1,
    inj_in_dev2 = 2,
    inj_in_dev3 = 3,
    inj_in_dev4 = 4,
    inj_in_dev5 = 5,
    inj_in_dev6 = 6,
    inj_in_dev7 = 7,
    inj_in_dev8 = 8,
    inj_in_dev9 = 9,
    inj_in_dev10 = 10,
    inj_in_dev11 = 11,
    inj_in_dev12 = 12,
    inj_in_dev13 = 13,
    inj_in_dev14 = 14,
    inj_in_dev15 = 15,
);
