use bergshamra::xml::uppsala::XmlWriter;

use crate::names::{DSIG, METADATA, POST, PROTOCOL};

/// Who we are, for an identity provider to read
/// ([Metadata §2.4.4](https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf)).
#[derive(Debug, Clone, Copy)]
pub struct Metadata<'a> {
    /// Our name.
    pub entity_id: &'a str,
    /// Where answers go.
    pub acs_url: &'a str,
    /// Which format names are to have.
    pub name_format: &'a str,
    /// Certificates in base64 whose keys open what is encrypted for us.
    pub encryption: &'a [String],
}

impl Metadata<'_> {
    /// The document. It says what is so: requests are not signed, assertions must be, unless the
    /// response is.
    pub fn xml(&self) -> String {
        let mut xml = XmlWriter::new();
        xml.write_declaration();
        let root = [("xmlns:md", METADATA), ("entityID", self.entity_id)];
        xml.start_element("md:EntityDescriptor", &root);
        let role = [
            ("protocolSupportEnumeration", PROTOCOL),
            ("AuthnRequestsSigned", "false"),
            ("WantAssertionsSigned", "true"),
        ];
        xml.start_element("md:SPSSODescriptor", &role);
        for certificate in self.encryption {
            let around = ["md:KeyDescriptor", "ds:KeyInfo", "ds:X509Data"];
            xml.start_element("md:KeyDescriptor", &[("use", "encryption")]);
            xml.start_element("ds:KeyInfo", &[("xmlns:ds", DSIG)]);
            xml.start_element("ds:X509Data", &[]);
            xml.start_element("ds:X509Certificate", &[]);
            xml.text(certificate);
            xml.end_element("ds:X509Certificate");
            for name in around.into_iter().rev() {
                xml.end_element(name);
            }
        }
        xml.start_element("md:NameIDFormat", &[]);
        xml.text(self.name_format);
        xml.end_element("md:NameIDFormat");
        let service = [
            ("Binding", POST),
            ("Location", self.acs_url),
            ("index", "0"),
            ("isDefault", "true"),
        ];
        xml.empty_element("md:AssertionConsumerService", &service);
        xml.end_element("md:SPSSODescriptor");
        xml.end_element("md:EntityDescriptor");
        xml.into_string()
    }
}
