//! The file of a checkpoint: which names were visible. It is written beside its place, synced and renamed, and it is only
//! ever a short cut: names.log says the same, and a file that is damaged or belongs to other ids is not used.
//!
//! ```text
//! header, 64 bytes, little-endian    0  8 bytes  "KYMOIDX1"
//!                                    8  u32      ids that were given when it was written
//!                                   12  u32      plain names
//!                                   16  u32      tagged names
//!                                   20  u32      CRC-32C of the file with this field 0
//!                                   24  u64      bytes of the transducer
//!                                   32  u64      digest of the names of those ids, in order
//!                                   40  zeros
//! then    the transducer: plain name to rank, filled with zeros up to a multiple of 8
//!         u64 for each tagged name: the 24 bits of its hash above, its id below
//!         u32 for each plain name, by rank: its id
//! ```

use super::dictionary::Dictionary;
use super::tagged::Tagged;
use crate::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const MAGIC: &[u8; 8] = b"KYMOIDX1";
const HEADER_BYTES: usize = 64;
const CRC_AT: usize = 20;

/// What a file holds.
pub(super) struct Checkpoint {
    /// Ids that were given.
    pub ids: u32,
    /// Of their names.
    pub digest: u64,
    pub dictionary: Dictionary,
    pub tagged: Tagged,
}

/// A header that fits its file.
struct Header {
    ids: u32,
    plain: usize,
    tagged: usize,
    transducer: usize,
    digest: u64,
    crc: u32,
}

/// Writes a file, whole or not at all.
pub(super) fn write(path: &Path, ids: u32, digest: u64, dictionary: &Dictionary, tagged: &Tagged) -> Result<(), Error> {
    let beside = path.with_extension("new");
    let written = write_beside(&beside, ids, digest, dictionary, tagged)
        .map_err(Error::io("write", &beside))
        .and_then(|()| fs::rename(&beside, path).map_err(Error::io("rename", &beside)));
    if written.is_err() {
        // What is left of it is of no use; when it cannot be removed either, the next one writes over it.
        let _ = fs::remove_file(&beside);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

fn write_beside(beside: &Path, ids: u32, digest: u64, dictionary: &Dictionary, tagged: &Tagged) -> io::Result<()> {
    let (transducer, by_rank) = dictionary.parts();
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&ids.to_le_bytes());
    header[12..16].copy_from_slice(&(by_rank.len() as u32).to_le_bytes());
    header[16..20].copy_from_slice(&(tagged.len() as u32).to_le_bytes());
    header[24..32].copy_from_slice(&(transducer.len() as u64).to_le_bytes());
    header[32..40].copy_from_slice(&digest.to_le_bytes());
    let mut rest = Vec::with_capacity(8 + tagged.len() * 8 + by_rank.len() * 4);
    rest.resize(transducer.len().next_multiple_of(8) - transducer.len(), 0);
    tagged.keys().for_each(|key| rest.extend(key.to_le_bytes()));
    by_rank.iter().for_each(|id| rest.extend(id.to_le_bytes()));
    let crc = [&header[..], transducer, &rest].into_iter().fold(0, crc32c::crc32c_append);
    header[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(beside)?;
    let mut out = BufWriter::new(file);
    [&header[..], transducer, &rest].into_iter().try_for_each(|part| out.write_all(part))?;
    out.into_inner()?.sync_all()
}

/// Reads a file; `None` when there is none, when it is damaged, or when it has more names than `known`.
pub(super) fn read(path: &Path, known: usize) -> Result<Option<Checkpoint>, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let bytes = file.metadata().map_err(Error::io("read", path))?.len();
    let mut header = [0; HEADER_BYTES];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read.map_err(Error::io("read", path))?,
    }
    let Some(found) = Header::parse(&header, bytes, known) else { return Ok(None) };
    let mut body = Vec::new();
    body.try_reserve_exact(bytes as usize - HEADER_BYTES).map_err(|error| Error::io("read", path)(error.into()))?;
    file.read_to_end(&mut body).map_err(Error::io("read", path))?;
    header[CRC_AT..CRC_AT + 4].fill(0);
    let intact = crc32c::crc32c_append(crc32c::crc32c(&header), &body) == found.crc;
    Ok(if intact { found.take(body) } else { None })
}

impl Header {
    fn parse(header: &[u8; HEADER_BYTES], bytes: u64, known: usize) -> Option<Header> {
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let (plain, tagged) = (u64::from(word(12)), u64::from(word(16)));
        let transducer = long(24).checked_next_multiple_of(8)?;
        let whole = (HEADER_BYTES as u64).checked_add(transducer)?.checked_add(tagged * 8 + plain * 4)?;
        let fits = &header[..8] == MAGIC
            && whole == bytes
            && word(8) as usize <= known
            && plain + tagged <= u64::from(word(8));
        fits.then(|| Header {
            ids: word(8),
            plain: plain as usize,
            tagged: tagged as usize,
            transducer: long(24) as usize,
            digest: long(32),
            crc: word(CRC_AT),
        })
    }

    fn take(&self, mut body: Vec<u8>) -> Option<Checkpoint> {
        let rest = body.get(self.transducer.next_multiple_of(8)..)?;
        let (tagged, by_rank) = rest.split_at_checked(self.tagged * 8)?;
        let tagged = Tagged::of(tagged.as_chunks().0.iter().map(|key| u64::from_le_bytes(*key)));
        let by_rank: Vec<u32> = by_rank.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)).collect();
        let theirs = tagged.ids().chain(by_rank.iter().copied()).all(|id| id < self.ids);
        if !theirs || by_rank.len() != self.plain {
            return None;
        }
        body.truncate(self.transducer);
        body.shrink_to_fit();
        let dictionary = Dictionary::of(body, by_rank)?;
        Some(Checkpoint { ids: self.ids, digest: self.digest, dictionary, tagged })
    }
}
