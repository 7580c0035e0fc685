//! Events: moments with a text and tags, such as a release or an incident. They are few, written one at a time and not to be
//! lost, so they lie in a B-tree of one file; an event is on the disk when [`Events::append`] returns.
//!
//! Both bounds of [`EventLimits`] hold after every append: the oldest events make room.

use crate::error::Error;
use crate::time::{Timestamp, Window};
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageError, TableDefinition, WriteTransaction,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Moment and id.
type Key = (i64, u64);
/// What, data, and the tags with one space between two. Bytes, for text read from a disk may be none.
type Texts = (&'static [u8], &'static [u8], &'static [u8]);

const EVENTS: TableDefinition<'_, Key, Texts> = TableDefinition::new("events");
/// The moment of an id.
const MOMENTS: TableDefinition<'_, u64, i64> = TableDefinition::new("moments");
/// [`NEXT`], [`COUNT`] and [`BYTES`].
const TALLY: TableDefinition<'_, &str, u64> = TableDefinition::new("tally");

/// The id of the next event: none is given twice.
const NEXT: &str = "next id";
/// Events that are kept.
const COUNT: &str = "events";
/// Bytes of their texts and tags.
const BYTES: &str = "bytes";

/// Pages kept in memory; redb would take 1 GiB.
const CACHE_BYTES: usize = 4 << 20;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unique in its file, growing.
    pub id: u64,
    /// When it happened.
    pub when: Timestamp,
    /// What happened, in a few words.
    pub what: String,
    /// More about it.
    pub data: String,
    /// Without white space in them.
    pub tags: Vec<String>,
}

/// Which events are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// All.
    Anyhow,
    /// Those that have every one of these tags; none of no tags.
    Every(Vec<String>),
    /// Those that have one of these tags.
    Any(Vec<String>),
}

/// How many events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Events.
    pub events: u64,
    /// Bytes of their texts and tags together.
    pub bytes: u64,
}

impl Default for EventLimits {
    fn default() -> EventLimits {
        EventLimits { events: 100_000, bytes: 64 << 20 }
    }
}

/// A file of events.
pub struct Events {
    path: PathBuf,
    database: Database,
    limits: EventLimits,
    changes: AtomicU64,
}

impl Events {
    /// Opens the file, or makes it. All of it is checked; a file that is damaged beyond repair is moved aside, and the second
    /// value says where to.
    ///
    /// # Errors
    /// The file cannot be read or written, or another process has it open.
    pub fn open(path: &Path, limits: EventLimits) -> Result<(Events, Option<PathBuf>), Error> {
        let open = || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path)
        };
        let failed =
            |error: redb::DatabaseError| Error::Events { path: path.to_owned(), source: Box::new(error.into()) };
        let (database, aside) = match open() {
            Err(error) if is_damage(&error) => {
                let aside = unused(path);
                fs::rename(path, &aside).map_err(|source| Error::Io {
                    doing: "rename",
                    path: path.to_owned(),
                    source,
                })?;
                (open().map_err(failed)?, Some(aside))
            }
            opened => (opened.map_err(failed)?, None),
        };
        let events = Events { path: path.to_owned(), database, limits, changes: AtomicU64::new(0) };
        events.tell(|| events.make_tables())?;
        Ok((events, aside))
    }

    /// Keeps an event and answers its id. White space in a tag parts it in two.
    ///
    /// # Errors
    /// It alone is longer than all may be together, or the file cannot be written; then nothing was changed.
    pub fn append(&self, when: Timestamp, what: &str, data: &str, tags: &[String]) -> Result<u64, Error> {
        let tags: Vec<&str> = tags.iter().flat_map(|tag| tag.split_whitespace()).collect();
        let tags = tags.join(" ");
        let bytes = (what.len() + data.len() + tags.len()) as u64;
        if bytes > self.limits.bytes {
            return Err(Error::EventTooLong { bytes, limit: self.limits.bytes });
        }
        let id = self.tell(|| {
            let change = self.database.begin_write()?;
            let id = insert(&change, when, [what.as_bytes(), data.as_bytes(), tags.as_bytes()])?;
            self.make_room(&change)?;
            change.commit()?;
            Ok(id)
        })?;
        self.changes.fetch_add(1, Ordering::Release);
        Ok(id)
    }

    /// Grows with every event that is kept.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The events of a window, its end included, in the order of their moments.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(&self, window: Window, tagged: &Tagged) -> Result<Vec<Event>, Error> {
        if window.from > window.until {
            return Ok(Vec::new());
        }
        self.tell(|| {
            let events = self.read()?.open_table(EVENTS)?;
            let mut found = Vec::new();
            for entry in events.range((window.from.0, 0)..=(window.until.0, u64::MAX))? {
                let (key, value) = entry?;
                let ((when, id), (what, data, tags)) = (key.value(), value.value());
                if tagged.wants(tags) {
                    found.push(event(id, when, [what, data, tags]));
                }
            }
            Ok(found)
        })
    }

    /// An event by its id; `None` if there is none, or none any more.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&self, id: u64) -> Result<Option<Event>, Error> {
        self.tell(|| {
            let read = self.read()?;
            let Some(when) = read.open_table(MOMENTS)?.get(id)?.map(|when| when.value()) else { return Ok(None) };
            let found = read.open_table(EVENTS)?.get((when, id))?;
            Ok(found.map(|found| {
                let (what, data, tags) = found.value();
                event(id, when, [what, data, tags])
            }))
        })
    }

    fn read(&self) -> Result<ReadTransaction, redb::Error> {
        Ok(self.database.begin_read()?)
    }

    fn make_tables(&self) -> Result<(), redb::Error> {
        let change = self.database.begin_write()?;
        change.open_table(EVENTS)?;
        change.open_table(MOMENTS)?;
        change.open_table(TALLY)?;
        self.make_room(&change)?;
        Ok(change.commit()?)
    }

    /// Takes the oldest away until the limits hold.
    fn make_room(&self, change: &WriteTransaction) -> Result<(), redb::Error> {
        let (mut events, mut moments) = (change.open_table(EVENTS)?, change.open_table(MOMENTS)?);
        let mut tally = change.open_table(TALLY)?;
        let (mut count, mut bytes) = (tallied(&tally, COUNT)?, tallied(&tally, BYTES)?);
        while count > self.limits.events || bytes > self.limits.bytes {
            let Some((key, value)) = events.pop_first()? else { break };
            moments.remove(key.value().1)?;
            let (what, data, tags) = value.value();
            count -= 1;
            bytes = bytes.saturating_sub((what.len() + data.len() + tags.len()) as u64);
        }
        tally.insert(COUNT, count)?;
        tally.insert(BYTES, bytes)?;
        Ok(())
    }

    /// An error of the file, named.
    fn tell<T>(&self, job: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, Error> {
        job().map_err(|source| Error::Events { path: self.path.clone(), source: Box::new(source) })
    }
}

impl Tagged {
    fn wants(&self, tags: &[u8]) -> bool {
        let has = |tag: &String| tags.split(|byte| *byte == b' ').any(|found| found == tag.as_bytes());
        match self {
            Tagged::Anyhow => true,
            Tagged::Every(wanted) => !wanted.is_empty() && wanted.iter().all(has),
            Tagged::Any(wanted) => wanted.iter().any(has),
        }
    }
}

fn insert(change: &WriteTransaction, when: Timestamp, texts: [&[u8]; 3]) -> Result<u64, redb::Error> {
    let mut tally = change.open_table(TALLY)?;
    let [what, data, tags] = texts;
    let id = tallied(&tally, NEXT)?.max(1);
    change.open_table(EVENTS)?.insert((when.0, id), (what, data, tags))?;
    change.open_table(MOMENTS)?.insert(id, when.0)?;
    let (count, bytes) = (tallied(&tally, COUNT)? + 1, tallied(&tally, BYTES)? + texts.concat().len() as u64);
    tally.insert(NEXT, id + 1)?;
    tally.insert(COUNT, count)?;
    tally.insert(BYTES, bytes)?;
    Ok(id)
}

fn tallied(tally: &impl ReadableTable<&'static str, u64>, key: &str) -> Result<u64, StorageError> {
    Ok(tally.get(key)?.map_or(0, |count| count.value()))
}

fn event(id: u64, when: i64, texts: [&[u8]; 3]) -> Event {
    let [what, data, tags] = texts.map(String::from_utf8_lossy);
    let tags = tags.split_whitespace().map(str::to_owned).collect();
    Event { id, when: Timestamp(when), what: what.into_owned(), data: data.into_owned(), tags }
}

fn is_damage(error: &redb::DatabaseError) -> bool {
    match error {
        redb::DatabaseError::Storage(StorageError::Corrupted(_)) => true,
        // What redb says of a file that does not begin as one of its own.
        redb::DatabaseError::Storage(StorageError::Io(error)) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// The first of `events.redb.damaged`, `events.redb.damaged.1`, … that is not there.
fn unused(path: &Path) -> PathBuf {
    let named = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        if number > 0 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    };
    (0..).map(named).find(|name| !name.exists()).unwrap_or_else(|| named(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Window = Window { from: Timestamp(i64::MIN), until: Timestamp(i64::MAX) };

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn whats(events: &Events, window: Window, tagged: &Tagged) -> Vec<String> {
        events.find(window, tagged).unwrap().into_iter().map(|event| event.what).collect()
    }

    fn opened(path: &Path, limits: EventLimits) -> Events {
        Events::open(path, limits).map(|(events, aside)| (events, assert_eq!(aside, None)).0).unwrap()
    }

    #[test]
    fn events_are_found_by_moment_and_tags_after_another_start_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let events = opened(&path, EventLimits::default());
        for (when, what, tags) in
            [(300, "b", "deploy api"), (100, "a", "deploy"), (300, "c", "x\tdeploys"), (-5, "before 1970", "")]
        {
            events.append(Timestamp(when), what, "more", &[tags.to_owned()]).unwrap();
        }
        drop(events);
        for _ in 0..2 {
            let events = &opened(&path, EventLimits::default());
            assert_eq!(whats(events, ALL, &Tagged::Anyhow), ["before 1970", "a", "b", "c"]);
            let window = |from, until| Window { from: Timestamp(from), until: Timestamp(until) };
            assert_eq!(whats(events, window(100, 299), &Tagged::Anyhow), ["a"]);
            assert_eq!(whats(events, window(101, 300), &Tagged::Anyhow), ["b", "c"], "the end is in it");
            assert_eq!(whats(events, window(300, 100), &Tagged::Anyhow), [""; 0]);
            assert_eq!(whats(events, ALL, &Tagged::Every(words("deploy"))), ["a", "b"], "whole tags");
            assert_eq!(whats(events, ALL, &Tagged::Every(words("deploy api"))), ["b"]);
            assert_eq!(whats(events, ALL, &Tagged::Any(words("api x"))), ["b", "c"]);
            assert_eq!(whats(events, ALL, &Tagged::Every(Vec::new())), [""; 0]);
            let second = events.get(1).unwrap().unwrap();
            assert_eq!((second.what.as_str(), second.tags.len(), second.when), ("b", 2, Timestamp(300)));
            assert_eq!(events.get(99).unwrap(), None);
        }
        assert_eq!(opened(&path, EventLimits::default()).append(Timestamp(0), "", "", &[]).unwrap(), 5);
    }

    #[test]
    fn the_oldest_make_room_and_no_id_comes_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let events = opened(&path, EventLimits { events: 3, bytes: 100 });
        for when in [50, 40, 30, 20, 60] {
            events.append(Timestamp(when), &when.to_string(), "", &[]).unwrap();
        }
        assert_eq!(whats(&events, ALL, &Tagged::Anyhow), ["40", "50", "60"]);
        assert_eq!(events.get(3).unwrap(), None, "its place was needed");
        events.append(Timestamp(70), &"x".repeat(98), "", &[]).unwrap();
        assert_eq!(events.find(ALL, &Tagged::Anyhow).unwrap().len(), 2, "98 bytes and two digits");
        let error = events.append(Timestamp(80), &"x".repeat(101), "", &[]).unwrap_err();
        assert_eq!(error.to_string(), "an event of 101 bytes is longer than all events may be together (100)");
        assert_eq!(events.append(Timestamp(1), "late", "", &[]).unwrap(), 7);
        assert_eq!(events.get(7).unwrap(), None, "the oldest at once");
        drop(events);
        let events = opened(&path, EventLimits { events: 1, bytes: 100 });
        assert_eq!(events.find(ALL, &Tagged::Anyhow).unwrap().len(), 1, "a limit that was lowered holds at once");
        assert_eq!(events.append(Timestamp(90), "", "", &[]).unwrap(), 8);
    }

    #[test]
    fn a_damaged_file_is_moved_aside_and_never_panics() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let events = opened(&path, EventLimits::default());
        for when in 0..50 {
            events.append(Timestamp(when), "what", &"data".repeat(50), &words("a b")).unwrap();
        }
        drop(events);
        let whole = fs::read(&path).unwrap();
        let mut aside = 0;
        for at in (0..whole.len().min(64 << 10)).step_by(1009) {
            let mut damaged = whole.clone();
            for byte in damaged[at..].iter_mut().take(16) {
                *byte ^= 0x5a;
            }
            fs::write(&path, &damaged).unwrap();
            let (events, moved) = Events::open(&path, EventLimits::default()).unwrap();
            aside += usize::from(moved.is_some_and(|moved| fs::read(moved).unwrap() == damaged));
            let found = events.find(ALL, &Tagged::Anyhow).unwrap();
            assert!(found.iter().all(|event| event.data == "data".repeat(50)), "at {at}");
            events.append(Timestamp(99), "goes on", "", &[]).unwrap();
        }
        assert!(aside > 0, "some damage cannot be mended");
        fs::write(&path, "no database at all").unwrap();
        assert!(Events::open(&path, EventLimits::default()).unwrap().1.is_some());
    }

    #[test]
    fn one_process_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let _first = opened(&path, EventLimits::default());
        let second = Events::open(&path, EventLimits::default()).err().unwrap();
        assert!(second.to_string().contains("events.redb"), "{second}");
    }
}
