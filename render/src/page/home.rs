//! `/`: how the server fares, what is busiest, and where everything is; all of it in the first answer.

use super::busiest::Panel;
use super::html::{Html, Svg};
use super::tree::{self, Level};
use super::{legend, link};
use crate::app::Listening;
use crate::draw::{LegendRow, Unit, value_label};

/// What the page shows.
pub struct Home {
    /// The server's own figures.
    pub tiles: Vec<Tile>,
    /// The busiest graphs.
    pub cards: Vec<Card>,
    /// How far back the graphs reach, as Graphite writes it: `-1h`.
    pub since: String,
    /// The names as a tree.
    pub names: Level,
    /// Whether nothing but the server itself has sent anything yet.
    pub empty: bool,
    /// What was searched for and what was found.
    pub search: Option<(String, Vec<String>)>,
    /// Where samples are welcome.
    pub listening: Listening,
    /// Why points cannot be written, if so.
    pub cannot_write: Option<String>,
    /// Whether everybody may read this.
    pub open_to_others: bool,
}

/// A graph of the overview.
pub struct Card {
    /// What it is of.
    pub panel: Panel,
    /// The picture and what its lines are; absent if it could not be drawn.
    pub drawn: Option<(Svg, Vec<LegendRow>)>,
}

/// One of the server's own figures.
pub struct Tile {
    /// What it counts.
    pub label: String,
    /// Its value now.
    pub value: f64,
    /// What it is.
    pub unit: Unit,
    /// Whether it counts something lost.
    pub is_loss: bool,
    /// Its recent course, and the target that shows more of it.
    pub course: Option<(Svg, String)>,
}

/// The body of the page.
pub fn body(view: &Home) -> Html {
    let mut page = Html::new();
    page.raw("<h1 class=\"unseen\">Kymograph</h1>");
    if let Some((words, found)) = &view.search {
        results(&mut page, words, found);
    }
    health(&mut page, view);
    if view.empty {
        start(&mut page, &view.listening);
    } else {
        busiest(&mut page, view);
        page.raw("<section id=\"names\"><h2>All metrics</h2>");
        tree::write(&mut page, &view.names);
        page.raw("</section>");
    }
    page
}

fn results(page: &mut Html, words: &str, found: &[String]) {
    page.raw("<section><h2>Metrics like “").text(words).raw("”</h2>");
    if found.is_empty() {
        page.raw("<p class=\"muted\">None. Every word has to occur in the name.</p>");
    }
    page.raw("<ul class=\"plain\">");
    for name in found {
        page.raw("<li><a href=\"").text(&link::explore(&link::target_of(name), "-6h")).raw("\">");
        page.text(name).raw("</a></li>");
    }
    page.raw("</ul></section>");
}

fn health(page: &mut Html, view: &Home) {
    page.raw("<section id=\"health\" data-part data-live><h2>This server</h2>");
    if let Some(reason) = &view.cannot_write {
        page.raw("<p class=\"wrong\" role=\"alert\">The store cannot write: ").text(reason).raw("</p>");
    }
    if view.open_to_others {
        page.raw("<p class=\"wrong\" role=\"alert\">Everybody who can reach this server may read all of it.</p>");
    }
    page.raw("<div class=\"tiles\">");
    for tile in &view.tiles {
        let lost = tile.is_loss && tile.value > 0.0;
        page.raw(if lost { "<div class=\"tile lost\">" } else { "<div class=\"tile\">" });
        page.raw("<span class=\"label\">").text(&tile.label).raw("</span><b>");
        page.text(&value_label(tile.value, &tile.unit)).raw("</b>");
        if let Some((svg, target)) = &tile.course {
            page.raw("<a href=\"").text(&link::explore(target, &view.since)).raw("\" aria-label=\"").text(&tile.label);
            page.raw(", its recent course\">").picture(svg).raw("</a>");
        }
        page.raw("</div>");
    }
    page.raw("</div></section>\n");
}

fn busiest(page: &mut Html, view: &Home) {
    page.raw("<section id=\"busiest\" data-part data-live><h2>Busiest in the last half hour</h2>");
    if view.cards.is_empty() {
        page.raw("<p class=\"muted\">Nothing has changed in the last half hour. Older metrics are below.</p>");
    }
    page.raw("<div class=\"cards\">");
    for Card { panel, drawn } in &view.cards {
        page.raw("<article class=\"card\"><h3><a href=\"").text(&link::explore(&panel.target, &view.since)).raw("\">");
        page.text(&panel.title).raw("</a> <span class=\"muted\">").text(panel.what).raw("</span></h3>");
        match drawn {
            Some((svg, rows)) => {
                lines(page, rows);
                page.picture(svg);
            }
            None => {
                page.raw("<p class=\"muted\">could not be drawn</p>");
            }
        }
        page.raw("</article>");
    }
    page.raw("</div></section>\n");
}

/// Each line's newest value; its name only where there are several, and of that the node that tells them apart.
fn lines(page: &mut Html, rows: &[LegendRow]) {
    page.raw("<p class=\"lines\">");
    for row in rows {
        page.raw("<span>");
        legend::swatch(page, row);
        if rows.len() > 1 {
            page.text(row.name.rsplit('.').next().unwrap_or(&row.name)).raw(" ");
        }
        page.raw("<b>").text(&row.labels[0]).raw("</b></span>");
    }
    page.raw("</p>");
}

/// What an empty store says: how to fill it, with the ports that are really open.
fn start(page: &mut Html, listening: &Listening) {
    page.raw("<section id=\"names\" class=\"start\" data-part data-live><h2>Nothing here yet</h2>");
    if let Some(statsd) = listening.statsd {
        page.raw("<p>Send a first sample:</p><pre>echo \"hello:1|c\" | nc -u -w0 ").text(&host(statsd.ip()));
        page.raw(" ").number(i64::from(statsd.port())).raw("</pre>");
    }
    if let Some(carbon) = listening.carbon {
        page.raw("<p>or a Carbon line:</p><pre>echo \"hello.carbon 42 $(date +%s)\" | nc -w1 ")
            .text(&host(carbon.ip()));
        page.raw(" ").number(i64::from(carbon.port())).raw("</pre>");
    }
    page.raw("<p class=\"muted\">It appears here with the next flush, within ten seconds.</p></section>");
}

/// An address that can be connected to: what listens everywhere is reached here.
fn host(ip: std::net::IpAddr) -> String {
    match ip {
        ip if !ip.is_unspecified() => ip.to_string(),
        std::net::IpAddr::V4(_) => "127.0.0.1".to_owned(),
        std::net::IpAddr::V6(_) => "::1".to_owned(),
    }
}
