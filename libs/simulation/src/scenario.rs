//! Short scenarios that lead where chance alone seldom does.

mod list;

use std::collections::VecDeque;

use crate::agent::{Agent, Login, Request};
use crate::script::{Act, Step, Written};
use crate::world::{NODES, World};

pub(crate) use list::{Topic, of_topic};

/// The most steps one takes before it is given up.
const STEPS: u32 = 120;

/// A scenario of one agent under way, whose steps come among those of everybody else and may come to
/// nothing by them.
pub(crate) struct Scenario {
    agent: usize,
    parts: VecDeque<Part>,
    /// How the request under way is disturbed, after which call if not after any.
    disturbances: (&'static [Disturbance], Option<&'static str>),
    /// The request that is kept waiting, and after which call it was to wait.
    paused: Option<Paused>,
    left: u32,
}

/// A request that goes as far as one call and then waits for the scenario.
#[derive(Debug, Clone, Copy)]
struct Paused {
    slot: usize,
    after: &'static str,
    times: usize,
}

/// One part of a scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// Whose scenario it is, if it is not anybody's. Comes first.
    For(usize),
    /// The agent does what it takes until they have it.
    Get(Goal),
    /// The agent does it, at any node, if they can.
    Do(Act),
    /// The same at this node.
    At(usize, Act),
    /// The same at each node, one after the other.
    Everywhere(Act),
    /// The same at any node, and the request is disturbed: at once after this call was carried out, or
    /// else at any time.
    Disturbed(Act, &'static [Disturbance], Option<&'static str>),
    /// The agent begins it, and it waits once this call was carried out, until it is resumed.
    Pause(Act, &'static str),
    /// The same once it was carried out twice.
    PauseAtSecond(Act, &'static str),
    /// What was paused goes on.
    Resume,
    /// It happens.
    Then(Step),
    /// Something else is written of the first tenant, and these nodes look at it.
    Write(Written, &'static [usize]),
    /// All jobs of the tenant go on, in any order, until they rest.
    Settle,
    /// All that is under way to the nodes of rows that changed arrives.
    HearAll,
    /// A node begins to tell a client of the agent's tenant of logouts.
    Tell(usize),
    /// What nodes tell clients goes on until they rest.
    Told,
    /// So often.
    Repeat(u32, &'static [Part]),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Disturbance {
    /// None yet.
    GoesOn,
    Fails,
    Stalls,
    IsGivenUp,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    Code,
    Tokens,
    Session,
    Exchanged,
    /// A device waits to be confirmed.
    Device,
    /// Its person is asked whether it is theirs.
    AskedForDevice,
    /// Its person said yes.
    ConfirmedDevice,
}

impl Scenario {
    pub(crate) fn new(parts: &'static [Part], agent: usize) -> Self {
        let (agent, parts) = match parts {
            [Part::For(agent), rest @ ..] => (*agent, rest),
            anybodys => (agent, anybodys),
        };
        Self {
            agent,
            parts: parts.iter().copied().collect(),
            disturbances: (&[], None),
            paused: None,
            left: STEPS,
        }
    }

    /// Its next step as things stand, unless it is over. `below` draws a number.
    pub(crate) fn next(
        &mut self,
        world: &World,
        below: &mut impl FnMut(usize) -> usize,
    ) -> Option<Step> {
        self.left = self.left.checked_sub(1)?;
        let agent = world.agents.get(self.agent)?;
        if let Some(slot) = pick(&self.busy(agent), below) {
            return self.next_of_request(agent, slot, below);
        }
        self.disturbances = (&[], None);
        loop {
            let act = match *self.parts.front()? {
                Part::Settle => {
                    if let Some(step) = work(world, agent, below) {
                        return Some(step);
                    }
                    self.parts.pop_front();
                    continue;
                }
                Part::HearAll => {
                    let node = (0..NODES).find(|node| world.has_notice_for(*node));
                    if let Some(node) = node {
                        return Some(Step::Hear { node });
                    }
                    self.parts.pop_front();
                    continue;
                }
                Part::Told => {
                    let telling = (0..NODES).find(|node| world.is_telling(*node));
                    if let Some(node) = telling {
                        return Some(Step::TellOn { node });
                    }
                    self.parts.pop_front();
                    continue;
                }
                Part::Get(goal) if !goal.is_reached(agent) => goal.step_of(agent)?,
                Part::Do(act)
                | Part::At(_, act)
                | Part::Pause(act, _)
                | Part::PauseAtSecond(act, _)
                | Part::Disturbed(act, ..)
                    if agent.may(act) =>
                {
                    act
                }
                part => {
                    self.parts.pop_front();
                    if let Some(step) = self.expanded(part, agent) {
                        return Some(step);
                    }
                    continue;
                }
            };
            let awake = |node: &usize| {
                let node = world.nodes.get(*node);
                node.is_some_and(|node| node.tenant(agent.tenant).is_some())
            };
            let wanted = |node: &usize| match self.parts.front() {
                Some(Part::At(wanted, _)) => node == wanted,
                _ => true,
            };
            let fit = (0..NODES).filter(wanted).filter(awake);
            let Some(node) = pick(&fit.collect::<Vec<_>>(), below) else {
                return work(world, agent, below);
            };
            self.begun(agent)?;
            let agent = self.agent;
            return Some(Step::Begin { agent, node, act });
        }
    }

    /// The requests of the agent that may go on.
    fn busy(&self, agent: &Agent) -> Vec<usize> {
        let waits = |slot: usize, request: &Request| {
            let paused = self.paused.filter(|paused| paused.slot == slot);
            paused.is_some_and(|paused| {
                let carried = request.carried.iter().filter(|call| **call == paused.after);
                carried.count() >= paused.times
            })
        };
        let slots = agent.slots.iter().enumerate();
        let busy = slots.filter(|(number, slot)| {
            let request = slot.as_ref();
            request.is_some_and(|request| !waits(*number, request))
        });
        busy.map(|(slot, _)| slot).collect()
    }

    /// A request goes on, or is disturbed.
    fn next_of_request(
        &mut self,
        agent: &Agent,
        slot: usize,
        below: &mut impl FnMut(usize) -> usize,
    ) -> Option<Step> {
        let (disturbances, after) = self.disturbances;
        let request = agent.slots.get(slot)?.as_ref()?;
        let is_time = match after {
            Some(call) => request.carried.contains(&call),
            None => below(5) == 0,
        };
        let Some((first, rest)) = disturbances.split_first().filter(|_| is_time) else {
            let agent = self.agent;
            return Some(Step::Go { agent, slot });
        };
        self.disturbances = (rest, after);
        Some(first.of(self.agent, slot))
    }

    /// What a part that is no request comes to: a step, or more parts.
    fn expanded(&mut self, part: Part, agent: &Agent) -> Option<Step> {
        match part {
            Part::Then(step) => return Some(step),
            Part::Resume => {
                let paused = self.paused.take()?;
                let (agent, slot) = (self.agent, paused.slot);
                return Some(Step::Go { agent, slot });
            }
            Part::Write(what, nodes) => {
                self.parts.push_front(Part::Settle);
                for node in nodes.iter().rev() {
                    let (node, tenant) = (*node, 0);
                    self.parts
                        .push_front(Part::Then(Step::Reload { node, tenant }));
                }
                return Some(Step::Write { tenant: 0, what });
            }
            Part::Tell(node) => {
                let (tenant, client) = (agent.tenant, usize::from(agent.client != "app"));
                return Some(Step::Tell {
                    node,
                    tenant,
                    client,
                });
            }
            Part::Everywhere(act) => {
                for node in (0..NODES).rev() {
                    self.parts.push_front(Part::At(node, act));
                }
            }
            Part::Repeat(times, parts) => {
                if let Some(left) = times.checked_sub(1) {
                    self.parts.push_front(Part::Repeat(left, parts));
                    for part in parts.iter().rev() {
                        self.parts.push_front(*part);
                    }
                }
            }
            _ => {}
        }
        None
    }

    /// The request of the first part begins.
    fn begun(&mut self, agent: &Agent) -> Option<()> {
        let part = *self.parts.front()?;
        match part {
            Part::Get(_) => return Some(()),
            Part::Disturbed(_, disturbances, after) => self.disturbances = (disturbances, after),
            Part::Pause(_, after) | Part::PauseAtSecond(_, after) => {
                let slot = agent.slots.iter().position(Option::is_none)?;
                let times = if matches!(part, Part::Pause(..)) {
                    1
                } else {
                    2
                };
                self.paused = Some(Paused { slot, after, times });
            }
            _ => {}
        }
        self.parts.pop_front();
        Some(())
    }
}

fn pick(all: &[usize], below: &mut impl FnMut(usize) -> usize) -> Option<usize> {
    let drawn = below(all.len());
    all.get(drawn).copied()
}

/// A job of the agent's tenant goes on, if there is one.
fn work(world: &World, agent: &Agent, below: &mut impl FnMut(usize) -> usize) -> Option<Step> {
    let tenant = agent.tenant;
    let of = |node: usize| world.nodes.get(node)?.tenants.get(tenant);
    let working = (0..NODES).filter(|node| of(*node).is_some_and(|tenant| tenant.jobs() > 0));
    let node = pick(&working.collect::<Vec<_>>(), below)?;
    Some(Step::Work { node, tenant })
}

impl Disturbance {
    fn of(self, agent: usize, slot: usize) -> Step {
        match self {
            Self::GoesOn => Step::Go { agent, slot },
            Self::Fails => Step::Lose { agent, slot },
            // Longer than a replaced token is forgiven.
            Self::Stalls => Step::Pass { ms: 4_000 },
            Self::IsGivenUp => Step::GiveUp { agent, slot },
        }
    }
}

impl Goal {
    fn is_reached(self, agent: &Agent) -> bool {
        match self {
            Self::Code => agent.code.is_some(),
            Self::Tokens => agent.held.is_some(),
            Self::Session => agent.session.is_some() && agent.login == Login::None,
            Self::Exchanged => agent.exchanged.is_some(),
            Self::Device => agent.device.is_some(),
            Self::AskedForDevice => agent.is_asked_for_device(),
            Self::ConfirmedDevice => agent.device.is_some_and(|device| device.is_settled),
        }
    }

    /// What brings any of them nearer.
    fn step_of(self, agent: &Agent) -> Option<Act> {
        const LOGIN: &[Act] = &[
            Act::Redeem,
            Act::FinishDevice,
            Act::ConfirmDevice,
            Act::Consent,
            Act::ComeBack,
            Act::Choose,
            Act::Authorize,
            Act::LogInAgain,
        ];
        const DEVICE: &[Act] = &[
            Act::FinishDevice,
            Act::ConfirmDevice,
            Act::Consent,
            Act::ComeBack,
            Act::Choose,
            Act::EnterCode,
            Act::AskForDevice,
        ];
        let acts = match self {
            Self::Code | Self::Tokens | Self::Session => LOGIN,
            Self::Exchanged if agent.held.is_some() => &[Act::ExchangeOwn, Act::ExchangeUpstream],
            Self::Exchanged => LOGIN,
            Self::Device | Self::AskedForDevice | Self::ConfirmedDevice => DEVICE,
        };
        acts.iter().copied().find(|act| agent.may(*act))
    }
}
