use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage as _, HttpRequest, web};
use futures_util::StreamExt as _;
use insula_ambient::read_base64;
use insula_engine::{Evidence, Refusal};
use insula_oauth::Params;

/// No honest form is larger; the largest carry an ID token or a SAML response.
const MAX_BODY: usize = 256 * 1024;

/// The parameters of the query.
pub(crate) fn query(request: &HttpRequest) -> Result<Params, Refusal> {
    Params::parse(request.query_string()).map_err(|e| Refusal::MalformedBody(e.to_string()))
}

/// The parameters of a form body. Another content type is an empty form: what is missing from it
/// is what will be refused, as in dex.
pub(crate) async fn form(
    request: &HttpRequest,
    payload: &mut web::Payload,
) -> Result<Params, Refusal> {
    let media_type = request.content_type();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Params::default());
    }
    let body = whole(payload).await?;
    let text = std::str::from_utf8(&body)
        .map_err(|_| Refusal::MalformedBody("the body is not UTF-8".into()))?;
    Params::parse(text).map_err(|e| Refusal::MalformedBody(e.to_string()))
}

/// Most bodies come in one piece, which is not copied. The listener bounds the time it takes.
async fn whole(payload: &mut web::Payload) -> Result<web::Bytes, Refusal> {
    let mut body = piece(payload, 0).await?.unwrap_or_default();
    let mut joined = web::BytesMut::new();
    while let Some(next) = piece(payload, body.len() + joined.len()).await? {
        joined.extend_from_slice(&std::mem::take(&mut body));
        joined.extend_from_slice(&next);
    }
    Ok(if joined.is_empty() {
        body
    } else {
        joined.freeze()
    })
}

/// The next piece of a body of which there are `so_far` bytes.
async fn piece(payload: &mut web::Payload, so_far: usize) -> Result<Option<web::Bytes>, Refusal> {
    let Some(piece) = payload.next().await else {
        return Ok(None);
    };
    let piece = piece.map_err(|_| Refusal::MalformedBody("the body broke off".into()))?;
    if so_far + piece.len() > MAX_BODY {
        return Err(Refusal::MalformedBody(format!(
            "the body exceeds {MAX_BODY} bytes"
        )));
    }
    Ok(Some(piece))
}

/// The token of the scheme `Negotiate` that a browser shows; one that is not base64 is empty.
pub(crate) fn negotiated(request: &HttpRequest) -> Option<Vec<u8>> {
    let mut lines = request.headers().get_all(AUTHORIZATION);
    let token = lines.find_map(|line| {
        let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("negotiate").then_some(token)
    })?;
    Some(read_base64(token.trim()).unwrap_or_default())
}

/// What a request to an endpoint for programs brings along; without a form where there is no
/// `payload` to read one from.
pub(crate) async fn evidence<'r>(
    request: &'r HttpRequest,
    payload: Option<&mut web::Payload>,
) -> Result<Evidence<'r>, Refusal> {
    let authorization = request.headers().get_all(AUTHORIZATION);
    Ok(Evidence {
        authorization: authorization.map(|value| value.to_str().ok()).collect(),
        query: request.query_string(),
        form: match payload {
            Some(payload) => form(request, payload).await?,
            None => Params::default(),
        },
        ..Evidence::default()
    })
}
