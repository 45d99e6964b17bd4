use insula_ambient::Timestamp;
use insula_model::{
    Alg, Client, ClientId, ClientLogout, ClientSecret, ConnectorId, IntrospectionScope,
    RequestObjects, TokenExchange,
};
use insula_oauth::GrantType;

/// A client to be: `app`, confidential with the secret `app-secret`, redirect URI
/// `https://app.test/cb`, everything else as permissive as may be.
#[derive(Debug, Clone)]
pub struct ClientBuilder(Client);

/// Begins a client.
pub fn a_client() -> ClientBuilder {
    ClientBuilder(Client {
        id: ClientId::parse("app").expect("a word is an id"),
        name: "The App".to_owned(),
        secrets: vec![ClientSecret::new("app-secret")],
        public: false,
        redirect_uris: vec!["https://app.test/cb".to_owned()],
        post_logout_redirect_uris: vec!["https://app.test/bye".to_owned()],
        trusted_peers: Vec::new(),
        allowed_connectors: Vec::new(),
        grant_types: Vec::new(),
        skip_approval: false,
        require_pkce: false,
        sso_shared_with: None,
        id_token_signed_response_alg: None,
        access_token_signed_response_alg: None,
        logout: ClientLogout::default(),
        scopes: None,
        resources: Vec::new(),
        own_groups: Vec::new(),
        token_exchange: None,
        introspection: IntrospectionScope::default(),
        request_objects: None,
    })
}

impl ClientBuilder {
    /// Under another `client_id`.
    pub fn named(mut self, id: &str) -> Self {
        self.0.id = ClientId::parse(id).expect("the test names a valid client_id");
        self
    }

    /// Public, and without a secret.
    pub fn public(mut self) -> Self {
        self.0.public = true;
        self.0.secrets.clear();
        self
    }

    /// With one more secret.
    pub fn with_secret(mut self, secret: &str) -> Self {
        self.0.secrets.push(ClientSecret::new(secret));
        self
    }

    /// With one more secret, which ends.
    pub fn with_secret_until(mut self, secret: &str, end: Timestamp) -> Self {
        self.0.secrets.push(ClientSecret::new(secret).until(end));
        self
    }

    /// Without any secret.
    pub fn without_secret(mut self) -> Self {
        self.0.secrets.clear();
        self
    }

    /// With this redirect URI alone.
    pub fn with_redirect(mut self, uri: &str) -> Self {
        self.0.redirect_uris = vec![uri.to_owned()];
        self
    }

    /// Without a registered redirect URI.
    pub fn without_redirects(mut self) -> Self {
        self.0.redirect_uris.clear();
        self
    }

    /// With one more client that may ask for tokens meant for this one.
    pub fn trusting(mut self, peer: &str) -> Self {
        let peer = ClientId::parse(peer).expect("the test names a valid client_id");
        self.0.trusted_peers.push(peer);
        self
    }

    /// For people of this connector, and of others so added, alone.
    pub fn allowing(mut self, connector: &str) -> Self {
        let id = ConnectorId::parse(connector).expect("the test names a valid connector");
        self.0.allowed_connectors.push(id);
        self
    }

    /// For these grants alone.
    pub fn with_grants(mut self, grants: &[GrantType]) -> Self {
        self.0.grant_types = grants.to_vec();
        self
    }

    /// Nobody is asked for consent.
    pub fn skipping_approval(mut self) -> Self {
        self.0.skip_approval = true;
        self
    }

    /// Must use PKCE.
    pub fn requiring_pkce(mut self) -> Self {
        self.0.require_pkce = true;
        self
    }

    /// Its ID tokens are signed with this algorithm.
    pub fn with_id_tokens_by(mut self, alg: Alg) -> Self {
        self.0.id_token_signed_response_alg = Some(alg);
        self
    }

    /// Its access tokens for others than the issuer are signed with this algorithm.
    pub fn with_access_tokens_by(mut self, alg: Alg) -> Self {
        self.0.access_token_signed_response_alg = Some(alg);
        self
    }

    /// Shares logins made for it with these.
    pub fn sharing_with(mut self, clients: &[&str]) -> Self {
        let clients = clients.iter().map(|&client| client.to_owned());
        self.0.sso_shared_with = Some(clients.collect());
        self
    }

    /// May ask for these scopes, and for no others.
    pub fn with_scopes(mut self, scopes: &[&str]) -> Self {
        self.0.scopes = Some(scopes.iter().map(|&scope| scope.to_owned()).collect());
        self
    }

    /// May have access tokens for one more resource.
    pub fn with_resource(mut self, identifier: &str) -> Self {
        self.0.resources.push(identifier.to_owned());
        self
    }

    /// Is in these groups itself.
    pub fn in_groups(mut self, groups: &[&str]) -> Self {
        self.0.own_groups = groups.iter().map(|&group| group.to_owned()).collect();
        self
    }

    /// May exchange these tokens.
    pub fn exchanging(mut self, policy: TokenExchange) -> Self {
        self.0.token_exchange = Some(Box::new(policy));
        self
    }

    /// May ask about these tokens.
    pub fn asking_about(mut self, tokens: IntrospectionScope) -> Self {
        self.0.introspection = tokens;
        self
    }

    /// May hand over its requests as JWTs: with these keys, and with this algorithm alone if one is
    /// named.
    pub fn with_request_objects(mut self, jwks: Option<&str>, alg: Option<&str>) -> Self {
        self.0.request_objects = Some(Box::new(RequestObjects {
            jwks: jwks.map(str::to_owned),
            alg: alg.map(str::to_owned),
            required: false,
        }));
        self
    }

    /// All its requests are signed.
    pub fn requiring_request_objects(mut self) -> Self {
        if let Some(objects) = &mut self.0.request_objects {
            objects.required = true;
        }
        self
    }

    /// The client.
    pub fn build(self) -> Client {
        self.0
    }
}

impl From<ClientBuilder> for Client {
    fn from(builder: ClientBuilder) -> Self {
        builder.build()
    }
}
