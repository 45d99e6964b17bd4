use allocation_counter::measure;
use insula_model::AuthorizationRequest;
use insula_oauth::{AuthorizeRequest, Params, encode_pairs};
use insula_testkit::{CHALLENGE, NOW, a_tenant, test_keys};

use super::super::validate;
use super::GOOD;
use crate::Peers;

/// The bytes that are allocated to read, pick out and validate a request of which each part that is
/// kept is so long.
fn allocated(length: usize) -> [u64; 3] {
    let long = "x".repeat(length);
    let more = [
        ("state", long.as_str()),
        ("nonce", &long),
        ("login_hint", &long),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let query = format!("{}&{}", GOOD.replace("&state=xyz", ""), encode_pairs(more));
    let spec = a_tenant().build();
    let (client, peers, keys) = (spec.client("app"), Peers::default(), test_keys());

    let (mut params, mut request, mut validated) = (None, None, None);
    let read = measure(|| params = Params::parse(&query).ok());
    let params = params.unwrap();
    let picked = measure(|| request = Some(AuthorizeRequest::from_params(&params)));
    let request = request.unwrap();
    let judged = measure(|| validated = validate(&request, client, &peers, &spec, &keys, NOW).ok());
    let validated: AuthorizationRequest = validated.unwrap();
    assert_eq!(validated.state, Some(long));
    [read, picked, judged].map(|info| info.bytes_total)
}

#[test]
fn a_parameter_is_copied_where_it_is_decoded_and_where_it_is_kept_and_nowhere_between() {
    let ([read, picked, judged], [reads, picks, judges]) = (allocated(500), allocated(1_000));
    assert_eq!((picked, picks), (0, 0));
    // Into a text with room for everything, and into one of its exact length that is wiped.
    assert_eq!(reads - read, 2 * 3 * 500);
    assert_eq!(judges - judged, 3 * 500);
}
