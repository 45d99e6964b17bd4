//! What is asked of upstreams at refreshes: once at a time by all nodes, for all requests together.

use crate::agent::{Agent, Request};
use crate::script::Act;
use crate::world::World;

/// For how long a node has the turn to ask.
const TURN_MS: u64 = 60_000;

impl World {
    /// A request was cut: what it asks goes on, unless its node ended.
    pub(crate) fn question_without(&mut self, agent: usize, request: &Request) {
        let Some(number) = request
            .presents
            .family
            .filter(|_| request.act == Act::Refresh)
        else {
            return;
        };
        self.question_ended(Some(number));
        let rotates = self.agents.get(agent).is_some_and(Agent::rotates_upstream);
        if let Some(node) = self.nodes.get(request.node).filter(|node| node.up) {
            node.go_on_beside();
            self.wire.traffic();
            let family = self.families.get_mut(number).filter(|_| rotates);
            if let Some(family) = family {
                family.kept_since.get_or_insert(self.ms);
            }
        } else if rotates && request.carried.contains(&"find_refresh") {
            self.excuse_family(number, "what the upstream said ended with its node");
        }
    }

    /// A refresh of the family ended.
    pub(crate) fn question_ended(&mut self, family: Option<usize>) {
        if let Some(family) = family.and_then(|number| self.families.get_mut(number)) {
            family.question_ended = Some(self.ms);
        }
    }

    /// From now on turns to ask may stand that nobody gives back.
    pub(crate) fn turns_stand(&mut self) {
        self.turns_stand_until = self.ms + TURN_MS;
    }

    /// Turns stand where word of their end was lost.
    pub(crate) fn observe_questions(&mut self, agent: usize, slot: usize) {
        let calls = [
            "begin_refresh",
            "end_refresh",
            "keep_refreshed",
            "forget_refreshed",
        ];
        let request = self
            .request(agent, slot)
            .and_then(|request| request.as_ref());
        if request.is_some_and(|request| request.lost.iter().any(|call| calls.contains(call))) {
            self.turns_stand();
        }
    }

    /// Whether a request that failed may have been told what happened to another: they asked together, or
    /// one waited for the other.
    pub(crate) fn may_be_told_of_another(&self, request: &Request) -> bool {
        let Some(number) = request
            .presents
            .family
            .filter(|_| request.act == Act::Refresh)
        else {
            return false;
        };
        let ended = self.families.get(number).and_then(|f| f.question_ended);
        let mut others = self
            .agents
            .iter()
            .flat_map(|agent| agent.slots.iter().flatten());
        self.turns_stand_until > request.begun.ms
            || ended.is_some_and(|ended| ended >= request.begun.ms)
            || others.any(|other| other.presents.family == Some(number))
    }

    /// The cache lost who asks.
    pub(crate) fn excuse_all_questions(&mut self) {
        self.excuse_questions(0, "the cache lost who asks an upstream");
    }

    /// Whoever asks for longer than a turn lasts may be asking beside another.
    pub(crate) fn excuse_long_questions(&mut self) {
        self.excuse_questions(
            TURN_MS,
            "an upstream was asked for longer than a turn lasts",
        );
    }

    fn excuse_questions(&mut self, for_ms: u64, why: &'static str) {
        let now = self.ms;
        let rotating = self.agents.iter().filter(|agent| agent.rotates_upstream());
        let requests = rotating.flat_map(|agent| agent.slots.iter().flatten());
        let asking = requests.filter(|request| {
            request.act == Act::Refresh && now.saturating_sub(request.begun.ms) >= for_ms
        });
        let families: Vec<_> = asking
            .filter_map(|request| request.presents.family)
            .collect();
        for family in families {
            self.excuse_family(family, why);
        }
    }
}
