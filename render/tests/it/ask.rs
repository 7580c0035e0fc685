//! One request to a router, without a socket.

use crate::scripted::{NOW, Scripted};
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
    let mut request = Request::get(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

/// Asks with GET, as a script that takes JSON does.
pub async fn get(app: &App, address: &str) -> Reply {
    get_with(app, address, &[("Accept", "application/json")]).await
}

/// Asks with POST and a form.
pub async fn post(app: &App, address: &str, form: &str) -> Reply {
    let request = Request::post(address).header("Content-Type", "application/x-www-form-urlencoded");
    send(app, request.body(Body::from(form.to_owned())).unwrap()).await
}

async fn send(app: &App, request: Request<Body>) -> Reply {
    let reply = router(app.clone()).oneshot(request).await.unwrap();
    let (status, headers) = (reply.status(), reply.headers().clone());
    let body = to_bytes(reply.into_body(), usize::MAX).await.unwrap().to_vec();
    Reply { status, headers, body }
}
