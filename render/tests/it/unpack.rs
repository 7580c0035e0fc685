//! Reads pickles and MessagePack as far as the server writes them, so that answers can be compared. NaN and infinities
//! become the words that the recorded values have for them.

use serde_json::{Map, Value, json};

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N)?.try_into().unwrap())
    }

    fn text(&mut self, bytes: usize) -> Result<Value, String> {
        let text = std::str::from_utf8(self.take(bytes)?).map_err(|error| error.to_string())?;
        Ok(Value::from(text))
    }
}

fn float(value: f64) -> Value {
    match value {
        v if v.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        v => v.into(),
    }
}

pub fn pickle(bytes: &[u8]) -> Result<Value, String> {
    let mut bytes = Bytes(bytes.strip_prefix(b"\x80\x02").ok_or("no pickle of protocol 2")?);
    let (mut stack, mut marks): (Vec<Value>, Vec<usize>) = (Vec::new(), Vec::new());
    loop {
        match bytes.take(1)?[0] {
            b'.' if bytes.0.is_empty() && stack.len() == 1 => return stack.pop().ok_or("nothing".into()),
            b']' => stack.push(json!([])),
            b'}' => stack.push(json!({})),
            b'(' => marks.push(stack.len()),
            b'e' => {
                let items = stack.split_off(marks.pop().ok_or("no mark")?);
                *stack.last_mut().and_then(Value::as_array_mut).ok_or("no list")? = items;
            }
            b'u' => {
                let pairs = stack.split_off(marks.pop().ok_or("no mark")?);
                let map = stack.last_mut().and_then(Value::as_object_mut).ok_or("no map")?;
                for pair in pairs.chunks(2) {
                    map.insert(pair[0].as_str().ok_or("a key that is no text")?.to_owned(), pair[1].clone());
                }
            }
            b'X' => {
                let length = u32::from_le_bytes(bytes.array()?) as usize;
                stack.push(bytes.text(length)?);
            }
            b'K' => stack.push(bytes.array::<1>()?[0].into()),
            b'M' => stack.push(u16::from_le_bytes(bytes.array()?).into()),
            b'J' => stack.push(i32::from_le_bytes(bytes.array()?).into()),
            0x8a if bytes.take(1)? == [8] => stack.push(i64::from_le_bytes(bytes.array()?).into()),
            b'G' => stack.push(float(f64::from_be_bytes(bytes.array()?))),
            0x88 => stack.push(true.into()),
            0x89 => stack.push(false.into()),
            b'N' => stack.push(Value::Null),
            code => return Err(format!("opcode {code:#x} with {} values on the stack", stack.len())),
        }
    }
}

pub fn msgpack(bytes: &[u8]) -> Result<Value, String> {
    let mut bytes = Bytes(bytes);
    let value = message(&mut bytes)?;
    if bytes.0.is_empty() { Ok(value) } else { Err(format!("{} bytes too many", bytes.0.len())) }
}

fn message(bytes: &mut Bytes<'_>) -> Result<Value, String> {
    Ok(match bytes.take(1)?[0] {
        byte @ 0..0x80 => byte.into(),
        byte @ 0xe0.. => (byte as i8).into(),
        byte @ 0x80..0x90 => map(bytes, usize::from(byte & 15))?,
        byte @ 0x90..0xa0 => list(bytes, usize::from(byte & 15))?,
        byte @ 0xa0..0xc0 => bytes.text(usize::from(byte & 31))?,
        0xc0 => Value::Null,
        0xc2 => false.into(),
        0xc3 => true.into(),
        0xcb => float(f64::from_be_bytes(bytes.array()?)),
        0xcc => bytes.array::<1>()?[0].into(),
        0xcd => u16::from_be_bytes(bytes.array()?).into(),
        0xce => u32::from_be_bytes(bytes.array()?).into(),
        0xcf => u64::from_be_bytes(bytes.array()?).into(),
        0xd0 => i8::from_be_bytes(bytes.array()?).into(),
        0xd1 => i16::from_be_bytes(bytes.array()?).into(),
        0xd2 => i32::from_be_bytes(bytes.array()?).into(),
        0xd3 => i64::from_be_bytes(bytes.array()?).into(),
        wide @ 0xd9..=0xdf => {
            let length = match wide {
                0xd9 => usize::from(bytes.array::<1>()?[0]),
                0xda | 0xdc | 0xde => usize::from(u16::from_be_bytes(bytes.array()?)),
                _ => u32::from_be_bytes(bytes.array()?) as usize,
            };
            match wide {
                0xd9..=0xdb => bytes.text(length)?,
                0xdc | 0xdd => list(bytes, length)?,
                _ => map(bytes, length)?,
            }
        }
        code => return Err(format!("type {code:#x}")),
    })
}

fn list(bytes: &mut Bytes<'_>, items: usize) -> Result<Value, String> {
    (0..items).map(|_| message(bytes)).collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn map(bytes: &mut Bytes<'_>, pairs: usize) -> Result<Value, String> {
    let mut map = Map::new();
    for _ in 0..pairs {
        let key = message(bytes)?.as_str().ok_or("a key that is no text")?.to_owned();
        map.insert(key, message(bytes)?);
    }
    Ok(map.into())
}
