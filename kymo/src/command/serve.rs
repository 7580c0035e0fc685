//! `kymo serve`: the pipeline wired on one screen, and unwired in order. Addresses are bound before anything is printed,
//! so that whoever reads them can use them.

use super::{signal, taken};
use crate::alerts::Alerts;
use crate::cli::ServeArgs;
use crate::clock;
use crate::commits::Commits;
use crate::config::pipeline::{self, Plan};
use crate::config::{Settings, own_store};
use crate::events;
use crate::journal::Journal;
use crate::own_series::{OwnSeries, Stages};
use crate::server::{Guard, Server};
use crate::upkeep::Upkeep;
use anyhow::{Context, Result};
use render::App;
use render::app::Listening;
use statsd_agent::listen::socket::raise_descriptor_limit;
use statsd_agent::{Agent, Sinks};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use tsdb::{Rules, SlabStore, Store, WhisperStore};

/// Runs until a signal says stop. The stages start from the store up to the wire, and stop from the wire down to the
/// store, so that nothing arrives that has nowhere to go.
pub fn run(args: &ServeArgs) -> Result<ExitCode> {
    let settings = Settings::resolve(args)?;
    let mut plan = Plan::of(&settings)?;
    let stop = signal::stop_or_read_again()?;
    // Where it cannot be raised, connections beyond it are closed and counted.
    let _ = raise_descriptor_limit();

    let (own, store) = open_stores(&settings, &mut plan)?;
    let commits = Commits::start([Arc::clone(&store), Arc::clone(&own)]);
    let guard = Guard::of(&settings)?;
    let (listener, http) = bind(settings.http)?;
    let taken_until_ms = taken::until_ms(&settings.data, clock::millis());
    plan.agent.flush.taken_until_ms = taken_until_ms;
    let (journal, teller) = Journal::start(plan.telling);
    let sinks = Sinks { store: Some(Arc::clone(&store)), teller: Some(teller), ..Sinks::default() };
    let agent = Agent::start(&plan.agent, sinks, clock::millis).context("start the agent")?;
    let counters = Arc::clone(agent.counters());
    let upkeep = Upkeep::start(vec![Arc::clone(&own)]);
    let alerts = Alerts::start(pipeline::alerts(&settings, &plan.http.query), Arc::new(Arc::clone(&store)))?;
    let stages = Stages {
        agent: Arc::clone(&counters),
        store: Arc::clone(&store),
        uncommitted: commits.uncommitted(),
        http,
        turned: Arc::clone(&guard.turned),
        access: Arc::clone(&guard.access),
        alerts: Arc::clone(&alerts.counters),
        board: Arc::clone(&alerts.board),
    };
    let own_series = OwnSeries::start(stages.clone(), Arc::clone(&own), plan.interval, taken_until_ms);
    let listening = Listening { statsd: agent.statsd_addr(), carbon: agent.carbon_addrs().first().copied() };
    let pickle = agent.carbon_addrs().last().copied();
    let app = App {
        alerts: Some(Arc::clone(&alerts.board)),
        events: events::open(&settings.data, pipeline::event_limits(&settings)),
        own: Arc::new(Arc::clone(&own)),
        health: Arc::new(move || stages.health()),
        listening: listening.clone(),
        limits: plan.http,
        templates: Arc::new(plan.templates),
        version: env!("CARGO_PKG_VERSION"),
        ..App::new(Arc::new(Arc::clone(&store)), clock::now)
    };
    let server = Server::start(listener, guard.before(app))?;

    tell(&settings, &listening, pickle, http, &plan.warnings);
    stop.wait(|| guard.read_again(args));

    alerts.stop();
    agent.stop();
    journal.end();
    own_series.stop();
    server.stop();
    commits.stop();
    upkeep.stop();
    store.sync();
    own.sync();
    taken::note(&settings.data, counters.flushed_at_secs.get())?;
    Ok(ExitCode::SUCCESS)
}

/// The HTTP socket and where it is.
fn bind(http: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(http).with_context(|| format!("listen on http://{http}"))?;
    let bound = listener.local_addr().context("ask for the HTTP address")?;
    Ok((listener, bound))
}

/// kymo's own store and the one that points go to: one and the same unless a foreign tree was named, which the rules
/// that were read are for, then.
fn open_stores(settings: &Settings, plan: &mut Plan) -> Result<(Arc<dyn Store>, Arc<dyn Store>)> {
    let earlier = settings.data.join("whisper");
    if earlier.is_dir() {
        let (tree, data) = (earlier.display(), settings.data.display());
        tracing::warn!(
            "{tree} holds an earlier version's series: `kymo store import {tree} --data {data}` takes them over"
        );
    }
    let (own, limits) = (own_store(&settings.data), plan.store);
    let (rules, options) = (std::mem::take(&mut plan.rules), std::mem::take(&mut plan.slab));
    match &settings.whisper {
        Some(tree) => {
            let own = SlabStore::open(&own, Rules::default().at_step(plan.step), limits, options)?;
            Ok((Arc::new(own), Arc::new(WhisperStore::open(tree, rules, limits)?)))
        }
        None => {
            let own = Arc::new(SlabStore::open(&own, rules, limits, options)?);
            tell_what_a_flush_costs(&own);
            Ok((Arc::clone(&own) as Arc<dyn Store>, own))
        }
    }
}

/// A file system that writes pages or whole extents around each row makes a store slow; people should hear of it.
fn tell_what_a_flush_costs(store: &SlabStore) {
    match store.self_test() {
        Ok(Some(multiple)) if multiple > 2.0 => tracing::warn!("the disk writes {multiple:.2} x the bytes of a flush"),
        Ok(Some(multiple)) => tracing::info!("the disk writes {multiple:.2} x the bytes of a flush"),
        Ok(None) => {}
        Err(error) => tracing::error!("the store's self-test: {}", error.chain()),
    }
}

/// Says where everything is, one a line, the address last; scripts read it.
fn tell(settings: &Settings, listening: &Listening, pickle: Option<SocketAddr>, http: SocketAddr, warnings: &[String]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    warn_of_strangers(settings, http);
    let address = |found: Option<SocketAddr>| found.map_or("nowhere".to_string(), |address| address.to_string());
    println!("kymo {}", env!("CARGO_PKG_VERSION"));
    println!("statsd  udp        {}", address(listening.statsd));
    println!("carbon  tcp, udp   {}", address(listening.carbon));
    println!("pickle  tcp        {}", address(pickle));
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    println!("http    page, api  {scheme}://{http}");
    match &settings.whisper {
        Some(tree) => println!("store   whisper    {}", tree.display()),
        None => println!("store   embedded   {}", settings.data.display()),
    }
    // An address that means "everywhere" is no address to open.
    let host = if http.ip().is_unspecified() { format!("localhost:{}", http.port()) } else { http.to_string() };
    println!("open    {scheme}://{host}/");
}

/// An address that others can reach is nothing to find out about later.
fn warn_of_strangers(settings: &Settings, http: SocketAddr) {
    if http.ip().is_loopback() {
        return;
    }
    let known = &settings.known;
    match (known.tokens.is_empty() && known.users.is_empty(), known.open_to_others) {
        (true, true) => tracing::warn!("http://{http} lets EVERYBODY who can reach it read every series"),
        (true, false) if known.proxies.is_empty() => tracing::warn!(
            "http://{http} can be reached from other machines and answers this one only, because it knows no tokens: \
             `kymo token NAME` makes one"
        ),
        _ if settings.tls.is_none() => {
            tracing::warn!("http://{http} takes tokens and passwords without TLS: whoever is on the way can read them");
        }
        _ => {}
    }
}
