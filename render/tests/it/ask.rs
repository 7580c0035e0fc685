//! One request to a router, without a socket.

use crate::scripted::{NOW, Scripted};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use render::App;
use render::http::router;
use std::sync::Arc;
use tower::ServiceExt;

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// An application over these series whose clock stands still.
pub fn app(series: Scripted) -> App {
    App::new(Arc::new(series), || NOW)
}

/// Asks with GET and the headers given.
pub async fn get_with(app: &App, address: &str, headers: &[(&str, &str)]) -> Reply {
    send(router(app.clone()), "GET", address, headers, "").await
}

/// Asks with GET, as a script that takes JSON does.
pub async fn get(app: &App, address: &str) -> Reply {
    get_with(app, address, &[("Accept", "application/json")]).await
}

/// Asks with POST and a form.
pub async fn post(app: &App, address: &str, form: &str) -> Reply {
    send(router(app.clone()), "POST", address, &[], form).await
}

/// One request to a router; a body is a form.
pub async fn send(router: Router, method: &str, address: &str, headers: &[(&str, &str)], form: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(address);
    if !form.is_empty() {
        request = request.header("Content-Type", "application/x-www-form-urlencoded");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let reply = router.oneshot(request.body(Body::from(form.to_owned())).unwrap()).await.unwrap();
    let (status, headers) = (reply.status(), reply.headers().clone());
    let body = to_bytes(reply.into_body(), usize::MAX).await.unwrap().to_vec();
    Reply { status, headers, body }
}
