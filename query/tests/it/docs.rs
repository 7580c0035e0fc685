//! docs/functions.md says what the table of functions says. `KYMO_UPDATE_DOCS=1 cargo test -p query docs` rewrites it.

use std::path::Path;

#[test]
fn functions_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/functions.md");
    let page = query::functions::page::page();
    if std::env::var_os("KYMO_UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/functions.md is stale: run KYMO_UPDATE_DOCS=1 cargo test -p query docs");
}
