//! The actors: router, supervisor, tenant; and the directory of snapshots they publish.
