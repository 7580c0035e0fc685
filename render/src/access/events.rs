//! The events as one caller sees them. An event may be about any name, so whoever may see some names only sees none, and
//! makes none.

use super::grants::{Grants, Scope};
use query::source::Tagged;
use query::{EventSource, SourceError};
use std::sync::Arc;
use tsdb::{Event, Events, Timestamp, Window};

/// Someone's view of the events.
pub struct EventsView {
    inner: Arc<Events>,
    grants: Arc<Grants>,
}

impl EventsView {
    /// The events for someone with these rights.
    pub fn of(inner: Arc<Events>, grants: &Arc<Grants>) -> Arc<EventsView> {
        Arc::new(EventsView { inner, grants: Arc::clone(grants) })
    }

    /// The same events for someone else.
    pub fn seen_with(&self, grants: &Arc<Grants>) -> Arc<EventsView> {
        EventsView::of(Arc::clone(&self.inner), grants)
    }

    /// [`Events::find`].
    ///
    /// # Errors
    /// They may not be seen, or cannot be read.
    pub fn find(&self, window: Window, tagged: &Tagged) -> Result<Vec<Event>, SourceError> {
        self.grants.require_everywhere(Scope::Read)?;
        Ok(self.inner.find(window, tagged)?)
    }

    /// [`Events::get`].
    ///
    /// # Errors
    /// They may not be seen, or cannot be read.
    pub fn get(&self, id: u64) -> Result<Option<Event>, SourceError> {
        self.grants.require_everywhere(Scope::Read)?;
        Ok(self.inner.get(id)?)
    }

    /// [`Events::changes`].
    pub fn changes(&self) -> u64 {
        self.inner.changes()
    }

    /// [`Events::append`].
    ///
    /// # Errors
    /// None may be made, it is too long, or it cannot be written.
    pub fn append(&self, when: Timestamp, what: &str, data: &str, tags: &[String]) -> Result<u64, SourceError> {
        self.grants.require_everywhere(Scope::Write)?;
        Ok(self.inner.append(when, what, data, tags)?)
    }
}

impl EventSource for EventsView {
    fn moments(&self, window: Window, tagged: &Tagged) -> Result<Vec<Timestamp>, SourceError> {
        Ok(self.find(window, tagged)?.into_iter().map(|event| event.when).collect())
    }
}
