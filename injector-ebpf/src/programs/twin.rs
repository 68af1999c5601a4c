//! The packet goes twice.

use aya_ebpf::{
    bindings::{__sk_buff, TC_ACT_UNSPEC},
    helpers::generated::bpf_clone_redirect,
    macros::classifier,
    programs::TcContext,
};

use injector_ebpf::tag::{TAG_MASK, TAG_TWIN};

use super::{
    headers::side_in,
    work::{CB_SLOT, CB_WAY, WAY_OUT, failed},
};

#[classifier]
pub fn inj_twin(ctx: TcContext) -> i32 {
    let skb = ctx.skb.skb;
    let (slot, way) = unsafe { ((*skb).cb[CB_SLOT], (*skb).cb[CB_WAY]) };
    // The copy passes here again. It has no socket on its way out; on its way in its tag says what it is.
    let side = if way & WAY_OUT != 0 { 0 } else { side_in(skb) };
    let tag = unsafe { (*skb).tc_index };
    if way & WAY_OUT == 0 {
        set_tag(skb, u32::from(TAG_TWIN) | tag & u32::from(!TAG_MASK));
    }
    if unsafe { bpf_clone_redirect(skb, (*skb).ifindex, side) } != 0 {
        failed(slot);
    }
    set_tag(skb, tag);
    TC_ACT_UNSPEC
}

/// Writes the tag. The compiler would keep the field's address for a second time, and the verifier takes the context's
/// own one only.
#[inline(always)]
fn set_tag(skb: *mut __sk_buff, tag: u32) {
    unsafe {
        let skb = core::ptr::read_volatile(&raw const skb);
        (*skb).tc_index = tag;
    }
}
