//! `injector clean`.

use super::{
    context::{self, Context},
    ending, local,
    out::{self, Outcome},
};
use crate::{api, error::Error, session};

/// Runs the verb.
pub(super) fn run(context: &Context) -> Outcome {
    if !context::is_root() {
        return Err(Error::refused("only root can clean").hint("sudo injector clean").into());
    }
    let clean = local::clean(&context.config_at_any_price())?;
    let left = clean.left.join(", ");
    if context.json {
        out::document(&api::doc("clean", &session::node(), clean))?;
    } else {
        ending::clean(&clean).iter().try_for_each(|line| out::say(line))?;
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!("this is left: {left}"))
        .hint("is a daemon alive? injector status says what it does")
        .into())
}
