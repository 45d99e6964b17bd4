use std::sync::Mutex;

use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, SessionId, UserId};

use super::*;
use crate::{EndedSession, RevokedGrant};

/// Notes what was told.
#[derive(Default)]
struct Notes(Mutex<Vec<(TenantId, Vec<ChangedFact>)>>);

impl TellFacts for Notes {
    fn tell(&self, tenant: &TenantId, changed: &[ChangedFact]) {
        let told = (tenant.clone(), changed.to_vec());
        self.0.lock().unwrap().push(told);
    }
}

fn acme() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn cookie(word: &str) -> TokenHash {
    TokenHash::of(word)
}

fn grant(id: &str) -> GrantId {
    GrantId::parse(id).unwrap()
}

fn session() -> BrowserSession {
    BrowserSession {
        id: SessionId::parse("s").unwrap(),
        connector_id: ConnectorId::parse("c").unwrap(),
        claims: IdentityClaims::of(UserId::parse("u").unwrap()),
        auth_time: Timestamp::EPOCH,
        amr: Vec::new(),
        acr: None,
        clients: vec![ClientId::parse("app").unwrap()],
        earlier: Vec::new(),
        last_seen_at: Timestamp::EPOCH,
        expires_at: Timestamp::EPOCH,
    }
}

fn ended(word: &str) -> EndedSession {
    EndedSession {
        cookie: cookie(word),
        event: None,
        audience: None,
    }
}

fn revoked(id: &str) -> RevokedGrant {
    RevokedGrant {
        grant: grant(id),
        until: Timestamp::EPOCH,
        event: None,
    }
}

const NOW: Monotonic = Monotonic::START;

fn noted_by(notes: &Arc<Notes>) -> TenantFacts {
    let (totals, bound) = (FactsTotals::new(usize::MAX), RememberedBound::of(10));
    TenantFacts::open(acme(), bound, &totals, Arc::clone(notes) as _)
}

impl TenantFacts {
    fn with_session(self, word: &str) -> Self {
        let fact = SessionFact(Some(Arc::new(session())));
        let reading = self.sessions.begin(NOW);
        self.sessions.keep(reading, &cookie(word), &fact, NOW);
        self
    }

    fn with_family(self, id: &str) -> Self {
        let reading = self.revocations.begin(NOW);
        let fact = RevocationFact(false);
        self.revocations.keep(reading, &grant(id), &fact, NOW);
        self
    }

    fn knows(&self, word: &str) -> bool {
        self.sessions.get(&cookie(word), NOW).is_some()
    }
}

#[test]
fn what_a_commit_ends_is_forgotten_here_and_told_to_everybody_when_it_is_over() {
    let notes = Arc::new(Notes::default());
    let facts = noted_by(&notes)
        .with_session("mine")
        .with_session("other")
        .with_family("g");
    let changes = Changes {
        ended: vec![ended("mine")],
        revoked: Some(revoked("g")),
        ..Changes::default()
    };
    let changing = facts.changing(&changes);
    assert!(facts.knows("mine"), "the row still stands");
    drop(changing);
    assert!(!facts.knows("mine") && facts.knows("other"));
    assert_eq!(facts.revocations.get(&grant("g"), NOW), None);
    let told = [
        ChangedFact::Session(cookie("mine")),
        ChangedFact::Grant(grant("g")),
    ];
    assert_eq!(*notes.0.lock().unwrap(), [(acme(), told.to_vec())]);
}

#[test]
fn a_session_that_goes_on_is_read_anew_here_and_nobody_else_is_told() {
    let notes = Arc::new(Notes::default());
    let facts = noted_by(&notes).with_session("mine");
    let changes = Changes {
        prolonged: Some((cookie("mine"), session())),
        ..Changes::default()
    };
    drop(facts.changing(&changes));
    assert!(!facts.knows("mine"));
    assert!(notes.0.lock().unwrap().is_empty());
}

#[test]
fn word_of_a_change_reads_as_it_was_written() {
    let told = vec![
        ChangedFact::Session(cookie("c")),
        ChangedFact::Grant(grant("g")),
    ];
    let written = serde_json::to_string(&told).unwrap();
    assert!(!written.contains("\"c\""), "a hash is told, not the cookie");
    assert_eq!(
        serde_json::from_str::<Vec<ChangedFact>>(&written).unwrap(),
        told
    );
}

#[test]
fn no_session_is_remembered_where_there_is_none_and_that_a_family_is_revoked_longer_than_that_not()
{
    assert!(SessionFact(None).good_for().is_zero());
    assert!(RevocationFact(true).good_for() > RevocationFact(false).good_for());
    assert!(RevocationFact(true).is_final() && !RevocationFact(false).is_final());
}

#[test]
fn the_facts_of_a_tenant_that_logs_nobody_in_take_less_than_400_bytes() {
    let size = size_of::<TenantFacts>();
    assert!(size < 400, "{size}");
}

#[test]
fn a_session_with_more_to_tell_of_takes_more_of_the_bound() {
    let small = bytes_of_session(&session());
    let mut large = session();
    large.claims.groups = vec!["a group".to_owned(); 100];
    large.clients = vec![ClientId::parse("app").unwrap(); 100];
    assert!(bytes_of_session(&large) > small + 100 * (7 + 3 + 2 * size_of::<usize>()));
}
