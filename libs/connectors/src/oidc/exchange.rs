use insula_connector_kit::{
    ConnectorError, Document, ExchangedIdentity, SubjectToken, SubjectTokenKind, UpstreamClaims,
    UpstreamIdentity,
};

use super::provider::SUBJECT_TOKEN;
use super::{OF_THE_LOGIN, Oidc};

impl Oidc {
    /// Of whom a token of the provider's is.
    ///
    /// A signed token is verified by the provider's keys. An access token is opaque to us, and the
    /// provider is asked for its userinfo where the settings say so (`getUserInfo`). Where they do
    /// not, whatever it is called must be such a signed token: issuers of workload identities have no
    /// userinfo, and their guides name the token one way or the other.
    pub(super) async fn exchanged(
        &self,
        shown: SubjectToken<'_>,
    ) -> Result<ExchangedIdentity, ConnectorError> {
        let provider = self.provider().await?;
        let asks_userinfo = shown.kind == SubjectTokenKind::AccessToken
            && self.settings.get_user_info
            && shown.by_userinfo;
        let document = if asks_userinfo {
            let ask = Self::userinfo_of(&provider, shown.token)?;
            let answer = self.upstream.ask(ask.of_an_exchange()).await?;
            if answer.status == 401 || answer.status == 403 {
                let why = "its userinfo refuses the access token".to_owned();
                return Err(ConnectorError::BadReply(why));
            }
            let userinfo = self.read_userinfo(&provider, answer, shown.now).await?;
            // Who may answer what the bearer may know does not tell how or when they logged in.
            userinfo.without(OF_THE_LOGIN)
        } else {
            let (us, audience) = (self.us(), shown.audience);
            let verified =
                provider.subject_token(&self.upstream, shown.token, audience, &us, shown.now);
            Document::of(SUBJECT_TOKEN, verified.await?.into_map())
        };
        document.required("sub")?;
        let auth_time = match document.time("auth_time")? {
            None if !asks_userinfo => document.time("iat")?,
            told => told,
        };
        let members = document.members().clone();
        let identity = self.identity(&UpstreamClaims::of(document), "")?;
        Ok(ExchangedIdentity {
            // Nothing came to be asked with later.
            identity: UpstreamIdentity {
                connector_data: None,
                ..identity
            },
            claims: members,
            auth_time,
        })
    }
}
