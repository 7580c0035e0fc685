//! The system's log, as statsd's own module writes it: facility LOCAL0, with the number of the process.

use jiff::ZonedDateTime;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process;

const LOCAL0: u8 = 16;
/// What most daemons take; the rest of a longer line is left out.
const BYTES_MAX: usize = 8192;

/// A socket to it, opened with the first line.
pub struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    warned: bool,
}

impl Default for Syslog {
    fn default() -> Syslog {
        Syslog { path: "/dev/log".into(), socket: None, warned: false }
    }
}

impl Syslog {
    /// Writes a line. A log that is away is said once; the line is lost then, as it is in statsd.
    pub fn log(&mut self, application: &str, level: u8, now: &ZonedDateTime, line: &str) {
        let date = now.strftime("%b %e %H:%M:%S");
        let text = format!("<{}>{date} {application}[{}]: {line}", LOCAL0 * 8 + level, process::id());
        let bytes = &text.as_bytes()[..text.len().min(BYTES_MAX)];
        // A daemon that was started anew has a new socket: the second attempt finds it.
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = self.open();
            }
            let Some(socket) = &self.socket else { break };
            match socket.send(bytes) {
                Ok(_) => return,
                Err(_) => self.socket = None,
            }
        }
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!("nobody reads the system's log at {}", self.path.display());
        }
    }

    fn open(&self) -> Option<UnixDatagram> {
        let socket = UnixDatagram::unbound().ok()?;
        // A full log must not stop what else is printed.
        socket.set_nonblocking(true).ok()?;
        socket.connect(&self.path).ok()?;
        Some(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    #[test]
    fn lines_have_facility_level_date_and_process_and_survive_a_new_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = Syslog { path: path.clone(), ..Syslog::default() };
        let now = Timestamp::from_second(1_700_000_010).unwrap().to_zoned_datetime(TimeZone::UTC);
        for line in ["foo:1|c", "again"] {
            let daemon = UnixDatagram::bind(&path).unwrap();
            syslog.log("statsd", 6, &now, line);
            let mut bytes = [0; 200];
            let n = daemon.recv(&mut bytes).unwrap();
            let expect = format!("<134>Nov 14 22:13:30 statsd[{}]: {line}", process::id());
            assert_eq!(String::from_utf8_lossy(&bytes[..n]), expect);
            drop(daemon);
            std::fs::remove_file(&path).unwrap();
            syslog.log("statsd", 6, &now, "lost");
        }
    }
}
