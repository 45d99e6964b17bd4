use std::collections::HashSet;

use insula_connector_kit::{ConnectorError, Document};
use reqwest::StatusCode;

use super::{Gitlab, Shown};

/// As many to a page as there may be (GitLab: REST API, Pagination).
const PER_PAGE: usize = 100;
/// Who is in more than five thousand groups is told that they cannot be counted.
const MOST_PAGES: usize = 50;
/// Each role of an inherited group costs a call of its own.
const MOST_ROLES: usize = 200;

/// Where userinfo tells the groups in which somebody has a role, the highest first.
const ROLES: [(&str, &str); 3] = [
    ("https://gitlab.org/claims/groups/owner", "owner"),
    ("https://gitlab.org/claims/groups/maintainer", "maintainer"),
    ("https://gitlab.org/claims/groups/developer", "developer"),
];

/// A group that the API lists.
struct Listed {
    id: String,
    path: String,
}

impl Gitlab {
    /// The groups of a person. Where the settings name groups, those of them alone; who is in none of
    /// them is not let in.
    pub(super) async fn groups(
        &self,
        shown: Shown<'_>,
        user: &str,
    ) -> Result<Vec<String>, ConnectorError> {
        let groups = if self.settings.inherited_groups {
            self.inherited(shown, user).await?
        } else {
            self.direct(shown).await?
        };
        let named = &self.settings.groups;
        if named.is_empty() {
            return Ok(groups);
        }
        let groups: Vec<_> = groups
            .into_iter()
            .filter(|group| named.contains(group))
            .collect();
        if groups.is_empty() {
            return Err(ConnectorError::NotInGroup);
        }
        Ok(groups)
    }

    /// The groups somebody was made a member of, as userinfo tells them.
    async fn direct(&self, shown: Shown<'_>) -> Result<Vec<String>, ConnectorError> {
        let url = self.base.at(&["oauth", "userinfo"], &[]);
        let answer = self.get(url, shown, "userinfo", "openid").await?;
        let told = answer.ok("userinfo")?.document("userinfo")?;
        let mut groups = told.texts("groups")?.unwrap_or_default();
        if self.settings.get_groups_permission {
            let with_roles = with_roles(&told, &groups)?;
            groups.extend(with_roles);
        }
        Ok(groups)
    }

    /// All groups somebody is in, and those below them.
    async fn inherited(&self, shown: Shown<'_>, user: &str) -> Result<Vec<String>, ConnectorError> {
        let listed = self.listed(shown).await?;
        let mut groups: Vec<_> = listed.iter().map(|group| group.path.clone()).collect();
        if !self.settings.get_groups_permission {
            return Ok(groups);
        }
        let asked: Vec<_> = listed.iter().filter(|group| self.counts(group)).collect();
        if asked.len() > MOST_ROLES {
            return Err(ConnectorError::Upstream(format!(
                "it lists more than {MOST_ROLES} groups, too many to ask for the role in each; \
                 name those that matter with groups, or leave getGroupsPermission out"
            )));
        }
        for group in asked {
            if let Some(role) = self.role(shown, group, user).await? {
                groups.push(format!("{}:{role}", group.path));
            }
        }
        Ok(groups)
    }

    /// Whether the role in a group can be among what is told.
    fn counts(&self, group: &Listed) -> bool {
        let named = &self.settings.groups;
        let is_of_it = |name: &String| {
            name.strip_prefix(group.path.as_str())
                .is_some_and(|rest| rest.starts_with(':'))
        };
        named.is_empty() || named.iter().any(is_of_it)
    }

    /// Guests and better: without a floor the list holds what is merely visible to somebody.
    async fn listed(&self, shown: Shown<'_>) -> Result<Vec<Listed>, ConnectorError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let (per_page, page) = (PER_PAGE.to_string(), page.to_string());
            let query = [
                ("min_access_level", "10"),
                ("per_page", per_page.as_str()),
                ("page", page.as_str()),
            ];
            let url = self.base.at(&["api", "v4", "groups"], &query);
            let answer = self.get(url, shown, "groups", "read_api").await?;
            let answer = answer.ok("groups")?;
            let says_more = !answer.header("x-next-page").is_empty();
            let some = answer.documents("groups")?;
            let is_last = some.is_empty() || (!says_more && some.len() < PER_PAGE);
            for group in some {
                let id = group.text("id")?;
                let id = id.ok_or_else(|| {
                    ConnectorError::BadReply("one of its groups has no \"id\"".to_owned())
                })?;
                let path = group.required("full_path")?.to_owned();
                all.push(Listed { id, path });
            }
            if is_last {
                return Ok(once(all));
            }
        }
        let most = PER_PAGE * MOST_PAGES;
        Err(ConnectorError::Upstream(format!(
            "its groups are more than {most}"
        )))
    }

    /// The role somebody has in a group. A group that does not tell has none: it is no reason not to
    /// let anybody in.
    async fn role(
        &self,
        shown: Shown<'_>,
        group: &Listed,
        user: &str,
    ) -> Result<Option<&'static str>, ConnectorError> {
        let path = ["api", "v4", "groups", &group.id, "members", "all", user];
        let url = self.base.at(&path, &[]);
        let answer = self.ask(url, shown, "member").await?;
        if matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        let member = answer.ok("member")?.document("member")?;
        let level = member.text("access_level")?;
        Ok(level.as_deref().and_then(role_of))
    }
}

/// A list whose pages moved while it was read may tell a group twice.
fn once(mut listed: Vec<Listed>) -> Vec<Listed> {
    let mut seen = HashSet::new();
    listed.retain(|group| seen.insert(group.path.clone()));
    listed
}

/// The highest role that userinfo tells of each group. Roles are inherited by the groups below.
fn with_roles(told: &Document, groups: &[String]) -> Result<Vec<String>, ConnectorError> {
    let mut roles = Vec::new();
    for (claim, role) in ROLES {
        roles.push((told.texts(claim)?.unwrap_or_default(), role));
    }
    let of = |group: &String| {
        let has = |(of, _): &&(Vec<String>, &str)| of.iter().any(|of| is_within(group, of));
        let (_, role) = roles.iter().find(has)?;
        Some(format!("{group}:{role}"))
    };
    Ok(groups.iter().filter_map(of).collect())
}

fn is_within(group: &str, ancestor: &str) -> bool {
    group
        .strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// GitLab: Members API, Roles.
fn role_of(access_level: &str) -> Option<&'static str> {
    match access_level {
        "5" => Some("minimal_access"),
        "10" => Some("guest"),
        "15" => Some("planner"),
        "20" => Some("reporter"),
        "25" => Some("security_manager"),
        "30" => Some("developer"),
        "40" => Some("maintainer"),
        "50" => Some("owner"),
        "60" => Some("admin"),
        _ => None,
    }
}
