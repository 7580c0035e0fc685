//! A flat open-addressing index from hashes to numbered names; the names themselves lie with whoever owns them.

/// Cells of eight bytes: the hash's upper half to compare, and the id + 1 (0 is a free cell). At most half are taken.
#[derive(Default)]
pub struct Index {
    cells: Vec<u64>,
    taken: usize,
}

impl Index {
    /// The id under this hash that `is_it` confirms.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.cells.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let cell = self.cells[at];
            if cell == 0 {
                return None;
            }
            let id = (cell as u32).wrapping_sub(1);
            if cell >> 32 == hash >> 32 && is_it(id) {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an id that is not there yet; `hash_of` tells the hash of any id when the cells must grow.
    pub fn insert(&mut self, hash: u64, id: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.taken + 1) * 2 > self.cells.len() {
            let mut larger = Index { cells: vec![0; (self.cells.len() * 2).max(64)], taken: self.taken };
            for &cell in self.cells.iter().filter(|&&cell| cell != 0) {
                let id = (cell as u32).wrapping_sub(1);
                larger.place(hash_of(id), id);
            }
            *self = larger;
        }
        self.place(hash, id);
        self.taken += 1;
    }

    /// Forgets every id and keeps the cells.
    pub fn clear(&mut self) {
        self.cells.fill(0);
        self.taken = 0;
    }

    fn place(&mut self, hash: u64, id: u32) {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        while self.cells[at] != 0 {
            at = (at + 1) & mask;
        }
        self.cells[at] = hash >> 32 << 32 | u64::from(id.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_it_holds_also_when_hashes_collide() {
        // Three ids a hash, and hashes that share their low bits.
        let hash_of = |id: u32| u64::from(id / 3) << 20;
        let mut index = Index::default();
        assert_eq!(index.find(0, |_| true), None);
        for id in 0..1000 {
            index.insert(hash_of(id), id, hash_of);
        }
        for id in 0..1000 {
            assert_eq!(index.find(hash_of(id), |candidate| candidate == id), Some(id));
        }
        assert_eq!(index.find(hash_of(5), |_| false), None);
        index.clear();
        assert_eq!(index.find(hash_of(5), |_| true), None);
    }
}
