//! What the developer finds: ports, addresses, and people to log in as.

use std::path::Path;

/// The ports that `dev` listens on, all on loopback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ports {
    pub(super) server: u16,
    pub(super) client: u16,
    pub(super) telemetry: u16,
}

/// A person of `tenants.example`.
struct Person {
    tenant: &'static str,
    login: &'static str,
    password: &'static str,
}

const PEOPLE: [Person; 3] = [
    Person {
        tenant: "acme",
        login: "jane@acme.example",
        password: "password",
    },
    Person {
        tenant: "globex",
        login: "admin@example.com",
        password: "password",
    },
    Person {
        tenant: "initech",
        login: "kim@initech.example",
        password: "password",
    },
];

impl Ports {
    /// Those that `tenants.example` is written for.
    pub(super) const USUAL: Self = Self {
        server: 5556,
        client: 5555,
        telemetry: 5558,
    };

    /// `text` with the usual ports replaced by these, in one pass: a new port may be an old one.
    pub(super) fn named_in(self, text: &str) -> String {
        let moved = [
            (format!(":{}", Self::USUAL.server), self.server),
            (format!(":{}", Self::USUAL.client), self.client),
            (format!(":{}", Self::USUAL.telemetry), self.telemetry),
        ];
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(':') {
            let (before, from) = rest.split_at(at);
            named.push_str(before);
            let hit = moved.iter().find_map(|(old, new)| {
                let after = from.strip_prefix(old.as_str())?;
                (!after.starts_with(|next: char| next.is_ascii_digit())).then_some((after, new))
            });
            if let Some((after, new)) = hit {
                named.push(':');
                named.push_str(&new.to_string());
                rest = after;
            } else {
                named.push(':');
                rest = from.strip_prefix(':').unwrap_or_default();
            }
        }
        named.push_str(rest);
        named
    }

    /// The issuers of `tenants.example`.
    pub(super) fn issuers(self) -> [String; 3] {
        let port = self.server;
        [
            format!("http://127.0.0.1:{port}/acme"),
            format!("http://127.0.0.1:{port}/globex"),
            format!("http://initech.localhost:{port}"),
        ]
    }

    /// Where the example client is found.
    pub(super) fn client_url(self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }
}

/// The block printed once everything answers.
pub(super) fn told(ports: Ports, tenants: &Path) -> String {
    let [acme, globex, initech] = ports.issuers();
    let people = PEOPLE
        .iter()
        .map(|person| {
            format!(
                "    {:<9} {:<22} {}",
                person.tenant, person.login, person.password
            )
        })
        .collect::<Vec<_>>()
        .join("\n");
    format!(
        "
  Insula is up. Ctrl-C stops it; what it knows stays in .dev (--fresh forgets).

  Log in here
    {client}      the example client; pick a tenant and follow the buttons

  Tenants
    acme      {acme}     a tenant file of our own
    globex    {globex}   an unmodified dex config
    initech   {initech}  a host name of its own

  People                           password
{people}

  Try next
    curl {acme}/.well-known/openid-configuration
    curl http://127.0.0.1:{telemetry}/metrics
    edit {tenants}/acme/tenant.yaml and reload the login page
",
        client = ports.client_url(),
        telemetry = ports.telemetry,
        tenants = tenants.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_replaced_where_they_are_ports_and_nowhere_else() {
        let ports = Ports {
            server: 5555,
            client: 5556,
            telemetry: 1,
        };
        let text = "a: http://x:5556/cb\nb: 127.0.0.1:5555\nc: 5556\nd: :55561\ne: ::5558";
        assert_eq!(
            ports.named_in(text),
            "a: http://x:5555/cb\nb: 127.0.0.1:5556\nc: 5556\nd: :55561\ne: ::1"
        );
    }

    #[test]
    fn the_block_names_every_tenant_and_every_person() {
        let block = told(Ports::USUAL, Path::new("tenants.example"));
        for issuer in Ports::USUAL.issuers() {
            assert!(block.contains(&issuer), "{issuer}");
        }
        for person in &PEOPLE {
            assert!(block.contains(person.login) && block.contains(person.tenant));
        }
    }
}
