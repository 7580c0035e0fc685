//! Carbon's receivers: lines over TCP and UDP and pickles over TCP become points of the store at once, without aggregation.

use super::stream::{Heard, LENGTH_BYTES, Next, Server};
use super::{Bell, Shared, udp};
use crate::counters::PickleReject;
use crate::wire::carbon::{CarbonError, CarbonPoint, parse};
use crate::wire::pickle::Pickle;
use memchr::memchr_iter;
use std::net::UdpSocket;
use std::sync::Arc;
use tsdb::{Point, Store, Timestamp};

/// Lines to points. Each thread has its own.
pub struct CarbonReceiver {
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    clock: fn() -> u64,
    points: Vec<Point>,
}

impl CarbonReceiver {
    /// A receiver that writes to this store.
    pub fn new(store: Arc<dyn Store>, shared: Arc<Shared>, clock: fn() -> u64) -> CarbonReceiver {
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

    /// Serves connections that send pickles until the agent stops.
    pub fn serve_pickles(self, server: Server, bell: &Bell) {
        let hear = |(receiver, pickle): &mut (CarbonReceiver, Pickle), heard: Heard<'_>, _: &mut _| {
            receiver.shared.counters.carbon_in.pickles.add(1);
            let refused = match heard {
                Heard::Lines(frame) => receiver.receive_pickle(pickle, frame).err(),
                Heard::LineTooLong => Some(PickleReject::TooLong),
            };
            if let Some(reason) = refused {
                receiver.shared.counters.carbon_in.pickles_rejected[reason as usize].add(1);
            }
            // Also after a pickle that is refused: the next frame begins where this one said, and carbon reads on too.
            Next::Listen
        };
        server.serve(bell, &mut (self, Pickle::default()), hear, |_| {});
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
        let now = self.now();
        let mut start = 0;
        for end in memchr_iter(b'\n', lines) {
            self.line(&lines[start..end], now);
            start = end + 1;
        }
        self.line(&lines[start..], now);
        self.write(now);
    }

    /// Writes every point of a frame, its length before it.
    fn receive_pickle(&mut self, pickle: &mut Pickle, frame: &[u8]) -> Result<(), PickleReject> {
        let Some((length, frame)) = frame.split_first_chunk::<LENGTH_BYTES>() else { return Err(PickleReject::Cut) };
        if frame.len() < u32::from_be_bytes(*length) as usize {
            return Err(PickleReject::Cut);
        }
        let now = self.now();
        for point in pickle.read(frame)? {
            self.point(point, now);
        }
        self.write(now);
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from((self.clock)() / 1000).unwrap_or(i64::MAX))
    }

    fn line(&mut self, line: &[u8], now: Timestamp) {
        if !line.trim_ascii().is_empty() {
            self.point(parse(line), now);
        }
    }

    /// Keeps a point to be written, or counts why there is none.
    fn point(&mut self, read: Result<CarbonPoint<'_>, CarbonError>, now: Timestamp) {
        let counters = &self.shared.counters.carbon_in;
        counters.lines.add(1);
        match read {
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

    fn write(&mut self, now: Timestamp) {
        if !self.points.is_empty() {
            self.store.write(now, &self.points);
            self.shared.counters.carbon_in.points.add(self.points.len() as u64);
            self.points.clear();
        }
    }
}
