//! Carbon's plain text receivers: lines over TCP and UDP become points of the store at once, without aggregation.

use super::stream::{Heard, Next, Server};
use super::{Bell, Shared, udp};
use crate::wire::carbon::{CarbonError, parse};
use memchr::memchr_iter;
use std::net::UdpSocket;
use std::sync::Arc;
use tsdb::{Point, Store, Timestamp};

/// Lines to points. Each thread has its own.
pub struct CarbonReceiver {
    store: Arc<Store>,
    shared: Arc<Shared>,
    clock: fn() -> u64,
    points: Vec<Point>,
}

impl CarbonReceiver {
    /// A receiver that writes to this store.
    pub fn new(store: Arc<Store>, shared: Arc<Shared>, clock: fn() -> u64) -> CarbonReceiver {
        CarbonReceiver { store, shared, clock, points: Vec::new() }
    }

    /// Serves connections until the agent stops.
    pub fn serve(mut self, server: Server, bell: &Bell) {
        let hear = |receiver: &mut CarbonReceiver, heard: Heard<'_>, _: &mut _| {
            match heard {
                Heard::Lines(lines) => receiver.receive(lines),
                Heard::LineTooLong => {
                    receiver.shared.counters.carbon_in.lines.add(1);
                    receiver.shared.counters.carbon_in.bad.add(1);
                }
            }
            Next::Listen
        };
        server.serve(bell, &mut self, hear, |_| {});
    }

    /// Receives datagrams until the agent stops.
    pub fn receive_datagrams(mut self, socket: &UdpSocket, bell: &Bell) {
        let shared = Arc::clone(&self.shared);
        let hear = |receiver: &mut CarbonReceiver, batch: &super::mmsg::Batch| {
            batch.datagrams().for_each(|datagram| receiver.receive(datagram));
        };
        udp::each_batch(socket, bell, &shared, &mut self, hear, |_| {});
    }

    /// Writes every point of a block of lines; the store groups them by file.
    pub fn receive(&mut self, lines: &[u8]) {
        let now = Timestamp(i64::try_from((self.clock)() / 1000).unwrap_or(i64::MAX));
        let mut start = 0;
        for end in memchr_iter(b'\n', lines) {
            self.line(&lines[start..end], now);
            start = end + 1;
        }
        self.line(&lines[start..], now);
        if !self.points.is_empty() {
            self.store.write(now, &self.points);
            self.shared.counters.carbon_in.points.add(self.points.len() as u64);
            self.points.clear();
        }
    }

    fn line(&mut self, line: &[u8], now: Timestamp) {
        let counters = &self.shared.counters.carbon_in;
        if line.trim_ascii().is_empty() {
            return;
        }
        counters.lines.add(1);
        match parse(line) {
            Ok(point) => match self.store.resolve(point.name) {
                Ok(series) => {
                    let at = point.at.map_or(now, Timestamp);
                    self.points.push(Point { series, at, value: point.value });
                }
                Err(_) => counters.refused.add(1),
            },
            Err(CarbonError::Nan) => counters.nan.add(1),
            Err(_) => counters.bad.add(1),
        }
    }
}
