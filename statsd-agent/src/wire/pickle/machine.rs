//! The machine that a pickle runs on: one pass over the frame, one small step for each opcode.

use super::number::{decimal, little_endian, string, unicode};
use super::{Pickle, PickleError, Span, Value};
use memchr::memchr;

/// Marks that may be open at once; a list of points needs four.
const MARKS: usize = 64;
/// A frame of fewer bytes may still make this many values.
const ITEMS_LEAST: usize = 64;

type Step = Result<(), PickleError>;

pub(super) struct Machine<'a> {
    pickle: &'a mut Pickle,
    frame: &'a [u8],
    at: usize,
    /// Values that may be made: a point takes eleven bytes for its five at the least.
    items: usize,
    made: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(pickle: &'a mut Pickle, frame: &'a [u8]) -> Machine<'a> {
        Machine { pickle, frame, at: 0, items: (frame.len() / 2).max(ITEMS_LEAST), made: 0 }
    }

    /// Runs up to STOP; what stands behind it is not looked at, as in Python.
    pub(super) fn run(mut self) -> Result<Value, PickleError> {
        loop {
            let [opcode] = self.array()?;
            match opcode {
                b'.' => return self.pop(),
                // The stack and what is on it.
                b'(' => self.mark()?,
                b'0' => self.pop().map(|_| ())?,
                b'1' => self.pop_mark().map(|from| self.pickle.stack.truncate(from))?,
                b'2' => self.top().and_then(|top| self.push(top))?,
                b')' => self.tuple(0)?,
                0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
                b't' => self.pop_mark().and_then(|from| self.tuple(self.pickle.stack.len() - from))?,
                b']' => self.list(0)?,
                b'l' => self.pop_mark().and_then(|from| self.list(self.pickle.stack.len() - from))?,
                b'a' => self.append(1)?,
                b'e' => self.pop_mark().and_then(|from| self.append(self.pickle.stack.len() - from))?,
                b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.remember(opcode)?,
                0x80 => self.array().map(|[_protocol]| ())?,
                // A frame inside the frame is a hint for readers of files.
                0x95 => self.array::<8>().map(drop)?,
                b'N' => self.push(Value::None)?,
                b'F' | b'G' | b'I' | b'J' | b'K' | b'L' | b'M' | 0x88 | 0x89 | 0x8a | 0x8b => self.number(opcode)?,
                b'S' | b'V' => self.escaped(opcode)?,
                b'B' | b'C' | b'T' | b'U' | b'X' | 0x8c | 0x8d | 0x8e | 0x96 => self.text(opcode)?,
                // Dictionaries and sets; names and calls; persistent ids, extensions, buffers from elsewhere.
                b'd' | b'}' | b's' | b'u' | 0x8f..=0x91 => return Err(PickleError::Forbidden),
                b'c' | b'i' | b'o' | b'R' | b'b' | 0x81 | 0x92 | 0x93 => return Err(PickleError::Forbidden),
                b'P' | b'Q' | 0x82..=0x84 | 0x97 | 0x98 => return Err(PickleError::Forbidden),
                _ => return Err(PickleError::Malformed),
            }
        }
    }

    fn number(&mut self, opcode: u8) -> Step {
        let number = match opcode {
            b'G' => f64::from_be_bytes(self.array()?),
            b'J' => f64::from(i32::from_le_bytes(self.array()?)),
            b'K' => f64::from(u8::from_le_bytes(self.array()?)),
            b'M' => f64::from(u16::from_le_bytes(self.array()?)),
            0x88 => 1.0,
            0x89 => 0.0,
            0x8a => self.array().and_then(|[len]| self.bytes(u64::from(len))).map(little_endian)?,
            0x8b => self.array().and_then(|len| self.bytes(u64::from(u32::from_le_bytes(len)))).map(little_endian)?,
            _ => decimal(opcode, self.line()?).ok_or(PickleError::Malformed)?,
        };
        self.push(Value::Number(number))
    }

    /// Text with its length before it.
    fn text(&mut self, opcode: u8) -> Step {
        let len = match opcode {
            b'U' | b'C' | 0x8c => self.array().map(|[len]| u64::from(len))?,
            b'T' | b'B' | b'X' => u64::from(u32::from_le_bytes(self.array()?)),
            _ => u64::from_le_bytes(self.array()?),
        };
        let start = self.at;
        let bytes = self.bytes(len)?.len();
        self.push(Value::Text(span(start, bytes)?))
    }

    /// Text of protocol 0, up to the end of its line.
    fn escaped(&mut self, opcode: u8) -> Step {
        let line = self.line()?;
        let unescaped = &mut self.pickle.unescaped;
        let start = unescaped.len();
        let read = if opcode == b'S' { string(line, unescaped) } else { unicode(line, unescaped) };
        read.ok_or(PickleError::Malformed)?;
        let len = unescaped.len() - start;
        self.push(Value::Unescaped(span(start, len)?))
    }

    fn mark(&mut self) -> Step {
        if self.pickle.marks.len() >= MARKS {
            return Err(PickleError::TooMany);
        }
        self.pickle.marks.push(u32::try_from(self.pickle.stack.len()).map_err(|_| PickleError::TooMany)?);
        Ok(())
    }

    fn pop_mark(&mut self) -> Result<usize, PickleError> {
        self.pickle.marks.pop().map(|from| from as usize).ok_or(PickleError::Malformed)
    }

    /// How much of the stack lies below the innermost mark, which no step may reach across.
    fn floor(&self) -> usize {
        self.pickle.marks.last().map_or(0, |&from| from as usize)
    }

    fn push(&mut self, value: Value) -> Step {
        self.made += 1;
        if self.made > self.items {
            return Err(PickleError::TooMany);
        }
        self.pickle.stack.push(value);
        Ok(())
    }

    fn top(&self) -> Result<Value, PickleError> {
        let top = self.pickle.stack[self.floor()..].last();
        top.copied().ok_or(PickleError::Malformed)
    }

    fn pop(&mut self) -> Result<Value, PickleError> {
        let top = self.top()?;
        self.pickle.stack.pop();
        Ok(top)
    }

    /// Where the last `count` values of the stack begin.
    fn last(&self, count: usize) -> Result<usize, PickleError> {
        let from = self.pickle.stack.len().checked_sub(count).filter(|&from| from >= self.floor());
        from.ok_or(PickleError::Malformed)
    }

    fn tuple(&mut self, count: usize) -> Step {
        let from = self.last(count)?;
        let tuple = span(self.pickle.members.len(), count)?;
        self.pickle.members.extend(self.pickle.stack.drain(from..));
        self.push(Value::Tuple(tuple))
    }

    fn list(&mut self, count: usize) -> Step {
        let from = self.last(count)?;
        let list = u32::try_from(self.pickle.lists.len()).map_err(|_| PickleError::TooMany)?;
        self.pickle.lists.push(self.pickle.stack.drain(from..).collect());
        self.push(Value::List(list))
    }

    fn append(&mut self, count: usize) -> Step {
        let from = self.last(count)?;
        let below = self.pickle.stack[self.floor()..from].last();
        let Some(Value::List(list)) = below.copied() else { return Err(PickleError::Malformed) };
        self.pickle.lists[list as usize].extend(self.pickle.stack.drain(from..));
        Ok(())
    }

    /// The memo: what is used twice is written once. Its places are numbered from 0 by whoever writes pickles, so that one
    /// beyond what the frame can make is a bomb.
    fn remember(&mut self, opcode: u8) -> Step {
        let place = match opcode {
            0x94 => self.pickle.memo.len(),
            b'q' | b'h' => self.array().map(|[place]| usize::from(place))?,
            b'r' | b'j' => u32::from_le_bytes(self.array()?) as usize,
            _ => {
                let line = std::str::from_utf8(self.line()?).map_err(|_| PickleError::Malformed)?;
                line.parse().map_err(|_| PickleError::Malformed)?
            }
        };
        if matches!(opcode, b'g' | b'h' | b'j') {
            let known = self.pickle.memo.get(place).copied().flatten();
            return self.push(known.ok_or(PickleError::Malformed)?);
        }
        if place >= self.items {
            return Err(PickleError::TooMany);
        }
        let top = self.top()?;
        if place >= self.pickle.memo.len() {
            self.pickle.memo.resize(place + 1, None);
        }
        self.pickle.memo[place] = Some(top);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let (bytes, _) = self.frame[self.at..].split_first_chunk().ok_or(PickleError::Malformed)?;
        self.at += N;
        Ok(*bytes)
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], PickleError> {
        let len = usize::try_from(len).map_err(|_| PickleError::Malformed)?;
        let bytes = self.frame[self.at..].get(..len).ok_or(PickleError::Malformed)?;
        self.at += len;
        Ok(bytes)
    }

    fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let rest = &self.frame[self.at..];
        let end = memchr(b'\n', rest).ok_or(PickleError::Malformed)?;
        self.at += end + 1;
        Ok(&rest[..end])
    }
}

fn span(start: usize, len: usize) -> Result<Span, PickleError> {
    let number = |n: usize| u32::try_from(n).map_err(|_| PickleError::TooMany);
    Ok(Span { start: number(start)?, len: number(len)? })
}
