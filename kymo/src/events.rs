//! The events of a data folder, which lie beside its store.

use render::access::{EventsView, Grants};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsdb::{EventLimits, Events};

/// The file of a data folder's events.
pub fn file(data: &Path) -> PathBuf {
    data.join("events.redb")
}

/// Opens or makes it. Series are worth more than events: where it cannot be done the log says why, and all else goes on.
pub fn open(data: &Path, limits: EventLimits) -> Option<Arc<EventsView>> {
    let path = file(data);
    match Events::open(&path, limits) {
        Ok((events, aside)) => {
            if let Some(aside) = aside {
                let (path, aside) = (path.display(), aside.display());
                tracing::error!("{path} was damaged beyond repair: it is {aside} now, and events begin anew");
            }
            Some(EventsView::of(Arc::new(events), &Arc::new(Grants::everything())))
        }
        Err(error) => {
            tracing::error!("no events are kept: {}", error.chain());
            None
        }
    }
}
