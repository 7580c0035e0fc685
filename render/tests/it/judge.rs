//! Whether an answer is the recorded one: the rules of compare_render.py.

use crate::recorded::Answer;
use crate::unpack;
use serde_json::Value;

type Outcome = Result<(), String>;

pub fn judge(case: &Value, answer: &Answer) -> Outcome {
    let expect = &case["expect"];
    let status = expect["status"].as_u64().unwrap();
    let right = match status {
        500.. => answer.status < 500,
        400..500 => (400..500).contains(&answer.status),
        _ => answer.status == status,
    };
    let given = String::from_utf8_lossy(&answer.body);
    if !right {
        return Err(format!("status {status} expected, {} given: {given:.200}", answer.status));
    }
    if status >= 400 {
        return Ok(());
    }
    if !expect["image"].is_null() {
        return image(expect, answer);
    }
    body(case, answer)
}

fn body(case: &Value, answer: &Answer) -> Outcome {
    let expect = &case["expect"];
    let given = String::from_utf8_lossy(&answer.body);
    let wanted = expect["body"].as_str().unwrap_or("");
    match case["cmp"].as_str().unwrap() {
        "render" => series(&json(wanted)?, &json(&given)?, true),
        "shape" => series(&json(wanted)?, &json(&given)?, false),
        "csv" => csv(wanted, &given),
        "raw" => raw(wanted, &given),
        "jsonp" | "jsonpfind" | "jsonpevents" => {
            let (wanted, given) = (called(wanted)?, called(&given)?);
            equal("callback", &wanted.0, &given.0)?;
            deep(&json(wanted.1)?, &json(given.1)?, "")
        }
        "pickle" => deep(&expect["value"], &unpack::pickle(&answer.body)?, ""),
        "msgpack" => deep(&expect["value"], &unpack::msgpack(&answer.body)?, ""),
        "status" => Ok(()),
        "function1" => function(&json(wanted)?, &table(&given)?),
        "functions" => functions(&json(wanted)?, &table(&given)?),
        "functionsgrouped" => {
            let (wanted, given) = (json(wanted)?, table(&given)?);
            let groups = wanted.as_object().ok_or("no groups")?;
            groups.iter().try_for_each(|(group, wanted)| functions(wanted, &given[group]))
        }
        "tagjson" => {
            let (mut wanted, mut given) = (json(wanted)?, json(&given)?);
            without_ids(&mut wanted);
            without_ids(&mut given);
            deep(&wanted, &given, "")
        }
        "text" => equal("body", wanted, given.trim_end()),
        "version" => {
            if given.starts_with("1.") {
                Ok(())
            } else {
                Err(format!("{given} is no 1.x"))
            }
        }
        "jsonu" => {
            let (mut wanted, mut given) = (json(wanted)?, json(&given)?);
            for value in [&mut wanted, &mut given] {
                if let Some(list) = value["metrics"].as_array_mut() {
                    list.sort_by_key(Value::to_string);
                }
            }
            deep(&wanted, &given, "")
        }
        _ => deep(&json(wanted)?, &json(&given)?, ""),
    }
}

/// Python reads `1e9999` and `Infinity` as an infinity; here it becomes a number that occurs nowhere else.
fn json(text: &str) -> Result<Value, String> {
    let bounded = text.replace("Infinity", "1e9999").replace("1e9999", "1.5e308");
    serde_json::from_str(&bounded).map_err(|error| format!("{error} in {text:.160}"))
}

fn equal<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, wanted: &T, given: &T) -> Outcome {
    if wanted == given { Ok(()) } else { Err(format!("{what}: {wanted:?} expected, {given:?} given")) }
}

fn close(wanted: f64, given: f64, scale: f64) -> bool {
    (wanted.is_nan() && given.is_nan())
        || wanted == given
        || (wanted - given).abs() <= (1e-9 * wanted.abs().max(given.abs())).max(1e-12 * scale)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn values(what: &str, wanted: &[f64], given: &[f64]) -> Outcome {
    equal("count of points", &wanted.len(), &given.len())?;
    let largest = wanted.iter().filter(|v| v.is_finite()).fold(0.0f64, |a, b| a.max(b.abs()));
    let scale = if largest > 1e290 { 0.0 } else { largest };
    match (0..wanted.len()).find(|&i| !close(wanted[i], given[i], scale)) {
        Some(i) => Err(format!("{what} [{i}]: {} expected, {} given", wanted[i], given[i])),
        None => Ok(()),
    }
}

fn series(wanted: &Value, given: &Value, with_values: bool) -> Outcome {
    let list = |value: &Value| value.as_array().cloned().ok_or("not a list");
    let (wanted, given) = (list(wanted)?, list(given)?);
    let names = |list: &[Value]| list.iter().map(|one| one["target"].clone()).collect::<Vec<_>>();
    equal("names", &names(&wanted), &names(&given))?;
    for (w, g) in wanted.iter().zip(&given) {
        let column = |one: &Value, i: usize| -> Vec<Value> {
            one["datapoints"].as_array().map_or(Vec::new(), |points| points.iter().map(|p| p[i].clone()).collect())
        };
        equal("times", &column(w, 1), &column(g, 1))?;
        if with_values {
            let floats = |one| column(one, 0).iter().map(number).collect::<Vec<_>>();
            values(&w["target"].to_string(), &floats(w), &floats(g))?;
        }
        equal("tags", &w["tags"], &g["tags"])?;
    }
    Ok(())
}

/// A table of functions as it was recorded: with the infinities among the defaults as words.
fn table(given: &str) -> Result<Value, String> {
    json(&given.replace("1e9999", "\"inf\""))
}

/// Those that are not there yet are the table's concern; what is there is told as graphite-web tells it.
fn functions(wanted: &Value, given: &Value) -> Outcome {
    let told = wanted.as_object().ok_or("no map")?.iter().filter(|(name, _)| query::functions::lookup(name).is_some());
    let otherwise =
        told.filter_map(|(name, wanted)| Some(format!("{name}: {}", function(wanted, &given[name]).err()?)));
    let otherwise: Vec<String> = otherwise.collect();
    if otherwise.is_empty() { Ok(()) } else { Err(otherwise.join("; ")) }
}

fn function(wanted: &Value, given: &Value) -> Outcome {
    for key in ["name", "group", "params"] {
        let (mut wanted, mut given) = (wanted[key].clone(), given[key].clone());
        for params in [&mut wanted, &mut given] {
            for param in params.as_array_mut().into_iter().flatten() {
                param.as_object_mut().ok_or("no parameter")?.remove("suggestions");
            }
        }
        deep(&wanted, &given, key)?;
    }
    Ok(())
}

/// The rows of a database are whose they are.
fn without_ids(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(without_ids),
        Value::Object(map) => {
            map.remove("id");
            map.values_mut().for_each(without_ids);
        }
        _ => {}
    }
}

/// Numbers close, everything else alike; `intervals` depend on the moment of the recording.
fn deep(wanted: &Value, given: &Value, at: &str) -> Outcome {
    match (wanted, given) {
        (Value::Object(w), Value::Object(g)) => {
            let keys = |map: &serde_json::Map<String, Value>| {
                let mut keys: Vec<_> = map.keys().filter(|key| *key != "intervals").cloned().collect();
                keys.sort();
                keys
            };
            equal("keys", &keys(w), &keys(g))?;
            keys(w).iter().try_for_each(|key| deep(&w[key], &g[key], &format!("{at}.{key}")))
        }
        (Value::Array(w), Value::Array(g)) => {
            equal(&format!("{at} length"), &w.len(), &g.len())?;
            (0..w.len()).try_for_each(|i| deep(&w[i], &g[i], &format!("{at}[{i}]")))
        }
        (Value::Number(_), Value::Number(_)) if close(number(wanted), number(given), 0.0) => Ok(()),
        _ => equal(at, wanted, given),
    }
}

fn image(expect: &Value, answer: &Answer) -> Outcome {
    let size = match answer.body.as_slice() {
        [0x89, b'P', b'N', b'G', rest @ ..] => {
            let side = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
            serde_json::json!(["png", side(12), side(16)])
        }
        [b'%', b'P', b'D', b'F', ..] => serde_json::json!(["pdf", 0, 0]),
        body => {
            let text = String::from_utf8_lossy(body);
            let side = |name: &str| {
                let value = text.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
                value.and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0) as u32
            };
            serde_json::json!(["svg", side("width"), side("height")])
        }
    };
    equal("image", &expect["image"], &size)?;
    equal("type", expect["type"].as_str().unwrap(), answer.kind.split(';').next().unwrap())
}

fn called(text: &str) -> Result<(&str, &str), String> {
    let (name, rest) = text.split_once('(').ok_or("no call")?;
    Ok((name, rest.trim_end().trim_end_matches(';').strip_suffix(')').ok_or("an open call")?))
}

fn float(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

fn csv(wanted: &str, given: &str) -> Outcome {
    let (wanted, given): (Vec<_>, Vec<_>) = (wanted.lines().collect(), given.lines().collect());
    equal("rows", &wanted.len(), &given.len())?;
    for (w, g) in wanted.iter().zip(given) {
        let ((head, value), (given_head, given_value)) = (w.rsplit_once(',').unwrap(), g.rsplit_once(',').unwrap());
        equal("row", head, given_head)?;
        if !close(float(value), float(given_value), 0.0) {
            return Err(format!("{w} expected, {g} given"));
        }
    }
    Ok(())
}

fn raw(wanted: &str, given: &str) -> Outcome {
    let (wanted, given): (Vec<_>, Vec<_>) = (wanted.lines().collect(), given.lines().collect());
    equal("lines", &wanted.len(), &given.len())?;
    for (w, g) in wanted.iter().zip(given) {
        let ((head, list), (given_head, given_list)) = (w.rsplit_once('|').unwrap(), g.rsplit_once('|').unwrap());
        equal("head", head, given_head)?;
        let floats = |list: &str| list.split(',').map(float).collect::<Vec<_>>();
        values(head, &floats(list), &floats(given_list))?;
    }
    Ok(())
}
