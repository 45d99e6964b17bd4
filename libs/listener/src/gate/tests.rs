use super::*;
use crate::connection::Exchange;

fn gate(per_peer: usize, total: usize) -> Gate {
    let limits = Limits {
        handshake: Duration::from_secs(1),
        head: Duration::from_secs(2),
        body: Duration::from_secs(3),
        write: Duration::from_secs(4),
        keep_alive: Duration::from_secs(5),
        per_peer,
        total,
        exempt: vec!["192.0.2.0/24".parse().unwrap()],
    };
    Gate::new(limits).unwrap()
}

fn admit(gate: &Gate, address: &str) -> Option<Admitted> {
    gate.admit(address.parse().unwrap(), Stage::Http1)
}

fn counted(gate: &Gate, name: &str) -> Vec<(String, u64)> {
    let registry = Registry::new();
    gate.register(&registry).unwrap();
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name);
    let metrics = family.unwrap().get_metric();
    let value = |m: &prometheus::proto::Metric| {
        let label = m.get_label()[0].value().to_owned();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter of a test"
        )]
        let count = m.get_counter().get_value() as u64;
        (label, count)
    };
    metrics.iter().map(value).filter(|(_, n)| *n > 0).collect()
}

#[test]
fn a_peer_at_its_limit_loses_the_oldest_that_asked_nothing() {
    let gate = gate(2, 100);
    let used = admit(&gate, "198.51.100.1").unwrap();
    drop(Exchange::begin(&used.connection));
    let silent = admit(&gate, "198.51.100.1").unwrap();
    let late = admit(&gate, "198.51.100.1").unwrap();
    assert!(silent.connection.is_cut());
    assert!(!used.connection.is_cut() && !late.connection.is_cut());
    assert_eq!(gate.open(), 2);
    drop((used, silent, late));
    assert_eq!(gate.open(), 0);
    let closed = counted(&gate, "insula_connections_closed_total");
    assert_eq!(closed, [("crowded".to_owned(), 1)]);
}

#[test]
fn requests_under_way_are_never_given_up_for_a_newcomer() {
    let gate = gate(2, 3);
    let busy: Vec<_> = (0..2)
        .map(|_| admit(&gate, "198.51.100.1").unwrap())
        .collect();
    let under_way: Vec<_> = busy
        .iter()
        .map(|one| Exchange::begin(&one.connection))
        .collect();
    assert!(admit(&gate, "198.51.100.1").is_none());
    let other = admit(&gate, "198.51.100.2").unwrap();
    let its = Exchange::begin(&other.connection);
    assert!(admit(&gate, "198.51.100.3").is_none());
    let refused = counted(&gate, "insula_connections_refused_total");
    assert_eq!(refused, [("peer".to_owned(), 1), ("total".to_owned(), 1)]);
    drop((under_way, its));
    assert!(admit(&gate, "198.51.100.1").is_some());
}

#[test]
fn an_ipv6_client_counts_by_its_network_and_a_mapped_address_as_ipv4() {
    let gate = gate(1, 100);
    let _one = admit(&gate, "2001:db8:0:1::1").unwrap();
    let _other = admit(&gate, "2001:db8:0:1:ffff::2").unwrap();
    let _neighbour = admit(&gate, "2001:db8:0:2::1").unwrap();
    let _v4 = admit(&gate, "198.51.100.1").unwrap();
    let _mapped = admit(&gate, "::ffff:198.51.100.1").unwrap();
    let _v4_neighbour = admit(&gate, "198.51.100.2").unwrap();
    let closed = counted(&gate, "insula_connections_closed_total");
    assert_eq!(closed, [("crowded".to_owned(), 2)]);
}

#[test]
fn at_the_limit_of_all_who_holds_the_most_makes_room() {
    let gate = gate(10, 5);
    let few = admit(&gate, "198.51.100.1").unwrap();
    let many: Vec<_> = (0..4)
        .map(|_| admit(&gate, "198.51.100.2").unwrap())
        .collect();
    let newcomer = admit(&gate, "198.51.100.3").unwrap();
    assert!(many[0].connection.is_cut());
    assert!(!few.connection.is_cut() && !newcomer.connection.is_cut());
    assert_eq!(gate.open(), 5);
}

#[test]
fn at_the_limit_of_all_who_never_asked_makes_room_before_who_did() {
    let gate = gate(10, 5);
    let office: Vec<_> = (0..4)
        .map(|_| admit(&gate, "198.51.100.1").unwrap())
        .collect();
    for one in &office {
        drop(Exchange::begin(&one.connection));
    }
    let stranger = admit(&gate, "198.51.100.2").unwrap();
    let newcomer = admit(&gate, "198.51.100.3").unwrap();
    assert!(stranger.connection.is_cut());
    assert!(office.iter().all(|one| !one.connection.is_cut()));
    drop(Exchange::begin(&newcomer.connection));
    let next = admit(&gate, "198.51.100.4").unwrap();
    let given = office.iter().filter(|one| one.connection.is_cut()).count();
    assert_eq!(
        given, 1,
        "where nobody is silent, who holds the most gives one that rests"
    );
    assert!(!next.connection.is_cut() && !newcomer.connection.is_cut());
}

#[test]
fn of_many_strangers_with_a_connection_each_the_oldest_makes_room() {
    let gate = gate(10, 50);
    let crowd: Vec<_> = (0..50)
        .map(|number| admit(&gate, &format!("198.51.100.{}", 200 - number)).unwrap())
        .collect();
    let mut newcomers = Vec::new();
    for number in 0..20 {
        let newcomer = admit(&gate, &format!("203.0.113.{number}")).unwrap();
        drop(Exchange::begin(&newcomer.connection));
        newcomers.push(newcomer);
        assert_eq!(gate.open(), 50);
        let gone: Vec<_> = crowd.iter().map(|one| one.connection.is_cut()).collect();
        let expected: Vec<_> = (0..50).map(|at| at <= number).collect();
        assert_eq!(gone, expected);
    }
    drop((crowd, newcomers));
    assert_eq!(gate.open(), 0);
}

#[test]
fn who_asks_while_its_time_is_judged_is_not_closed_for_silence() {
    let mut limits = gate(10, 10).limits().clone();
    limits.head = Duration::ZERO;
    let gate = Gate::new(limits).unwrap();
    let (silent, asks) = (
        admit(&gate, "198.51.100.1").unwrap(),
        admit(&gate, "198.51.100.1").unwrap(),
    );
    let mut over = Vec::new();
    while over.len() < 2 {
        over = gate.sweep();
    }
    assert!(!silent.connection.is_cut() && !asks.connection.is_cut());
    let _exchange = Exchange::begin(&asks.connection);
    for connection in &over {
        gate.close(connection);
    }
    assert!(silent.connection.is_cut() && !asks.connection.is_cut());
}

#[test]
fn a_proxy_that_carries_many_people_has_no_limit_and_gives_up_nothing() {
    let gate = gate(2, 5);
    let proxied: Vec<_> = (0..5).map(|_| admit(&gate, "192.0.2.7").unwrap()).collect();
    assert!(admit(&gate, "198.51.100.1").is_none());
    assert!(proxied.iter().all(|one| !one.connection.is_cut()));
}

#[test]
fn what_one_peer_leaves_unread_is_bounded_over_all_its_connections() {
    const MIB: usize = 1024 * 1024;
    let gate = gate(100, 100);
    let hold = |address: &str| {
        let open: Vec<_> = (0..9).map(|_| admit(&gate, address).unwrap()).collect();
        let answers: Vec<_> = open
            .iter()
            .map(|one| {
                let exchange = Exchange::begin(&one.connection);
                exchange.offer(MIB, true);
                exchange
            })
            .collect();
        let cut = open.iter().filter(|one| one.connection.is_cut()).count();
        drop(answers);
        cut
    };
    assert_eq!(hold("198.51.100.1"), 1);
    assert_eq!(hold("198.51.100.1"), 1, "what was dropped is not counted");
    assert_eq!(hold("192.0.2.7"), 0);
}

#[test]
fn closing_cuts_what_waits_and_leaves_what_works() {
    let gate = gate(10, 10);
    let waiting = admit(&gate, "198.51.100.1").unwrap();
    let busy = admit(&gate, "198.51.100.1").unwrap();
    let exchange = Exchange::begin(&busy.connection);
    gate.leave();
    assert!(!waiting.connection.is_cut());
    gate.close_idle();
    assert!(waiting.connection.is_cut() && !busy.connection.is_cut());
    drop(exchange);
    gate.sweep();
    assert!(busy.connection.is_cut());
}

#[test]
fn the_gate_looks_often_enough_for_the_shortest_limit() {
    assert_eq!(gate(1, 1).pace(), Duration::from_millis(250));
}
