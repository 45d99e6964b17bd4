//! Short plans that lead where chance alone seldom does.

use std::collections::VecDeque;

use crate::agent::{Agent, Login, Request};
use crate::script::{Act, Step, Written};
use crate::tenants::PERSON_OF_ROTATING;
use crate::world::{NODES, World};

/// The most steps one takes before it is given up.
const STEPS: u32 = 120;

/// A plan of one agent under way, whose steps come among those of everybody else and may come to
/// nothing by them.
pub(crate) struct Gambit {
    agent: usize,
    moves: VecDeque<Move>,
    /// What is to befall the request under way, after which call if not after any.
    trouble: (&'static [Trouble], Option<&'static str>),
    /// The request that is kept waiting, and after which call it was to wait.
    held: Option<Held>,
    left: u32,
}

/// A request that goes as far as one call and then waits for the plan.
#[derive(Debug, Clone, Copy)]
struct Held {
    slot: usize,
    after: &'static str,
}

/// One part of a plan.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// Whose plan it is, if it is not anybody's. Comes first.
    Of(usize),
    /// The agent does what it takes until they have it.
    Get(Goal),
    /// The agent does it, at any node, if they can.
    Do(Act),
    /// The same at this node.
    At(usize, Act),
    /// The same at any node, and something befalls the request on its way, at once after this call was carried
    /// out or else at any time.
    Trouble(Act, &'static [Trouble], Option<&'static str>),
    /// The agent begins it, and it waits once this call was carried out, until it is let go.
    Hold(Act, &'static str),
    /// What was held is let go.
    LetGo,
    /// It happens.
    Then(Step),
    /// All jobs of the tenant go on, in any order, until they rest.
    Settle,
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// None yet.
    GoesOn,
    Fails,
    Stalls,
    IsGivenUp,
}

#[derive(Debug, Clone, Copy)]
enum Goal {
    Code,
    Tokens,
    Session,
}

use Move::{Do, Get, Of, Settle, Then};

/// The first tenant changes, and all nodes see it.
const fn write(what: Written) -> Move {
    Then(Step::Write { tenant: 0, what })
}

const fn look(node: usize) -> Move {
    Then(Step::Reload { node, tenant: 0 })
}

/// The upstream is asked right after the call that is named, and the next one fails.
const FAILING_REFRESH: Move = Move::Trouble(
    Act::Refresh,
    &[Trouble::GoesOn, Trouble::Fails],
    Some("kept_refreshed"),
);

const A_WHILE: Move = Then(Step::Pass { ms: 700_000 });
const A_MINUTE: Move = Then(Step::Pass { ms: 70_000 });

/// All plans there are.
const PLANS: &[&[Move]] = &[
    // The cache forgets that a code was redeemed.
    &[
        Get(Goal::Code),
        Then(Step::SaveCache),
        Do(Act::Redeem),
        Then(Step::RestoreCache),
        Do(Act::ReplayCode),
    ],
    // The same, and the first who presents it then is not answered.
    &[
        Get(Goal::Code),
        Then(Step::SaveCache),
        Do(Act::Redeem),
        Then(Step::RestoreCache),
        Move::Trouble(Act::ReplayCode, &[Trouble::Fails], Some("claim_code")),
        Do(Act::ReplayCode),
    ],
    // The cache forgets what was revoked.
    &[
        Get(Goal::Tokens),
        Do(Act::Revoke),
        Then(Step::EmptyCache),
        Do(Act::UseRevoked),
        Do(Act::RefreshRevoked),
    ],
    &[
        Get(Goal::Tokens),
        Then(Step::SaveCache),
        Do(Act::Revoke),
        Then(Step::RestoreCache),
        Do(Act::RefreshRevoked),
        Do(Act::UseRevoked),
    ],
    // Nobody hears that somebody left. They may be asked whether they mean to.
    &[
        Get(Goal::Session),
        Then(Step::DropBus),
        Then(Step::SaveCache),
        Do(Act::LogOut),
        Do(Act::LogOut),
        Then(Step::RestoreCache),
        Do(Act::UseOldCookie),
        Then(Step::MendBus),
    ],
    // A token is asked about everywhere, and nobody hears that it is revoked.
    &[
        Get(Goal::Tokens),
        Then(Step::DropBus),
        Move::At(0, Act::Userinfo),
        Move::At(1, Act::Introspect),
        Move::At(2, Act::Userinfo),
        Do(Act::Revoke),
        Do(Act::UseRevoked),
        Then(Step::Pass { ms: 2_000 }),
        Move::At(0, Act::UseRevoked),
        Move::At(1, Act::UseRevoked),
        Move::At(2, Act::UseRevoked),
        Then(Step::MendBus),
    ],
    // The same of somebody who leaves.
    &[
        Get(Goal::Session),
        Then(Step::DropBus),
        Move::At(0, Act::AskSilently),
        Move::At(1, Act::AskSilently),
        Do(Act::LogOut),
        Do(Act::LogOut),
        Do(Act::UseOldCookie),
        Then(Step::Pass { ms: 2_000 }),
        Move::At(0, Act::UseOldCookie),
        Move::At(1, Act::UseOldCookie),
        Then(Step::MendBus),
    ],
    // A token is asked about while it is revoked, and everybody hears of that before the answer.
    &[
        Get(Goal::Tokens),
        Then(Step::Pass { ms: 4_000 }),
        Move::Hold(Act::Userinfo, "is_revoked"),
        Do(Act::Revoke),
        Then(Step::Hear { node: 0 }),
        Then(Step::Hear { node: 1 }),
        Then(Step::Hear { node: 2 }),
        Move::LetGo,
        Do(Act::UseRevoked),
        Do(Act::UseRevoked),
        Do(Act::UseRevoked),
    ],
    // A token is used long after it was replaced.
    &[
        Get(Goal::Tokens),
        Do(Act::Refresh),
        Then(Step::Pass { ms: 9_000 }),
        Do(Act::ReplayRefresh),
    ],
    // A request fails or stalls, and its client tries again.
    &[
        Get(Goal::Code),
        Move::Trouble(Act::Redeem, &[Trouble::Fails], None),
        Do(Act::Redeem),
    ],
    &[
        Get(Goal::Code),
        Move::Trouble(Act::Redeem, &[Trouble::Fails], Some("claim_code")),
        Do(Act::Redeem),
    ],
    &[
        Get(Goal::Tokens),
        Move::Trouble(Act::Refresh, &[Trouble::Fails], Some("rotate_refresh")),
        Then(Step::Pass { ms: 4_000 }),
        Do(Act::Refresh),
    ],
    &[
        Get(Goal::Tokens),
        Move::Trouble(
            Act::Refresh,
            &[Trouble::Stalls, Trouble::IsGivenUp],
            Some("rotate_refresh"),
        ),
        Do(Act::Refresh),
    ],
    // Wall clocks are set while a code waits.
    &[
        Get(Goal::Code),
        Then(Step::SetAllClocks { ms: 3_600_000 }),
        Do(Act::Redeem),
    ],
    // An upstream that takes each of its tokens once is asked, and what it says cannot be stored.
    &[
        Of(PERSON_OF_ROTATING),
        Get(Goal::Tokens),
        FAILING_REFRESH,
        Do(Act::Refresh),
        FAILING_REFRESH,
        Do(Act::Refresh),
        FAILING_REFRESH,
        Do(Act::Refresh),
    ],
    // A tenant is removed and is back.
    &[
        Of(0),
        Get(Goal::Tokens),
        write(Written::Nothing),
        look(0),
        look(1),
        look(2),
        Settle,
        write(Written::AsItWas),
        look(0),
        look(1),
        look(2),
        Settle,
        Do(Act::Refresh),
        Do(Act::Userinfo),
    ],
    // A tenant is removed, and its name is somebody else's for a while.
    &[
        Of(0),
        Get(Goal::Tokens),
        write(Written::Nothing),
        look(0),
        look(1),
        write(Written::AnotherIssuer),
        look(0),
        look(1),
        look(2),
        Settle,
        Do(Act::Refresh),
        write(Written::AsItWas),
        look(0),
        look(1),
        look(2),
        Settle,
        Do(Act::Refresh),
    ],
    // All nodes rotate at once, and sign with the new keys.
    &[
        Settle,
        A_WHILE,
        Settle,
        A_WHILE,
        Settle,
        A_WHILE,
        Settle,
        A_WHILE,
        Settle,
        A_MINUTE,
        Settle,
        Get(Goal::Tokens),
        Do(Act::Refresh),
        Do(Act::Refresh),
    ],
];

/// How many plans there are.
pub(crate) const GAMBITS: usize = PLANS.len();

impl Gambit {
    pub(crate) fn new(plan: usize, agent: usize) -> Self {
        let moves = PLANS.get(plan).copied().unwrap_or_default();
        let (agent, moves) = match moves {
            [Of(agent), rest @ ..] => (*agent, rest),
            anybodys => (agent, anybodys),
        };
        Self {
            agent,
            moves: moves.iter().copied().collect(),
            trouble: (&[], None),
            held: None,
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
        let number = self.agent;
        let agent = world.agents.get(number)?;
        let is_time = below(5) == 0;
        let mut pick = |all: Vec<usize>| all.get(below(all.len())).copied();
        let slots = agent.slots.iter().enumerate();
        let waits = |slot: usize, request: &Request| {
            let held = self.held.filter(|held| held.slot == slot);
            held.is_some_and(|held| request.carried.contains(&held.after))
        };
        let busy = slots.filter(|(number, slot)| {
            let request = slot.as_ref();
            request.is_some_and(|request| !waits(*number, request))
        });
        if let Some(slot) = pick(busy.map(|(slot, _)| slot).collect()) {
            let (trouble, after) = self.trouble;
            let request = agent.slots.get(slot)?.as_ref()?;
            let is_time = after.map_or(is_time, |call| request.carried.contains(&call));
            let Some((first, rest)) = trouble.split_first().filter(|_| is_time) else {
                return Some(Step::Go {
                    agent: number,
                    slot,
                });
            };
            self.trouble = (rest, after);
            return Some(first.of(number, slot));
        }
        self.trouble = (&[], None);
        let of = |node: usize| world.nodes.get(node)?.tenants.get(agent.tenant);
        let working = || (0..NODES).filter(|node| of(*node).is_some_and(|t| t.jobs() > 0));
        let work = |node| Step::Work {
            node,
            tenant: agent.tenant,
        };
        loop {
            let act = match *self.moves.front()? {
                Then(step) => {
                    self.moves.pop_front();
                    return Some(step);
                }
                Of(_) => {
                    self.moves.pop_front();
                    continue;
                }
                Settle => {
                    if let Some(node) = pick(working().collect()) {
                        return Some(work(node));
                    }
                    self.moves.pop_front();
                    continue;
                }
                Move::LetGo => {
                    self.moves.pop_front();
                    let Some(held) = self.held.take() else {
                        continue;
                    };
                    let (agent, slot) = (number, held.slot);
                    return Some(Step::Go { agent, slot });
                }
                Get(goal) if goal.is_reached(agent) => {
                    self.moves.pop_front();
                    continue;
                }
                Get(_) => Goal::step_of(agent)?,
                Do(act) | Move::At(_, act) | Move::Hold(act, _) | Move::Trouble(act, ..)
                    if agent.may(act) =>
                {
                    act
                }
                Do(_) | Move::At(..) | Move::Hold(..) | Move::Trouble(..) => {
                    self.moves.pop_front();
                    continue;
                }
            };
            let awake = |node: &usize| {
                let node = world.nodes.get(*node);
                node.is_some_and(|node| node.tenant(agent.tenant).is_some())
            };
            let wanted = |node: &usize| match self.moves.front() {
                Some(Move::At(wanted, _)) => node == wanted,
                _ => true,
            };
            let fit = (0..NODES).filter(wanted).filter(awake);
            let Some(node) = pick(fit.collect()) else {
                return pick(working().collect()).map(work);
            };
            match *self.moves.front()? {
                Get(_) => {}
                Move::Trouble(_, trouble, after) => {
                    self.moves.pop_front();
                    self.trouble = (trouble, after);
                }
                Move::Hold(_, after) => {
                    self.moves.pop_front();
                    let slot = agent.slots.iter().position(Option::is_none)?;
                    self.held = Some(Held { slot, after });
                }
                _ => {
                    self.moves.pop_front();
                }
            }
            return Some(Step::Begin {
                agent: number,
                node,
                act,
            });
        }
    }
}

impl Trouble {
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
        }
    }

    /// What brings any of them nearer.
    fn step_of(agent: &Agent) -> Option<Act> {
        let acts = [
            Act::Redeem,
            Act::Consent,
            Act::ComeBack,
            Act::Choose,
            Act::Authorize,
            Act::LogInAgain,
        ];
        acts.into_iter().find(|act| agent.may(*act))
    }
}
