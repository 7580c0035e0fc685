//! The command line: stable from the first version on. Options mean here what the same key means in kymo.toml.

use crate::command::store::StoreArgs;
use crate::command::whisper::WhisperArgs;
use clap::{Args, Parser, Subcommand};
use render::alert::{Range, State};
use statsd_agent::wire::Dialect;
use std::path::PathBuf;

/// StatsD, carbon, Whisper and graphite-web in one program: from packet to picture.
#[derive(Debug, Parser)]
#[command(name = "kymo", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `serve`, which may stand without its name.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive, aggregate, store and draw: the whole pipeline (what `kymo` alone does)
    Serve(ServeArgs),
    /// Be statsd: same configuration file, ports, names and bytes to carbon
    Agent(AgentArgs),
    /// Be statsd's proxy.js: same configuration file, same ring, so that every name stays on its node
    Proxy(ProxyArgs),
    /// Work on kymo's own store: import, export, check, stats, backup, restore, expire, delete
    Store(StoreArgs),
    /// Work on whisper files as the whisper-*.py tools do
    Whisper(WhisperArgs),
    /// Evaluate targets and print their points
    Query(QueryArgs),
    /// Draw targets into a PNG or SVG file
    Draw(DrawArgs),
    /// Check a target against thresholds, as a plugin of Nagios and its kin: exit code 0, 1, 2 or 3
    Check(CheckArgs),
    /// Make a token, or hash a password, for kymo.toml
    Token(TokenArgs),
    /// Send StatsD lines to a server
    Send(SendArgs),
    /// Read the configuration, say what it means, and exit
    CheckConfig(ServeArgs),
}

/// What `serve` runs with. A flag wins over kymo.toml, that over statsd's file, that over the default.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// Folder of kymo's own store [default: kymo-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// StatsD over UDP; port 0 takes a free one [default: 127.0.0.1:8125]
    #[arg(long, value_name = "ADDR")]
    pub statsd: Option<String>,
    /// Carbon's line protocol over TCP and UDP [default: 127.0.0.1:2003]
    #[arg(long, value_name = "ADDR")]
    pub carbon: Option<String>,
    /// Carbon's pickled points over TCP [default: 127.0.0.1:2004]
    #[arg(long, value_name = "ADDR")]
    pub carbon_pickle: Option<String>,
    /// The page and the Graphite API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub http: Option<String>,
    /// How often tallies become points: 10s, 1s, 500ms [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub flush_interval: Option<String>,
    /// Which StatsD lines are understood [default: all]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub dialects: Option<Dialects>,
    /// Listen on every address of the machine where no address was given
    #[arg(long)]
    pub listen_all: bool,
    /// kymo's own configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A configuration file of statsd
    #[arg(long, value_name = "FILE")]
    pub statsd_config: Option<PathBuf>,
    /// An existing whisper tree to write to and to query, in place of kymo's own store
    #[arg(long, value_name = "DIR")]
    pub whisper: Option<PathBuf>,
    /// carbon's storage-schemas.conf
    #[arg(long, value_name = "FILE")]
    pub storage_schemas: Option<PathBuf>,
    /// carbon's storage-aggregation.conf
    #[arg(long, value_name = "FILE")]
    pub storage_aggregation: Option<PathBuf>,
    /// graphite-web's graphTemplates.conf
    #[arg(long, value_name = "FILE")]
    pub graph_templates: Option<PathBuf>,
}

/// What `agent` runs with.
#[derive(Args, Debug)]
pub struct AgentArgs {
    /// statsd's configuration file: a JavaScript object literal
    #[arg(long, value_name = "FILE")]
    pub statsd_config: PathBuf,
    /// Which StatsD lines are understood
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Dialects::Statsd)]
    pub dialects: Dialects,
}

/// Which StatsD lines are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialects {
    /// Also DogStatsD's, tags inside names, and syslog headers
    All,
    /// statsd's, to the letter
    Statsd,
}

impl From<Dialects> for Dialect {
    fn from(dialects: Dialects) -> Dialect {
        match dialects {
            Dialects::All => Dialect::All,
            Dialects::Statsd => Dialect::Statsd,
        }
    }
}

/// What `proxy` runs with.
#[derive(Args, Debug)]
pub struct ProxyArgs {
    /// proxy.js's configuration file: a JavaScript object literal
    #[arg(long, visible_alias = "config", value_name = "FILE")]
    pub statsd_config: PathBuf,
}

/// Where targets are evaluated.
#[derive(Args, Clone, Debug)]
pub struct PlaceArgs {
    /// A running server, http or https
    #[arg(short = 'H', long, visible_alias = "url", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// File of the token that the server asks for [default: the variable KYMO_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates to trust in place of those that browsers trust, in PEM form
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Read kymo's own store in this folder instead of asking a server
    #[arg(long, value_name = "DIR", conflicts_with_all = ["server", "whisper"])]
    pub data: Option<PathBuf>,
    /// Read this whisper tree instead of asking a server
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    pub whisper: Option<PathBuf>,
    /// With --data: carbon's storage-aggregation.conf, as for `serve`
    #[arg(long, value_name = "FILE", requires = "data")]
    pub storage_aggregation: Option<PathBuf>,
}

/// Where and when targets are evaluated.
#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// Where
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Start of the range, in any of Graphite's forms
    #[arg(long, value_name = "TIME", default_value = "-1h", allow_hyphen_values = true)]
    pub from: String,
    /// End of the range
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true)]
    pub until: String,
    /// Time zone in which times are read and printed
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub tz: String,
}

/// What `query` prints.
#[derive(Args, Debug)]
pub struct QueryArgs {
    /// Target expressions, as /render takes them
    #[arg(required_unless_present = "functions", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Print what functions there are, what they take and do, and ask nothing
    #[arg(long, conflicts_with = "targets")]
    pub functions: bool,
    /// Where and when
    #[command(flatten)]
    pub source: SourceArgs,
    /// `lines` prints `name value timestamp`, one point a line, as carbon reads it
    #[arg(long, value_enum, default_value_t = QueryFormat::Lines)]
    pub format: QueryFormat,
}

/// The forms in which `query` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum QueryFormat {
    /// `name value timestamp`, gaps left out.
    Lines,
    /// Graphite's JSON.
    Json,
    /// Graphite's CSV.
    Csv,
    /// Graphite's raw form.
    Raw,
}

impl QueryFormat {
    /// The word that /render's `format` takes; lines are made from JSON.
    pub fn word(self) -> &'static str {
        match self {
            QueryFormat::Lines | QueryFormat::Json => "json",
            QueryFormat::Csv => "csv",
            QueryFormat::Raw => "raw",
        }
    }
}

/// What `draw` draws.
#[derive(Args, Debug)]
pub struct DrawArgs {
    /// Target expressions, as /render takes them
    #[arg(required = true, value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Where and when
    #[command(flatten)]
    pub source: SourceArgs,
    /// The picture; its ending says PNG, SVG or PDF
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Width in pixels
    #[arg(long, default_value_t = 800)]
    pub width: u32,
    /// Height in pixels
    #[arg(long, default_value_t = 400)]
    pub height: u32,
    /// Title above the graph
    #[arg(long)]
    pub title: Option<String>,
    /// `light` or `dark`
    #[arg(long, default_value = "light")]
    pub theme: String,
    /// 2 draws for screens of double density
    #[arg(long, default_value_t = 1.0)]
    pub scale: f32,
}

/// What `check` checks.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Target expression, as /render takes it; the last value of each of its series is checked
    #[arg(short, long, value_name = "TARGET", required_unless_present = "alert")]
    pub target: Option<String>,
    /// An alert rule of the server, whose state is the answer
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "warning", "critical", "from", "data", "whisper"])]
    pub alert: Option<String>,
    /// Range outside of which a value is a warning: 10, 10:, ~:10, 10:20, @10:20
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub warning: Option<Range>,
    /// Range outside of which a value is critical
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub critical: Option<Range>,
    /// Seconds after which the last value, or the last look at the rule, counts as no data
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub age: Option<u32>,
    /// What no data counts as: ok, warning, critical or unknown
    #[arg(long, value_name = "STATE", default_value = "unknown")]
    pub no_data: State,
    /// Start of the range in which a last value is looked for [default: -10min, or the age]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Seconds after which the check gives up: unknown
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: u32,
    /// Where
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What `token` makes.
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// Whose it is: a program or a person
    #[arg(value_name = "NAME")]
    pub name: String,
    /// read, write, erase, each with or without `:prefix`, or admin; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", default_value = "read")]
    pub scopes: Vec<String>,
    /// The first day, in UTC, on which it no longer holds, such as 2027-01-31
    #[arg(long, value_name = "DAY", conflicts_with = "password")]
    pub expires: Option<String>,
    /// Hash a password, read from standard input, for basic authentication
    #[arg(long)]
    pub password: bool,
}

/// What `send` sends.
#[derive(Args, Debug)]
pub struct SendArgs {
    /// Lines such as `logins:1|c`; read from standard input when none is given
    #[arg(value_name = "LINE")]
    pub lines: Vec<String>,
    /// The server's StatsD address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8125")]
    pub statsd: String,
}
