//! Everything there is: nodes, stores, agents; and what each step does to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use insula_ambient::{Clock as _, ManualClock, SeededEntropy, Timestamp};
use insula_jose::MasterKey;
use insula_store::{COLLECTED_AFTER, Durable as _, MemoryStore};
use insula_testkit::NOW;

use crate::Defect;
use crate::agent::{Agent, Request};
use crate::cache::{Contents, SharedCache};
use crate::facts::{Notice, Received};
use crate::logout::{Logins, Mailbox};
use crate::node::{Configuration, Node, set_clock};
use crate::script::{Act, Step, Written};
use crate::store::Link;
use crate::tenants::{self, AGENTS, TENANTS};
use crate::truth::{Code, Family, Moment, Promise, Violation};
use crate::wire::{CallEnd, Wire};

/// How many nodes there are.
pub(crate) const NODES: usize = 3;

/// Clocks of nodes that keep time differ by less.
pub(crate) const TOLERANCE_MS: u64 = 1_000;
/// How long a replaced refresh token is forgiven.
pub(crate) const REUSE_MS: u64 = 3_000;
/// How often each job of a world that begins goes on at most.
const MOST_SETTLING: u32 = 200;
/// How long a node may keep what it noted in memory alone.
const NOTED_WITHIN_MS: u64 = 50;

pub(crate) const ACCESS_MS: u64 = 120_000;
pub(crate) const CODE_MS: u64 = 300_000;
pub(crate) const DEVICE_MS: u64 = 120_000;
pub(crate) const LOGIN_MS: u64 = 600_000;
pub(crate) const IDLE_REFRESH_MS: u64 = 4 * 3_600_000;
pub(crate) const SESSION_MS: u64 = 12 * 3_600_000;
pub(crate) const IDLE_SESSION_MS: u64 = 3_600_000;

pub(crate) struct World {
    pub(crate) configuration: Configuration,
    pub(crate) nodes: Vec<Node>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) codes: Vec<Code>,
    pub(crate) families: Vec<Family>,
    pub(crate) durable: MemoryStore,
    pub(crate) wire: Arc<Wire>,
    cache: SharedCache,
    /// Which keys were ever stored, and since when.
    pub(crate) known_keys: BTreeMap<String, u64>,
    /// Which of them were taken out again, and when if the clocks had differed by then.
    pub(crate) dropped_keys: BTreeMap<String, Option<u64>>,
    pub(crate) is_bus_up: bool,
    /// What is under way on it.
    pub(crate) notices: VecDeque<Notice>,
    /// What nodes heard of it.
    pub(crate) heard: Vec<Received>,
    saved: Option<Contents>,
    clock: ManualClock,
    pub(crate) ms: u64,
    /// When the clocks of the nodes were last further apart than those that keep time.
    pub(crate) clock_trouble: Option<u64>,
    /// When the cache last lost what it held.
    pub(crate) cache_lost: Option<u64>,
    /// The latest time any node ever told.
    latest_told: Timestamp,
    pub(crate) steps: u64,
    /// Until when turns to ask upstreams may stand that nobody gives back.
    pub(crate) turns_stand_until: u64,
    /// Where clients hear of logouts.
    pub(crate) mailbox: Mailbox,
    pub(crate) logins: Logins,
}

impl World {
    pub(crate) fn new(seed: u64, defect: Option<Defect>) -> Self {
        let clock = ManualClock::at(NOW);
        let (wire, durable) = (Arc::<Wire>::default(), MemoryStore::new());
        let cache = SharedCache::new(clock.clone(), defect);
        let configuration = Configuration {
            specs: (0..TENANTS).map(|n| Arc::new(tenants::spec(n))).collect(),
            written: Arc::new(Mutex::new(vec![Written::AsItWas; TENANTS])),
            upstreams: Arc::default(),
            master_key: Arc::new(MasterKey::generate(&SeededEntropy::new(seed))),
        };
        let nodes = (0..NODES).map(|number| {
            let link = Link {
                wire: Arc::clone(&wire),
                durable: durable.clone(),
                cache: cache.clone(),
                defect,
                notes: Arc::default(),
                facts: Arc::default(),
                burnt: Arc::default(),
            };
            let salt = u64::try_from(number).unwrap_or(0) + 1;
            let mut node = Node::new(ManualClock::at(NOW), link, seed.wrapping_mul(31) + salt);
            node.start(&configuration);
            node
        });
        let mut world = Self {
            nodes: nodes.collect(),
            agents: (0..AGENTS).map(tenants::agent).collect(),
            configuration,
            known_keys: BTreeMap::new(),
            dropped_keys: BTreeMap::new(),
            is_bus_up: true,
            notices: VecDeque::new(),
            heard: Vec::new(),
            codes: Vec::new(),
            families: Vec::new(),
            durable,
            mailbox: Mailbox::new(Arc::clone(&wire)),
            logins: Logins::default(),
            wire,
            cache,
            saved: None,
            clock,
            ms: 0,
            clock_trouble: None,
            cache_lost: None,
            latest_told: NOW,
            steps: 0,
            turns_stand_until: 0,
        };
        // Most runs begin when all is loaded: what takes a third of a run to begin with, nodes that
        // end and start anew show as well.
        if !seed.is_multiple_of(4) {
            world.settle();
        }
        world
    }

    /// Lets all jobs of all tenants go on side by side until they rest.
    fn settle(&mut self) {
        for _ in 0..MOST_SETTLING {
            let mut has_worked = false;
            for (node, tenant) in (0..NODES).flat_map(|node| (0..TENANTS).map(move |t| (node, t))) {
                let of = self
                    .nodes
                    .get(node)
                    .and_then(|node| node.tenants.get(tenant));
                if of.is_some_and(|of| of.jobs() > 0) {
                    has_worked = true;
                    self.work(node, tenant, CallEnd::Succeeds);
                }
            }
            if !has_worked {
                return;
            }
        }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Moment {
        let told = self.nodes.iter().filter(|node| node.up).map(Node::now);
        let told = told.fold(None, |range: Option<(Timestamp, Timestamp)>, time| {
            let (first, last) = range.unwrap_or((time, time));
            Some((first.min(time), last.max(time)))
        });
        let wall = self.clock.now();
        Moment {
            ms: self.ms,
            told: told.unwrap_or((wall, wall)),
        }
    }

    /// Whether all clocks kept time since `then`.
    pub(crate) fn kept_time_since(&self, then: Moment) -> bool {
        self.clock_trouble.is_none_or(|last| last < then.ms)
    }

    /// Takes one step, then looks whether every promise holds.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), Violation> {
        match step {
            Step::Begin { agent, node, act } => {
                if let Some(slot) = self.begin(agent, node, act) {
                    self.go(agent, slot, CallEnd::Succeeds)?;
                }
            }
            Step::Go { agent, slot } => self.go(agent, slot, CallEnd::Succeeds)?,
            Step::Lose { agent, slot } => self.go(agent, slot, CallEnd::Fails)?,
            Step::Cut { agent, slot } => self.cut(agent, slot),
            Step::GiveUp { agent, slot } => self.give_up(agent, slot),
            Step::Work { node, tenant } => self.work(node, tenant, CallEnd::Succeeds),
            Step::LoseWork { node, tenant } => self.work(node, tenant, CallEnd::Fails),
            Step::Write { tenant, what } => self.write(tenant, what),
            Step::Reload { node, tenant } => {
                let configuration = self.configuration.clone();
                if let Some(node) = self.nodes.get_mut(node) {
                    node.look(&configuration, tenant);
                }
            }
            Step::DropBus => self.is_bus_up = false,
            Step::MendBus => self.is_bus_up = true,
            Step::Hear { node } => self.hear(node),
            Step::Tell {
                node,
                tenant,
                client,
            } => self.tell(node, tenant, client)?,
            Step::TellOn { node } => self.tell_on(node, CallEnd::Succeeds)?,
            Step::LoseTelling { node } => self.tell_on(node, CallEnd::Fails)?,
            Step::Pass { ms } => self.pass(ms),
            Step::Kill { node } => self.kill(node),
            Step::Start { node } => self.start(node),
            Step::EmptyCache => self.lose_cache(Contents::default()),
            Step::SaveCache => self.saved = Some(self.cache.contents()),
            Step::RestoreCache => {
                if let Some(contents) = self.saved.clone() {
                    self.lose_cache(contents);
                }
            }
            Step::SetClock { node, ms } => {
                if let Some(node) = self.nodes.get(node) {
                    node.set_clock(ms);
                }
            }
            Step::SetAllClocks { ms } => {
                set_clock(&self.clock, ms);
                for node in &self.nodes {
                    node.set_clock(ms);
                }
            }
            Step::Drift { node, parts } => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.set_drift(parts);
                }
            }
            Step::Collect { node } => {
                if let Some(node) = self.nodes.get(node).filter(|node| node.up) {
                    let now = node.now() - COLLECTED_AFTER;
                    let collected = self.durable.collect_expired(now, u32::MAX);
                    collected.now_or_never();
                }
            }
        }
        self.pass_on();
        self.look_at_clocks();
        self.look_at_tenants()?;
        self.audit_logouts()?;
        self.steps += 1;
        let agent = match step {
            Step::Begin { agent, .. } | Step::Go { agent, .. } | Step::Lose { agent, .. } => {
                Some(agent)
            }
            _ => None,
        };
        for (number, audited) in self.agents.iter().enumerate() {
            if agent == Some(number) || self.steps.is_multiple_of(16) {
                self.audit(audited)?;
            }
        }
        Ok(())
    }

    /// Lets a request go on to its next stop.
    fn go(&mut self, agent: usize, slot: usize, end: CallEnd) -> Result<(), Violation> {
        let wire = Arc::clone(&self.wire);
        let Some(Some(request)) = self.request(agent, slot) else {
            return Ok(());
        };
        wire.decide(end);
        let polled = request
            .running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        wire.decide(CallEnd::Succeeds);
        let traffic = wire.traffic();
        let was_carried = request.carried.len();
        request.carried.extend(traffic.carried);
        request.lost.extend(traffic.lost);
        self.observe(agent, slot, was_carried);
        self.observe_questions(agent, slot);
        if let Poll::Ready(answer) = polled {
            let ended = self.request(agent, slot).and_then(Option::take);
            if let Some(request) = ended {
                return self.judge(agent, &request, answer);
            }
        }
        Ok(())
    }

    pub(crate) fn request(&mut self, agent: usize, slot: usize) -> Option<&mut Option<Request>> {
        self.agents.get_mut(agent)?.slots.get_mut(slot)
    }

    /// A request ends where it stands.
    fn cut(&mut self, agent: usize, slot: usize) {
        if let Some(request) = self.request(agent, slot).and_then(Option::take) {
            self.unheard(&request);
            self.question_without(agent, &request);
        }
    }

    pub(crate) fn excuse_family(&mut self, number: usize, why: &'static str) {
        if let Some(family) = self.families.get_mut(number) {
            family.excused = Some(why);
        }
    }

    /// Nobody waits for a request any more. One that did not arrive yet never will.
    fn give_up(&mut self, agent: usize, slot: usize) {
        let Some(request) = self.request(agent, slot) else {
            return;
        };
        match request {
            Some(under_way) if under_way.carried.is_empty() => {
                *request = None;
            }
            Some(under_way) => under_way.is_heard = false,
            None => {}
        }
    }

    fn pass(&mut self, ms: u64) {
        let span = Duration::from_millis(ms);
        self.clock.advance(span);
        self.ms += ms;
        self.excuse_long_questions();
        for node in &mut self.nodes {
            node.pass(span);
            if node.up && ms >= NOTED_WITHIN_MS {
                for note in node.link.take_notes() {
                    note.write(&self.durable).now_or_never();
                }
            }
        }
    }

    fn kill(&mut self, number: usize) {
        let Some(node) = self.nodes.get_mut(number).filter(|node| node.up) else {
            return;
        };
        node.kill();
        let has_notes = !node.link.take_notes().is_empty();
        self.turns_stand();
        self.drop_notices_for(number);
        if has_notes {
            for family in &mut self.families {
                family.note_lost = true;
            }
        }
        for agent in 0..self.agents.len() {
            for slot in 0..crate::agent::SLOTS {
                let is_there = self
                    .request(agent, slot)
                    .is_some_and(|request| request.as_ref().is_some_and(|r| r.node == number));
                if is_there {
                    self.cut(agent, slot);
                }
            }
        }
    }

    fn start(&mut self, number: usize) {
        let last = self.latest_told;
        let configuration = self.configuration.clone();
        let Some(node) = self.nodes.get_mut(number).filter(|node| !node.up) else {
            return;
        };
        node.start(&configuration);
        // A process that begins takes the machine's time as it is: told time may run back.
        if last.since(node.now()) > Duration::from_millis(TOLERANCE_MS) {
            self.clock_trouble = Some(self.ms);
        }
    }

    /// The rows of a tenant are those of who was served first, which is who it began as.
    fn write(&mut self, tenant: usize, what: Written) {
        let is_served = self.nodes.iter().any(|node| node.serves(tenant).is_some());
        if is_served || what == Written::AsItWas {
            self.configuration.write(tenant, what);
        }
    }

    /// Whether a tenant is, or may be served, otherwise than it began.
    pub(crate) fn is_changing(&self, tenant: usize) -> bool {
        let own = Written::AsItWas;
        let serves = self.nodes.iter().filter_map(|node| node.serves(tenant));
        self.configuration.written(tenant) != own || serves.into_iter().any(|it| *it != *own.name())
    }

    /// While a tenant changes, what its people are refused is no broken promise; what they are given
    /// can be one. Nobody is ever served under an issuer that the rows are not of.
    fn look_at_tenants(&mut self) -> Result<(), Violation> {
        let other = Written::AnotherIssuer.name();
        let changing = (0..TENANTS).filter(|tenant| self.is_changing(*tenant));
        for tenant in changing.collect::<Vec<_>>() {
            self.excuse_logouts_of(tenant);
            let mut serves = self.nodes.iter().filter_map(|node| node.serves(tenant));
            if serves.any(|version| *version == *other) {
                let what = "a tenant is served under another issuer with the rows of the first";
                return Err(Promise::TenantsApart.broken(what));
            }
            for agent in self
                .agents
                .iter_mut()
                .filter(|agent| agent.tenant == tenant)
            {
                agent.login_may_be_lost = true;
                for request in agent.slots.iter_mut().flatten() {
                    request.is_excused = true;
                }
            }
        }
        Ok(())
    }

    fn look_at_clocks(&mut self) {
        let (first, last) = self.now().told;
        self.latest_told = self.latest_told.max(last);
        if last.since(first) >= Duration::from_millis(TOLERANCE_MS) {
            self.clock_trouble = Some(self.ms);
        }
    }

    /// The cache forgets what it held, and holds `contents` instead.
    fn lose_cache(&mut self, contents: Contents) {
        self.cache.replace(contents);
        self.cache_lost = Some(self.ms);
        let presented = self
            .agents
            .iter()
            .flat_map(|agent| agent.slots.iter().flatten());
        let under_way: Vec<usize> = presented.filter_map(|r| r.presents.code).collect();
        for number in 0..self.codes.len() {
            let is_under_way = under_way.contains(&number);
            let Some(code) = self.codes.get(number) else {
                continue;
            };
            if is_under_way || code.answers == 0 {
                self.excuse_code(number, "the cache lost what it knew of the code");
            }
        }
        for agent in &mut self.agents {
            agent.login_may_be_lost = true;
        }
        for family in &mut self.families {
            if family.kept_since.is_some() {
                family.excused = Some("the cache lost what an upstream said");
            }
        }
        self.excuse_all_questions();
    }

    /// From now on a code need not be redeemable, and its tokens may be condemned.
    pub(crate) fn excuse_code(&mut self, number: usize, why: &'static str) {
        let Some(code) = self.codes.get_mut(number) else {
            return;
        };
        code.excused = Some(why);
        let family = code.family;
        if let Some(family) = family.and_then(|number| self.families.get_mut(number)) {
            family.excused = Some(why);
        }
    }

    /// What a request means for what is promised, once calls of it were carried out.
    fn observe(&mut self, agent: usize, slot: usize, from: usize) {
        let now = self.now();
        let Some(Some(request)) = self.request(agent, slot) else {
            return;
        };
        let carried = request.carried.get(from..).unwrap_or_default().to_vec();
        let is_first = |name| {
            !request
                .carried
                .get(..from)
                .unwrap_or_default()
                .contains(&name)
        };
        let takes = ["take_refresh_answer", "take_answer"];
        let is_taken_unheard = request.lost.iter().any(|call| takes.contains(call));
        let keeps = ["keep_refreshed", "begin_refresh"];
        let is_kept_unheard = request.lost.iter().any(|call| keeps.contains(call));
        let (act, presents) = (request.act, request.presents.clone());
        if act == Act::Refresh
            && carried.contains(&"find_refresh")
            && is_first("find_refresh")
            && let (Some(family), Some(token)) = (presents.family, &presents.token)
        {
            self.note_late(family, token, now);
        }
        if carried.contains(&"keep_refreshed")
            && let Some(family) = presents.family
            && let Some(family) = self.families.get_mut(family)
        {
            family.kept_since.get_or_insert(now.ms);
        }
        if is_kept_unheard && let Some(family) = presents.family {
            self.excuse_family(family, "what the upstream said could not be kept or read");
        }
        if is_taken_unheard && let Some(code) = presents.code {
            self.excuse_code(code, "nobody heard whether its answer was taken");
        }
        if carried.contains(&"end_session")
            && (act.continues_login() || act == Act::EnterCode)
            && let Some(session) = self.agents.get_mut(agent).and_then(|a| a.session.as_mut())
        {
            // The new cookie may be lost with the answer.
            session.excused = Some("a new login took its place");
        }
    }

    /// A client whose answer was lost may ask again, but in time.
    fn note_late(&mut self, number: usize, token: &str, now: Moment) {
        let Some(family) = self.families.get(number) else {
            return;
        };
        if family.latest.as_deref() == Some(token) {
            return;
        }
        let since = family.latest_since;
        let in_time = now.surely_within(since, REUSE_MS - TOLERANCE_MS)
            && self.kept_time_since(since)
            && family.before.as_deref() == Some(token);
        if !in_time && let Some(family) = self.families.get_mut(number) {
            family.excused = Some("a replaced token was presented too late");
        }
    }

    /// A request whose answer nobody will hear, at its end or cut before.
    pub(crate) fn unheard(&mut self, request: &Request) {
        let takes = ["answer_code", "take_refresh_answer", "take_answer"];
        if request.carried.iter().any(|call| takes.contains(call))
            && let Some(code) = request.presents.code
        {
            self.excuse_code(code, "it was answered, and nobody heard it");
        }
    }
}
