use bergshamra::xml::uppsala::XmlWriter;
use data_encoding::BASE64;
use insula_ambient::Timestamp;

use crate::instant;
use crate::names::{ASSERTION, POST, PROTOCOL};

/// A request for a login ([Core §3.4.1](https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf)),
/// not signed.
#[derive(Debug, Clone, Copy)]
pub struct AuthnRequest<'a> {
    /// A new one each time, which nobody can guess.
    pub id: &'a str,
    /// Where it is sent.
    pub sso_url: &'a str,
    /// Where the answer goes.
    pub acs_url: &'a str,
    /// Who we are; nothing where that is not said.
    pub issuer: Option<&'a str>,
    /// Which format the name of the person is to have.
    pub name_format: &'a str,
    /// Whether the person must prove themselves again.
    pub force: bool,
    /// The present.
    pub now: Timestamp,
}

impl AuthnRequest<'_> {
    /// As the POST binding carries it (Bindings §3.5.4): base64, not packed.
    pub fn encoded(&self) -> String {
        BASE64.encode(self.xml().as_bytes())
    }

    fn xml(&self) -> String {
        let now = instant::at(self.now);
        let mut attributes = vec![
            ("xmlns:samlp", PROTOCOL),
            ("xmlns:saml", ASSERTION),
            ("ID", self.id),
            ("Version", "2.0"),
            ("IssueInstant", &now),
            ("Destination", self.sso_url),
            ("AssertionConsumerServiceURL", self.acs_url),
            ("ProtocolBinding", POST),
        ];
        if self.force {
            attributes.push(("ForceAuthn", "true"));
        }
        let mut xml = XmlWriter::new();
        xml.start_element("samlp:AuthnRequest", &attributes);
        if let Some(issuer) = self.issuer {
            xml.start_element("saml:Issuer", &[]);
            xml.text(issuer);
            xml.end_element("saml:Issuer");
        }
        let policy = [("Format", self.name_format), ("AllowCreate", "true")];
        xml.empty_element("samlp:NameIDPolicy", &policy);
        xml.end_element("samlp:AuthnRequest");
        xml.into_string()
    }
}
