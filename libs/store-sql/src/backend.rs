/// Which database it is. MariaDB counts as MySQL where they do not differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    MySql,
}

impl Backend {
    /// Tells by the scheme of a URL.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let (scheme, _) = url.split_once(':')?;
        match scheme {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            _ => None,
        }
    }

    /// What errors and metrics call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_told_by_its_scheme() {
        for (url, backend) in [
            ("sqlite://insula.db", Some(Backend::Sqlite)),
            ("sqlite::memory:", Some(Backend::Sqlite)),
            ("postgresql://h/d", Some(Backend::Postgres)),
            ("mariadb://h/d", Some(Backend::MySql)),
            ("oracle://h/d", None),
            ("insula.db", None),
        ] {
            assert_eq!(Backend::of_url(url), backend, "{url}");
        }
    }
}
