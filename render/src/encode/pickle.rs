//! Python's pickle, protocol 2, which every Python since 2.3 reads. Nothing is put in the memo: it would only be read
//! back by texts that occur twice.

use super::packed::Packed;

/// A pickle that grows value by value.
pub struct Pickle(Vec<u8>);

impl Pickle {
    /// An empty pickle with room for so many bytes.
    pub fn new(bytes: usize) -> Pickle {
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(b"\x80\x02");
        Pickle(out)
    }

    /// The whole pickle.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push(b'.');
        self.0
    }
}

impl Packed for Pickle {
    /// EMPTY_LIST, MARK: what is pushed until APPENDS becomes its items.
    fn begin_list(&mut self, _items: usize) {
        self.0.extend_from_slice(b"](");
    }

    fn end_list(&mut self) {
        self.0.push(b'e');
    }

    /// EMPTY_DICT, MARK; SETITEMS ends it.
    fn begin_map(&mut self, _pairs: usize) {
        self.0.extend_from_slice(b"}(");
    }

    fn end_map(&mut self) {
        self.0.push(b'u');
    }

    /// BINUNICODE has a length of four bytes; a longer text is cut, at a character.
    fn text(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(u32::MAX as usize)];
        self.0.push(b'X');
        self.0.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// BININT1, BININT2, BININT, or LONG1 of eight bytes: the shortest that holds it.
    fn integer(&mut self, value: i64) {
        if let Ok(byte) = u8::try_from(value) {
            self.0.extend_from_slice(&[b'K', byte]);
        } else if let Ok(short) = u16::try_from(value) {
            self.0.push(b'M');
            self.0.extend_from_slice(&short.to_le_bytes());
        } else if let Ok(word) = i32::try_from(value) {
            self.0.push(b'J');
            self.0.extend_from_slice(&word.to_le_bytes());
        } else {
            self.0.extend_from_slice(b"\x8a\x08");
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// BINFLOAT is the one number of a pickle that is big-endian.
    fn float(&mut self, value: f64) {
        self.0.push(b'G');
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn boolean(&mut self, value: bool) {
        self.0.push(if value { 0x88 } else { 0x89 });
    }

    fn nothing(&mut self) {
        self.0.push(b'N');
    }
}
