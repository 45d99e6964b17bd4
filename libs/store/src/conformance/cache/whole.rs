use futures_util::future::join_all;
use insula_model::{Asked, ConnectorId, Login, TokenHash};

use super::{
    CROWD, CacheOnTrial, DEVICE_LIFE, LIFE, MINUTE, PACE, ROOM, a_device, a_grant, a_hash, a_login,
    a_request, a_tenant, a_tenant_id, claim, fine, later, next, redeem, told,
};
use crate::{
    ClaimedCode, DevicePoll, Failures, Finish, FoundDevice, LeaveToAnswer, Pace, RefreshTurn,
    TenantCache,
};

/// See its name.
pub async fn a_refreshed_login_is_kept_in_place_of_the_turn_until_it_is_forgotten(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let (usage, login) = (a_hash(), a_login());
    assert_eq!(turn(tenant.as_ref(), &usage).await, RefreshTurn::Taken);
    fine(tenant.keep_refreshed(&usage, &login, later(300)).await);
    let kept = RefreshTurn::Kept(Box::new(login));
    assert_eq!(turn(tenant.as_ref(), &usage).await, kept);
    let other = Login {
        connector_data: Some(b"newer".to_vec()),
        ..a_login()
    };
    fine(tenant.keep_refreshed(&usage, &other, later(300)).await);
    let kept = RefreshTurn::Kept(Box::new(other));
    assert_eq!(turn(tenant.as_ref(), &usage).await, kept);
    fine(tenant.end_refresh(&usage, "another").await);
    assert_eq!(turn(tenant.as_ref(), &usage).await, kept);
    fine(tenant.forget_refreshed(&usage).await);
    assert_eq!(turn(tenant.as_ref(), &usage).await, RefreshTurn::Taken);
    assert_eq!(turn(tenant.as_ref(), &a_hash()).await, RefreshTurn::Taken);
}

/// See its name.
pub async fn of_a_hundred_who_want_to_ask_an_upstream_one_may(trial: &dyn CacheOnTrial) {
    let (id, usage) = (a_tenant_id(), a_hash());
    let asking = (0..100).map(|n| {
        let tenant = trial.cache().tenant(&id);
        tokio::spawn(async move {
            let holder = format!("holder {n}");
            fine(tenant.begin_refresh(&usage, &holder, MINUTE).await)
        })
    });
    let turns = join_all(asking.collect::<Vec<_>>()).await;
    let turns: Vec<_> = turns
        .into_iter()
        .map(|turn| turn.expect("it ends"))
        .collect();
    let count = |of: &RefreshTurn| turns.iter().filter(|turn| *turn == of).count();
    assert_eq!(count(&RefreshTurn::Taken), 1);
    assert_eq!(count(&RefreshTurn::Busy), 99);
}

/// See its name.
pub async fn a_turn_to_ask_is_given_back_by_its_holder_alone_and_ends_by_itself(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let usage = a_hash();
    let begin = async |holder| fine(tenant.begin_refresh(&usage, holder, MINUTE).await);
    assert_eq!(begin("first").await, RefreshTurn::Taken);
    fine(tenant.end_refresh(&usage, "second").await);
    assert_eq!(begin("second").await, RefreshTurn::Busy);
    fine(tenant.end_refresh(&usage, "first").await);
    assert_eq!(begin("second").await, RefreshTurn::Taken);
    trial.advance(MINUTE).await;
    assert_eq!(begin("third").await, RefreshTurn::Taken);
}

/// Asks for the turn.
async fn turn(tenant: &dyn TenantCache, usage: &TokenHash) -> RefreshTurn {
    fine(tenant.begin_refresh(usage, "another", later(300)).await)
}

/// See its name.
pub async fn counters_count_within_the_window_that_began_with_the_first_event(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let window = later(60);
    assert_eq!(fine(tenant.counted("login:jane").await), 0);
    assert_eq!(fine(tenant.count("login:jane", window).await), 1);
    trial.advance(window / 2).await;
    assert_eq!(fine(tenant.count("login:jane", window).await), 2);
    assert_eq!(fine(tenant.counted("login:jane").await), 2);
    trial.advance(window / 2).await;
    assert_eq!(
        fine(tenant.counted("login:jane").await),
        0,
        "the second event did not prolong the window"
    );
    assert_eq!(fine(tenant.count("login:jane", window).await), 1);
    assert_eq!(fine(tenant.counted("login:jane").await), 1);
}

/// See its name.
pub async fn a_hundred_events_at_once_are_a_hundred_events(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let events = (0..CROWD).map(|_| {
        let tenant = tenant.clone();
        tokio::spawn(async move { fine(tenant.count("flood", later(60)).await) })
    });
    let mut heard: Vec<u64> = join_all(events)
        .await
        .into_iter()
        .map(|o| o.expect("no event panics"))
        .collect();
    heard.sort_unstable();
    assert_eq!(heard, (1..=CROWD as u64).collect::<Vec<_>>());
}

/// See its name.
pub async fn failures_rest_longer_each_time_and_are_forgotten_after_a_quiet_while(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let pace = Pace {
        free: 2,
        within: later(40),
        step: 1,
        longest: later(60),
    };
    let names = [("jane".to_owned(), pace)];
    let fails = || async { fine(tenant.count_failures(&names).await) };
    let stands = || async { fine(tenant.failures(&names).await) };
    assert_near(&stands().await, 0, 0);
    assert_near(&fails().await, 1, 0);
    assert_near(&stands().await, 1, 0);
    trial.advance(later(30)).await;
    assert_near(&fails().await, 2, 20);
    trial.advance(later(5)).await;
    assert_near(&stands().await, 2, 15);
    trial.advance(later(15)).await;
    assert_near(&stands().await, 2, 0);
    assert_near(&fails().await, 3, 40);
    assert_near(&fails().await, 4, 60);
    assert_near(&fails().await, 5, 60);
    trial.advance(later(90)).await;
    assert_near(&stands().await, 5, 0);
    trial.advance(later(10)).await;
    assert_near(&stands().await, 0, 0);
    assert_near(&fails().await, 1, 0);
    // The free ones are of a while that began with the first.
    trial.advance(later(40)).await;
    assert_near(&fails().await, 1, 0);
}

/// A backend with a clock of its own may be past the moment by a little.
fn assert_near(told: &[Failures], count: u64, seconds: u64) {
    let (slack, rest) = (later(5), later(seconds));
    assert_eq!(told.len(), 1, "one name: {told:?}");
    for one in told {
        assert_eq!(one.count, count, "{told:?}");
        let is_near = one.rest <= rest && one.rest + slack >= rest;
        assert!(is_near, "{told:?}, not {rest:?}");
    }
}

/// See its name.
pub async fn failures_of_several_names_are_counted_in_one_step(trial: &dyn CacheOnTrial) {
    let (tenant, other) = (a_tenant(trial), a_tenant(trial));
    let pace = Pace {
        free: 1,
        within: later(600),
        step: 5,
        longest: later(600),
    };
    let wide = Pace { free: 1000, ..pace };
    let both = [("jane".to_owned(), pace), ("all".to_owned(), wide)];
    let failing = (0..CROWD).map(|_| {
        let (tenant, both) = (tenant.clone(), both.clone());
        tokio::spawn(async move { fine(tenant.count_failures(&both).await) })
    });
    let told = join_all(failing).await.into_iter();
    let mut told: Vec<_> = told
        .map(|of_both| of_both.expect("no failure panics"))
        .map(|of_both| of_both.iter().map(|one| one.count).collect::<Vec<_>>())
        .collect();
    told.sort_unstable();
    let expected: Vec<_> = (1..=CROWD as u64).map(|n| vec![n, n]).collect();
    assert_eq!(told, expected);
    let stands = fine(tenant.failures(&both).await);
    let rests: Vec<_> = stands.iter().map(|one| one.rest > later(500)).collect();
    assert_eq!(rests, [true, false], "{stands:?}");
    assert_eq!(fine(other.failures(&both).await), [Failures::default(); 2]);
    assert_eq!(fine(tenant.failures(&[]).await), []);
    assert_eq!(fine(tenant.count_failures(&[]).await), []);
}

/// See its name.
pub async fn counters_of_different_keys_do_not_mix(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let long = "x".repeat(10_000);
    for key in ["a", "b", "a:b", "", "{a}", "ä \r\n *", &long] {
        assert_eq!(fine(tenant.count(key, later(60)).await), 1, "{key:?}");
    }
}

/// See its name.
pub async fn no_method_of_one_tenant_touches_another(trial: &dyn CacheOnTrial) {
    let id = a_tenant_id();
    let ours = trial.cache().tenant(&id);
    let theirs = a_tenant(trial);
    let (request, grant, login) = (a_request(), a_grant(), a_login());
    let (code, usage) = (a_hash(), a_hash());
    fine(ours.put_auth_request(&request, ROOM, LIFE).await);
    fine(ours.put_code(&code, &grant, MINUTE).await);
    fine(ours.keep_refreshed(&usage, &login, later(300)).await);
    fine(ours.count("key", later(60)).await);
    let (device, user_code) = (a_hash(), a_hash());
    let put = ours
        .put_device(&device, &user_code, &a_device(), 100, DEVICE_LIFE)
        .await;
    assert!(fine(put));

    let found = fine(theirs.find_device(&user_code).await);
    assert_eq!(found, FoundDevice::Unknown);
    let approved = theirs.approve_device(&user_code, &grant, MINUTE).await;
    assert!(!fine(approved));
    assert!(!fine(theirs.deny_device(&user_code).await));
    let polled = fine(theirs.poll_device(&device, PACE).await);
    assert_eq!(polled, DevicePoll::Unknown);
    let put = theirs
        .put_device(&device, &user_code, &a_device(), 100, DEVICE_LIFE)
        .await;
    assert!(fine(put), "the same codes at another tenant");
    assert!(fine(theirs.deny_device(&user_code).await));
    let polled = fine(ours.poll_device(&device, PACE).await);
    assert_eq!(polled, DevicePoll::Pending);

    assert_eq!(fine(theirs.get_auth_request(&request.id).await), None);
    assert!(!fine(theirs.advance_auth_request(&next(&request)).await));
    let other_code = a_hash();
    let finish = theirs.finish_auth_request(&request.id, 1, &other_code, &grant, MINUTE);
    assert_eq!(fine(finish.await), Finish::Lost);
    assert!(!fine(theirs.drop_auth_request(&request.id).await));
    assert_eq!(fine(theirs.peek_code(&code).await), None);
    let theirs_claimed = claim(theirs.as_ref(), &code).await;
    assert_eq!(theirs_claimed, ClaimedCode::Unknown);
    let leave = fine(theirs.answer_code(&code, 1, later(60)).await);
    assert_eq!(leave, LeaveToAnswer::Gone);
    fine(theirs.forget_refreshed(&usage).await);
    assert_eq!(turn(theirs.as_ref(), &usage).await, RefreshTurn::Taken);
    assert_eq!(fine(theirs.counted("key").await), 0);
    assert_eq!(fine(theirs.count("key", later(60)).await), 1);
    fine(theirs.put_auth_request(&request, ROOM, LIFE).await);
    fine(theirs.put_code(&code, &a_grant(), MINUTE).await);
    assert!(fine(theirs.drop_auth_request(&request.id).await));

    let same = trial.cache().tenant(&id);
    let read = fine(same.get_auth_request(&request.id).await);
    assert_eq!(read, Some(request));
    assert_eq!(fine(same.peek_code(&code).await), Some(grant));
    let kept = RefreshTurn::Kept(Box::new(login));
    assert_eq!(turn(same.as_ref(), &usage).await, kept);
    assert_eq!(fine(same.counted("key").await), 1);
}

/// See its name.
pub async fn big_values_survive(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let mut request = a_request();
    request.asked = Some(Asked {
        connector_id: ConnectorId::parse("mock").expect("a connector id"),
        memory: serde_json::json!({ "memory": "m".repeat(256 * 1024) }),
    });
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let read = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(read, Some(request));

    let (code, mut grant) = (a_hash(), a_grant());
    grant.login.claims.groups = (0..10_000).map(|n| format!("group {n}")).collect();
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    for count in 1..=2 {
        let claim = claim(tenant.as_ref(), &code).await;
        assert_eq!(told(claim), Some((grant.clone(), count)));
    }
}

/// See its name.
pub async fn odd_characters_survive(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let mut request = a_request();
    request.request.state = Some("|1|F|2|\0\r\n\"\\ ü \u{1f511}".into());
    request.request.nonce = Some(String::new());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let mut second = next(&request);
    second.request.state = Some("%s %d {} |".into());
    assert!(fine(tenant.advance_auth_request(&second).await));
    let read = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(read, Some(second));
}

/// See its name.
pub async fn every_entry_has_an_end(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (request, grant) = (a_request(), a_grant());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    fine(tenant.advance_auth_request(&next(&request)).await);
    let finished = a_request();
    fine(tenant.put_auth_request(&finished, ROOM, LIFE).await);
    let (code, taken) = (a_hash(), a_hash());
    let finish = tenant.finish_auth_request(&finished.id, 1, &code, &grant, MINUTE);
    fine(finish.await);
    fine(tenant.put_code(&taken, &grant, MINUTE).await);
    redeem(tenant.as_ref(), &taken, later(60)).await;
    let waiting = a_hash();
    fine(tenant.put_code(&waiting, &grant, MINUTE).await);
    claim(tenant.as_ref(), &waiting).await;
    let (usage, login) = (a_hash(), a_login());
    fine(tenant.keep_refreshed(&usage, &login, later(300)).await);
    turn(tenant.as_ref(), &a_hash()).await;
    fine(tenant.count("key", later(60)).await);
    fine(tenant.count("key", later(60)).await);
    let (waiting, approved, denied) = (a_hash(), a_hash(), a_hash());
    for code in [&waiting, &approved, &denied] {
        let put = tenant
            .put_device(&a_hash(), code, &a_device(), 100, DEVICE_LIFE)
            .await;
        assert!(fine(put));
    }
    let device = a_hash();
    let put = tenant
        .put_device(&device, &a_hash(), &a_device(), 100, DEVICE_LIFE)
        .await;
    assert!(fine(put));
    fine(tenant.poll_device(&device, PACE).await);
    fine(tenant.approve_device(&approved, &grant, MINUTE).await);
    fine(tenant.deny_device(&denied).await);
    let pace = Pace {
        free: 1,
        within: later(60),
        step: 1,
        longest: later(60),
    };
    for _ in 0..3 {
        fine(tenant.count_failures(&[("jane".to_owned(), pace)]).await);
    }
    assert_eq!(trial.entries_without_end().await, Vec::<String>::new());
}

/// See its name.
pub async fn what_has_ended_is_not_seen_any_more(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (request, grant) = (a_request(), a_grant());
    let (code, usage) = (a_hash(), a_hash());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    let login = a_login();
    fine(tenant.keep_refreshed(&usage, &login, MINUTE / 2).await);
    trial.advance(MINUTE / 2).await;
    assert_eq!(turn(tenant.as_ref(), &usage).await, RefreshTurn::Taken);
    assert!(fine(tenant.peek_code(&code).await).is_some());
    trial.advance(MINUTE / 2).await;
    assert_eq!(fine(tenant.peek_code(&code).await), None);
    assert!(fine(tenant.get_auth_request(&request.id).await).is_some());
    trial.advance(MINUTE * 9).await;
    assert_eq!(fine(tenant.get_auth_request(&request.id).await), None);
    assert!(!fine(tenant.drop_auth_request(&request.id).await));
}

/// See its name.
pub async fn the_cache_answers_a_ping(trial: &dyn CacheOnTrial) {
    fine(trial.cache().ping().await);
}
