use super::{
    AccessTokenForm, DeviceForm, IntrospectionForm, LoopbackRedirects, PreflightForm, RefusalForm,
    ReplacedRefreshToken, Rules,
};
use crate::Dialect;

impl Rules {
    /// The rules of a dialect.
    pub const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Standard => Self::STANDARD,
            Dialect::Dex => Self::DEX,
        }
    }

    /// The RFCs', as RFC 9700 has them.
    pub const STANDARD: Self = Self {
        refuses_repeated_parameters: true,
        refuses_request_uri_and_registration: true,
        reads_request_objects: true,
        obeys_response_mode: true,
        serves_response_types_by_word: false,
        serves_token_alone: true,
        implicit_is_allowed_by_name: true,
        hybrid_requests_need_nonce: true,
        demands_pkce_without_code: false,
        obeys_prompt_none_without_sessions: true,
        obeys_claims_parameter: true,
        public_clients_must_use_pkce: true,
        checks_form_of_pkce: true,
        loopback_redirects: LoopbackRedirects::RegisteredWithAnyPort,
        is_strict_about_scopes: false,
        obeys_resource_indicators: true,

        is_strict_about_clients: true,
        writes_numeric_ids_as_floats: false,
        takes_identity_headers_of_anybody: false,
        takes_gitea_members_of_other_teams: false,
        leaves_out_logo_of_another_host: false,
        believes_login_names_of_microsoft: false,
        lets_in_whose_groups_nobody_tells: false,

        asks_for_connector_despite_session: false,
        sorts_choice_of_connectors: false,
        carries_request_in_links: false,
        connector_of_route_is_insisted_on: false,
        tells_of_unavailable_connector_on_page: false,
        remembers_last_used_connector: true,
        connectors_share_callback: false,
        sends_upstream_with_see_other: true,
        any_max_age_forces_login: true,
        takes_steps_without_cookie: false,
        session_begins_with_proof: false,
        asks_consent_on_page_of_its_own: false,
        limits_length_of_sub: true,
        remembers_consent_without_sessions: true,
        tells_clients_what_failed: true,
        tells_lifetime_beside_code: true,
        answers_with_empty_state: false,
        answers_with_issuer: true,
        logout_returns_by_client_id: true,
        refuses_flawed_logouts: false,
        takes_posted_logout_for_a_yes: false,
        leaves_logout_with_see_other: true,
        logout_tokens_say_their_type: true,
        logs_out_upstream_unless_told: false,

        is_lenient_about_client_authentication: false,
        password_grant_must_be_listed: true,
        exchanges_tokens_by_policy: true,
        reads_bearer_in_first_header_only: false,
        keeps_wrongly_presented_code: false,
        takes_refresh_token_without_secret: false,
        client_credentials_are_for_resources: true,

        access_tokens: AccessTokenForm::Rfc9068,
        token_type: "Bearer",
        tells_granted_scope: true,
        gives_id_token_without_openid: false,
        tells_how_people_logged_in: true,
        knows_claims_of_dex_only: false,
        writes_client_as_person: false,
        repeats_nonce_at_refresh: false,

        gives_refresh_token_for_unserved_grant: false,
        rotates_for_public_clients: true,
        repeats_current_refresh_token: false,
        replaced_refresh_token: ReplacedRefreshToken::EndsFamily,
        moved_entry_is_gone: false,
        takes_any_ticket_of_keytab: false,

        userinfo_is_whole_token: false,
        introspection: IntrospectionForm::Rfc7662,

        devices: DeviceForm::Rfc8628,

        refusals: RefusalForm::Rfc,
        answers_to_every_method: false,
        opens_home_and_introspection_to_scripts: false,
        preflights: PreflightForm::Fetch,
        announces_members_of_dex_only: false,
        metadata_is_cacheable: true,
        indents_documents: false,
        marks_pages_as_dex_does: false,
    };

    /// dex's, so that what was written against dex keeps working.
    pub const DEX: Self = Self {
        refuses_repeated_parameters: false,
        refuses_request_uri_and_registration: false,
        reads_request_objects: false,
        obeys_response_mode: false,
        serves_response_types_by_word: true,
        serves_token_alone: false,
        implicit_is_allowed_by_name: false,
        hybrid_requests_need_nonce: false,
        demands_pkce_without_code: true,
        obeys_prompt_none_without_sessions: false,
        obeys_claims_parameter: false,
        public_clients_must_use_pkce: false,
        checks_form_of_pkce: false,
        loopback_redirects: LoopbackRedirects::AnyWhereNoneIsRegistered,
        is_strict_about_scopes: true,
        obeys_resource_indicators: false,

        is_strict_about_clients: false,
        writes_numeric_ids_as_floats: true,
        takes_identity_headers_of_anybody: true,
        takes_gitea_members_of_other_teams: true,
        leaves_out_logo_of_another_host: true,
        believes_login_names_of_microsoft: true,
        lets_in_whose_groups_nobody_tells: true,

        asks_for_connector_despite_session: true,
        sorts_choice_of_connectors: true,
        carries_request_in_links: true,
        connector_of_route_is_insisted_on: true,
        tells_of_unavailable_connector_on_page: true,
        remembers_last_used_connector: false,
        connectors_share_callback: true,
        sends_upstream_with_see_other: false,
        any_max_age_forces_login: false,
        takes_steps_without_cookie: true,
        session_begins_with_proof: true,
        asks_consent_on_page_of_its_own: true,
        limits_length_of_sub: false,
        remembers_consent_without_sessions: false,
        tells_clients_what_failed: false,
        tells_lifetime_beside_code: false,
        answers_with_empty_state: true,
        answers_with_issuer: false,
        logout_returns_by_client_id: false,
        refuses_flawed_logouts: true,
        takes_posted_logout_for_a_yes: true,
        leaves_logout_with_see_other: false,
        logout_tokens_say_their_type: false,
        logs_out_upstream_unless_told: true,

        is_lenient_about_client_authentication: true,
        password_grant_must_be_listed: false,
        exchanges_tokens_by_policy: false,
        reads_bearer_in_first_header_only: true,
        keeps_wrongly_presented_code: true,
        takes_refresh_token_without_secret: true,
        client_credentials_are_for_resources: false,

        access_tokens: AccessTokenForm::LikeIdTokens,
        token_type: "bearer",
        tells_granted_scope: false,
        gives_id_token_without_openid: true,
        tells_how_people_logged_in: false,
        knows_claims_of_dex_only: true,
        writes_client_as_person: true,
        repeats_nonce_at_refresh: true,

        gives_refresh_token_for_unserved_grant: true,
        rotates_for_public_clients: false,
        repeats_current_refresh_token: true,
        replaced_refresh_token: ReplacedRefreshToken::IsRefused,
        moved_entry_is_gone: true,
        takes_any_ticket_of_keytab: true,

        userinfo_is_whole_token: true,
        introspection: IntrospectionForm::Dex,

        devices: DeviceForm::Dex,

        refusals: RefusalForm::Dex,
        answers_to_every_method: true,
        opens_home_and_introspection_to_scripts: true,
        preflights: PreflightForm::Dex,
        announces_members_of_dex_only: true,
        metadata_is_cacheable: false,
        indents_documents: true,
        marks_pages_as_dex_does: true,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_tells_the_dialects_apart_or_it_would_be_none() {
        let [ours, dexs] = [Rules::STANDARD, Rules::DEX].map(|rules| format!("{rules:#?}"));
        let rules: Vec<_> = ours.lines().zip(dexs.lines()).collect();
        let (head, rest) = rules.split_first().unwrap();
        let (tail, rules) = rest.split_last().unwrap();
        assert_eq!((head, tail), (&("Rules {", "Rules {"), &("}", "}")));
        assert!(rules.len() > 40, "{}", rules.len());
        for (ours, dexs) in rules {
            assert_ne!(ours, dexs);
        }
    }

    #[test]
    fn the_rules_of_a_dialect_are_its_own() {
        assert_eq!(Rules::of(Dialect::Standard), Rules::STANDARD);
        assert_eq!(Rules::of(Dialect::Dex), Rules::DEX);
    }
}
