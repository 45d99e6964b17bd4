//! Two nodes behind haproxy, restarted in turn under load: no request is lost.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{Proof, Scale};
use crate::{Deployment, Process, free_port, program, service, unique};

const DISCOVERY: &str = "/.well-known/openid-configuration";

struct Balancer {
    child: Child,
    port: u16,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// haproxy as its guide has it: a health check on the readiness page, twice a second.
fn balancer(deployment: &Deployment, program: &Path, nodes: [&Process; 2]) -> Balancer {
    let port = free_port();
    let mut text = format!(
        "defaults
  mode http
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  timeout check 2s
frontend in
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  option httpchk GET /healthz/ready
  http-reuse always
"
    );
    for (number, node) in nodes.iter().enumerate() {
        text.push_str(&format!(
            "  server n{number} 127.0.0.1:{} check port {} inter 500ms fall 1 rise 1\n",
            node.port, node.telemetry
        ));
    }
    let file = deployment.folder().join("haproxy.cfg");
    fs::write(&file, text).unwrap();
    let child = Command::new(program)
        .arg("-db")
        .arg("-f")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Balancer { child, port }
}

/// Restarts each of two nodes in order, again and again, while clients ask through haproxy.
pub async fn nodes_restarted_in_turn(scale: Scale) -> Vec<Proof> {
    let (Some(haproxy), Some(database), Some(redis)) = (
        program("INSULA_TEST_HAPROXY"),
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return Vec::new();
    };
    let restarts = scale.of(2, 10);
    let tenant = format!("t{}", unique());
    let text = format!(
        "issuer: http://{tenant}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
limits: {{ requests: 100000/s }}
"
    );
    let deployment = Deployment::build()
        .tenant(&tenant, &text)
        .database(&database)
        .cache(&redis)
        // Longer than the balancer needs to see it twice.
        .setting("shutdown: { delay: 2s }")
        .done();
    let host = format!("{tenant}.localhost:{}", deployment.port);
    let mut nodes = [deployment.open().await, deployment.open_another().await];
    let balancer = balancer(&deployment, &haproxy, [&nodes[0], &nodes[1]]);
    tokio::time::sleep(Duration::from_secs(1)).await;

    let is_over = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicU64::new(0));
    let load: Vec<_> = (0..8)
        .map(|number: u32| {
            let (is_over, served) = (Arc::clone(&is_over), Arc::clone(&served));
            let (host, port) = (host.clone(), balancer.port);
            // Half of the clients keep their connections, half open one for each request.
            let idle = if number.is_multiple_of(2) { 8 } else { 0 };
            let client = reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(idle)
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap();
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    for path in [DISCOVERY, "/keys"] {
                        let url = format!("http://127.0.0.1:{port}{path}");
                        let asked = client.get(url).header("host", &host).send().await;
                        let status = asked.map(|answer| answer.status().as_u16());
                        if status.as_ref().is_ok_and(|status| *status == 200) {
                            served.fetch_add(1, Ordering::Relaxed);
                        } else {
                            failed.push(format!("{path}: {status:?}"));
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                failed
            })
        })
        .collect();

    for _ in 0..restarts {
        for node in &mut nodes {
            deployment.restart(node).await;
            // The balancer finds it again before the other goes.
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let mut failed = Vec::new();
    for client in load {
        failed.extend(client.await.unwrap());
    }
    let served = served.load(Ordering::Relaxed);
    let first = failed.first();
    let first = first.map_or_else(String::new, |first| format!(", the first: {first}"));
    vec![Proof {
        attack: format!("two nodes behind haproxy, each restarted {restarts} times under load"),
        seen: format!(
            "{} of {} requests failed{first}",
            failed.len(),
            served + failed.len() as u64
        ),
        bound: "none fails".to_owned(),
        held: failed.is_empty() && served > 100,
    }]
}
