//! The tree of the recorded answers in our own store, under rules that say of each name what its file says.

use conformance::fixture;
use std::path::Path;
use tsdb::whisper::{self, WholeFile};
use tsdb::{Imported, Rules, SlabStore, StoreLimits, SyncPolicy, Timestamp, name};

/// Imports the tree, which nobody writes to any more, into a store in this folder.
pub fn fixture_store(folder: &Path) -> SlabStore {
    let tree = folder.join("tree");
    fixture::write(&tree).expect("written");
    let series: Vec<(String, WholeFile)> = fixture::series()
        .iter()
        .map(|series| {
            let path = series.path();
            // Of a file that is called by a hash only whoever wrote it knows the name.
            let by_hash = series.name.contains(';') && !path.contains(';');
            let name = if by_hash { series.name.clone() } else { name::of_path(Path::new(&path)).expect("a name") };
            (name, whisper::read_whole(&tree.join(path)).expect("read"))
        })
        .collect();
    let own = |(name, whole): &'_ (String, WholeFile)| {
        (name.clone(), whole.rollup.expect("a method"), whole.x_files_factor as f32)
    };
    let own: Vec<_> = series.iter().map(own).collect();
    let own: Vec<_> = own.iter().map(|(name, rollup, factor)| (name.as_str(), *rollup, *factor)).collect();
    let text = Rules::default().aggregation_text(&own);
    let rules = Rules::parse(None, Some((Path::new("aggregation"), &text))).expect("rules");
    let mut store =
        SlabStore::open(&folder.join("slab"), rules, StoreLimits::default(), SyncPolicy::None).expect("opened");
    let mut import = store.import(Timestamp(fixture::NOW + 2 * 86_400));
    for (name, whole) in &series {
        let WholeFile { retention, rollup, x_files_factor, archives } = whole;
        let (rollup, x_files_factor) = (*rollup, *x_files_factor);
        import.add(&Imported { name, retention, rollup, x_files_factor, archives }).expect("added");
    }
    import.finish().expect("finished");
    store
}
