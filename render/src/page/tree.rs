//! The names as a tree of folders. Without JavaScript a folder is a link that comes back opened; with it, its content is
//! fetched where it stands.

use super::html::Html;
use super::link;

/// How many names one folder shows before it says how many more there are.
pub const SHOWN_MAX: usize = 300;

/// One folder's content.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// Dotted path of the folder; empty for the root.
    pub path: String,
    /// What is in it, at most [`SHOWN_MAX`].
    pub nodes: Vec<Node>,
    /// How many more there are.
    pub more: usize,
}

/// A folder or a series.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its own part of the path.
    pub name: String,
    /// The whole path.
    pub path: String,
    /// Whether it is a series.
    pub leaf: bool,
    /// What is in it, if it is opened.
    pub inside: Option<Level>,
}

/// Writes a folder's content as a list.
pub fn write(page: &mut Html, level: &Level) {
    page.raw("<ul class=\"tree\">");
    for node in &level.nodes {
        page.raw("<li>");
        if node.leaf {
            page.raw("<a href=\"").text(&link::explore(&link::target_of(&node.path), "-6h")).raw("\">");
            page.text(&node.name).raw("</a>");
        } else {
            folder(page, node);
        }
        page.raw("</li>");
    }
    if level.more > 0 {
        let more = i64::try_from(level.more).unwrap_or(i64::MAX);
        page.raw("<li class=\"muted\">and ").number(more).raw(" more: the search finds them</li>");
    }
    page.raw("</ul>");
}

fn folder(page: &mut Html, node: &Node) {
    page.raw("<details data-path=\"").text(&node.path).raw("\"");
    if node.inside.is_some() {
        page.raw(" open data-filled");
    }
    // The link serves where there is no script; the script opens the folder in place instead.
    page.raw("><summary><a href=\"").text(&link::to("/", &[("path", &node.path)])).raw("#names\">");
    page.text(&node.name).raw("</a></summary>");
    if let Some(inside) = &node.inside {
        write(page, inside);
    }
    page.raw("</details>");
}
