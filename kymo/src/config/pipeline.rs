//! Settings to the plain configuration of each stage. Files that settings name are read here, once.

use super::kymo_toml::{Limits, QuotaTable, read_bounded};
use super::settings::{FLUSH_INTERVAL, Settings};
use super::statsd_file::{self, Telling};
use crate::alerts;
use anyhow::{Context, Result};
use render::app;
use render::templates::GraphTemplates;
use statsd_agent::config::{Align, CarbonListen, Config, Server};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tsdb::{EventLimits, Quota, Rules, SlabOptions, Step, StoreLimits};

/// A receiver a core pays until the kernel's side of UDP is the limit.
const RECEIVERS_MAX: usize = 4;

/// More threads would only share the same disk and memory.
const QUERY_THREADS_MAX: usize = 4;

/// What each stage is started with.
pub struct Plan {
    /// The agent's.
    pub agent: Config,
    /// How names are stored.
    pub rules: Rules,
    /// The store's bounds.
    pub store: StoreLimits,
    /// How the own store is kept.
    pub slab: SlabOptions,
    /// The server's bounds.
    pub http: app::Limits,
    /// The flush interval.
    pub interval: Duration,
    /// The same in whole seconds, as stored.
    pub step: Step,
    /// Colours that pictures ask for by name.
    pub templates: GraphTemplates,
    /// How what is heard and flushed is told.
    pub telling: Telling,
    /// What a person should know about the files that were read.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Reads the files that the settings name.
    pub fn of(settings: &Settings) -> Result<Plan> {
        let mut warnings = Vec::new();
        let (mut agent, telling) = match &settings.statsd_config {
            Some(path) => {
                let read = statsd_file::read(path)?;
                warnings.extend(read.warnings);
                (read.config, read.telling)
            }
            None => (Config { console: None, ..Config::default() }, Telling::default()),
        };
        lay_over(&mut agent, settings);
        let rules = read_rules(settings.storage_schemas.as_deref(), settings.storage_aggregation.as_deref())?;
        let interval = Duration::from_millis(agent.flush.interval_ms);
        let step = Step::new(u32::try_from(interval.as_secs().max(1)).unwrap_or(u32::MAX)).unwrap_or(Step::SECOND);
        let rules = rules.at_step(step);
        warnings.extend(rules.warnings().iter().cloned());
        warnings.extend(coarser_than_flushes(&rules, step));
        warnings.extend(settings.whisper.as_deref().and_then(|_| sketches_left_out(&rules)));
        let templates = read_templates(settings.graph_templates.as_deref())?;
        let (store, http) = (store_limits(settings), http_limits(settings));
        let mut slab = slab_options(settings);
        slab.percentiles =
            agent.flush.timers.percentiles.iter().filter_map(|percentile| percentile.of_sketches()).collect();
        Ok(Plan { agent, rules, store, slab, http, interval, step, templates, telling, warnings })
    }
}

/// Whisper files keep values only.
fn sketches_left_out(rules: &Rules) -> Option<String> {
    let asked = ["stats.timers.any", "stats.sets.any"].map(|name| rules.settings(name).sketch);
    let kind = asked.into_iter().flatten().next()?;
    Some(format!("sketch = {kind} is left out: a whisper tree keeps values, and only kymo's own store keeps sketches"))
}

/// The field's oldest mistake: of several flushes in one slot only the last stays.
fn coarser_than_flushes(rules: &Rules, step: Step) -> Option<String> {
    let finest = rules.settings("stats_counts.any").retention.archives().first()?.step;
    (finest > step).then(|| {
        let (finest, step) = (finest.secs(), step.secs());
        format!(
            "counts are stored every {finest} s but flushed every {step} s: only the last of a slot's flushes stays"
        )
    })
}

fn lay_over(agent: &mut Config, settings: &Settings) {
    if let Some(statsd) = settings.statsd {
        agent.servers = vec![Server::Udp(statsd)];
    }
    if settings.statsd_config.is_none() || settings.flush_interval.is_some() {
        let interval = settings.flush_interval.unwrap_or(FLUSH_INTERVAL);
        agent.flush.interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    }
    agent.dialect = settings.dialects.into();
    agent.flush.align = Align::WallClock;
    agent.flush.silent_until_heard = true;
    let pickle = CarbonListen::Pickle(settings.carbon_pickle);
    agent.carbon = vec![CarbonListen::Tcp(settings.carbon), CarbonListen::Udp(settings.carbon), pickle];
    // statsd's console can delete series: beside a store it is nobody's business but this machine's.
    if let Some(console) = &mut agent.console {
        console.address = SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), console.address.port());
    }
    bound(agent, &settings.limits);
    if agent.print.is_some() {
        set(&mut agent.limits.member_bytes, settings.limits.member_bytes);
    }
}

/// Lays stated bounds over those of the agent.
pub fn bound(agent: &mut Config, limits: &Limits) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let receivers = limits.receivers.unwrap_or(u16::try_from(cores.min(RECEIVERS_MAX)).unwrap_or(1));
    agent.receivers = receivers.max(1);
    set(&mut agent.receive_buffer_bytes, limits.receive_buffer_bytes);
    set(&mut agent.limits.names, limits.names);
    set(&mut agent.limits.name_bytes, limits.name_bytes);
    set(&mut agent.limits.longest_name, limits.longest_name);
    set(&mut agent.limits.timings, limits.timer_samples);
    set(&mut agent.limits.members, limits.set_members);
    set(&mut agent.limits.changes, limits.gauge_changes);
    set(&mut agent.limits.dated, limits.dated_samples);
    set(&mut agent.echo_bytes, limits.echo_bytes.map(|bytes| bytes as usize));
    set(&mut agent.streams.connections, limits.connections);
    set(&mut agent.streams.longest_line_bytes, limits.line_bytes);
    set(&mut agent.streams.longest_frame_bytes, limits.pickle_bytes);
    set(&mut agent.streams.idle_ms, limits.idle_secs.map(|secs| u64::from(secs) * 1000));
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// graphite-web's file of colours.
fn read_templates(path: Option<&Path>) -> Result<GraphTemplates> {
    let Some(path) = path else { return Ok(GraphTemplates::default()) };
    let text = read_bounded(path)?;
    GraphTemplates::parse(path, &text).with_context(|| format!("read {}", path.display()))
}

/// The rules of carbon's files; without one, the defaults.
pub fn read_rules(schemas: Option<&Path>, aggregation: Option<&Path>) -> Result<Rules> {
    let read = |path: Option<&Path>| path.map(read_bounded).transpose();
    let (schemas_text, aggregation_text) = (read(schemas)?, read(aggregation)?);
    Ok(Rules::parse(schemas.zip(schemas_text.as_deref()), aggregation.zip(aggregation_text.as_deref()))?)
}

/// The store's bounds.
pub fn store_limits(settings: &Settings) -> StoreLimits {
    let mut limits = StoreLimits::default();
    set(&mut limits.series, settings.limits.series);
    set(&mut limits.open_files, settings.limits.open_files.map(|files| files as usize));
    limits
}

fn slab_options(settings: &Settings) -> SlabOptions {
    let quota = |table: &QuotaTable| Quota { prefix: table.prefix.clone(), series: table.series };
    let mut options = SlabOptions {
        sync: settings.sync,
        quotas: settings.quotas.iter().map(quota).collect(),
        creates_per_second: settings.limits.creates_per_second,
        max_bytes: settings.limits.store_bytes,
        expire_after_secs: settings.expire_after_secs,
        ..SlabOptions::default()
    };
    set(&mut options.waiting_points, settings.limits.waiting_points.map(|points| points as usize));
    set(&mut options.late_points, settings.limits.late_points.map(|points| points as usize));
    options
}

/// How many events are kept.
pub fn event_limits(settings: &Settings) -> EventLimits {
    let mut limits = EventLimits::default();
    set(&mut limits.events, settings.limits.events.map(u64::from));
    set(&mut limits.bytes, settings.limits.events_bytes);
    limits
}

/// What the thread that looks at alerts is started with.
pub fn alerts(settings: &Settings, limits: &query::Limits) -> alerts::Plan {
    let mut post = alerts::Post { roots: settings.webhook_ca.clone(), ..alerts::Post::default() };
    set(&mut post.waiting, settings.limits.webhook_notices.map(|notices| notices as usize));
    set(&mut post.timeout, settings.limits.webhook_secs.map(|secs| Duration::from_secs(secs.max(1).into())));
    set(&mut post.attempts, settings.limits.webhook_attempts);
    alerts::Plan {
        rules: settings.alerts.clone(),
        every: settings.alert_interval,
        file: settings.data.join("alerts.json"),
        limits: limits.clone(),
        post,
    }
}

fn http_limits(settings: &Settings) -> app::Limits {
    let mut limits = app::Limits::default();
    set(&mut limits.concurrent_requests, settings.limits.queries.map(usize::from));
    set(&mut limits.waiting_requests, settings.limits.waiting_queries.map(usize::from));
    let at_least_one = |value: Option<u32>| value.map(|value| value.max(1));
    let secs = |value| at_least_one(value).map(u64::from);
    let count = |value| at_least_one(value).map(|value| value as usize);
    let stated = &settings.limits;
    set(&mut limits.header_secs, secs(stated.http_header_secs));
    set(&mut limits.header_bytes, count(stated.http_header_bytes));
    set(&mut limits.body_secs, secs(stated.http_body_secs));
    set(&mut limits.body_bytes, count(stated.http_body_bytes));
    set(&mut limits.idle_secs, secs(stated.http_idle_secs));
    set(&mut limits.write_secs, secs(stated.http_write_secs));
    set(&mut limits.connections, count(stated.http_connections));
    set(&mut limits.connections_per_address, count(stated.http_connections_per_address));
    set(&mut limits.query.series, settings.limits.query_series.map(|series| series as usize));
    set(&mut limits.query.points, settings.limits.query_points);
    set(&mut limits.query.target_bytes, count(stated.query_target_bytes));
    set(&mut limits.query.depth, stated.query_depth.map(u32::from));
    set(&mut limits.query.finds, count(stated.query_finds));
    set(&mut limits.query.name_bytes, count(stated.query_name_bytes));
    set(&mut limits.query_secs, secs(stated.query_secs));
    set(&mut limits.answer_bytes, stated.query_answer_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)));
    set(&mut limits.kept_bytes, stated.query_kept_bytes.map(|bytes| bytes as usize));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    limits.query.threads = stated.query_threads.map_or(cores.min(QUERY_THREADS_MAX), usize::from);
    limits
}
