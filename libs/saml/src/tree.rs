//! A response as a tree, read by the parser that also verifies and decrypts.

use bergshamra::xml::uppsala::{Document, NodeId, NodeKind, Parser};

use crate::names::ASSERTION;
use crate::refused::{Refused, Why};

/// Honest responses are about fifteen elements deep.
const DEEPEST: u32 = 48;

/// Namespaces that a document declares; honest ones have two for each value of an attribute. Who looks a
/// prefix up goes through all that hold at its place.
const MOST_NAMESPACES: usize = 2_048;
/// Namespaces that one element declares; honest ones have about five.
const MOST_OF_ONE: usize = 32;

pub(crate) struct Tree<'a> {
    pub(crate) document: Document<'a>,
    pub(crate) source: &'a str,
}

impl<'a> Tree<'a> {
    /// Parses a document without a document type: with one come entities, and nothing in SAML needs
    /// any.
    pub(crate) fn parse(source: &'a str) -> Result<Self, Refused> {
        if source.matches("xmlns").count() > MOST_NAMESPACES {
            return Err(Refused::seeing(Why::TooLong, "too many namespaces"));
        }
        let parser = Parser::new()
            .with_max_depth(DEEPEST)
            .with_forbid_dtd(true)
            .with_forbid_entities(true);
        let document = parser
            .parse(source)
            .map_err(|cause| Refused::seeing(Why::NotXml, cause.to_string()))?;
        let tree = Self { document, source };
        tree.check_attributes()?;
        Ok(tree)
    }

    /// The verifier finds attributes by their local name. With two of one name it could see another
    /// one than we do.
    fn check_attributes(&self) -> Result<(), Refused> {
        for node in self.all() {
            let Some(element) = self.document.element(node) else {
                continue;
            };
            if element.namespace_declarations.len() > MOST_OF_ONE {
                return Err(Refused::seeing(Why::TooLong, "too many namespaces"));
            }
            let mut names: Vec<_> = element
                .attributes
                .iter()
                .map(|attribute| attribute.name.local_name.as_ref())
                .collect();
            names.sort_unstable();
            if names.windows(2).any(|pair| pair.first() == pair.last()) {
                return Err(Why::TwinAttributes.into());
            }
        }
        Ok(())
    }

    /// Every node, in the order of the document.
    pub(crate) fn all(&self) -> Vec<NodeId> {
        self.document.descendants(self.document.root())
    }

    pub(crate) fn root(&self) -> Option<NodeId> {
        self.document.document_element()
    }

    pub(crate) fn is(&self, node: NodeId, namespace: &str, name: &str) -> bool {
        let element = self.document.element(node);
        element.is_some_and(|element| element.matches_name_ns(namespace, name))
    }

    /// Elements of a name, wherever they are, in the order of the document.
    pub(crate) fn named(&self, namespace: &str, name: &str) -> Vec<NodeId> {
        let mut all = self.all();
        all.retain(|&node| self.is(node, namespace, name));
        all
    }

    /// All elements right below a node.
    pub(crate) fn elements(&self, node: NodeId) -> Vec<NodeId> {
        let children = self.document.children_iter(node);
        children
            .filter(|&child| self.document.element(child).is_some())
            .collect()
    }

    /// Elements of a name right below a node.
    pub(crate) fn children(&self, node: NodeId, namespace: &str, name: &str) -> Vec<NodeId> {
        let mut children = self.elements(node);
        children.retain(|&child| self.is(child, namespace, name));
        children
    }

    /// The first element of a name right below a node.
    pub(crate) fn child(&self, node: NodeId, namespace: &str, name: &str) -> Option<NodeId> {
        self.children(node, namespace, name).into_iter().next()
    }

    /// The one element of a name right below a node.
    pub(crate) fn only(&self, node: NodeId, namespace: &str, name: &str) -> Option<NodeId> {
        match self.children(node, namespace, name).as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// An attribute without a namespace.
    pub(crate) fn attribute(&self, node: NodeId, name: &str) -> Option<&str> {
        let element = self.document.element(node)?;
        let mut attributes = element.attributes.iter();
        let found = attributes.find(|attribute| attribute.name.matches(None, name))?;
        Some(&found.value)
    }

    /// The text right in an element, whole whatever comments part it.
    pub(crate) fn text(&self, node: NodeId) -> String {
        let children = self.document.children_iter(node);
        children
            .filter_map(|child| self.document.text_content(child))
            .collect()
    }

    /// The text of a child, without blanks around it.
    pub(crate) fn trimmed(&self, node: NodeId, name: &str) -> Option<String> {
        let child = self.child(node, ASSERTION, name)?;
        Some(self.text(child).trim().to_owned())
    }

    /// Whether there is anything but elements and texts below a node.
    pub(crate) fn has_remarks(&self, node: NodeId) -> bool {
        let below = self.document.descendants(node);
        below.into_iter().any(|node| {
            matches!(
                self.document.node_kind(node),
                Some(NodeKind::Comment(_) | NodeKind::ProcessingInstruction(_))
            )
        })
    }
}
