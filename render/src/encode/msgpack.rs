//! MessagePack: each value by the shortest of its forms, texts as `str` (Python's `use_bin_type`).

use super::packed::Packed;

/// A message that grows value by value.
pub struct MsgPack(Vec<u8>);

impl MsgPack {
    /// An empty message with room for so many bytes.
    pub fn new(bytes: usize) -> MsgPack {
        MsgPack(Vec::with_capacity(bytes))
    }

    /// The whole message.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// The head of a list or map: up to fifteen items in one byte, or two or four bytes that count them.
    fn head(&mut self, items: usize, fixed: u8, wide: u8) {
        if items < 16 {
            self.0.push(fixed | items as u8);
        } else if let Ok(items) = u16::try_from(items) {
            self.0.push(wide);
            self.0.extend_from_slice(&items.to_be_bytes());
        } else {
            // No answer has more items: each was a value in memory, and there are bounds on those.
            let items = u32::try_from(items).unwrap_or(u32::MAX);
            self.0.push(wide + 1);
            self.0.extend_from_slice(&items.to_be_bytes());
        }
    }

    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.0.push(tag);
        self.0.extend_from_slice(&bytes);
    }
}

impl Packed for MsgPack {
    fn begin_list(&mut self, items: usize) {
        self.head(items, 0x90, 0xdc);
    }

    fn end_list(&mut self) {}

    fn begin_map(&mut self, pairs: usize) {
        self.head(pairs, 0x80, 0xde);
    }

    fn end_map(&mut self) {}

    /// A text that is longer than four bytes can say is cut, at a character.
    fn text(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(u32::MAX as usize)];
        match text.len() {
            bytes @ 0..32 => self.0.push(0xa0 | bytes as u8),
            bytes @ 32..256 => self.tagged(0xd9, [bytes as u8]),
            bytes @ 256..65_536 => self.tagged(0xda, (bytes as u16).to_be_bytes()),
            bytes => self.tagged(0xdb, (bytes as u32).to_be_bytes()),
        }
        self.0.extend_from_slice(text.as_bytes());
    }

    fn integer(&mut self, value: i64) {
        match value {
            0..128 => self.0.push(value as u8),
            -32..0 => self.0.push(value as i8 as u8),
            128..256 => self.tagged(0xcc, [value as u8]),
            256..65_536 => self.tagged(0xcd, (value as u16).to_be_bytes()),
            65_536..0x1_0000_0000 => self.tagged(0xce, (value as u32).to_be_bytes()),
            0x1_0000_0000.. => self.tagged(0xcf, (value as u64).to_be_bytes()),
            -128..-32 => self.tagged(0xd0, (value as i8).to_be_bytes()),
            -32_768..-128 => self.tagged(0xd1, (value as i16).to_be_bytes()),
            -0x8000_0000..-32_768 => self.tagged(0xd2, (value as i32).to_be_bytes()),
            _ => self.tagged(0xd3, value.to_be_bytes()),
        }
    }

    fn float(&mut self, value: f64) {
        self.tagged(0xcb, value.to_be_bytes());
    }

    fn boolean(&mut self, value: bool) {
        self.0.push(if value { 0xc3 } else { 0xc2 });
    }

    fn nothing(&mut self) {
        self.0.push(0xc0);
    }
}
