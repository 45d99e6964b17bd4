//! What can be wrong with a theme.

use std::path::PathBuf;

use insula_files::FileError;

/// A theme that could not be read, compiled or rendered.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// A file or folder is not read.
    #[error("theme file {0}; {next}", next = .0.next_step())]
    File(#[from] FileError),
    /// A file that must be text is not UTF-8.
    #[error("theme file {path} is not UTF-8 text; save it as UTF-8")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// `theme.yaml` does not parse.
    #[error("{path} is not a valid theme description: {message}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        message: String,
    },
    /// No theme has this name.
    #[error("theme \"{name}\" does not exist; known themes: {known}")]
    UnknownTheme {
        /// The name asked for.
        name: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// Themes extend one another in a circle.
    #[error("theme \"{name}\" extends itself through \"{through}\"; remove one `extends`")]
    Circle {
        /// The theme.
        name: String,
        /// The theme that leads back to it.
        through: String,
    },
    /// A template does not compile or does not render.
    #[error("template {name} of theme \"{theme}\" failed: {message}")]
    Template {
        /// The theme.
        theme: String,
        /// The template's file name.
        name: String,
        /// What the template engine said, with the line.
        message: String,
    },
    /// A theme lacks a template that a page needs.
    #[error("theme \"{theme}\" has no template {name}; add it or let the theme extend base")]
    MissingTemplate {
        /// The theme.
        theme: String,
        /// The template's file name.
        name: &'static str,
    },
    /// A locale file does not parse, or is not named after a language.
    #[error("locale {file} of theme \"{theme}\" is not usable: {message}")]
    Locale {
        /// The theme.
        theme: String,
        /// The file name, for example `de.ftl`.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A style sheet names a static file that the theme does not have.
    #[error(
        "style.css of theme \"{theme}\" refers to asset:{name}, which is not in its static folder"
    )]
    MissingAsset {
        /// The theme.
        theme: String,
        /// The name after `asset:`.
        name: String,
    },
}
