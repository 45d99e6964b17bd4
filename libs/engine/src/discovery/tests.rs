use insula_jose::Alg;
use insula_model::{Resource, TenantSpec};
use insula_oauth::{GrantType, ProviderMetadata, ResponseType};
use insula_testkit::{a_client, a_resource, a_tenant};

use super::{metadata, request_object_algs};

/// The metadata of a tenant that has the configured clients alone.
fn announced(spec: &TenantSpec, signing: &[Alg]) -> ProviderMetadata {
    metadata(
        spec,
        signing,
        request_object_algs(spec.clients.values().map(AsRef::as_ref)),
    )
}

#[test]
fn our_metadata_says_all_that_is_served_and_no_more() {
    let metadata = announced(&a_tenant().build(), &[Alg::ES256, Alg::RS256]);
    insta::assert_json_snapshot!(metadata);
}

#[test]
fn dexs_metadata_has_dexs_members_alone() {
    let spec = a_tenant()
        .dex()
        .at("globex", "https://globex.test/dex/")
        .build();
    let metadata = announced(&spec, &[Alg::RS256, Alg::ES256]);
    insta::assert_json_snapshot!(metadata);
}

#[test]
fn discovery_names_scopes_of_resources_that_are_to_be_found() {
    let api = |identifier: &str, scope: &str, in_discovery| Resource {
        in_discovery,
        ..a_resource(identifier, &[scope])
    };
    let tenant = a_tenant()
        .with_resource(api("https://open.test", "open:use", true))
        .with_resource(api("https://inner.test", "inner:use", false));
    let told = announced(&tenant.build(), &[Alg::ES256]).scopes_supported;
    assert!(told.contains(&"open:use".to_owned()), "{told:?}");
    assert!(!told.contains(&"inner:use".to_owned()), "{told:?}");
}

#[test]
fn what_is_configured_but_not_served_yet_is_not_advertised() {
    let all = GrantType::ALL.to_vec();
    let spec = a_tenant().with(|t| t.oauth2.grant_types = all).build();
    let metadata = announced(&spec, &[]);
    let served: Vec<_> = GrantType::served().map(GrantType::as_str).collect();
    assert_eq!(metadata.grant_types_supported, served);
}

#[test]
fn where_devices_ask_is_said_by_a_tenant_that_serves_them_and_by_dex_always() {
    let endpoint = |spec| announced(&spec, &[]).device_authorization_endpoint;
    assert_eq!(endpoint(a_tenant().build()), None);
    let serving = a_tenant().with(|t| t.oauth2.grant_types.push(GrantType::DeviceCode));
    let url = Some("https://acme.test/device/code".to_owned());
    assert_eq!(endpoint(serving.build()), url);
    assert_eq!(endpoint(a_tenant().dex().build()), url);
}

#[test]
fn the_response_types_that_are_served_are_advertised_and_the_query_only_where_one_may_use_it() {
    for (types, told, modes) in [
        (&["code"][..], &["code"][..], 3),
        (
            &["token id_token", "code", "id_token", "id_token code"],
            &["code", "code id_token", "id_token", "id_token token"],
            3,
        ),
        (&["id_token"], &["id_token"], 2),
    ] {
        let types: Vec<_> = types
            .iter()
            .map(|text| ResponseType::parse(text).unwrap())
            .collect();
        let tenant = a_tenant().with(|t| t.oauth2.response_types = types);
        let ours = announced(&tenant.clone().build(), &[]);
        assert_eq!(ours.response_types_supported, told);
        assert_eq!(ours.response_modes_supported.len(), modes, "{told:?}");
        let has_query = ours.response_modes_supported.contains(&"query".to_owned());
        assert_eq!(has_query, modes == 3);
        let dex = announced(&tenant.dex().build(), &[]);
        assert_eq!(dex.response_types_supported, told);
        assert!(dex.response_modes_supported.is_empty());
    }
}

#[test]
fn request_objects_are_advertised_where_a_client_may_send_them() {
    let told = |clients: &[(Option<&str>, Option<&str>)]| {
        let mut tenant = a_tenant();
        for (n, (jwks, alg)) in clients.iter().enumerate() {
            let client = a_client().named(&format!("c{n}"));
            tenant = tenant.with_client(client.with_request_objects(*jwks, *alg));
        }
        let told = announced(&tenant.build(), &[]);
        let algs = told.request_object_signing_alg_values_supported;
        let has = |alg: &str| algs.iter().any(|known| known == alg);
        let is_supported = told.request_parameter_supported;
        (is_supported == Some(true), has("ES256"), has("none"))
    };
    let keys = (Some("{}"), None);
    let unsigned = (None, Some("none"));
    assert_eq!(told(&[]), (false, false, false));
    assert_eq!(told(&[keys]), (true, true, false));
    assert_eq!(told(&[unsigned]), (true, false, true));
    assert_eq!(told(&[keys, unsigned]), (true, true, true));
    let client = a_client().with_request_objects(Some("{}"), None);
    let dex = announced(&a_tenant().dex().with_client(client).build(), &[]);
    assert_eq!(dex.request_parameter_supported, None);
}
