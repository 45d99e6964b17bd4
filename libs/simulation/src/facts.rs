//! What nodes remember of rows, how they hear that these changed, and what is promised of it.

use insula_model::TenantId;
use insula_store::{ChangedFact, FACTS_GOOD_FOR};
use insula_tenancy::SteppedProcess;

use crate::agent::Request;
use crate::truth::Ending;
use crate::world::World;

/// Notice of rows that changed, under way to a node.
#[derive(Debug)]
pub(crate) struct Notice {
    to: usize,
    tenant: TenantId,
    changed: Vec<ChangedFact>,
}

/// That a node heard of a row, and after how many steps.
#[derive(Debug)]
pub(crate) struct Received {
    node: usize,
    tenant: TenantId,
    fact: ChangedFact,
    step: u64,
}

impl World {
    /// Sends what the nodes have to tell to all others, while there is a bus.
    pub(crate) fn pass_on(&mut self) {
        for from in 0..self.nodes.len() {
            let process = self.nodes.get(from).and_then(|node| node.process.as_ref());
            let told = process.map(SteppedProcess::take_told);
            if !self.is_bus_up {
                continue;
            }
            for (tenant, changed) in told.unwrap_or_default() {
                let others = self.nodes.iter().enumerate();
                let others = others.filter(|(to, node)| *to != from && node.up);
                let notices = others.map(|(to, _)| Notice {
                    to,
                    tenant: tenant.clone(),
                    changed: changed.clone(),
                });
                self.notices.extend(notices);
            }
        }
    }

    /// Whether word is under way to a node.
    pub(crate) fn has_notice_for(&self, node: usize) -> bool {
        self.notices.iter().any(|notice| notice.to == node)
    }

    /// A node hears the oldest word that is under way to it.
    pub(crate) fn hear(&mut self, node: usize) {
        let Some(oldest) = self.notices.iter().position(|notice| notice.to == node) else {
            return;
        };
        let Some(Notice {
            tenant, changed, ..
        }) = self.notices.remove(oldest)
        else {
            return;
        };
        let process = self.nodes.get(node).and_then(|node| node.process.as_ref());
        if let Some(process) = process {
            process.facts_changed(&tenant, &changed);
        }
        let step = self.steps;
        self.heard.extend(changed.into_iter().map(|fact| Received {
            node,
            tenant: tenant.clone(),
            fact,
            step,
        }));
    }

    /// A node that ends hears nothing any more.
    pub(crate) fn drop_notices_for(&mut self, node: usize) {
        self.notices.retain(|notice| notice.to != node);
    }

    /// Whether a request must see that something ended: its node ended it, or had heard of it when the
    /// request began, or the time is over for which it may have remembered what was there before.
    pub(crate) fn must_see(&self, request: &Request, number: usize, ending: &Ending) -> bool {
        let Some(spec) = self
            .agents
            .get(number)
            .and_then(|agent| self.configuration.specs.get(agent.tenant))
        else {
            return true;
        };
        let good_for = u64::try_from(FACTS_GOOD_FOR.as_millis()).unwrap_or(u64::MAX);
        let is_over = request.begun.ms >= ending.acknowledged.ms.saturating_add(good_for);
        let has_heard = self.heard.iter().any(|heard| {
            heard.node == request.node
                && heard.tenant == spec.id
                && heard.fact == ending.fact
                && heard.step < request.begun_at_step
        });
        is_over || has_heard || Some(request.node) == ending.node
    }
}
