use crate::Refusal;

/// The longest request, written out, that is kept in the cache. With what else a login consists of,
/// its key and its place in the tenant's list it takes less than 2 KiB of Redis.
const LONGEST_IN_CACHE: usize = 1_100;

/// The longest that a browser is given to carry: sealed and encoded it fits into a cookie of the 4,096
/// bytes that browsers keep ([RFC 6265 §6.1](https://www.rfc-editor.org/rfc/rfc6265#section-6.1)).
pub const LONGEST_IN_BROWSER: usize = 2_880;

/// Where the request of a login under way is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// With the login, which all nodes see.
    InCache,
    /// In a cookie of the browser that began it.
    InBrowser,
}

/// Where a request of this length is kept.
///
/// Anybody may begin logins, and nobody is known yet who could be asked to stop: what a stranger can
/// store is small, and what is long costs the stranger's own browser. No RFC draws these lines; both
/// lie above what clients send.
pub fn keeping(length: usize) -> Result<Keeping, Refusal> {
    if length <= LONGEST_IN_CACHE {
        return Ok(Keeping::InCache);
    }
    if length <= LONGEST_IN_BROWSER {
        return Ok(Keeping::InBrowser);
    }
    Err(Refusal::TooLong {
        parameter: "the request",
        most: LONGEST_IN_BROWSER,
    })
}

#[cfg(test)]
mod tests {
    use insula_model::{ClaimSet, ClaimsRequest, RequestedClaims};
    use insula_testkit::an_authorization_request;

    use super::*;

    #[test]
    fn a_request_for_every_claim_there_is_needs_no_cookie() {
        let mut request = an_authorization_request();
        request.claims = ClaimsRequest {
            released: RequestedClaims {
                userinfo: ClaimSet::all(),
                id_token: ClaimSet::all(),
            },
            acr: vec!["urn:oasis:names:tc:SAML:2.0:ac:classes:Password".to_owned()],
            subs: vec!["CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs".to_owned()],
        };
        let length = serde_json::to_vec(&request).unwrap().len();
        assert_eq!(keeping(length), Ok(Keeping::InCache), "{length}");
    }

    #[test]
    fn a_long_request_is_carried_by_the_browser_and_a_longer_one_by_nobody() {
        let too_long = Refusal::TooLong {
            parameter: "the request",
            most: 2_880,
        };
        for (length, expected) in [
            (0, Ok(Keeping::InCache)),
            (1_100, Ok(Keeping::InCache)),
            (1_101, Ok(Keeping::InBrowser)),
            (2_880, Ok(Keeping::InBrowser)),
            (2_881, Err(too_long)),
        ] {
            assert_eq!(keeping(length), expected, "{length}");
        }
    }
}
