//! `/events/`: what happened, newest first, and one event by itself.

use super::html::Html;
use super::moment;
use jiff::tz::TimeZone;
use tsdb::Event;

/// Rows of one page; who wants more narrows the time or the tags.
const ROWS_MAX: usize = 500;

/// What the list shows.
pub struct List<'a> {
    /// In the order of the rows.
    pub events: &'a [Event],
    /// The tags that were asked for.
    pub tags: Option<&'a str>,
    /// Of the moments.
    pub zone: &'a TimeZone,
}

/// The body of `/events/`.
pub fn list(view: &List<'_>) -> Html {
    let mut page = Html::new();
    page.raw("<h1>Events</h1>");
    if let Some(tags) = view.tags {
        page.raw("<p class=\"muted\">Tagged <b>").text(tags).raw("</b> · <a href=\"/events/\">all events</a></p>");
    }
    if view.events.is_empty() {
        page.raw(
            "<p>There are none. Whoever releases or repairs something can say so:</p><pre>\
             curl -X POST -d '{\"what\": \"release 42\", \"tags\": [\"deploy\"]}' http://HOST/events/</pre>\
             <p>Graphs show them with <code>drawAsInfinite(events(\"deploy\"))</code>, Grafana as annotations.</p>",
        );
        return page;
    }
    page.raw("<table class=\"events\"><thead><tr><th>When (").text(moment::zone_name(view.zone));
    page.raw(")</th><th>What</th><th>Tags</th><th>Data</th></tr></thead><tbody>");
    for event in view.events.iter().take(ROWS_MAX) {
        page.raw("<tr><td class=\"moment\">").text(&moment::sortable(event.when, view.zone));
        page.raw("</td><td><a href=\"/events/").text(&event.id.to_string()).raw("\">");
        page.text(if event.what.is_empty() { "(nothing said)" } else { &event.what }).raw("</a></td><td>");
        tags(&mut page, event);
        page.raw("</td><td class=\"data\">").text(&event.data).raw("</td></tr>");
    }
    page.raw("</tbody></table>");
    if let Some(more @ 1..) = view.events.len().checked_sub(ROWS_MAX) {
        page.raw("<p class=\"muted\">").number(i64::try_from(more).unwrap_or(i64::MAX));
        page.raw(" older ones are not shown; <code>?until=</code> and <code>?tags=</code> narrow it.</p>");
    }
    page
}

/// The body of `/events/ID`.
pub fn detail(event: &Event, zone: &TimeZone) -> Html {
    let mut page = Html::new();
    page.raw("<h1>").text(&event.what).raw("</h1><p class=\"muted\">");
    page.text(&moment::long(event.when, zone)).raw(" · ").text(moment::zone_name(zone)).raw("</p>");
    if !event.tags.is_empty() {
        page.raw("<p>");
        tags(&mut page, event);
        page.raw("</p>");
    }
    if !event.data.is_empty() {
        page.raw("<pre>").text(&event.data).raw("</pre>");
    }
    page.raw("<p><a href=\"/events/\">all events</a></p>");
    page
}

/// Each leads to what else has it.
fn tags(page: &mut Html, event: &Event) {
    for tag in &event.tags {
        let query = form_urlencoded::byte_serialize(tag.as_bytes()).collect::<String>();
        page.raw("<a class=\"tag\" href=\"/events/?tags=").text(&query).raw("\">").text(tag).raw("</a> ");
    }
}
