//! Where the replaced programs and the real clients lie that tests run beside kymo. `conformance/peers/install` puts them
//! there; a test without its peer skips loudly, or fails where KYMO_PEERS=1 says that they must be here.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with carbon, graphite-web, whisper and the PyPI clients; their scripts lie beside it.
pub fn python() -> Option<PathBuf> {
    present(peers().join("venv/bin/python"))
}

/// One of the scripts that came with the Python packages, such as `whisper-info.py`; run it with [`python`].
pub fn script(name: &str) -> Option<PathBuf> {
    present(peers().join("venv/bin").join(name))
}

/// The folder of an npm package; run its files with `node`.
pub fn package(name: &str) -> Option<PathBuf> {
    present(peers().join("node_modules").join(name))
}

/// A program of Debian's, by its full path.
pub fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
    let found = folders.iter().find(|path| path.exists()).cloned();
    present(found.unwrap_or_else(|| Path::new("/usr/sbin").join(name)))
}

/// `python script args`, ready to run; `None` where there are no peers.
pub fn run_script(name: &str) -> Option<Command> {
    let mut command = Command::new(python()?);
    command.arg(script(name)?);
    Some(command)
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}

fn present(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    let must = std::env::var_os("KYMO_PEERS").is_some_and(|value| value == "1");
    assert!(!must, "{} is not here: run conformance/peers/install", path.display());
    println!("SKIPPED: {} is not here; conformance/peers/install puts it there", path.display());
    None
}
