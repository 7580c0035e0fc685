//! The whisper tree that the recorded /render answers were made over, byte for byte.
//!
//! Every value is arithmetic on the series' name and the time, so the tree need not be stored. Files end at [`NOW`];
//! queries are replayed with that as now. Each ring is rotated by an amount that depends on its name, so that a reader
//! must honour the base interval and the wrap.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

mod shapes;

/// The last moment of the tree, and the `now` of every recorded request: 2024-04-02T14:37:23Z. It is aligned to
/// nothing, and both America's and Europe's change of clocks lie within the 30 days before.
pub const NOW: i64 = 1_712_068_643;
/// SHA-256 over the sorted lines `name sha256-of-file`, as make_fixture.py prints it.
pub const TREE_SHA256: &str = "3db4eb2c14ebbd41c4354961abe8478e49a9e30e0ca55c7a221f97233e9cfd5b";

/// A series of the tree.
pub struct Series {
    /// Its name, tags included.
    pub name: String,
    archives: Vec<(i64, i64)>,
    method: &'static str,
    x_files_factor: f32,
    value: shapes::Shape,
}

/// Something that happened beside the series.
pub struct Event {
    /// In seconds since 1970.
    pub when: i64,
    /// In a few words.
    pub what: &'static str,
    /// With blanks between them.
    pub tags: &'static str,
    /// More about it; empty where none was given.
    pub data: &'static str,
}

/// Every event, in the order in which the generator's list is posted.
pub const EVENTS: [Event; 7] = [
    Event { when: NOW - 3000, what: "deploy 41", tags: "deploy api", data: "api v41" },
    Event { when: NOW - 1200, what: "deploy 42", tags: "deploy api", data: "api v42" },
    Event { when: NOW - 900, what: "firmware 2.1", tags: "firmware devices", data: "rollout" },
    Event { when: NOW - 600, what: "incident", tags: "incident", data: "" },
    Event { when: NOW - 600, what: "two at once", tags: "deploy", data: "" },
    Event { when: NOW - 300, what: "untagged", tags: "", data: "nothing" },
    Event { when: NOW - 5 * 86_400, what: "old", tags: "deploy", data: "" },
];

/// Every series, in the generator's order.
pub fn series() -> Vec<Series> {
    shapes::all()
}

/// Writes the tree under a folder, which becomes the whisper root.
///
/// # Errors
/// What the filesystem says.
pub fn write(root: &Path) -> io::Result<()> {
    for series in series() {
        let path = root.join(series.path());
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, series.bytes())?;
    }
    Ok(())
}

/// The hash of the whole tree, to be compared with [`TREE_SHA256`].
pub fn tree_sha256() -> String {
    let files: BTreeMap<String, String> =
        series().iter().map(|series| (series.name.clone(), hex(&Sha256::digest(series.bytes())))).collect();
    let lines: String = files.iter().map(|(name, hash)| format!("{name} {hash}\n")).collect();
    hex(&Sha256::digest(lines))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number that depends on the name alone.
fn seed(name: &str) -> u64 {
    let digest = Sha256::digest(name);
    digest[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

impl Series {
    /// The file, relative to the whisper root.
    pub fn path(&self) -> String {
        if !self.name.contains(';') {
            return format!("{}.wsp", self.name.replace('.', "/"));
        }
        let hash = hex(&Sha256::digest(&self.name));
        // One tagged series is stored under its hash alone, as long names are.
        let by_hash = self.name == "app.sync.latency;os=ios;region=us";
        let leaf = if by_hash { hash.clone() } else { self.name.replace('.', "_DOT_") };
        format!("_tagged/{}/{}/{leaf}.wsp", &hash[..3], &hash[3..6])
    }

    /// The whisper file.
    pub fn bytes(&self) -> Vec<u8> {
        const METHODS: [&str; 8] = ["average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin"];
        let method = METHODS.iter().position(|method| *method == self.method).expect("a method of whisper") as u32 + 1;
        let retention = self.archives.iter().map(|(step, points)| step * points).max().expect("an archive");
        let mut bytes = Vec::new();
        for word in [method, retention as u32, self.x_files_factor.to_bits(), self.archives.len() as u32] {
            bytes.extend(word.to_be_bytes());
        }
        let mut offset = 16 + 12 * self.archives.len() as i64;
        for (step, points) in &self.archives {
            for word in [offset, *step, *points] {
                bytes.extend((word as u32).to_be_bytes());
            }
            offset += 12 * points;
        }
        for ((step, points), slots) in self.archives.iter().zip(self.slots()) {
            bytes.extend(self.ring(*step, *points, &slots));
        }
        bytes
    }

    fn ring(&self, step: i64, points: i64, slots: &BTreeMap<i64, f64>) -> Vec<u8> {
        let mut ring = vec![0; 12 * points as usize];
        if slots.is_empty() {
            return ring;
        }
        let nth = seed(&format!("{}{step}", self.name)) % slots.len() as u64;
        let base = *slots.keys().nth(nth as usize).expect("within");
        for (at, value) in slots {
            let slot = ((at - base).div_euclid(step)).rem_euclid(points) as usize * 12;
            ring[slot..slot + 4].copy_from_slice(&(*at as u32).to_be_bytes());
            ring[slot + 4..slot + 12].copy_from_slice(&value.to_be_bytes());
        }
        ring
    }

    /// What each archive holds. A coarser one is aggregated from the finer one as far back as that reaches.
    fn slots(&self) -> Vec<BTreeMap<i64, f64>> {
        let mut archives: Vec<BTreeMap<i64, f64>> = Vec::new();
        for (nth, (step, points)) in self.archives.iter().enumerate() {
            let last = NOW - NOW % step;
            let finer = nth.checked_sub(1).map(|finer| (&archives[finer], self.archives[finer]));
            let value = |at: i64| match finer {
                Some((finer, (fine, count))) if at + step > NOW - fine * count => {
                    self.rolled(finer, (at..at + step).step_by(fine as usize))
                }
                _ => (self.value)(at),
            };
            let times = (0..*points).map(|back| last - (points - 1 - back) * step);
            let slots = times.filter_map(|at| Some((at, value(at)?))).collect();
            archives.push(slots);
        }
        archives
    }

    fn rolled(&self, finer: &BTreeMap<i64, f64>, times: impl Iterator<Item = i64>) -> Option<f64> {
        let slots: Vec<Option<f64>> = times.map(|at| finer.get(&at).copied()).collect();
        let known: Vec<f64> = slots.iter().copied().flatten().collect();
        let enough = !known.is_empty() && known.len() as f64 / slots.len() as f64 >= self.x_files_factor_f64();
        enough.then(|| aggregate(self.method, &known, slots.len()))
    }

    /// The generator compares with the factor as Python holds it, before it is narrowed for the file.
    fn x_files_factor_f64(&self) -> f64 {
        f64::from((self.x_files_factor * 10.0).round()) / 10.0
    }
}

fn aggregate(method: &str, known: &[f64], total: usize) -> f64 {
    let sum = known.iter().fold(0.0, |sum, value| sum + value);
    let first = |better: fn(f64, f64) -> bool| {
        known.iter().copied().reduce(|best, value| if better(value, best) { value } else { best }).expect("not empty")
    };
    match method {
        "average" => sum / known.len() as f64,
        "sum" => sum,
        "last" => known[known.len() - 1],
        "max" => first(|value, best| value > best),
        "min" => first(|value, best| value < best),
        "avg_zero" => sum / total as f64,
        "absmax" => first(|value, best| value.abs() > best.abs()),
        _ => first(|value, best| value.abs() < best.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_the_recorded_one() {
        assert_eq!(series().len(), 153);
        assert_eq!(tree_sha256(), TREE_SHA256);
    }
}
