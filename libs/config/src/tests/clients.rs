use insula_model::{
    AccessTokensOf, Alg, ClientId, ClientLogout, IntrospectionScope, RefreshTokenLifetime,
};
use insula_oauth::GrantType;

use super::{dexs, ours};

fn client(fields: &str) -> String {
    format!("staticClients:\n  - {{ {fields} }}\n")
}

#[test]
fn a_client_is_read_with_every_field() {
    let spec = ours(
        "staticClients:
  - id: portal
    name: Portal
    secrets: [one, two]
    redirectURIs: [https://portal.test/cb]
    postLogoutRedirectURIs: [https://portal.test/]
    trustedPeers: [cli]
    allowedConnectors: [local]
    grantTypes: [authorization_code]
    skipApprovalScreen: true
    requirePKCE: true
    ssoSharedWith: [cli]
    backchannelLogoutURI: http://portal.svc/back
    backchannelLogoutSessionRequired: false
    frontchannelLogoutURI: https://portal.test/front
    frontchannelLogoutSessionRequired: false
    refreshTokenLifetime: session
    introspection: tenant
  - { id: cli, public: true, redirectURIs: ['http://127.0.0.1/cb'] }
",
    )
    .spec();
    let portal = spec.client("portal").unwrap();
    assert_eq!(portal.name, "Portal");
    assert!(portal.secrets.iter().any(|secret| secret.matches("two")));
    assert_eq!(portal.post_logout_redirect_uris, ["https://portal.test/"]);
    assert_eq!(portal.trusted_peers[0].as_str(), "cli");
    assert_eq!(portal.allowed_connectors[0].as_str(), "local");
    assert_eq!(portal.grant_types, [GrantType::AuthorizationCode]);
    assert!(portal.skip_approval && portal.require_pkce && !portal.public);
    assert_eq!(
        portal.sso_shared_with.as_deref(),
        Some(&["cli".to_owned()][..])
    );
    let logout = ClientLogout {
        backchannel_logout_uri: Some("http://portal.svc/back".to_owned()),
        backchannel_logout_session_required: false,
        frontchannel_logout_uri: Some("https://portal.test/front".to_owned()),
        frontchannel_logout_session_required: false,
        refresh_token_lifetime: RefreshTokenLifetime::Session,
    };
    assert_eq!(portal.logout, logout);
    assert_eq!(portal.introspection, IntrospectionScope::Tenant);
    let cli = spec.client("cli").unwrap();
    assert_eq!(cli.logout, ClientLogout::default());
    assert_eq!(cli.introspection, IntrospectionScope::Audience);
    assert_eq!(cli.name, "cli");
    assert!(cli.public && cli.secrets.is_empty() && cli.sso_shared_with.is_none());
}

#[test]
fn a_client_says_how_its_tokens_are_signed_and_one_of_profile_dex_only_how_its_id_tokens_are() {
    let asks = "staticClients: [{ id: a, secret: s, redirectURIs: ['https://a.test/cb'], \
                idTokenSignedResponseAlg: es256, accessTokenSignedResponseAlg: EdDSA }]\n\
                signer: { config: { algorithms: [EdDSA, ES256] } }\n";
    let spec = ours(asks).spec();
    let client = spec.client("a").unwrap();
    assert_eq!(client.id_token_signed_response_alg, Some(Alg::ES256));
    assert_eq!(client.access_token_signed_response_alg, Some(Alg::EdDSA));

    let said = ours(&format!("profile: dex\n{asks}")).only();
    assert!(
        said.contains("accessTokenSignedResponseAlg: has no effect"),
        "{said}"
    );
}

#[test]
fn an_empty_list_of_sharers_is_not_the_same_as_none() {
    let fields = "id: a, secret: s, redirectURIs: [https://a.test/cb], ssoSharedWith: []";
    let spec = ours(&client(fields)).spec();
    assert_eq!(spec.client("a").unwrap().sso_shared_with, Some(vec![]));
}

#[test]
fn what_our_clients_must_not_be_is_refused() {
    for (fields, cause) in [
        (
            "secret: s, redirectURIs: [https://a.test/cb]",
            "staticClients[0].id: is missing",
        ),
        (
            "id: a, redirectURIs: [https://a.test/cb]",
            "staticClients[0].secret: is missing",
        ),
        (
            "id: a, secret: '', redirectURIs: [https://a.test/cb]",
            "staticClients[0].secret: is missing",
        ),
        (
            "id: a, secretEnv: EMPTY, redirectURIs: [https://a.test/cb]",
            "refers to env:EMPTY, which is empty",
        ),
        (
            "id: a, secret: s",
            "staticClients[0].redirectURIs: is missing",
        ),
        (
            "id: a, secret: s, public: true, redirectURIs: [https://a.test/cb]",
            "a public client can keep no secret",
        ),
        (
            "id: a, secret: s, secretEnv: S, redirectURIs: [https://a.test/cb]",
            "stands beside secretEnv",
        ),
        (
            "id: a, idEnv: A, secret: s, redirectURIs: [https://a.test/cb]",
            "stands beside idEnv",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb#x]",
            "carries a fragment",
        ),
        (
            "id: a, secret: s, redirectURIs: [http://a.test/cb]",
            "unencrypted",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], trustedPeers: [b]",
            "no client has the id \"b\"",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], allowedConnectors: [locl]",
            "no connector has the id \"locl\"; did you mean \"local\"?",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], grantTypes: [magic]",
            "\"magic\" is not a grant type",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], idTokenSignedResponseAlg: ES384",
            "\"ES384\" is not an algorithm the tenant signs with; name one of \
             signer.config.algorithms",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], accessTokenSignedResponseAlg: none",
            "\"none\" is not an algorithm the tenant signs with",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], mfaChain: [totp]",
            "a second factor is not served",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], backchannelLogoutURI: /out",
            "backchannelLogoutURI: \"/out\" is not an absolute URI",
        ),
        (
            "id: a, public: true, redirectURIs: [https://a.test/cb], backchannelLogoutURI: http://a.test/",
            "Back-Channel Logout §2.2 forbids",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], frontchannelLogoutURI: https://b.test/",
            "of another origin than every redirect URI",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], refreshTokenLifetime: 1h",
            "neither standalone nor session",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], introspection: tenants",
            "\"tenants\" is not a set of tokens; did you mean \"tenant\"?",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], jwks: { keys: [] }",
            "staticClients[0].jwks: holds no public key",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], jwks: { kys: [] }",
            "has no array \"keys\"",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], requestObjectSigningAlg: HS256",
            "needs the secret itself, of which only a hash is kept",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], requestObjectSigningAlg: ES265",
            "did you mean \"ES256\"?",
        ),
        (
            "id: a, secret: s, redirectURIs: [https://a.test/cb], requestObjectSigningAlg: ES256",
            "needs jwks to verify with",
        ),
        (
            "id: a, public: true, redirectURIs: [https://a.test/cb], introspection: tenant",
            "a public client proves nothing and may not ask",
        ),
    ] {
        let folder = ours(&client(fields));
        let folder = folder.env("S", "s").env("A", "a").env("EMPTY", "");
        let said = folder.only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{fields}: {said}"
        );
        assert!(folder.load().spec.is_err());
    }
}

#[test]
fn two_clients_cannot_share_an_id() {
    let one = "{ id: a, secret: s, redirectURIs: [https://a.test/cb] }";
    let said = ours(&format!("staticClients: [{one}, {one}]\n")).only();
    assert!(
        said.contains("staticClients[1].id: another client has the id \"a\""),
        "{said}"
    );
}

#[test]
fn dexs_messages_for_clients_are_dexs() {
    for (fields, cause) in [
        (
            "secret: s, name: A",
            "invalid config: ID or IDEnv field is required for a client",
        ),
        (
            "id: a, secret: s",
            "invalid config: Name field is required for a client",
        ),
        (
            "id: a, name: A",
            "invalid config: Secret or SecretEnv field is required for client \"a\"",
        ),
        (
            "id: a, idEnv: A, name: A, secret: s",
            "invalid config: ID and IDEnv fields are exclusive for client \"a\"",
        ),
        (
            "id: a, name: A, secret: s, secretEnv: S",
            "invalid config: Secret and SecretEnv fields are exclusive for client \"a\"",
        ),
    ] {
        let said = dexs(&client(fields)).env("S", "s").env("A", "a").only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{fields}: {said}"
        );
    }
}

#[test]
fn dex_clients_may_be_public_without_redirect_uris_and_have_any_of_them() {
    let spec = dexs(
        "staticClients:
  - { id: cli, name: CLI, public: true }
  - { id: app, name: App, secret: s, redirectURIs: [http://app.test/cb, /device/callback] }
",
    )
    .spec();
    assert!(spec.client("cli").unwrap().redirect_uris.is_empty());
    assert_eq!(spec.client("app").unwrap().redirect_uris.len(), 2);
}

#[test]
fn a_dex_secret_that_looks_like_base64_or_a_reference_is_meant_as_written() {
    let spec = dexs(&client("id: a, name: A, secret: env:HOME")).spec();
    assert!(spec.client("a").unwrap().secrets[0].matches("env:HOME"));
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

fn exchanger(policy: &str) -> super::Folder {
    ours(&format!(
        "connectors: [{{ type: mockCallback, id: mock, name: Mock }}, {{ type: mockCallback, id: closed, name: Closed, grantTypes: [authorization_code] }}, {{ type: oidc, id: github-actions, config: {{ issuer: 'https://token.actions.githubusercontent.com' }} }}]\n\
         oauth2: {{ grantTypes: [authorization_code, '{EXCHANGE}'] }}\n\
         resources: [{{ identifier: 'https://api.test', scopes: ['api:read'], servers: [gateway] }}, {{ identifier: 'https://other.test' }}]\n\
         staticClients:\n  - {{ id: app, secret: s, redirectURIs: ['https://app.test/cb'] }}\n  \
         - id: gateway\n    secret: s\n    redirectURIs: ['https://gw.test/cb']\n    \
         tokenExchange:\n{policy}"
    ))
}

#[test]
fn the_exchange_policy_of_a_client_is_read_with_its_conditions_compiled() {
    let spec = exchanger(
        "      connectors:\n        - id: github-actions\n          condition: claims.repository == \"acme/shop\"\n",
    )
    .load()
    .spec
    .unwrap();
    let policy = spec.client("gateway").unwrap().token_exchange.clone();
    let policy = policy.unwrap();
    let condition = policy.connectors[0].condition.as_ref().unwrap();
    assert_eq!(condition.text(), "claims.repository == \"acme/shop\"");
    assert_eq!(spec.client("app").unwrap().token_exchange, None);
}

#[test]
fn a_policy_for_access_tokens_of_the_tenant_is_read() {
    let policy = "      accessTokens:\n        - { resource: 'https://api.test', scopes: ['api:read'], actors: [gateway], requireActor: true }\n        - { client: app }\n";
    let spec = exchanger(policy).load().spec.unwrap();
    let policy = spec.client("gateway").unwrap().token_exchange.clone();
    let [first, second] = policy.unwrap().access_tokens.try_into().unwrap();
    let api = AccessTokensOf::Resource("https://api.test".to_owned());
    assert_eq!((first.which, first.requires_actor), (api, true));
    assert_eq!(first.scopes, ["api:read"]);
    assert_eq!(first.actors[0].as_str(), "gateway");
    let app = AccessTokensOf::Client(ClientId::parse("app").unwrap());
    assert_eq!((second.which, second.requires_actor), (app, false));
    assert!(second.scopes.is_empty() && second.actors.is_empty());
}

#[test]
fn a_client_that_proves_nothing_exchanges_no_access_tokens() {
    let told = ours(&format!(
        "oauth2: {{ grantTypes: [authorization_code, '{EXCHANGE}'] }}\n\
         connectors: [{{ type: mockCallback, id: mock, name: Mock }}]\n\
         staticClients: [{{ id: spa, public: true, redirectURIs: ['https://spa.test/cb'], tokenExchange: {{ accessTokens: [{{ client: spa }}] }} }}]\n"
    ))
    .load();
    let told = format!("{:?}", told.problems);
    assert!(told.contains("cannot prove who it is"), "{told}");
}

#[test]
fn an_exchange_policy_that_cannot_be_meant_is_refused_with_its_line() {
    for (policy, why) in [
        (
            "      connectors: [{ id: nowhere }]\n",
            "no connector has the id \"nowhere\"",
        ),
        (
            "      connectors: [{ id: closed }]\n",
            "does not serve token exchange",
        ),
        ("      connectors: [{}]\n", "is missing"),
        (
            "      connectors: []\n",
            "names no tokens that may be exchanged",
        ),
        (
            "      connectors: [{ id: github-actions }]\n",
            "signs for everybody's jobs",
        ),
        (
            "      accessTokens: [{ scopes: [] }]\n",
            "says not whose access tokens",
        ),
        (
            "      accessTokens: [{ resource: 'https://nowhere.test' }]\n",
            "no resource has the identifier",
        ),
        (
            "      accessTokens: [{ resource: 'https://other.test' }]\n",
            "this client does not serve",
        ),
        (
            "      accessTokens: [{ client: app, scopes: [nothing] }]\n",
            "is a scope of no resource",
        ),
        (
            "      accessTokens: [{ client: app, requireActor: true }]\n",
            "nobody may be the actor it asks for",
        ),
        (
            "      connectors:\n        - id: mock\n          condition: claims.ref ==\n",
            "is not an expression",
        ),
        (
            "      connectors:\n        - id: mock\n          condition: repository == \"x\"\n",
            "the only variable is \"claims\"",
        ),
        (
            "      connectors:\n        - id: mock\n          condition: claims.a.matches(\"a+\")\n",
            "uses matches",
        ),
    ] {
        let said = exchanger(policy).said();
        let errors: Vec<_> = said
            .iter()
            .filter(|line| line.starts_with("error"))
            .collect();
        assert!(
            errors.iter().any(|line| line.contains(why)),
            "{policy}: {said:#?}"
        );
    }
}

#[test]
fn the_keys_of_a_client_are_kept_as_a_jwk_set() {
    let keys = "{ keys: [{ kty: EC, crv: P-256, x: f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU, y: x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0 }] }";
    let base = "id: a, secret: s, redirectURIs: [https://a.test/cb]";
    let spec = ours(&client(&format!("{base}, jwks: {keys}"))).spec();
    let objects = spec.client("a").unwrap().request_objects.clone().unwrap();
    let jwks = insula_jose::Jwks::parse(objects.jwks.as_deref().unwrap());
    assert_eq!((jwks.unwrap().len(), objects.alg), (1, None));
    let both = format!("{base}, jwks: {keys}, requestObjectSigningAlg: none");
    let said = ours(&client(&both)).only();
    assert!(said.contains("no key would ever be asked"), "{said}");
    let strict = format!("{base}, jwks: {keys}, requireSignedRequestObject: true");
    let spec = ours(&client(&strict)).spec();
    let objects = spec.client("a").unwrap().request_objects.clone();
    assert!(objects.unwrap().required);
    let said = ours(&client(&format!(
        "{base}, requireSignedRequestObject: true"
    )))
    .only();
    assert!(said.contains("needs jwks"), "{said}");
    let unsigned = format!("{base}, requestObjectSigningAlg: none");
    let spec = ours(&client(&unsigned)).spec();
    let objects = spec.client("a").unwrap().request_objects.clone().unwrap();
    assert_eq!((objects.jwks, objects.alg.as_deref()), (None, Some("none")));
    assert_eq!(
        ours(&client(base))
            .spec()
            .client("a")
            .unwrap()
            .request_objects,
        None
    );
}

#[test]
fn what_dexs_dialect_would_pass_over_is_refused_in_a_file_of_ours() {
    for key in [
        "introspection: own",
        "requestObjectSigningAlg: none",
        "jwks: { keys: [] }",
    ] {
        let base = "id: a, secret: s, redirectURIs: [https://a.test/cb]";
        let text = format!("profile: dex\n{}", client(&format!("{base}, {key}")));
        let said = ours(&text).said();
        let told = said
            .iter()
            .find(|line| line.contains("has no effect with profile: dex"));
        assert!(
            told.is_some_and(|line| line.starts_with("error")),
            "{said:?}"
        );
    }
}
