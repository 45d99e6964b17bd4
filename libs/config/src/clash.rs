use std::collections::BTreeMap;
use std::path::PathBuf;

use insula_model::TenantSpec;

use crate::{DefaultMark, Problem, Severity};

/// Tells of tenants that would answer at the same address: the same host, whatever the port, and
/// the same path. In each problem `file` is the name of the tenant that comes later.
pub fn check_tenants<'s>(tenants: impl IntoIterator<Item = &'s TenantSpec>) -> Vec<Problem> {
    let mut taken: BTreeMap<(&str, &str), &TenantSpec> = BTreeMap::new();
    let mut problems = Vec::new();
    for tenant in tenants {
        let hosts = tenant.hosts.iter().map(|host| ("hosts", host.as_str()));
        let own = std::iter::once(("issuer", tenant.issuer.host()));
        for (key, host) in own.chain(hosts) {
            let path = tenant.issuer.path();
            match taken.get(&(host, path)) {
                Some(other) if other.id == tenant.id => {}
                Some(other) => problems.push(clash(tenant, key, host, other)),
                None => {
                    taken.insert((host, path), tenant);
                }
            }
        }
    }
    problems
}

/// Tells of every tenant but the first that says `default: true`: a host that nobody has can lead
/// to one tenant only.
pub fn check_defaults<'m>(marks: impl IntoIterator<Item = &'m DefaultMark>) -> Vec<Problem> {
    let mut marks = marks.into_iter();
    let Some(first) = marks.next() else {
        return Vec::new();
    };
    let again = marks.map(|mark| Problem {
        severity: Severity::Error,
        file: mark.file.clone(),
        line: mark.at.line,
        column: mark.at.column,
        key: "default".to_owned(),
        cause: format!(
            "{}:{} says already that hosts nobody has lead there",
            first.file.display(),
            first.at.line
        ),
        next_step: "keep it in one of the two".to_owned(),
    });
    again.collect()
}

fn clash(tenant: &TenantSpec, key: &str, host: &str, other: &TenantSpec) -> Problem {
    Problem {
        severity: Severity::Error,
        file: PathBuf::from(tenant.id.as_str()),
        line: 0,
        column: 0,
        key: key.to_owned(),
        cause: format!(
            "{host}{} already leads to tenant {:?}",
            tenant.issuer.path(),
            other.id.as_str()
        ),
        next_step: "give one of the two another host or path".to_owned(),
    }
}
