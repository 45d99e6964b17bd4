//! What password hashes cost, and so which cost of bcrypt is like a new hash
//! (`insula_model::PasswordHashCost`).

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use insula_ambient::SeededEntropy;
use insula_connectors::{HashingPool, hash_password};
use insula_model::Password;
use tokio::runtime::Builder;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args();
    let io = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("threads can be started");
    let entropy = Arc::new(SeededEntropy::new(1));
    let pool = HashingPool::new(2, 8, entropy).expect("threads can be started");
    let share = pool.share(1);
    let password = || Password::new("correct horse battery staple");
    let new = hash_password(&password(), &SeededEntropy::new(2));
    let bcrypt = |cost: u32| format!("$2b${cost:02}${}", ".".repeat(53));
    let mut group = criterion.benchmark_group("password hash");
    let rows = [
        ("a new one".to_owned(), new),
        ("bcrypt of cost 8".to_owned(), bcrypt(8)),
        ("bcrypt of cost 9".to_owned(), bcrypt(9)),
        ("bcrypt of cost 10".to_owned(), bcrypt(10)),
    ];
    for (name, hash) in rows {
        group.bench_function(name, |b| {
            b.iter(|| io.block_on(share.check(password(), Some(black_box(hash.clone())))));
        });
    }
    group.finish();
    criterion.final_summary();
}
