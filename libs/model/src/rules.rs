mod table;

/// How a tenant behaves where dex departs from the RFCs: one named rule per behaviour.
///
/// Resolved once, when a configuration is compiled, from its [`Dialect`](crate::Dialect). Whoever
/// decides something reads the rule it is about and never asks whose letter is followed, so that a
/// behaviour can be found by its name, and one day be chosen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a behaviour of its own, and any mixture of them is possible"
)]
pub struct Rules {
    // what is asked for at the authorization endpoint
    /// A parameter that comes twice is refused (RFC 6749 §3.1); else the first counts.
    pub refuses_repeated_parameters: bool,
    /// `request_uri` and `registration` are known, and refused in their own words.
    pub refuses_request_uri_and_registration: bool,
    /// A request object is obeyed where its client is registered for it, and where a refusal goes is
    /// read from it, too; else it is refused unread.
    pub reads_request_objects: bool,
    /// `response_mode` is obeyed, and the response type's own mode, by answers and errors alike; else
    /// answers travel as their response type has it, and errors in the query.
    pub obeys_response_mode: bool,
    /// A response type is served if each of its words is configured by itself; else if it is
    /// configured as a whole.
    pub serves_response_types_by_word: bool,
    /// The response type `token` is served by itself, as plain OAuth has it (RFC 6749 §4.2).
    pub serves_token_alone: bool,
    /// Only a client that is registered for `implicit` by name gets tokens from the authorization
    /// endpoint; else one that names no grants does, too.
    pub implicit_is_allowed_by_name: bool,
    /// A `nonce` must come with each ID token of the authorization endpoint (OpenID Connect Core
    /// §3.2.2.1, §3.3.2.11); else only where there is no code.
    pub hybrid_requests_need_nonce: bool,
    /// PKCE that every client must use is asked of requests without a code, too.
    pub demands_pkce_without_code: bool,
    /// `prompt=none` forbids asking also where there are no browser sessions.
    pub obeys_prompt_none_without_sessions: bool,
    /// The `claims` parameter is obeyed (OpenID Connect Core §5.5).
    pub obeys_claims_parameter: bool,
    /// Public clients must use PKCE (RFC 9700 §2.1.1).
    pub public_clients_must_use_pkce: bool,
    /// Challenges and verifiers must have the form of RFC 7636 §4.
    pub checks_form_of_pkce: bool,
    /// Which loopback redirect URIs a public client may use beside those it registered.
    pub loopback_redirects: LoopbackRedirects,
    /// Scopes are refused where one is unknown or `openid` is missing, and kept as they were written;
    /// else unknown ones are passed over.
    pub is_strict_about_scopes: bool,

    /// `resource` is obeyed (RFC 8707), and tokens can be for a resource.
    pub obeys_resource_indicators: bool,

    // who may be a client, and what people see
    /// Clients are judged as RFC 6749, RFC 8252 and RFC 9700 have it: their redirect URIs, where they
    /// are told of logouts, what public ones may have; else nearly everything is taken.
    pub is_strict_about_clients: bool,
    /// Numbers that an upstream of the type `oauth` gives people as their ids become text as Go prints
    /// a float, `1.2345678e+07`, because that is in the `sub` of everybody who came from dex; else their
    /// digits do.
    pub writes_numeric_ids_as_floats: bool,
    /// Headers that say who a person is (connector `authproxy`) are taken of whoever sends them; else of
    /// a proxy that is named as trusted.
    pub takes_identity_headers_of_anybody: bool,
    /// A connector `gitea` lets members of an organisation in who are in none of its listed teams.
    pub takes_gitea_members_of_other_teams: bool,
    /// A logo on another host, which pages do not load, is left away; else it is refused.
    pub leaves_out_logo_of_another_host: bool,
    /// The name that somebody logs in with at Microsoft is their mail address, and verified; else their
    /// mailbox is the address, and verified only in a domain that their organisation proved to own.
    pub believes_login_names_of_microsoft: bool,
    /// A connector that requires groups lets everybody in where its upstream cannot be asked for any;
    /// else it does not open.
    pub lets_in_whose_groups_nobody_tells: bool,

    // the way through a login
    /// The choice of connectors that is always shown is shown to those who have a session, too.
    pub asks_for_connector_despite_session: bool,
    /// The choice of connectors is sorted by name; else as configured.
    pub sorts_choice_of_connectors: bool,
    /// Links and forms carry the whole request until a connector is asked; else it is stored before the
    /// first choice, and links name it.
    pub carries_request_in_links: bool,
    /// A login at the route of a connector is for that one; else the person begins there.
    pub connector_of_route_is_insisted_on: bool,
    /// That a connector cannot be had is told on a page, unless it was insisted on at its own route.
    pub tells_of_unavailable_connector_on_page: bool,
    /// A browser remembers through which connector somebody logged in last, and is shown it.
    pub remembers_last_used_connector: bool,
    /// Upstreams send browsers back to one callback; else each connector has its own.
    pub connectors_share_callback: bool,
    /// Browsers are sent to an upstream with 303; else with 302.
    pub sends_upstream_with_see_other: bool,
    /// Any `max_age` has the upstream ask anew; else only zero does.
    pub any_max_age_forces_login: bool,
    /// A step of a login without browser sessions is taken from a browser that sends no cookie.
    pub takes_steps_without_cookie: bool,
    /// A browser session begins with the proof, before consent is asked for; else with an answer.
    pub session_begins_with_proof: bool,
    /// Consent is asked for on a page with an address of its own; else where the login ends.
    pub asks_consent_on_page_of_its_own: bool,
    /// Nobody gets an ID token whose `sub` is longer than OpenID Connect Core §2 allows.
    pub limits_length_of_sub: bool,
    /// What a person allowed is remembered where there are no browser sessions, too.
    pub remembers_consent_without_sessions: bool,
    /// Clients are told what a page alone tells else: refusals after a request was found good, and
    /// our own faults.
    pub tells_clients_what_failed: bool,
    /// An access token beside a code says how long it lives.
    pub tells_lifetime_beside_code: bool,
    /// An answer to a client has a `state` even if the client sent none.
    pub answers_with_empty_state: bool,
    /// An answer to a client names its issuer (RFC 9207).
    pub answers_with_issuer: bool,
    /// A client can name itself by `client_id` to be returned to after a logout.
    pub logout_returns_by_client_id: bool,
    /// A logout request with a flaw is refused; else it forbids the redirect and has the person asked.
    pub refuses_flawed_logouts: bool,
    /// A logout that is posted without a hint, by a page of ours or by a program, needs no other yes.
    pub takes_posted_logout_for_a_yes: bool,
    /// Browsers go back to the client after a logout with 303; else with 302.
    pub leaves_logout_with_see_other: bool,
    /// Logout tokens say in their header what they are (Back-Channel Logout §2.4).
    pub logout_tokens_say_their_type: bool,
    /// People are logged out at their upstream, too, where their connector does not say.
    pub logs_out_upstream_unless_told: bool,

    // how clients prove themselves, and with what they come
    /// A header that cannot be read is none, and a client may prove itself in two ways at once.
    pub is_lenient_about_client_authentication: bool,
    /// A client may use the grant `password` only where it lists it.
    pub password_grant_must_be_listed: bool,
    /// A client exchanges the tokens that its policy names, ours among them, and the scopes and targets
    /// it asks for are checked; else any client exchanges tokens of any connector, whomever they were
    /// made for.
    pub exchanges_tokens_by_policy: bool,
    /// An access token is looked for in the first header alone; else in all, and in a posted form.
    pub reads_bearer_in_first_header_only: bool,
    /// A code that is presented wrongly stays good; else it is used up.
    pub keeps_wrongly_presented_code: bool,
    /// A refresh token may be an id without a secret.
    pub takes_refresh_token_without_secret: bool,
    /// Tokens that are about a client itself are for clients whose `grantTypes` name the grant, and
    /// for resources alone; else for every confidential client, with claims as a person would have.
    pub client_credentials_are_for_resources: bool,

    // what tokens are made of
    /// What access tokens look like.
    pub access_tokens: AccessTokenForm,
    /// `token_type` in the answer of the token endpoint.
    pub token_type: &'static str,
    /// The answer of the token endpoint says what was granted.
    pub tells_granted_scope: bool,
    /// There is an ID token also where `openid` was not granted.
    pub gives_id_token_without_openid: bool,
    /// Tokens and introspection say how somebody proved who they are: `amr`, `acr`.
    pub tells_how_people_logged_in: bool,
    /// Only the claims that dex knows are released, and only the scopes that release them are known.
    pub knows_claims_of_dex_only: bool,
    /// The `sub` of a client is written as that of somebody without a connector; else it is its id.
    pub writes_client_as_person: bool,
    /// An ID token of a refresh repeats the `nonce` of the login.
    pub repeats_nonce_at_refresh: bool,

    // refresh tokens
    /// A login may get a refresh token although the tenant does not serve the grant.
    pub gives_refresh_token_for_unserved_grant: bool,
    /// Refresh tokens of public clients are replaced at each use, whatever is configured.
    pub rotates_for_public_clients: bool,
    /// The current token is said again within the reuse interval; else it is used.
    pub repeats_current_refresh_token: bool,
    /// What a refresh token that was replaced does.
    pub replaced_refresh_token: ReplacedRefreshToken,
    /// Whose entry in a directory has another DN than at the login is gone; else it is the id that
    /// says who somebody is.
    pub moved_entry_is_gone: bool,
    /// A Kerberos ticket is taken for any service that the keytab has keys of, and of anybody whom
    /// the realm gave one, unless the connector names them; else for the issuer's host, and of people
    /// of the service's own realm.
    pub takes_any_ticket_of_keytab: bool,

    // what is told of a token
    /// Userinfo says all that the token says; else `sub` and what was released of the person.
    pub userinfo_is_whole_token: bool,
    /// How introspection answers, and whom.
    pub introspection: IntrospectionForm,

    // devices
    /// How devices get tokens.
    pub devices: DeviceForm,

    // how answers travel
    /// Whose words and statuses refusals have.
    pub refusals: RefusalForm,
    /// Documents and endpoints for programs answer to any method, in words of their own.
    pub answers_to_every_method: bool,
    /// Scripts of other origins may read the front page and introspection, too.
    pub opens_home_and_introspection_to_scripts: bool,
    /// How the question of a browser before a script's request is answered.
    pub preflights: PreflightForm,
    /// Metadata has dex's members and no more.
    pub announces_members_of_dex_only: bool,
    /// Metadata may be kept in caches.
    pub metadata_is_cacheable: bool,
    /// Metadata and keys are indented.
    pub indents_documents: bool,
    /// Pages carry the ids and classes that dex's own tests and themes look for.
    pub marks_pages_as_dex_does: bool,
}

/// Which loopback redirect URIs a public client may use beside those it registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopbackRedirects {
    /// A registered one with another port (RFC 8252 §7.3).
    RegisteredWithAnyPort,
    /// Every one, and having the code shown, where it registered none at all.
    AnyWhereNoneIsRegistered,
}

/// What access tokens look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTokenForm {
    /// Those of RFC 9068, for resources or the issuer; no other JWT passes for one.
    Rfc9068,
    /// ID tokens, so that every JWT of the tenant passes for one.
    LikeIdTokens,
}

/// What a refresh token that was replaced does once it is not forgiven any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplacedRefreshToken {
    /// It ends its family, unless its request was overtaken (RFC 9700 §4.14.2).
    EndsFamily,
    /// It is refused.
    IsRefused,
}

/// How introspection answers, and whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectionForm {
    /// Clients that prove themselves, about tokens that concern them (RFC 7662).
    Rfc7662,
    /// Everybody, in dex's members.
    Dex,
}

/// How devices get tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceForm {
    /// To clients that prove themselves when they ask and when they poll; a person confirms what a
    /// login is for before it begins, and it ends on a page (RFC 8628).
    Rfc8628,
    /// As dex: whoever asks gets codes, whoever has one polls; the login is one of the client whose
    /// answer comes to a callback of ours.
    Dex,
}

/// Whose words and statuses refusals have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalForm {
    /// Those the RFCs register.
    Rfc,
    /// dex's, to the letter.
    Dex,
}

/// How the question of a browser before a script's request is answered (Fetch §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreflightForm {
    /// With what is allowed.
    Fetch,
    /// By the status, as dex does; not at all where no origin is allowed.
    Dex,
}
