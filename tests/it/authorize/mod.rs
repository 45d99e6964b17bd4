//! The authorization endpoint, and everything a person meets on the way to a code.

mod choice;
mod claims_parameter;
mod code_flow;
mod consent;
mod dex_routes;
mod errors;
mod front_channel;
mod home_realm;
mod out_of_band;
mod pkce;
mod posts;
mod prompts;
mod request_objects;
mod response_modes;
mod single_sign_on;
mod upstream;
mod upstream_faults;
