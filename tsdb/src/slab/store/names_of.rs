//! From the log of names to open schemas, and new names into the log.

use super::moves::{Former, Formers};
use super::{Event, Faults, Key, Name, Names, Place, Places, Quotas, Schema, schema};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::index::Index;
use crate::retention::Retention;
use crate::sketch::Family;
use crate::slab::frames::Damage;
use crate::slab::names::Mark;
use crate::slab::places::SCHEMAS_MOST;
use crate::time::Timestamp;
use roaring::RoaringBitmap;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When a series ended of which earlier versions wrote no moment.
const UNKNOWN: Timestamp = Timestamp(0);

/// The open log, and which schema is of which retention.
pub(super) struct SchemaNames {
    log: Names,
    retentions: HashMap<Retention, u16>,
    root: PathBuf,
    /// Whether the log has a batch that is not on the medium.
    is_pending: bool,
    is_damaged: bool,
}

impl SchemaNames {
    pub fn new(log: Names, retentions: HashMap<Retention, u16>, root: &Path, damage: Damage) -> SchemaNames {
        let is_damaged = damage.skipped_bytes > 0;
        SchemaNames { log, retentions, root: root.to_owned(), is_pending: false, is_damaged }
    }

    /// Whether records were lost from the log: then it stays as it is, for whoever can make more of it.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Records in the log.
    pub fn records(&self) -> u64 {
        self.log.records()
    }

    /// Begins to keep what is added for a log that takes this one's place.
    pub fn begin_successor(&mut self) -> Result<(), Error> {
        self.commit()?;
        self.log.begin_successor();
        Ok(())
    }

    /// No log takes this one's place.
    pub fn end_successor(&mut self) {
        self.log.end_successor();
    }

    /// Puts a log in this one's place.
    pub fn succeed(&mut self, successor: Names) -> Result<(), Error> {
        self.log.succeed(successor)
    }

    /// The number of a retention's schema, which `open` is called to add if it is new.
    pub fn schema(
        &mut self,
        retention: &Retention,
        add: impl FnOnce(&Path) -> Result<u16, Error>,
    ) -> Result<u16, Error> {
        if let Some(schema) = self.retentions.get(retention) {
            return Ok(*schema);
        }
        let folder = self.root.join(schema::folder_name(retention));
        if self.retentions.len() >= SCHEMAS_MOST {
            return Err(Error::corrupt(&self.root, format!("more than {SCHEMAS_MOST} retentions")));
        }
        let schema = add(&folder)?;
        self.retentions.insert(retention.clone(), schema);
        Ok(schema)
    }

    /// Adds a record, which lies on the medium with the next [`SchemaNames::commit`].
    pub fn push(&mut self, event: Event, place: Place, at: Timestamp, name: &str, sketches: Option<Family>) {
        let Key { column, generation } = place.key();
        self.log.push(&Name { column, generation, schema: place.schema, event, sketches, at_secs: at.0, name });
        self.is_pending = true;
    }

    /// Where the log's batch is now.
    pub fn mark(&self) -> Mark {
        self.log.mark()
    }

    /// Takes the records back that were added since.
    pub fn withdraw(&mut self, mark: Mark) {
        self.log.withdraw(mark);
    }

    /// Returns when every record is on the medium.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.is_pending {
            self.log.commit()?;
            self.is_pending = false;
        }
        Ok(())
    }
}

#[cfg(test)]
impl SchemaNames {
    /// Goes on with another log; answers the one before.
    pub fn turn_to(&mut self, log: Names) -> Names {
        std::mem::replace(&mut self.log, log)
    }
}

/// The schemas of a folder, and which is of which retention.
pub(super) type Opened = (HashMap<Retention, u16>, Vec<Arc<Schema>>);

/// What the log says: of each series its place, and whether it has ended.
#[derive(Default)]
pub(super) struct Found {
    /// By id.
    series: Vec<(Option<Place>, bool)>,
    /// Where series lay before they moved.
    formers: Formers,
    /// Series that keep their archives whatever the rules say.
    imported: RoaringBitmap,
    /// The series of sketches.
    sketches: HashMap<SeriesId, Family>,
    /// The newest generation of each column and when it ended if it has, by schema.
    columns: HashMap<u16, HashMap<u32, (u16, Option<Timestamp>)>>,
}

impl Found {
    /// Takes one record. Names are resolved in the order of their first record, so that ids are the same every time.
    pub fn take(&mut self, name: &Name<'_>, index: &Index) {
        let (column, generation) = (name.column, name.generation);
        let is_made = name.event != Event::Ended;
        let ended = (!is_made).then_some(Timestamp(name.at_secs));
        self.columns.entry(name.schema).or_default().insert(column, (generation, ended));
        if name.name.is_empty() {
            // Of a column alone.
            return;
        }
        // More names than may be: those beyond are not shown, and their columns stay taken.
        let Ok(id) = index.resolve(name.name) else { return };
        if self.series.len() <= id.index() {
            self.series.resize(id.index() + 1, (None, false));
        }
        let place = Place::new(name.schema, Key { column, generation });
        let (current, is_there) = self.series[id.index()];
        if !is_made {
            let formers = self.formers.get_mut(&id).filter(|_| is_there && current != Some(place));
            if let Some(formers) = formers
                && let Some(at) = formers.iter().position(|former| former.place == place)
            {
                // Not the series has ended, but what it had before it moved.
                formers.remove(at);
                if formers.is_empty() {
                    self.formers.remove(&id);
                }
                return;
            }
            self.formers.remove(&id).into_iter().flatten().for_each(|former| self.free(former.place));
        }
        match name.sketches.filter(|_| is_made) {
            Some(family) => self.sketches.insert(id, family),
            None => self.sketches.remove(&id),
        };
        // What is there and is made again has moved, unless it has become a series of sketches.
        if let Some(former) = current.filter(|current| is_there && is_made && *current != place) {
            self.formers.entry(id).or_default().push(Former { place: former, until: Timestamp(name.at_secs) });
        }
        if name.event == Event::Imported {
            self.imported.insert(id.0);
        } else {
            self.imported.remove(id.0);
        }
        self.series[id.index()] = (Some(place), is_made);
    }

    /// A former place of a series that has ended: earlier versions wrote no record of that.
    fn free(&mut self, place: Place) {
        let Key { column, generation } = place.key();
        if let Some(newest) = self.columns.get_mut(&place.schema).and_then(|columns| columns.get_mut(&column))
            && newest.0 == generation
        {
            newest.1 = Some(UNKNOWN);
        }
    }

    /// Ends the series whose column was given to another: the record of their end was damaged.
    pub fn settle(&mut self, schemas: &[Arc<Schema>]) {
        for (place, is_made) in &mut self.series {
            let holds =
                |place: Place| schemas.get(usize::from(place.schema)).is_some_and(|schema| schema.holds(place.key()));
            *is_made &= place.is_some_and(holds);
        }
    }

    /// Opens the schemas in the folder, each by its number.
    pub fn open_schemas(&self, root: &Path, faults: &Arc<Faults>, late_points: usize) -> Result<Opened, Error> {
        let mut numbered = Vec::new();
        for entry in fs::read_dir(root).map_err(Error::io("list", root))? {
            let path = entry.map_err(Error::io("list", root))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some((number, retention)) = schema::numbered_folder(name) {
                numbered.push((number, retention, path));
            }
        }
        numbered.sort_by_key(|(number, ..)| *number);
        if let Some(missing) = self.columns.keys().find(|schema| usize::from(**schema) >= numbered.len()) {
            return Err(Error::corrupt(root, format!("the folder of schema {missing} is missing")));
        }
        let (mut retentions, mut schemas) = (HashMap::new(), Vec::new());
        for (expected, (number, retention, path)) in numbered.into_iter().enumerate() {
            if usize::from(number) != expected {
                return Err(Error::corrupt(root, format!("the folder of schema {expected} is missing")));
            }
            let columns = self.columns.get(&number);
            let keys = columns
                .into_iter()
                .flatten()
                .map(|(column, (generation, is_taken))| (Key { column: *column, generation: *generation }, *is_taken));
            let (schema, _) = Schema::open(&path, retention.clone(), keys, Arc::clone(faults), late_points)?;
            retentions.insert(retention, number);
            schemas.push(Arc::new(schema));
        }
        Ok((retentions, schemas))
    }

    /// Notes where each series lies.
    pub fn place(&self, places: &Places) {
        for (id, (place, is_made)) in (0..).zip(&self.series) {
            if let Some(place) = place.filter(|_| *is_made) {
                places.set(SeriesId(id), place);
            }
        }
    }

    /// The series of sketches, and the kind of each.
    pub fn sketches(&self) -> &HashMap<SeriesId, Family> {
        &self.sketches
    }

    /// Where series lay before they moved, and those that never move.
    pub fn into_formers(self) -> (Formers, RoaringBitmap) {
        (self.formers, self.imported)
    }

    /// The series that have not ended.
    pub fn shown(&self) -> Vec<SeriesId> {
        (0..).zip(&self.series).filter(|(_, (_, is_made))| *is_made).map(|(id, _)| SeriesId(id)).collect()
    }

    /// Counts the series that have not ended, where there is a bound on any.
    pub fn count_for(&self, quotas: &mut Quotas, index: &Index) {
        if !quotas.is_unbounded() {
            self.shown().iter().for_each(|id| {
                index.with_name(*id, |name| quotas.count(name));
            });
        }
    }

    /// Shows the series that are there, most of them as the last checkpoint has them.
    pub fn show(&self, index: &Index, checkpoint: &Path) -> Result<(), Error> {
        if !index.attach(checkpoint)? {
            index.show_all(&self.shown());
            return Ok(());
        }
        // What the checkpoint does not know, or knows as shown though it has ended since.
        let (shown, hidden) = self.unlike(index);
        index.show_all(&shown);
        index.hide_all(&hidden);
        Ok(())
    }

    /// Those that an index hides though they are there, and those that it shows though they have ended.
    fn unlike(&self, index: &Index) -> (Vec<SeriesId>, Vec<SeriesId>) {
        let unlike = (0..).map(SeriesId).zip(&self.series).filter(|(id, (_, is_made))| index.is_shown(*id) != *is_made);
        let (shown, hidden): (Vec<_>, Vec<_>) = unlike.partition(|(_, (_, is_made))| *is_made);
        let ids = |found: Vec<(SeriesId, &(Option<Place>, bool))>| found.into_iter().map(|(id, _)| id).collect();
        (ids(shown), ids(hidden))
    }
}
