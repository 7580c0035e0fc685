//! `/assets/…`: the page's style and scripts, out of the binary. Browsers keep them and ask whether they still hold.

use crate::error::Error;
use crate::page::assets;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::reply::text;

/// One file.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let asset = assets::find(&name).ok_or(Error::NotFound)?;
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.tag.as_bytes());
    let mut reply =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { text(asset.kind, asset.text.as_str()) };
    let headers = reply.headers_mut();
    // Asked for again each time: a page must never meet the scripts of another version.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&asset.tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(reply)
}
