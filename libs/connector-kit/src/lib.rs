//! The one Connector trait, and what the authors of connectors need.
