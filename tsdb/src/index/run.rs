//! A run: names in order with their ids, each written as what it has beyond the name before it.
//!
//! ```text
//! entry    u8   bytes that are those of the name before it
//!          u16  bytes that follow
//!          …    the rest of the name
//!          u32  its id
//! ```

/// Bytes of an entry beside its name.
pub(super) const FIXED: usize = 7;

/// A run that does not change any more.
pub(super) struct Run(Box<[u8]>);

/// Takes names in order and makes a run of them.
#[derive(Default)]
pub(super) struct RunDraft {
    bytes: Vec<u8>,
    last: Vec<u8>,
}

/// A walk over a run: it stands on an entry, or past the last one.
pub(super) struct Walk<'a> {
    ahead: &'a [u8],
    name: Vec<u8>,
    id: Option<u32>,
}

impl RunDraft {
    /// Adds a name that is greater than every name before it.
    pub(super) fn push(&mut self, name: &[u8], id: u32) {
        let same = self.last.iter().zip(name).take(usize::from(u8::MAX)).take_while(|(a, b)| a == b).count();
        let rest = &name[same..];
        self.bytes.push(same as u8);
        // No name of the roll is longer.
        self.bytes.extend_from_slice(&(rest.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(rest);
        self.bytes.extend_from_slice(&id.to_le_bytes());
        self.last.truncate(same);
        self.last.extend_from_slice(rest);
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The run, and an empty draft for the next one.
    pub(super) fn take(&mut self) -> Run {
        self.last.clear();
        let run = Run(self.bytes.as_slice().into());
        self.bytes.clear();
        run
    }
}

impl Run {
    /// Bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// From the first entry on.
    pub(super) fn walk(&self) -> Walk<'_> {
        let mut walk = Walk { ahead: &self.0, name: Vec::new(), id: None };
        walk.advance();
        walk
    }
}

impl Walk<'_> {
    /// Past the end of no run.
    pub(super) fn ended() -> Walk<'static> {
        Walk { ahead: &[], name: Vec::new(), id: None }
    }

    /// The entry here; `None` past the last one.
    pub(super) fn entry(&self) -> Option<(&[u8], u32)> {
        self.id.map(|id| (&*self.name, id))
    }

    /// To the next entry.
    pub(super) fn advance(&mut self) {
        self.id = None;
        let Some(([same, a, b], ahead)) = self.ahead.split_first_chunk() else { return };
        let Some((rest, ahead)) = ahead.split_at_checked(usize::from(u16::from_le_bytes([*a, *b]))) else { return };
        let Some((id, ahead)) = ahead.split_first_chunk() else { return };
        self.name.truncate(usize::from(*same));
        self.name.extend_from_slice(rest);
        (self.ahead, self.id) = (ahead, Some(u32::from_le_bytes(*id)));
    }

    /// To the first entry from here on that is not less.
    pub(super) fn advance_to(&mut self, least: &[u8]) {
        while self.entry().is_some_and(|(name, _)| name < least) {
            self.advance();
        }
    }

    /// Hands on every entry from here on that is less, or all, and stands on the first that is not.
    pub(super) fn each_before(&mut self, end: Option<&[u8]>, mut take: impl FnMut(&[u8], u32)) {
        while let Some((name, id)) = self.entry().filter(|(name, _)| end.is_none_or(|end| *name < end)) {
            take(name, id);
            self.advance();
        }
    }
}
