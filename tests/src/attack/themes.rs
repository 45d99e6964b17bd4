//! A tenant whose theme's templates try to take the memory and the time of everybody.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{MemoryWatch, Proof, Scale, resident_bytes};
use crate::{Agent, Deployment};

/// Threads that serve, so that what one page may take is known times this.
const WORKERS: u64 = 2;
/// What one page may take beyond its own bounds: 192 MiB of text in a buffer that doubles.
const MOST_OF_A_PAGE: u64 = 384 << 20;

fn tenant(name: &str) -> String {
    format!(
        "issuer: http://{name}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
frontend: {{ issuer: The {name} company }}
limits: {{ requests: none }}
"
    )
}

/// Front pages by the name of the tenant that has them, each of which would take all there is.
fn bombs() -> [(&'static str, String); 5] {
    let doubled = |step: &str| format!("{{% set x = 'xxxxxxxx' %}}{}{{{{ x }}}}", step.repeat(64));
    let kib = "x".repeat(1024);
    let many = "{% for a in range(100000) %}";
    [
        (
            "replacing",
            doubled("{% set x = x|replace('x', 'xxxxxxxxxxxxxxxx') %}"),
        ),
        ("joining", doubled("{% set x = [x, x]|join %}")),
        (
            "looping",
            format!("{many}{many}{{{{ loop.index }}}}{{% endfor %}}{{% endfor %}}"),
        ),
        (
            "keeping",
            format!("{{% set x %}}{many}{kib}{{% endfor %}}{{% endset %}}{{{{ x }}}}"),
        ),
        (
            "recursing",
            "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}".to_owned(),
        ),
    ]
}

/// Pages whose templates grow texts, loop and call themselves without end, asked for without a
/// pause, while a neighbour's pages are asked for.
pub async fn themes_that_take_everything(scale: Scale) -> Vec<Proof> {
    let mut building = Deployment::build()
        .tenant("quiet", &tenant("quiet"))
        .setting(&format!("workers: {WORKERS}"));
    for (name, _) in bombs() {
        building = building.tenant(name, &tenant(name));
    }
    let deployment = building.log("warn").done();
    for (name, template) in bombs() {
        let folder = deployment.folder().join("tenants").join(name);
        fs::create_dir_all(folder.join("theme/templates")).unwrap();
        fs::write(folder.join("theme/templates/home.html"), template).unwrap();
    }
    let process = deployment.open().await;
    let front = |name: &str| format!("http://{name}.localhost:{}/", deployment.port);

    // Whatever else is kept between requests is there before anything is weighed.
    Agent::new().get(front("quiet")).await.expect(200);
    let before = resident_bytes(process.pid());
    let watch = MemoryWatch::begin(process.pid());
    let is_over = Arc::new(AtomicBool::new(false));
    let (asked, fell_back) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let mut visitors = Vec::new();
    for (name, _) in bombs() {
        let (url, is_over) = (front(name), Arc::clone(&is_over));
        let (asked, fell_back) = (Arc::clone(&asked), Arc::clone(&fell_back));
        let words = format!("The {name} company");
        visitors.push(tokio::spawn(async move {
            let agent = Agent::new().with_patience(Duration::from_mins(5));
            loop {
                let answer = agent.get(&url).await;
                let is_whole = answer.body.contains(&words) && answer.body.contains("</html>");
                asked.fetch_add(1, Ordering::Relaxed);
                fell_back.fetch_add(usize::from(is_whole), Ordering::Relaxed);
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        }));
    }
    let agent = Agent::new().with_patience(Duration::from_mins(5));
    let tries = scale.of(3, 200);
    let (mut served, mut longest) = (0, Duration::ZERO);
    for _ in 0..tries {
        let began = Instant::now();
        let answer = agent.get(front("quiet")).await;
        longest = longest.max(began.elapsed());
        served += usize::from(answer.status == 200 && answer.body.contains("The quiet company"));
    }
    is_over.store(true, Ordering::Relaxed);
    for visitor in visitors {
        visitor.await.unwrap();
    }
    let grown = watch.most().saturating_sub(before);
    let most = WORKERS * MOST_OF_A_PAGE;
    let log = process.terminate().await;
    let bombs = bombs();
    let told = bombs.iter().filter(|(name, _)| {
        let is_about = |line: &&str| {
            line.contains("a page could not be drawn, and the built-in one is shown")
                && line.contains(&format!("\"{name}\""))
        };
        log.lines().any(|line| is_about(&line))
    });
    let told = told.count();
    let (asked, fell_back) = (
        asked.load(Ordering::Relaxed),
        fell_back.load(Ordering::Relaxed),
    );
    let attack = "templates of five tenants that grow texts by filters, loop, and call themselves without end, asked for without a pause";
    vec![
        Proof {
            attack: attack.to_owned(),
            seen: format!(
                "of a neighbour's {tries} pages {served} were served, the slowest after {} ms; memory grew by {} MiB",
                longest.as_millis(),
                grown >> 20
            ),
            bound: format!("all; at most {} MiB", most >> 20),
            held: served == tries && grown <= most,
        },
        Proof {
            attack: format!("the {asked} pages of those templates"),
            seen: format!(
                "{fell_back} were drawn by the built-in theme; the log tells of {told} of {} tenants",
                bombs.len()
            ),
            bound: "all, of all".to_owned(),
            held: fell_back == asked && told == bombs.len(),
        },
    ]
}
