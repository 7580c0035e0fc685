//! Answers and refusals as HTTP: the status of every error is decided here, once, and so are the headers they share.

use crate::access::Refusal;
use crate::encode::{Charset, JsonWriter, Layout};
use crate::error::Error;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::error::Error as _;
use tsdb::Timestamp;

use super::params::Params;

/// The longest JSONP callback.
const CALLBACK_BYTES_MAX: usize = 128;

impl Error {
    /// The status that tells a client whose fault it is.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::BadRequest(_) | Error::BodyCutOff(_) | Error::AnswerTooLong { .. } => StatusCode::BAD_REQUEST,
            Error::Refused(Refusal::Missing | Refusal::Wrong) => StatusCode::UNAUTHORIZED,
            Error::Refused(Refusal::TooOften) => StatusCode::TOO_MANY_REQUESTS,
            Error::Refused(Refusal::NotLocal) | Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::Names(query::SourceError::Forbidden(_)) | Error::Events(query::SourceError::Forbidden(_)) => {
                StatusCode::FORBIDDEN
            }
            Error::Query(error) if error.is_forbidden() => StatusCode::FORBIDDEN,
            Error::Query(error) if error.is_client_error() => StatusCode::BAD_REQUEST,
            Error::Draw(error) if error.is_client_error() => StatusCode::BAD_REQUEST,
            Error::Names(query::SourceError::Refused(_)) | Error::Events(query::SourceError::Refused(_)) => {
                StatusCode::BAD_REQUEST
            }
            Error::NotFound | Error::NoFunction(_) | Error::NoEvent(_) => StatusCode::NOT_FOUND,
            Error::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Error::BodyTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Busy { .. } | Error::TooSlow { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Error::Query(error) if error.is_stopped() => StatusCode::SERVICE_UNAVAILABLE,
            Error::Query(_) | Error::Draw(_) | Error::Names(_) | Error::Events(_) | Error::Worker(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// What a client may read: everything about its own request, nothing about our insides.
    pub fn message(&self) -> String {
        if self.status() == StatusCode::INTERNAL_SERVER_ERROR {
            return "kymo could not answer this; its log says why".to_owned();
        }
        match self {
            Error::Query(error) if error.is_forbidden() => {
                error.source().map_or_else(|| error.to_string(), ToString::to_string)
            }
            Error::Names(error) | Error::Events(error) => error.to_string(),
            Error::Query(error) => {
                // Where the limit can be set, for whoever may.
                let setting = error.limit().filter(|limit| *limit != "nesting");
                let setting = setting.map(|limit| format!("; limits.query_{limit} sets it")).unwrap_or_default();
                let caret = error.caret().map(|lines| format!("\n\n{lines}")).unwrap_or_default();
                let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
                format!("{error}{why}{setting}{caret}")
            }
            _ => self.to_string(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("{}", chain(&self));
        }
        // Plain text and `nosniff` (see `harden`): a name in the message stays a name.
        let mut reply = text("text/plain; charset=utf-8", format!("{}\n", self.message()));
        *reply.status_mut() = status;
        let headers = reply.headers_mut();
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            StatusCode::UNAUTHORIZED => {
                // Browsers ask their user for a name and a password when they see the second.
                headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kymo\""));
                let basic = HeaderValue::from_static("Basic realm=\"kymo\", charset=\"UTF-8\"");
                headers.append(header::WWW_AUTHENTICATE, basic);
            }
            _ => {}
        }
        reply
    }
}

impl Error {
    /// The refusal as `{"error": "…"}`, which is how the parts of the API answer whose every answer is JSON.
    pub fn as_json(self) -> Response {
        let mut json = JsonWriter::new(Charset::Ascii, Layout::Line);
        json.begin_map();
        json.key("error");
        json.string(&self.message());
        json.end_map();
        let mut reply = self.into_response();
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply.headers_mut().remove(header::CONTENT_LENGTH);
        *reply.body_mut() = json.finish().into();
        reply
    }
}

/// An error and what caused it, in one line for the log.
fn chain(error: &Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line.push_str(": ");
        line.push_str(&inner.to_string());
        cause = inner.source();
    }
    line
}

/// A body with its type, 200.
pub fn text(content_type: &'static str, body: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// JSON the way graphite-web's lists answer: ASCII where exactly JSON is accepted, UTF-8 otherwise, `pretty` indents,
/// and a callback makes it JSONP.
///
/// # Errors
/// When the callback is none.
pub fn listing(params: &Params, headers: &HeaderMap, write: impl FnOnce(&mut JsonWriter)) -> Result<Response, Error> {
    let callback = Callback::read(params)?;
    let exact = headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
    let mut json = JsonWriter::new(if exact { Charset::Ascii } else { Charset::Utf8 }, layout(params));
    write(&mut json);
    let body = json.finish();
    Ok(match callback {
        Some(callback) => unkept("text/javascript; charset=utf-8", callback.call(&body)),
        None if exact => unkept("application/json", body),
        None => unkept("application/json;charset=utf-8", body),
    })
}

/// A body with its type that nobody may keep, 200.
pub fn unkept(content_type: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut reply = text(content_type, body);
    let headers = reply.headers_mut();
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}

/// `pretty=` with any value.
pub fn layout(params: &Params) -> Layout {
    if params.filled("pretty").is_some() { Layout::Indented } else { Layout::Line }
}

/// The function that a JSONP answer calls: a dotted JavaScript name and nothing else, because it is sent back as code.
pub struct Callback(String);

impl Callback {
    /// The `jsonp` parameter, if there is one.
    ///
    /// # Errors
    /// When it is no dotted name.
    pub fn read(params: &Params) -> Result<Option<Callback>, Error> {
        let Some(name) = params.filled("jsonp") else { return Ok(None) };
        if name.len() <= CALLBACK_BYTES_MAX && name.split('.').all(is_identifier) {
            return Ok(Some(Callback(name.to_owned())));
        }
        Err(Error::BadRequest(
            "Invalid value for param jsonp: a dotted name of letters and digits is needed".to_owned(),
        ))
    }

    /// `name(json)`.
    pub fn call(&self, json: &str) -> String {
        format!("{}({json})", self.0)
    }
}

fn is_identifier(word: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    word.starts_with(|c: char| inner(c) && !c.is_ascii_digit()) && word.chars().all(inner)
}

/// How long an answer may be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// For this many seconds.
    For(u32),
    /// Never.
    Never,
}

impl Reuse {
    /// Sets `Expires` and `Cache-Control` as graphite-web does.
    pub fn stamp(self, headers: &mut HeaderMap, now: Timestamp) {
        let (control, expires) = match self {
            Reuse::For(secs) => (format!("max-age={secs}"), now + i64::from(secs)),
            Reuse::Never => ("max-age=0, no-cache, no-store, must-revalidate, private".to_owned(), now),
        };
        if let Some(date) = http_date(expires).and_then(|date| HeaderValue::from_str(&date).ok()) {
            headers.insert(header::EXPIRES, date);
        }
        let control = HeaderValue::from_str(&control).expect("digits and words make a header");
        headers.insert(header::CACHE_CONTROL, control);
    }
}

/// `Tue, 02 Apr 2024 14:37:23 GMT`; `None` for years that HTTP cannot write.
fn http_date(at: Timestamp) -> Option<String> {
    let moment = jiff::Timestamp::from_second(at.0).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).ok()
}

/// Headers that every answer carries: types are never guessed, and only our own pages may frame or script us.
pub async fn harden(mut reply: Response) -> Response {
    let headers = reply.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    // A picture that is opened on its own is a document too: it may show itself and do nothing else.
    let policy = if kind.starts_with(b"text/html") {
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'self'"
    } else {
        "default-src 'none'; sandbox"
    };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    reply
}

#[cfg(test)]
mod tests {
    use super::{Callback, http_date};
    use crate::http::params::Params;
    use tsdb::Timestamp;

    #[test]
    fn callbacks_are_names() {
        let read = |query: &str| Callback::read(&Params::parse(query, b"").unwrap());
        assert_eq!(read("jsonp=a.b_1.$c").unwrap().unwrap().call("[]"), "a.b_1.$c([])");
        assert!(read("").unwrap().is_none());
        for bad in ["alert(1)//", "a..b", ".a", "1a", "a b", "a%0Ab", "a-b", "é"] {
            assert!(read(&format!("jsonp={bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_are_http() {
        assert_eq!(http_date(Timestamp(1_712_068_643)).unwrap(), "Tue, 02 Apr 2024 14:37:23 GMT");
    }
}
