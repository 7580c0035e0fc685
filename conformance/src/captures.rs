//! What real clients were seen to send: the text files of `captures/`, one a client, taken apart into datagrams.

use std::fs;

/// One datagram, or one read from a stream.
pub struct Capture {
    /// The file that it stands in, without its ending.
    pub client: String,
    /// The bytes as sent, which are UTF-8 in every capture.
    pub text: String,
}

impl Capture {
    /// Whether it holds carbon's lines (`name value timestamp`) and not StatsD's.
    pub fn is_carbon(&self) -> bool {
        let mut fields = self.text.lines().next().unwrap_or_default().split(' ');
        fields.nth(1).is_some_and(|value| value.parse::<f64>().is_ok()) && fields.count() == 1
    }
}

/// Every capture; `None` when the chosen folder has none.
///
/// # Panics
/// When a file cannot be read, or a datagram is not as long as it says.
pub fn captures() -> Option<Vec<Capture>> {
    let folder = super::folder().join("captures");
    let Ok(files) = fs::read_dir(&folder) else {
        assert!(super::is_chosen(), "{} is missing", folder.display());
        println!("SKIPPED captures: not in {}", folder.display());
        return None;
    };
    let mut files: Vec<_> = files.map(|file| file.expect("listed").path()).collect();
    files.sort();
    let mut captures = Vec::new();
    for file in files {
        let client = file.file_stem().expect("a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        captures.extend(datagrams(&client, &text).into_iter().map(|text| Capture { client: client.clone(), text }));
    }
    Some(captures)
}

/// `SECONDS BYTES TEXT`, the newline written as ⏎. Two files are lists instead: a line is a datagram there.
fn datagrams(client: &str, text: &str) -> Vec<String> {
    let comment = |line: &&str| !line.starts_with('#') && !line.is_empty();
    match client {
        // HTTP bodies, not datagrams.
        "sentry_sdk_envelope" => Vec::new(),
        "airflow_names" => text.lines().filter(comment).map(str::to_owned).collect(),
        "compat_matrix" => {
            let sent = text.lines().skip_while(|line| *line != "sent:").skip(1);
            sent.take_while(|line| !line.is_empty()).map(|line| line.trim_start().to_owned()).collect()
        }
        _ => text.lines().filter_map(|line| datagram(client, line)).collect(),
    }
}

fn datagram(client: &str, line: &str) -> Option<String> {
    let (secs, rest) = line.trim_start().split_once(' ')?;
    let (bytes, text) = rest.trim_start().split_once(' ')?;
    let (_, bytes): (f64, usize) = (secs.parse().ok()?, bytes.parse().ok()?);
    let text = text.replace('\u{23ce}', "\n");
    assert!(text.len() == bytes, "{client}: not {bytes} bytes: {line}");
    Some(text)
}
