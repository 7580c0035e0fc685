//! The page for people: HTML that is complete when it leaves the server, graphs included, and works without JavaScript.
//! The modules in `assets/` only make it quicker to use.
//!
//! Values in, HTML out: [`crate::http`] reads the store and hands over what to show. Names come from the wire and may
//! be hostile; [`html`] is the one way into a page, and it escapes.

pub mod assets;
pub mod busiest;
pub mod events;
pub mod explore;
pub mod graph;
pub mod home;
pub mod html;
pub mod legend;
pub mod link;
pub mod moment;
pub mod number;
pub mod search;
pub mod tree;

use html::Html;

/// Light or dark, where the address says so (`theme=`); otherwise the browser's wish holds, or the switch in the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// As the system or the switch says.
    Auto,
    /// Dark ink on white.
    Light,
    /// Light ink on near-black.
    Dark,
}

/// What every page has around its body.
pub struct Frame<'a> {
    /// In the browser's tab.
    pub title: &'a str,
    /// Light or dark.
    pub scheme: Scheme,
    /// What stands in the search box.
    pub search: &'a str,
    /// Of the program.
    pub version: &'a str,
}

/// A whole document around `body`.
pub fn document(frame: &Frame<'_>, body: &Html) -> String {
    let mut page = Html::new();
    page.raw("<!doctype html>\n<html lang=\"en\"");
    match frame.scheme {
        Scheme::Auto => page.raw(">"),
        Scheme::Light => page.raw(" data-theme=\"light\">"),
        Scheme::Dark => page.raw(" data-theme=\"dark\">"),
    };
    page.raw(
        "<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>",
    );
    page.text(frame.title);
    page.raw(
        "</title><link rel=\"icon\" href=\"/assets/icon.svg\"><link rel=\"stylesheet\" href=\"/assets/style.css\">\
         <script src=\"/assets/theme.js\"></script><script type=\"module\" src=\"/assets/page.js\"></script></head>\n\
         <body><a class=\"skip\" href=\"#main\">Skip to content</a>",
    );
    header(&mut page, frame.search);
    page.raw("<main id=\"main\">").part(body).raw("</main>");
    footer(&mut page, frame.version);
    page.raw("</body></html>\n");
    page.finish()
}

fn header(page: &mut Html, search: &str) {
    page.raw(
        "<header class=\"top\"><a class=\"brand\" href=\"/\"><svg width=\"22\" height=\"16\" viewBox=\"0 0 22 16\" \
         aria-hidden=\"true\"><path d=\"M1 9h4l2-7 4 13 3-9 1.5 3H21\" fill=\"none\" stroke=\"currentColor\" \
         stroke-width=\"1.8\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/></svg>Kymograph</a>\
         <form class=\"search\" action=\"/\" role=\"search\"><input id=\"search\" name=\"q\" type=\"search\" \
         autocomplete=\"off\" spellcheck=\"false\" placeholder=\"Find a metric or type a target\" \
         aria-label=\"Find a metric or type a target\" value=\"",
    );
    page.text(search);
    page.raw(
        "\"><div id=\"suggestions\" hidden></div></form>\
         <nav class=\"tools scripted\"><button type=\"button\" id=\"theme\" title=\"Light or dark (t)\">Theme</button>\
         <button type=\"button\" id=\"help\" title=\"Keys (?)\" aria-label=\"Keys\">?</button></nav></header>\n",
    );
}

fn footer(page: &mut Html, version: &str) {
    page.raw("<footer>Kymograph ").text(version).raw(
        " · <a href=\"/metrics/index.json\">all names</a> · <a href=\"/events/\">events</a> · <a href=\"/healthz\">health</a></footer>\
         <dialog id=\"keys\" aria-labelledby=\"keys-title\"><h2 id=\"keys-title\">Keys</h2><dl>\
         <dt>/</dt><dd>find a metric</dd>\
         <dt>drag</dt><dd>zoom into a stretch of time</dd>\
         <dt>Backspace, double click</dt><dd>back out</dd>\
         <dt>← →</dt><dd>move the crosshair (Shift: ten at a time)</dd>\
         <dt>[ ]</dt><dd>the stretch before or after</dd>\
         <dt>click a name</dt><dd>hide or show it (Shift: it alone)</dd>\
         <dt>l</dt><dd>live on or off</dd>\
         <dt>t</dt><dd>light or dark</dd>\
         </dl><form method=\"dialog\"><button>Close</button></form></dialog>",
    );
}
