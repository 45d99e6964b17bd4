//! Themes, pages and languages: what a person sees.
