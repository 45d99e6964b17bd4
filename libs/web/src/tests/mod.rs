//! The HTTP endpoints, over a real tenancy on memory stores.

mod browsers;
mod errors;
mod finished;
mod form_post;
mod front_door;
mod heads;
mod limits;
mod pages;
mod posts;
mod redirects;
mod scripts;
mod source;
mod titles;
mod userinfo;
mod world;
