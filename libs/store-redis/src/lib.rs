//! The short-lived half of the store on Redis or Valkey: sessions, codes, counters, the change bus.
