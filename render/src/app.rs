//! What the server is given: where series come from, what time it is, how it fares, and how much it may take.

use crate::access::{Access, EventsView, Grants, Known, Reach, Scope, View};
use crate::alert::Board;
use crate::catalogue::Catalogue;
use crate::draw::Unit;
use crate::http::{Tls, Turned};
use crate::templates::GraphTemplates;
use jiff::tz::TimeZone;
use std::net::SocketAddr;
use std::sync::Arc;
use tsdb::Timestamp;

/// Everything the router needs. Plain fields, so that whoever wires it sees all of it.
#[derive(Clone)]
pub struct App {
    /// Answers targets and lists names.
    pub catalogue: Arc<dyn Catalogue>,
    /// Holds the server's own series (`kymo.…`): another store than `catalogue` when that is a foreign tree.
    pub own: Arc<dyn Catalogue>,
    /// The only clock; `now=` in a request overrides it.
    pub clock: fn() -> Timestamp,
    /// How the server fares at this moment. Called for each page and for `/healthz`, so it should be quick.
    pub health: Arc<dyn Fn() -> Health + Send + Sync>,
    /// Where samples may be sent; the first page of an empty store shows how.
    pub listening: Listening,
    /// The zone of relative times and axes when a request names none.
    pub zone: TimeZone,
    /// How much a request may take.
    pub limits: Limits,
    /// The version of the program, shown in the page's foot.
    pub version: &'static str,
    /// Who is let in, and for what.
    pub access: Arc<Access>,
    /// What the caller of this application may: the stores above are views with these rights already.
    pub grants: Arc<Grants>,
    /// The certificate that the server shows; without one it speaks plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// How the alert rules stand; `None` for who may not see that.
    pub alerts: Option<Arc<Board>>,
    /// What happened; `None` where no events are kept.
    pub events: Option<Arc<EventsView>>,
    /// Colours that pictures may ask for by name.
    pub templates: Arc<GraphTemplates>,
    /// Counts what was turned away, by reason.
    pub turned: Arc<Turned>,
}

impl App {
    /// An application over one catalogue, with defaults for the rest and nothing to say about its health.
    pub fn new(catalogue: Arc<dyn Catalogue>, clock: fn() -> Timestamp) -> App {
        App {
            own: Arc::clone(&catalogue),
            catalogue,
            clock,
            health: Arc::new(Health::default),
            listening: Listening::default(),
            zone: TimeZone::UTC,
            limits: Limits::default(),
            version: env!("CARGO_PKG_VERSION"),
            access: Arc::new(Access::new(Known::default(), [0; 32])),
            grants: Arc::new(Grants::everything()),
            tls: None,
            alerts: Some(Arc::default()),
            events: None,
            templates: Arc::default(),
            turned: Arc::default(),
        }
    }

    /// The application as someone with these rights sees it. To nobody it says no more than that it is there.
    pub fn seen_with(&self, grants: &Arc<Grants>) -> App {
        let mut app = App {
            catalogue: View::of(Arc::clone(&self.catalogue), grants),
            own: View::of(Arc::clone(&self.own), grants),
            events: self.events.as_ref().map(|events| events.seen_with(grants)),
            grants: Arc::clone(grants),
            // Any rule may be about any name.
            alerts: self.alerts.clone().filter(|_| *grants.reach(Scope::Read) == Reach::Everything),
            ..self.clone()
        };
        if **grants == Grants::nothing() {
            let health = Arc::clone(&self.health);
            app.health = Arc::new(move || Health {
                figures: Vec::new(),
                cannot_write: health().cannot_write.map(|_| "its log says why".to_owned()),
            });
        }
        app
    }
}

/// The ports that samples are welcome at.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    /// StatsD lines over UDP.
    pub statsd: Option<SocketAddr>,
    /// Carbon lines over TCP.
    pub carbon: Option<SocketAddr>,
}

/// How the server fares.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// What the first page shows, in this order.
    pub figures: Vec<Figure>,
    /// Why the store cannot write, if so: `/healthz` then answers 503.
    pub cannot_write: Option<String>,
}

/// One number about the server itself.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it counts, in a few words: `datagrams read`.
    pub label: String,
    /// Its value now; [`tsdb::GAP`] where it is not known.
    pub value: f64,
    /// What the value is.
    pub unit: Unit,
    /// The target whose recent course is drawn beside it, asked of [`App::own`].
    pub target: Option<String>,
    /// Whether this counts something lost: then any value above zero is marked.
    pub is_loss: bool,
}

/// How much requests may take. Each has a reason to exist: nothing that a client sends may grow without a bound.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests whose data is read and drawn at the same time; more would only share the same cores.
    pub concurrent_requests: usize,
    /// Requests that may wait for one of those; beyond it the answer is 503.
    pub waiting_requests: usize,
    /// Seconds in which a request is answered, its wait included; later it is 503.
    pub query_secs: u64,
    /// Bytes of one answer, before it is compressed.
    pub answer_bytes: usize,
    /// Bytes of all answers of `/render` that are kept to be given again; 0 keeps none.
    pub kept_bytes: usize,
    /// Bytes of a POST body.
    pub body_bytes: usize,
    /// Seconds in which the head of a request has to arrive, and a TLS handshake to be done.
    pub header_secs: u64,
    /// Bytes of the head of a request.
    pub header_bytes: usize,
    /// Seconds in which the body of a request has to arrive.
    pub body_secs: u64,
    /// Seconds for which a connection may wait for its next request.
    pub idle_secs: u64,
    /// Seconds for which a client may take nothing of its answer.
    pub write_secs: u64,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one address, trusted proxies apart.
    pub connections_per_address: usize,
    /// Seconds that open requests have to end once the server stops.
    pub drain_secs: u64,
    /// What one query may read.
    pub query: query::Limits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            concurrent_requests: std::thread::available_parallelism().map_or(2, usize::from),
            waiting_requests: 256,
            query_secs: 30,
            answer_bytes: 256 << 20,
            kept_bytes: 64 << 20,
            body_bytes: 1 << 20,
            header_secs: 5,
            header_bytes: 64 << 10,
            body_secs: 10,
            idle_secs: 60,
            write_secs: 30,
            connections: 1024,
            connections_per_address: 256,
            drain_secs: 10,
            query: query::Limits::default(),
        }
    }
}
