//! The names that were visible at the last checkpoint, in a finite-state transducer: name to rank, the rank being the name's
//! place in the order of bytes. Ranks, not ids, because names below a branch then have consecutive numbers, so that what
//! is hidden below it is counted without a walk, and because equal branches of different devices share their bytes.

use crate::find::Kind;
use fst::Streamer;
use fst::raw::{Builder, Fst, Node};
use roaring::RoaringBitmap;
use std::ops::ControlFlow;

/// Names that do not change any more. A few bytes a name, and four for its id.
pub(super) struct Dictionary {
    fst: Fst<Vec<u8>>,
    /// By rank.
    ids: Vec<u32>,
}

/// A node of the transducer with the sum of what lies on the way to it.
#[derive(Clone, Copy)]
struct At<'a> {
    node: Node<'a>,
    sum: u64,
}

/// Takes names in order and makes a dictionary of them.
pub(super) struct Draft {
    builder: Builder<Vec<u8>>,
    ids: Vec<u32>,
}

impl Draft {
    pub(super) fn new() -> Draft {
        Draft { builder: Builder::memory(), ids: Vec::new() }
    }

    /// Adds a name that is greater than every name before it.
    pub(super) fn push(&mut self, name: &[u8], id: u32) -> Result<(), fst::Error> {
        self.builder.insert(name, self.ids.len() as u64)?;
        self.ids.push(id);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Dictionary, fst::Error> {
        self.ids.shrink_to_fit();
        let mut bytes = self.builder.into_inner()?;
        bytes.shrink_to_fit();
        Ok(Dictionary { fst: Fst::new(bytes)?, ids: self.ids })
    }
}

impl Dictionary {
    pub(super) fn empty() -> Dictionary {
        Draft::new().finish().expect("nothing is in order")
    }

    /// A dictionary out of its parts; `None` when they do not fit each other.
    pub(super) fn of(bytes: Vec<u8>, ids: Vec<u32>) -> Option<Dictionary> {
        let fst = Fst::new(bytes).ok()?;
        (fst.len() == ids.len()).then_some(Dictionary { fst, ids })
    }

    /// The parts.
    pub(super) fn parts(&self) -> (&[u8], &[u32]) {
        (self.fst.as_bytes(), &self.ids)
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The rank of a name.
    pub(super) fn rank(&self, name: &str) -> Option<u32> {
        self.fst.get(name).map(|rank| rank.value() as u32)
    }

    /// The id of a rank.
    pub(super) fn id(&self, rank: u32) -> Option<u32> {
        self.ids.get(rank as usize).copied()
    }

    /// Gives every name the id that it has now. Answers the ranks of those that have none.
    pub(super) fn renumber(&mut self, id_of: impl Fn(&str) -> Option<u32>) -> RoaringBitmap {
        let Dictionary { fst, ids } = self;
        let mut gone = RoaringBitmap::new();
        let mut stream = fst.stream();
        while let Some((name, rank)) = stream.next() {
            let rank = rank.value() as u32;
            match std::str::from_utf8(name).ok().and_then(&id_of).zip(ids.get_mut(rank as usize)) {
                Some((now, id)) => *id = now,
                None => drop(gone.insert(rank)),
            }
        }
        gone
    }

    /// Every name with its rank and id, in order, until `take` fails.
    pub(super) fn each<E>(&self, mut take: impl FnMut(&[u8], u32, u32) -> Result<(), E>) -> Result<(), E> {
        let mut stream = self.fst.stream();
        while let Some((name, rank)) = stream.next() {
            let rank = rank.value() as u32;
            if let Some(id) = self.id(rank) {
                take(name, rank, id)?;
            }
        }
        Ok(())
    }

    /// Whether there is a name below `path`, those whose ranks are `gone` left out.
    pub(super) fn is_branch(&self, path: &str, gone: &RoaringBitmap) -> bool {
        self.walk(&[path, "."]).is_some_and(|at| self.is_alive(at, gone))
    }

    /// The nodes right inside a branch whose names begin with `start`.
    pub(super) fn list(
        &self,
        branch: &str,
        start: &str,
        gone: &RoaringBitmap,
        take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let way = if branch.is_empty() { ["", "", start] } else { [branch, ".", start] };
        let Some(from) = self.walk(&way) else { return ControlFlow::Continue(()) };
        let mut name = start.as_bytes().to_vec();
        let mut hand = |name: &[u8], kind| match std::str::from_utf8(name) {
            Ok(name) if !name.is_empty() => take(name, kind),
            _ => ControlFlow::Continue(()),
        };
        let is_series = |at: At<'_>| at.node.is_final() && !gone.contains(rank_of(at));
        if is_series(from) {
            hand(&name, Kind::Series)?;
        }
        let mut open = vec![(from, 0)];
        while let Some((at, next)) = open.last_mut() {
            if *next == at.node.len() {
                open.pop();
                name.pop();
                continue;
            }
            let (byte, inner) = self.follow(*at, *next);
            *next += 1;
            if byte == b'.' {
                if self.is_alive(inner, gone) {
                    hand(&name, Kind::Branch { linked: false })?;
                }
                continue;
            }
            name.push(byte);
            if is_series(inner) {
                hand(&name, Kind::Series)?;
            }
            open.push((inner, 0));
        }
        ControlFlow::Continue(())
    }

    fn walk(&self, way: &[&str]) -> Option<At<'_>> {
        let mut at = At { node: self.fst.root(), sum: 0 };
        for byte in way.iter().flat_map(|part| part.bytes()) {
            at = self.follow(at, at.node.find_input(byte)?).1;
        }
        Some(at)
    }

    fn follow<'a>(&'a self, at: At<'a>, transition: usize) -> (u8, At<'a>) {
        let transition = at.node.transition(transition);
        let sum = at.sum + transition.out.value();
        (transition.inp, At { node: self.fst.node(transition.addr), sum })
    }

    /// Whether a name from here on is not gone.
    fn is_alive(&self, at: At<'_>, gone: &RoaringBitmap) -> bool {
        if gone.is_empty() {
            return true;
        }
        let (mut first, mut last) = (at, at);
        while !first.node.is_final() && !first.node.is_empty() {
            first = self.follow(first, 0).1;
        }
        while !last.node.is_empty() {
            last = self.follow(last, last.node.len() - 1).1;
        }
        let ranks = rank_of(first)..=rank_of(last);
        gone.range_cardinality(ranks.clone()) < u64::from(ranks.end().saturating_sub(*ranks.start())) + 1
    }
}

fn rank_of(at: At<'_>) -> u32 {
    (at.sum + at.node.final_output().value()) as u32
}
