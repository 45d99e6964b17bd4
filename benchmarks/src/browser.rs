//! A browser and the relying party it comes from: a login, the way both see it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use data_encoding::BASE64;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use crate::deployment::{CLIENT, REDIRECT_URI, SECRET};
use crate::wire::{Answer, Wire};

/// Everything of a person.
pub(crate) const ONLINE: &str = "openid email profile groups";
/// And a refresh token.
pub(crate) const OFFLINE: &str = "openid email profile groups offline_access";

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const MOST_STEPS: u32 = 10;

/// A connection to one tenant, with the cookies it was given.
pub(crate) struct Browser {
    wire: Wire,
    host: String,
    jar: BTreeMap<String, String>,
    /// How many requests were sent.
    pub(crate) asked: u32,
}

/// The length of an RSA signature of 2048 bits in base64.
const RSA_SIGNATURE: usize = 342;

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) id_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
    /// How many of the tokens have a signature as long as RSA's of 2048 bits.
    pub(crate) rsa_signatures: u32,
}

impl Browser {
    /// A browser without cookies, on a connection to the server of this tenant.
    pub(crate) fn new(wire: Wire, host: &str) -> Self {
        Self {
            wire,
            host: host.to_owned(),
            jar: BTreeMap::new(),
            asked: 0,
        }
    }

    /// Forgets every cookie: somebody else sits down.
    pub(crate) fn forget(&mut self) {
        self.jar.clear();
    }

    /// Sits down, without cookies, at another tenant of the same server.
    pub(crate) fn go_to(&mut self, host: &str) {
        host.clone_into(&mut self.host);
        self.forget();
    }

    /// One request, which must be answered with 200.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.wire.ask(request).await?.expect(200)?;
        Ok(())
    }

    /// The whole of a login: from the authorization request to tokens.
    pub(crate) async fn log_in(&mut self, scope: &str) -> Result<Tokens> {
        let code = self.code(scope).await?;
        self.redeem(&code).await
    }

    /// Is sent to an upstream, and comes back with a code of it.
    pub(crate) async fn come_back(&mut self) -> Result<()> {
        let mut target = authorization(ONLINE);
        for _ in 0..MOST_STEPS {
            let location = self.follow(&target).await?;
            let own = format!("http://{}", self.host);
            if let Some(own) = location
                .strip_prefix(&own)
                .filter(|own| own.starts_with('/'))
            {
                own.clone_into(&mut target);
                continue;
            }
            if location.starts_with('/') {
                target = location;
                continue;
            }
            let (_, query) = location.split_once('?').unwrap_or_default();
            let asked = parameter(query, "state").zip(parameter(query, "redirect_uri"));
            let asked = asked.with_context(|| format!("{location} asks for no code"))?;
            let (state, callback) = (encoded(&asked.0), asked.1);
            let path = callback.strip_prefix(&own).unwrap_or_default();
            let back = format!("{path}?code=abc&state={state}");
            self.follow(&back).await?;
            return Ok(());
        }
        bail!("no upstream is reached after {MOST_STEPS} redirects")
    }

    /// From the authorization request to the code, along every redirect.
    pub(crate) async fn code(&mut self, scope: &str) -> Result<String> {
        let mut target = authorization(scope);
        for _ in 0..MOST_STEPS {
            let location = self.follow(&target).await?;
            if let Some(query) = location.strip_prefix(REDIRECT_URI) {
                return parameter(query, "code")
                    .with_context(|| format!("no code came back: {location}"));
            }
            let own = format!("http://{}", self.host);
            location
                .strip_prefix(&own)
                .unwrap_or(&location)
                .clone_into(&mut target);
        }
        bail!("no code came back after {MOST_STEPS} redirects; the last led to {target}")
    }

    /// Exchanges a code for tokens.
    pub(crate) async fn redeem(&mut self, code: &str) -> Result<Tokens> {
        let form = format!(
            "grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={VERIFIER}",
            encoded(code),
            encoded(REDIRECT_URI),
        );
        self.tokens(&form).await
    }

    /// Exchanges a refresh token for tokens.
    pub(crate) async fn refresh(&mut self, refresh_token: &str) -> Result<Tokens> {
        let form = format!(
            "grant_type=refresh_token&refresh_token={}",
            encoded(refresh_token)
        );
        self.tokens(&form).await
    }

    async fn follow(&mut self, target: &str) -> Result<String> {
        let cookies: Vec<String> = self.jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let cookies = match cookies.as_slice() {
            [] => String::new(),
            some => format!("Cookie: {}\r\n", some.join("; ")),
        };
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n{cookies}\r\n",
            self.host
        );
        self.asked += 1;
        let answer = self.wire.ask(request.as_bytes()).await?;
        keep(&mut self.jar, &answer);
        match answer.header("location") {
            Some(location) if (300..400).contains(&answer.status) => Ok(location.to_owned()),
            _ => {
                let shown = answer.status;
                answer.expect(302)?;
                bail!("answered {shown} without a location");
            }
        }
    }

    async fn tokens(&mut self, form: &str) -> Result<Tokens> {
        let basic = BASE64.encode(format!("{CLIENT}:{SECRET}").as_bytes());
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.host,
            form.len(),
        );
        self.asked += 1;
        let answer = self.wire.ask(request.as_bytes()).await?.expect(200)?;
        let body: Value = serde_json::from_slice(answer.body)?;
        let text = |name: &str| body.get(name)?.as_str().map(str::to_owned);
        let signed = [text("id_token"), text("access_token")];
        let signed = signed
            .iter()
            .flatten()
            .filter_map(|t| t.rsplit_once('.'))
            .filter(|(_, signature)| signature.len() == RSA_SIGNATURE);
        Ok(Tokens {
            rsa_signatures: u32::try_from(signed.count()).unwrap_or_default(),
            id_token: text("id_token"),
            refresh_token: text("refresh_token"),
        })
    }
}

/// Where a login begins.
fn authorization(scope: &str) -> String {
    format!(
        "/auth?response_type=code&client_id={CLIENT}&redirect_uri={}&scope={}&state=af0ifjsldkj\
         &nonce=n-0S6_WzA2Mj&code_challenge={CHALLENGE}&code_challenge_method=S256",
        encoded(REDIRECT_URI),
        encoded(scope),
    )
}

/// Keeps names and values, which is all that a login needs; a cookie that ends at once is dropped.
fn keep(jar: &mut BTreeMap<String, String>, answer: &Answer<'_>) {
    for cookie in answer.headers("set-cookie") {
        let mut parts = cookie.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            continue;
        };
        let ends = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
        if ends || value.is_empty() {
            jar.remove(name);
        } else {
            jar.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.trim_start_matches('?').split('&');
    let mut found = pairs.filter_map(|pair| pair.split_once('='));
    let (_, value) = found.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}
