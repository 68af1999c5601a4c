//! What people decide beside arming and stopping: new limits, and a second person's yes.

use tracing::{info, warn};

use super::{
    audit::{Action, Decision},
    engine::Engine,
    handle::Who,
    planning::For,
};
use crate::{
    api::types::{EndKind, LimitsDoc, PendingDoc},
    error::Error,
    limits::{Mode, may_arm},
};

impl Engine {
    /// Reads the limits again. What is armed and would now be refused ends.
    pub(super) fn reload(&mut self, who: &Who) -> Result<LimitsDoc, Error> {
        if let Err(error) = self.policy.reload() {
            warn!("the old limits stay, and nothing can be armed: {error}");
            self.record(&Decision::refused(Action::Reload, who, &error));
            return Err(error);
        }
        let digest = self.policy.sha256().to_owned();
        info!("{who} reloaded the limits ({digest})");
        self.record(&Decision::allowed(Action::Reload, who).reason(&format!("sha256 {digest}")));
        if let Err(error) = self.kernel.set_node_budget(&self.policy.limits.budget.node) {
            // The old budgets hold on: that is no reason to go on under limits that nobody asked for.
            self.end_where(|_| true, EndKind::Aborted, &format!("the new budgets cannot be set: {error:#}"));
        }
        self.rescan();
        for index in 0..self.faults.len() {
            if !self.faults[index].lives() {
                continue;
            }
            let shadow = self.faults[index].is_shadow();
            let allowed = may_arm(&self.policy.limits, shadow)
                .and_then(|()| self.plan_for(For::Keeping(index)).map(|_| ()));
            if let Err(error) = allowed {
                self.end(index, EndKind::Aborted, &format!("the new limits refuse it: {}", error.message));
            }
        }
        // Not even loaded where nothing may act. What could not be (un)loaded is refused by the mode all the same.
        if let Err(error) = self.kernel.prepare(self.policy.limits.mode != Mode::Observe) {
            warn!("the programs cannot be loaded or unloaded: {error:#}");
        }
        Ok(self.policy.doc())
    }

    /// A second person agrees.
    pub(super) fn approve(&mut self, id: &str, who: &Who) -> Result<PendingDoc, Error> {
        let result = self.pending.approve(id, who);
        match &result {
            Ok(doc) => {
                info!("{who} approved {id}: {}", doc.summary);
                self.record(&Decision::allowed(Action::Approve, who).fault(id).reason(&doc.summary));
            }
            Err(error) => self.record(&Decision::refused(Action::Approve, who, error)),
        }
        result
    }
}
