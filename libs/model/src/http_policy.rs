use ipnet::IpNet;

/// How a tenant's answers travel, beyond what the protocol asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpPolicy {
    /// What scripts of other origins may read.
    pub cors: Cors,
    /// Headers that every answer but static files carries: names and values, fit to be sent.
    pub headers: Vec<(String, String)>,
    /// Where the client's address stands, if the tenant says so itself.
    pub client_address: Option<ClientAddressHeader>,
}

/// What scripts of other origins may read (Fetch §3.2). Never with credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// Whose scripts.
    pub origins: CorsOrigins,
    /// Which headers they may send beyond the usual ones; `None` for any they ask for.
    pub headers: Option<Vec<String>>,
}

/// Whose scripts may read answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CorsOrigins {
    /// Those of our own origin.
    #[default]
    None,
    /// Everybody's.
    Any,
    /// Those of these origins, each as a browser writes it.
    Listed(Vec<String>),
}

/// The header in which a tenant's proxies tell the client's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddressHeader {
    /// Its name, in lower case.
    pub header: String,
    /// Proxies that are believed, beside those of the server.
    pub trusted_proxies: Vec<IpNet>,
}
