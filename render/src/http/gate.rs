//! The gate before the routes: who is it, what may they, is the request whole and small enough. Then it goes to the routes of
//! those who may the same; these see a view of the store that allows no more.
//!
//! A GET sees a view that allows no change, whoever asks: nothing that changes state can answer one. Neither can a form on
//! somebody else's page that a browser sends with the credentials it keeps.

use crate::access::{Caller, Grants, Identity, Refusal, Shown};
use crate::app::App;
use crate::error::Error;
use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::kept::Kept;
use super::params::is_length_limit;
use super::reply::harden;
use super::turned::Reason;
use super::workers::Workers;
use super::{Serving, routes};

/// Passwords compared at once: each takes a core and 19 MiB for a while.
const PASSWORDS_AT_ONCE: usize = 2;

/// Routes that are kept; a configuration that was read again may leave some behind.
const ROUTES_MAX: usize = 1024;

/// The gate of one server.
pub struct Gate {
    app: App,
    workers: Arc<Workers>,
    kept: Arc<Kept>,
    /// By what their callers may: at most two for each token and person of the configuration. Locked for a look-up.
    routes: Mutex<HashMap<Grants, Router>>,
    passwords: Semaphore,
}

impl Gate {
    /// Before this application.
    pub fn new(app: App) -> Gate {
        let workers = Workers::of(&app.limits);
        let passwords = Semaphore::new(PASSWORDS_AT_ONCE);
        let kept = Kept::new(app.limits.kept_bytes);
        Gate { app, workers: Arc::new(workers), kept: Arc::new(kept), routes: Mutex::default(), passwords }
    }

    /// What is before the routes counts what it turns away.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The answer to a request from this address.
    pub async fn answer(&self, request: Request<Body>, peer: IpAddr) -> Response {
        self.app.turned.request();
        match self.admitted(request, peer).await {
            Ok((routes, request)) => {
                let answer = match routes.oneshot(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                if answer.status() == StatusCode::FORBIDDEN {
                    self.app.turned.count(Reason::Scope);
                }
                answer
            }
            Err(error) => {
                if let Some(reason) = reason(&error) {
                    self.app.turned.count(reason);
                }
                harden(error.into_response()).await
            }
        }
    }

    async fn admitted(&self, request: Request<Body>, peer: IpAddr) -> Result<(Router, Request<Body>), Error> {
        let (parts, body) = request.into_parts();
        let grants = match self.caller(&parts.headers, peer).await {
            Ok(caller) if changes_nothing(&parts.method) => caller.grants.to_read(),
            Ok(caller) if caller.is_ambient && is_from_elsewhere(&parts.headers) => caller.grants.to_read(),
            Ok(caller) => caller.grants,
            Err(Error::Refused(_)) if says_nothing(parts.uri.path()) => Grants::nothing(),
            Err(error) => return Err(error),
        };
        let body = self.whole(&parts.headers, body).await?;
        Ok((self.routes(&grants), Request::from_parts(parts, body)))
    }

    async fn caller(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Error> {
        let access = &self.app.access;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let forwarded = headers.get_all("x-forwarded-for").iter();
        // What is no text is no address either, and must not be passed over.
        let forwarded: Vec<&str> = forwarded.map(|value| value.to_str().unwrap_or("?")).collect();
        let shown = Shown {
            peer,
            authorization: headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()),
            forwarded: &forwarded,
            user: text(&access.user_header()),
            under_another_name: is_under_another_name(headers),
        };
        let now = (self.app.clock)();
        let claim = match access.identify(&shown, now).map_err(Error::Refused)? {
            Identity::Caller(caller) => return Ok(caller),
            Identity::Claim(claim) => claim,
        };
        // Never closed.
        let Ok(_turn) = self.passwords.acquire().await else { return Err(Error::Refused(Refusal::Wrong)) };
        let access = Arc::clone(access);
        let proven = tokio::task::spawn_blocking(move || access.prove(&claim, now)).await.map_err(Error::Worker)?;
        proven.map_err(Error::Refused)
    }

    /// The body, once all of it is here: a handler never waits for a client.
    async fn whole(&self, headers: &HeaderMap, body: Body) -> Result<Body, Error> {
        if body.is_end_stream() {
            return Ok(Body::empty());
        }
        let (limit, secs) = (self.app.limits.body_bytes, self.app.limits.body_secs);
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        if announced.is_some_and(|bytes: usize| bytes > limit) {
            return Err(Error::BodyTooLong { limit });
        }
        match tokio::time::timeout(Duration::from_secs(secs), to_bytes(body, limit)).await {
            Ok(Ok(bytes)) => Ok(Body::from(bytes)),
            Ok(Err(error)) if is_length_limit(&error) => Err(Error::BodyTooLong { limit }),
            Ok(Err(error)) => Err(Error::BodyCutOff(error.to_string())),
            Err(_) => Err(Error::BodyTooSlow { secs }),
        }
    }

    fn routes(&self, grants: &Grants) -> Router {
        let mut known = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let build = |grants: &Grants| {
            let app = self.app.seen_with(&Arc::new(grants.clone()));
            routes(Serving::new(app, Arc::clone(&self.workers), Arc::clone(&self.kept)))
        };
        if let Some(routes) = known.get(grants) {
            return routes.clone();
        }
        if known.len() >= ROUTES_MAX {
            // What was read again so often is no longer in use.
            known.clear();
        }
        known.entry(grants.clone()).or_insert_with(|| build(grants)).clone()
    }
}

/// Whether a request of this kind only asks.
fn changes_nothing(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Whether a browser says that it sends this for a page of another server.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    !origin.zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

/// Whether a browser, which says that it is one, asks for a host that is not this machine by its name.
fn is_under_another_name(headers: &HeaderMap) -> bool {
    if !headers.contains_key("sec-fetch-site") {
        return false;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    !is_local && !name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What anybody may ask: whether the server lives, for balancers, and the looks of the page.
fn says_nothing(path: &str) -> bool {
    matches!(path, "/healthz" | "/healthz/") || path.starts_with("/assets/")
}

fn reason(error: &Error) -> Option<Reason> {
    Some(match error {
        Error::Refused(Refusal::Missing) => Reason::CredentialsMissing,
        Error::Refused(Refusal::Wrong) => Reason::CredentialsWrong,
        Error::Refused(Refusal::TooOften) => Reason::CredentialsTooOften,
        Error::Refused(Refusal::NotLocal) => Reason::NotLocal,
        Error::BodyTooLong { .. } => Reason::BodyTooLong,
        Error::BodyTooSlow { .. } => Reason::BodyTooSlow,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_page_of_another_server_is_told_by_its_origin() {
        for (origin, elsewhere) in [
            ("http://kymo:8080", false),
            ("https://KYMO:8080", false),
            ("http://kymo", true),
            ("http://kymo:80801", true),
            ("https://evil.example", true),
            ("null", true),
            ("", true),
        ] {
            assert_eq!(
                is_from_elsewhere(&headers(&[("origin", origin), ("host", "kymo:8080")])),
                elsewhere,
                "{origin}"
            );
        }
        assert!(!is_from_elsewhere(&headers(&[("host", "kymo:8080")])), "no browser");
        assert!(is_from_elsewhere(&headers(&[("origin", "http://kymo")])));
    }

    #[test]
    fn a_name_that_was_made_to_mean_this_machine_is_another() {
        for host in ["localhost:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[::1]", "a.localhost"] {
            assert!(!is_under_another_name(&headers(&[("sec-fetch-site", "none"), ("host", host)])), "{host}");
        }
        for host in
            ["evil.example:8080", "192.0.2.1", "[2001:db8::1]:80", "localhost.evil.example", "", "127.0.0.1.evil"]
        {
            assert!(is_under_another_name(&headers(&[("sec-fetch-site", "none"), ("host", host)])), "{host}");
            assert!(!is_under_another_name(&headers(&[("host", host)])), "no browser asks");
        }
    }

    #[test]
    fn only_asking_methods_change_nothing() {
        assert!([Method::GET, Method::HEAD, Method::OPTIONS].iter().all(changes_nothing));
        assert!(![Method::POST, Method::PUT, Method::DELETE, Method::PATCH].iter().any(changes_nothing));
    }
}
