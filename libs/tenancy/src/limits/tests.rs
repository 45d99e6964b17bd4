use std::net::Ipv4Addr;

use super::*;

const START: Monotonic = Monotonic::from_start(Duration::from_secs(1_000));

fn per_second(count: u32) -> TenantLimits {
    let per = Duration::from_secs(1);
    TenantLimits::new(Some(Rate { count, per }))
}

fn v4(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(number))
}

/// How many of this many requests from one address are admitted.
fn admitted(limits: &TenantLimits, from: IpAddr, of: usize, now: Monotonic) -> usize {
    let asked = (0..of).filter(|_| limits.admit(Some(from), now).is_ok());
    asked.count()
}

/// How many requests are admitted if each comes from an address of its own.
fn from_everywhere(limits: &TenantLimits, now: Monotonic) -> usize {
    let asked = (0..50_000).filter(|number| limits.admit(Some(v4(*number)), now).is_ok());
    asked.count()
}

#[test]
fn a_burst_of_the_whole_budget_is_admitted_and_no_more() {
    let limits = per_second(200);
    assert_eq!(from_everywhere(&limits, START), 200);
    assert_eq!(
        limits.admit(Some(v4(70_000)), START),
        Err(Duration::from_millis(5))
    );
}

#[test]
fn the_budget_comes_back_with_time() {
    let limits = per_second(200);
    from_everywhere(&limits, START);
    let later = START + Duration::from_millis(50);
    assert_eq!(from_everywhere(&limits, later), 10);
    let much_later = later + Duration::from_mins(1);
    assert_eq!(from_everywhere(&limits, much_later), 200);
}

#[test]
fn a_new_budget_counts_from_the_next_request() {
    let limits = per_second(200);
    limits.set(Some(Rate {
        count: 10,
        per: Duration::from_secs(1),
    }));
    assert_eq!(from_everywhere(&limits, START), 10);
}

#[test]
fn a_rate_of_nothing_admits_nobody() {
    let limits = per_second(0);
    assert_eq!(limits.admit(None, START), Err(Duration::from_secs(1)));
}

#[test]
fn without_a_rate_any_number_is_admitted() {
    let limits = TenantLimits::new(None);
    assert_eq!(admitted(&limits, v4(1), 10_000, START), 10_000);
}

#[test]
fn rates_finer_than_a_millisecond_are_kept() {
    let limits = per_second(5_000);
    assert_eq!(from_everywhere(&limits, START), 5_000);
    let later = START + Duration::from_millis(1);
    assert_eq!(from_everywhere(&limits, later), 5);
}

#[test]
fn one_address_that_floods_leaves_room_for_the_others() {
    let limits = per_second(200);
    let (stranger, person) = (v4(0xc000_0201), v4(0xc633_6407));
    let (mut had_by_stranger, mut had_by_person) = (0, 0);
    for step in 1..=1_000 {
        let now = START + Duration::from_millis(10) * step;
        had_by_stranger += admitted(&limits, stranger, 100, now);
        // A person's browser that asks twenty times a second.
        if step % 5 == 0 {
            had_by_person += admitted(&limits, person, 1, now);
        }
    }
    assert_eq!(had_by_person, 200, "of two hundred");
    assert!(had_by_stranger <= 2_000, "{had_by_stranger}");
}

#[test]
fn one_address_alone_may_use_nearly_the_whole_rate() {
    let limits = per_second(200);
    let office = v4(0xc633_6407);
    let in_ten_seconds: usize = (1..=1_000)
        .map(|step| admitted(&limits, office, 3, START + Duration::from_millis(10) * step))
        .sum();
    assert!(in_ten_seconds >= 1_900, "{in_ten_seconds}");
}

#[test]
fn all_addresses_of_one_ipv6_network_are_one() {
    let limits = per_second(200);
    let flood = |network: &str| {
        let asked = (0..2_000_u32).filter(|n| {
            let address = format!("{network}{n:x}").parse().unwrap();
            limits.admit(Some(address), START).is_ok()
        });
        asked.count()
    };
    assert!(flood("2001:db8:0:1::") < 140);
}

#[test]
fn an_address_is_the_same_however_it_is_written() {
    let plain: IpAddr = "192.0.2.1".parse().unwrap();
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
    assert_eq!(network(plain), network(mapped));
    let near: IpAddr = "2001:db8::1".parse().unwrap();
    let far: IpAddr = "2001:db8:0:1::1".parse().unwrap();
    assert_ne!(network(near), network(far));
}

#[test]
fn a_tenant_that_is_not_flooded_pays_sixty_four_bytes_for_its_limits() {
    assert!(size_of::<TenantLimits>() <= 64);
    assert_eq!(2 * SHARES * size_of::<Bucket>(), 8192, "of one that is");
}

#[test]
fn shares_take_no_memory_before_the_budget_is_scarce() {
    let limits = per_second(200);
    admitted(&limits, v4(1), 90, START);
    assert!(limits.shares.get().is_none());
    admitted(&limits, v4(1), 90, START);
    let made = limits.shares.get().map(|shares| shares.len());
    assert_eq!(made, Some(2 * SHARES));
}

#[test]
fn a_wall_clock_that_is_set_back_refuses_nobody() {
    use insula_ambient::{Clock as _, ManualClock, Timestamp};
    for step in [1, 3_600, 86_400].map(Duration::from_secs) {
        let clock = ManualClock::at(Timestamp::from_secs(1_000_000));
        let limits = per_second(200);
        assert_eq!(from_everywhere(&limits, clock.monotonic()), 200);
        clock.step_back(step);
        clock.advance(Duration::from_secs(1));
        assert_eq!(from_everywhere(&limits, clock.monotonic()), 200);
        clock.step_forward(step);
        assert_eq!(from_everywhere(&limits, clock.monotonic()), 0);
    }
}

fn client(number: usize) -> ClientId {
    ClientId::parse(format!("client-{number}")).unwrap()
}

/// How many of `of` requests of one client are admitted, from fifty addresses of its own.
fn of_client(limits: &TenantLimits, number: usize, of: u32, now: Monotonic) -> usize {
    let client = client(number);
    let first = u32::try_from(number).unwrap() * 1_000;
    let asked = (0..of).filter(|asked| {
        let address = v4(first + asked % 50);
        let comes_in = limits.admit(Some(address), now).is_ok();
        comes_in && limits.admit_client(&client, now).is_ok()
    });
    asked.count()
}

#[test]
fn a_client_that_floods_from_everywhere_leaves_a_part_of_the_budget_to_each_other() {
    let limits = per_second(200);
    let flood = of_client(&limits, 0, 10_000, START);
    assert!((100..=130).contains(&flood), "half, and its share: {flood}");
    for other in 1..=2 {
        // One in ten of its addresses has a share with one of the flood's.
        assert!(of_client(&limits, other, 20, START) >= 10, "{other}");
    }
}

#[test]
fn one_client_alone_has_nearly_the_whole_rate() {
    let limits = per_second(200);
    let admitted: usize = (0..200)
        .map(|tick| {
            let now = START + Duration::from_millis(100) * tick;
            of_client(&limits, 0, 100, now)
        })
        .sum();
    assert!(admitted > 170 * 20, "{admitted} in 20 s");
}

#[test]
fn clients_of_a_tenant_without_a_budget_are_all_admitted() {
    let limits = TenantLimits::new(None);
    assert_eq!(of_client(&limits, 0, 10_000, START), 10_000);
}
