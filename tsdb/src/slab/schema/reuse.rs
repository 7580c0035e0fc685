//! Which columns were given to another series, and how often. The names say it too; but rows know columns only, and when
//! the end of a series and the beginning of the next one are lost from the log of names, its values would be served as
//! those of the former. A frame a reuse, of a column (u32) and a generation (u16), little-endian.

use super::Faults;
use super::columns::Columns;
use crate::error::Error;
use crate::slab::disk::FileDisk;
use crate::slab::frames::Frames;
use crate::slab::segment::Key;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The log of reuses.
pub(super) struct Reuse {
    path: PathBuf,
    log: Frames,
    is_pending: bool,
}

impl Reuse {
    /// Opens the log, and takes columns from series whose successors the names have forgotten.
    pub fn open(path: &Path, columns: &mut Columns, faults: &Faults) -> Result<Reuse, Error> {
        let mut newest = HashMap::new();
        let disk = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
        let found = Frames::open(disk, |payload| {
            if let [a, b, c, d, e, f] = *payload {
                newest.insert(u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f]));
            }
        });
        let (log, damage) = found.map_err(Error::io("read", path))?;
        faults.report_damage(path, damage);
        for (column, generation) in newest {
            columns.outdate(Key { column, generation });
        }
        Ok(Reuse { path: path.to_owned(), log, is_pending: false })
    }

    /// A series gets a column that another had.
    pub fn push(&mut self, key: Key) {
        let ([a, b, c, d], [e, f]) = (key.column.to_le_bytes(), key.generation.to_le_bytes());
        self.log.push(&[a, b, c, d, e, f]);
        self.is_pending = true;
    }

    /// Returns when every reuse is on the medium, before any row that holds a value of the new series.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.is_pending {
            self.log.write().map_err(Error::io("write", &self.path))?;
            self.log.sync().map_err(Error::io("sync", &self.path))?;
            self.is_pending = false;
        }
        Ok(())
    }
}
