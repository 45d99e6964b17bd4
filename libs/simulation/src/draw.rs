//! What happens next, drawn from a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use crate::agent::SLOTS;
use crate::scenario::{Scenario, Topic, of_topic};
use crate::script::{Act, Step, Written};
use crate::tenants::{AGENTS, CLIENTS, TENANTS};
use crate::world::{NODES, World};

/// Draws steps. Which faults there are, and how many, is drawn first: many small runs with few kinds
/// of faults find more than one long one with all of them.
pub(crate) struct Draw {
    random: ChaCha8Rng,
    weights: Vec<(Kind, u64)>,
    scenario: Option<Scenario>,
    /// What the scenarios of the run are about.
    topics: Vec<Topic>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Begin,
    Go,
    Lose,
    Cut,
    GiveUp,
    Work,
    LoseWork,
    Write,
    Reload,
    DropBus,
    MendBus,
    Hear,
    Pass,
    Kill,
    Start,
    EmptyCache,
    SaveCache,
    RestoreCache,
    SetClock,
    SetAllClocks,
    Drift,
    Collect,
    Scenario,
    Tell,
    TellOn,
    LoseTelling,
}

/// Each kind of step, how often it comes among a thousand, and whether it is a fault, of which each
/// run has some and not others.
const KINDS: &[(Kind, u64, bool)] = &[
    (Kind::Begin, 220, false),
    (Kind::Go, 560, false),
    (Kind::Pass, 45, false),
    (Kind::Work, 120, false),
    (Kind::LoseWork, 4, true),
    (Kind::Write, 5, true),
    (Kind::Reload, 12, false),
    (Kind::DropBus, 4, true),
    (Kind::MendBus, 8, false),
    (Kind::Hear, 60, false),
    (Kind::Start, 20, false),
    (Kind::Collect, 5, false),
    (Kind::Lose, 25, true),
    (Kind::Cut, 15, true),
    (Kind::GiveUp, 30, true),
    (Kind::Kill, 4, true),
    (Kind::EmptyCache, 4, true),
    (Kind::SaveCache, 8, false),
    (Kind::RestoreCache, 10, true),
    (Kind::SetClock, 4, true),
    (Kind::SetAllClocks, 6, true),
    (Kind::Drift, 3, true),
    (Kind::Scenario, 20, true),
    (Kind::Tell, 8, false),
    (Kind::TellOn, 30, false),
    (Kind::LoseTelling, 3, true),
];

const ACTS: &[(Act, u64)] = &[
    (Act::Authorize, 60),
    (Act::Choose, 60),
    (Act::ComeBack, 60),
    (Act::Consent, 60),
    (Act::Redeem, 60),
    (Act::Refresh, 60),
    (Act::Userinfo, 20),
    (Act::Introspect, 10),
    (Act::AskSilently, 15),
    (Act::LogInAgain, 4),
    (Act::LogOut, 6),
    (Act::Revoke, 6),
    (Act::ReplayCode, 12),
    (Act::ReplayRefresh, 4),
    (Act::UseRevoked, 6),
    (Act::RefreshRevoked, 6),
    (Act::UseOldCookie, 6),
    (Act::UserinfoElsewhere, 4),
    (Act::RefreshElsewhere, 4),
    (Act::AskElsewhere, 4),
    (Act::AskForDevice, 20),
    (Act::EnterCode, 40),
    (Act::ConfirmDevice, 60),
    (Act::DenyDevice, 6),
    (Act::FinishDevice, 60),
    (Act::Poll, 20),
    (Act::ReplayPoll, 4),
    (Act::PollElsewhere, 2),
    (Act::PasswordLogin, 6),
    (Act::ExchangeOwn, 10),
    (Act::ExchangeUpstream, 4),
    (Act::ShowExchanged, 15),
    (Act::RevokeExchanged, 3),
    (Act::UseRevokedExchanged, 6),
    (Act::ExchangeRevoked, 4),
    (Act::ExchangeElsewhere, 3),
];

/// What is written of a tenant instead, for a while.
const CHANGES: &[(Written, u64)] = &[
    (Written::OtherClients, 2),
    (Written::OtherConnectors, 2),
    (Written::AnotherIssuer, 2),
    (Written::Nothing, 3),
];

/// How long time passes at once, in milliseconds.
const SPANS: &[(u64, u64)] = &[
    (10, 30),
    (100, 30),
    (1_000, 25),
    (4_000, 15),
    (20_000, 8),
    (70_000, 4),
    (700_000, 1),
];

impl Draw {
    /// `about` says what the scenarios of the run are about; without it that is drawn: one topic, or all.
    pub(crate) fn new(seed: u64, about: Option<Topic>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let drawn = usize::try_from(random.next_u64() % (2 * Topic::COUNT)).unwrap_or(0);
        let topic = about.or(Topic::ALL.get(drawn).copied());
        let topics = topic.map_or(Topic::ALL.to_vec(), |topic| vec![topic]);
        let weights = KINDS.iter().map(|(kind, weight, is_fault)| {
            let factor = if *is_fault {
                [0, 1, 2, 4]
            } else {
                [1, 1, 1, 1]
            };
            let drawn = usize::try_from(random.next_u64() % 4).unwrap_or(0);
            let factor = match kind {
                // Which has scenarios of one topic alone has many of them.
                Kind::Scenario if topic.is_some() => 3,
                _ => factor.get(drawn).copied().unwrap_or(1),
            };
            (*kind, weight * factor)
        });
        Self {
            weights: weights.collect(),
            random,
            scenario: None,
            topics,
        }
    }

    /// What happens next, as things stand.
    pub(crate) fn next(&mut self, world: &World) -> Step {
        loop {
            if let Some(step) = self.of_scenario(world) {
                return step;
            }
            let weights = std::mem::take(&mut self.weights);
            let kind = self.among(&weights);
            self.weights = weights;
            if let Some(step) = kind.and_then(|kind| self.of_kind(kind, world)) {
                return step;
            }
        }
    }

    /// The next step of the plan under way, if there is one and nothing comes between.
    fn of_scenario(&mut self, world: &World) -> Option<Step> {
        if self.scenario.is_none() || self.below(4) == 0 {
            return None;
        }
        let mut scenario = self.scenario.take()?;
        let step = scenario.next(world, &mut |bound| self.below(bound))?;
        self.scenario = Some(scenario);
        Some(step)
    }

    fn of_kind(&mut self, kind: Kind, world: &World) -> Option<Step> {
        Some(match kind {
            Kind::Begin => {
                let (agent, node) = (self.below(AGENTS), self.below(NODES));
                let doer = world.agents.get(agent)?;
                world.nodes.get(node)?.tenant(doer.tenant)?;
                let feasible: Vec<_> = ACTS.iter().copied().filter(|(a, _)| doer.may(*a)).collect();
                let act = self.among(&feasible)?;
                Step::Begin { agent, node, act }
            }
            Kind::Go | Kind::Lose | Kind::Cut | Kind::GiveUp => {
                let (agent, slot) = self.under_way(world)?;
                match kind {
                    Kind::Lose => Step::Lose { agent, slot },
                    Kind::Cut => Step::Cut { agent, slot },
                    Kind::GiveUp => Step::GiveUp { agent, slot },
                    _ => Step::Go { agent, slot },
                }
            }
            Kind::Work | Kind::LoseWork => {
                let (node, tenant) = self.job(world)?;
                match kind {
                    Kind::Work => Step::Work { node, tenant },
                    _ => Step::LoseWork { node, tenant },
                }
            }
            Kind::Write => {
                let tenant = self.below(TENANTS);
                let what = match world.configuration.written(tenant) {
                    Written::AsItWas => self.among(CHANGES)?,
                    _ => Written::AsItWas,
                };
                Step::Write { tenant, what }
            }
            Kind::Reload => {
                let (node, tenant) = (self.node(world, true)?, self.below(TENANTS));
                let serves = world.nodes.get(node)?.serves(tenant);
                let written = world.configuration.written(tenant);
                let is_news = serves.as_deref() != Some(written.name());
                // Now and then also where nothing changed.
                if !is_news && self.below(6) > 0 {
                    return None;
                }
                Step::Reload { node, tenant }
            }
            Kind::DropBus => Step::DropBus,
            Kind::MendBus => Step::MendBus,
            Kind::Hear => {
                let node = self.below(NODES);
                if !world.has_notice_for(node) {
                    return None;
                }
                Step::Hear { node }
            }
            Kind::Pass => Step::Pass {
                ms: self.among(SPANS)?,
            },
            Kind::Kill => Step::Kill {
                node: self.node(world, true)?,
            },
            Kind::Start => Step::Start {
                node: self.node(world, false)?,
            },
            Kind::EmptyCache => Step::EmptyCache,
            Kind::SaveCache => Step::SaveCache,
            Kind::RestoreCache => Step::RestoreCache,
            Kind::SetClock => Step::SetClock {
                node: self.below(NODES),
                ms: self.step_of_clock(),
            },
            Kind::SetAllClocks => Step::SetAllClocks {
                ms: self.step_of_clock(),
            },
            Kind::Drift => Step::Drift {
                node: self.below(NODES),
                parts: [-200, 0, 200].get(self.below(3)).copied().unwrap_or(0),
            },
            Kind::Scenario => {
                if self.scenario.is_none() {
                    let scenarios: Vec<_> = self.topics.iter().copied().map(of_topic).collect();
                    let scenarios = scenarios.concat();
                    let (drawn, agent) = (self.below(scenarios.len()), self.below(AGENTS));
                    self.scenario = Some(Scenario::new(scenarios.get(drawn)?, agent));
                }
                return None;
            }
            Kind::Tell => {
                let (node, tenant) = (self.node(world, true)?, self.below(TENANTS));
                let client = self.below(CLIENTS.len());
                Step::Tell {
                    node,
                    tenant,
                    client,
                }
            }
            Kind::TellOn | Kind::LoseTelling => {
                let node = self.below(NODES);
                if !world.is_telling(node) {
                    return None;
                }
                match kind {
                    Kind::TellOn => Step::TellOn { node },
                    _ => Step::LoseTelling { node },
                }
            }
            Kind::Collect => Step::Collect {
                node: self.node(world, true)?,
            },
        })
    }

    /// A request of somebody's that is under way.
    fn under_way(&mut self, world: &World) -> Option<(usize, usize)> {
        let agents = world.agents.iter().enumerate();
        let all: Vec<_> = agents
            .flat_map(|(agent, of)| {
                let slots = (0..SLOTS).filter(|slot| matches!(of.slots.get(*slot), Some(Some(_))));
                slots.map(move |slot| (agent, slot))
            })
            .collect();
        let drawn = self.below(all.len());
        all.get(drawn).copied()
    }

    /// A job of a tenant that is under way.
    fn job(&mut self, world: &World) -> Option<(usize, usize)> {
        let nodes = world.nodes.iter().enumerate();
        let all: Vec<_> = nodes
            .flat_map(|(node, of)| {
                let tenants = of.tenants.iter().enumerate();
                let busy = tenants.filter(|(_, tenant)| tenant.jobs() > 0);
                busy.map(move |(tenant, _)| (node, tenant))
            })
            .collect();
        let drawn = self.below(all.len());
        all.get(drawn).copied()
    }

    fn node(&mut self, world: &World, up: bool) -> Option<usize> {
        let drawn = self.below(NODES);
        world.nodes.get(drawn).filter(|node| node.up == up)?;
        Some(drawn)
    }

    fn step_of_clock(&mut self) -> i64 {
        let steps = [
            -3_600_000, -60_000, -5_000, -500, 300, 5_000, 60_000, 3_600_000,
        ];
        let drawn = self.below(steps.len());
        steps.get(drawn).copied().unwrap_or(0)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(1).max(1);
        usize::try_from(self.random.next_u64() % bound).unwrap_or(0)
    }

    fn among<T: Copy>(&mut self, weighed: &[(T, u64)]) -> Option<T> {
        let total: u64 = weighed.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return None;
        }
        let mut drawn = self.random.next_u64() % total;
        for (value, weight) in weighed {
            if drawn < *weight {
                return Some(*value);
            }
            drawn -= weight;
        }
        None
    }
}
