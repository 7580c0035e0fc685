//! The files that a page brings along, embedded: kymo is one binary and needs no folder beside it.

use super::graph::variables;
use crate::draw::Theme;
use std::fmt::Write;
use std::sync::LazyLock;

/// One file as it is served.
pub struct Asset {
    /// Its name below `/assets/`.
    pub name: &'static str,
    /// Its content type.
    pub kind: &'static str,
    /// Its content.
    pub text: String,
    /// Changes whenever the content does.
    pub tag: String,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |name, kind, text: String| {
        let tag = format!("\"{:016x}\"", fingerprint(text.as_bytes()));
        Asset { name, kind, text, tag }
    };
    let script = |name, text: &str| asset(name, SCRIPT, text.to_owned());
    vec![
        asset("style.css", "text/css; charset=utf-8", format!("{}{}", palette(), include_str!("assets/style.css"))),
        asset("icon.svg", "image/svg+xml", include_str!("assets/icon.svg").to_owned()),
        script("theme.js", include_str!("assets/theme.js")),
        script("page.js", include_str!("assets/page.js")),
        script("view.js", include_str!("assets/view.js")),
        script("plot.js", include_str!("assets/plot.js")),
        script("legend.js", include_str!("assets/legend.js")),
        script("live.js", include_str!("assets/live.js")),
        script("names.js", include_str!("assets/names.js")),
        script("complete.js", include_str!("assets/complete.js")),
        script("keys.js", include_str!("assets/keys.js")),
    ]
});

/// The file of this name.
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The drawing code's colours as variables, each for light and for dark: one picture then serves both.
fn palette() -> String {
    let mut css = String::from(":root{");
    for ((light, name), (dark, _)) in variables(Theme::Light).iter().zip(variables(Theme::Dark)) {
        // Writing to a String cannot fail.
        let _ = write!(css, "--{name}:light-dark({light},{dark});");
    }
    css.push_str("}\n");
    css
}

/// FNV-1a, so that the same content has the same tag in every process.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::ASSETS;

    /// What a page loads stays small enough to come at once over a bad line.
    #[test]
    fn the_page_is_at_most_sixty_kilobytes() {
        let sizes: Vec<_> = ASSETS.iter().map(|asset| (asset.name, asset.text.len())).collect();
        let all: usize = sizes.iter().map(|(_, bytes)| bytes).sum();
        assert!(all <= 50_000, "{all} bytes leave too little of 60 kB for the HTML: {sizes:?}");
    }

    /// Names come from the wire: scripts may only write them as text.
    #[test]
    fn scripts_never_write_markup() {
        for asset in ASSETS.iter().filter(|asset| asset.name.ends_with(".js")) {
            for banned in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("] {
                assert!(!asset.text.contains(banned), "{} says {banned}", asset.name);
            }
        }
    }
}
