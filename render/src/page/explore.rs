//! `/explore`: a query field, a range, the graph, its legend and its numbers. The address is the whole state, so a page
//! can be sent to someone as it is.

use super::graph::Graph;
use super::html::Html;
use super::{legend, link, moment, number};

/// The ranges that are one click away.
const PRESETS: [(&str, &str); 5] = [("1h", "-1h"), ("6h", "-6h"), ("1d", "-1d"), ("7d", "-7d"), ("30d", "-30d")];

/// What the page shows.
pub struct Explore {
    /// What stands in the query field.
    pub text: String,
    /// The targets in it.
    pub targets: Vec<String>,
    /// The start of the range, as it was asked for.
    pub from: String,
    /// The end of the range, as it was asked for.
    pub until: String,
    /// The zone, as it was asked for; empty for the server's.
    pub zone: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a query.
pub enum Outcome {
    /// Nothing was asked yet; these are names to begin with.
    Unasked(Vec<String>),
    /// It cannot be answered.
    Refused {
        /// Why, in a line.
        message: String,
        /// The target with a mark under the place.
        caret: Option<String>,
    },
    /// Nothing matched; these names come near.
    Unmatched(Vec<String>),
    /// A graph.
    Drawn(Box<Graph>),
}

/// The body of the page.
pub fn body(view: &Explore) -> Html {
    let mut page = Html::new();
    page.raw("<h1 class=\"unseen\">Explore</h1>");
    form(&mut page, view);
    page.raw("<section id=\"graph\" data-part");
    match &view.outcome {
        Outcome::Unasked(names) => {
            page.raw(
                "><p>Type a target above: a name, a pattern such as <code>servers.*.cpu</code>, or a function of \
                      them such as <code>sumSeries(servers.*.cpu)</code>.</p>",
            );
            examples(&mut page, "Names to begin with", names);
        }
        Outcome::Refused { message, caret } => {
            page.raw("><div class=\"wrong\" role=\"alert\"><p>").text(message).raw("</p>");
            if let Some(caret) = caret {
                page.raw("<pre>").text(caret).raw("</pre>");
            }
            page.raw("</div>");
        }
        Outcome::Unmatched(names) => {
            page.raw("><div class=\"wrong\" role=\"alert\"><p>No series matched.</p></div>");
            examples(&mut page, "Did you mean", names);
        }
        Outcome::Drawn(graph) => drawn(&mut page, view, graph),
    }
    page.raw("</section>");
    page
}

fn form(page: &mut Html, view: &Explore) {
    let lines = i64::try_from(view.text.lines().count().clamp(1, 8)).unwrap_or(1);
    page.raw(
        "<form id=\"query\" action=\"/explore\"><label class=\"unseen\" for=\"target\">Targets, one a line</label>",
    );
    page.raw(
        "<textarea id=\"target\" name=\"target\" spellcheck=\"false\" autocomplete=\"off\" autocapitalize=\"off\" ",
    );
    page.raw("placeholder=\"sumSeries(servers.*.cpu)\" rows=\"").number(lines).raw("\">");
    // A newline right after the tag would be eaten.
    page.raw("\n").text(&view.text).raw("</textarea><div id=\"offers\" hidden></div><div class=\"range\">");
    presets(page, view);
    for (name, label, value, hint) in [
        ("from", "from", &view.from, "-6h, midnight, 14:30_20260405"),
        ("until", "until", &view.until, "now, -1h, 15:00_20260405"),
        ("tz", "zone", &view.zone, "UTC"),
    ] {
        page.raw("<label>").text(label).raw("<input name=\"").text(name).raw("\" value=\"").text(value);
        page.raw("\" placeholder=\"")
            .text(hint)
            .raw("\" size=\"14\" autocomplete=\"off\" spellcheck=\"false\"></label>");
    }
    page.raw("<button class=\"go\">Draw</button></div></form>\n");
}

fn presets(page: &mut Html, view: &Explore) {
    page.raw("<nav id=\"presets\" class=\"group\" aria-label=\"Range\" data-part>");
    for (label, from) in PRESETS {
        let chosen = view.from == from && is_now(&view.until);
        let mut params = vec![("target", view.text.as_str()), ("from", from), ("until", "now")];
        if !view.zone.is_empty() {
            params.push(("tz", &view.zone));
        }
        page.raw("<a href=\"").text(&link::to("/explore", &params)).raw("\"");
        page.raw(if chosen { " aria-current=\"true\">" } else { ">" }).text(label).raw("</a>");
    }
    page.raw("</nav>");
}

/// Whether a range that ends so grows while one looks at it.
pub fn is_now(until: &str) -> bool {
    matches!(until.trim(), "" | "now")
}

fn examples(page: &mut Html, heading: &'static str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    page.raw("<h2>").raw(heading).raw("</h2><ul class=\"plain\">");
    for name in names {
        page.raw("<li><a href=\"").text(&link::explore(&link::target_of(name), "-6h")).raw("\">");
        page.text(name).raw("</a></li>");
    }
    page.raw("</ul>");
}

fn drawn(page: &mut Html, view: &Explore, graph: &Graph) {
    page.raw(" data-from=\"").number(graph.window.from.0);
    page.raw("\" data-until=\"").number(graph.window.until.0);
    page.raw("\" data-now=\"").number(graph.now.0);
    page.raw("\" data-step=\"").number(graph.step_secs);
    page.raw("\" data-points=\"").number(i64::try_from(graph.points).unwrap_or(i64::MAX));
    page.raw("\" data-zone=\"").text(moment::zone_name(&graph.zone));
    page.raw(if is_now(&view.until) { "\" data-live>" } else { "\">" });
    page.raw("<div class=\"over\"><p class=\"when\">").text(&moment::range(graph.window, &graph.zone)).raw("</p>");
    tools(page, view);
    page.raw(
        "</div><div class=\"plot\" tabindex=\"0\" role=\"group\" aria-label=\"Graph; arrow keys move the crosshair\">",
    );
    page.picture(&graph.svg).raw("</div><p class=\"unseen\" id=\"aloud\" aria-live=\"polite\"></p>");
    legend::write(page, &graph.rows);
    cost(page, graph);
    table(page, graph);
}

/// The same query in other forms.
fn tools(page: &mut Html, view: &Explore) {
    page.raw(
        "<nav class=\"tools\"><span class=\"group scripted\">\
         <button type=\"button\" id=\"earlier\" title=\"Earlier ([)\" aria-label=\"Earlier\">‹</button>\
         <button type=\"button\" id=\"out\" title=\"Back out (Backspace)\">Zoom out</button>\
         <button type=\"button\" id=\"later\" title=\"Later (])\" aria-label=\"Later\">›</button></span>\
         <button type=\"button\" id=\"live\" class=\"scripted\" aria-pressed=\"false\" title=\"Refresh by itself (l)\">\
         Live</button><span class=\"group\">",
    );
    let mut params: Vec<(&str, &str)> = view.targets.iter().map(|target| ("target", target.as_str())).collect();
    params.extend([("from", view.from.as_str()), ("until", &view.until)].iter().filter(|(_, value)| !value.is_empty()));
    if !view.zone.is_empty() {
        params.push(("tz", &view.zone));
    }
    for (format, label) in [("png", "PNG"), ("svg", "SVG"), ("csv", "CSV"), ("json", "JSON")] {
        let mut all = params.clone();
        all.push(("format", format));
        if matches!(format, "png" | "svg") {
            all.extend([("width", "1000"), ("height", "400")]);
        }
        page.raw("<a href=\"").text(&link::to("/render", &all)).raw("\">").text(label).raw("</a>");
    }
    page.raw("</span></nav>");
}

/// One grey line: what the query read, and at which resolution.
fn cost(page: &mut Html, graph: &Graph) {
    let series = u64::try_from(graph.rows.len() + graph.left_out).unwrap_or(u64::MAX);
    page.raw("<p class=\"muted\">").text(&number::count(series));
    page.raw(" series, ").text(&number::count(graph.points));
    page.raw(" points, one every ").text(&number::stretch(graph.step_secs)).raw(".");
    if graph.left_out > 0 {
        let left = u64::try_from(graph.left_out).unwrap_or(u64::MAX);
        page.raw(" The ").text(&number::count(left));
        page.raw(
            " with the smallest maxima are not drawn; a narrower target or <code>highestMax(…, 10)</code> shows fewer.",
        );
    }
    page.raw("</p>");
}

/// The last numbers themselves, for readers whom the picture does not reach.
fn table(page: &mut Html, graph: &Graph) {
    page.raw(
        "<details id=\"numbers\" class=\"numbers\"><summary>Show data</summary><div class=\"wide\"><table><thead><tr>",
    );
    page.raw("<th scope=\"col\">Time</th>");
    for name in &graph.table.names {
        page.raw("<th scope=\"col\">").text(name).raw("</th>");
    }
    page.raw("</tr></thead><tbody>");
    for (at, values) in &graph.table.rows {
        page.raw("<tr><th scope=\"row\">").text(&moment::sortable(*at, &graph.zone)).raw("</th>");
        for value in values {
            page.raw("<td>").text(value).raw("</td>");
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table></div>");
    if graph.table.cut {
        page.raw("<p class=\"muted\">The newest points of the first series; CSV has them all.</p>");
    }
    page.raw("</details>");
}
