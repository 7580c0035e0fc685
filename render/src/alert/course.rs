//! What became of a rule over time: since when it is how bad, and when that counts.
//!
//! A level counts once it was reached without a break for as long as the rule says; an improvement counts at once. The state
//! is the worst level that counts, so that warning and critical values in turn are a warning for all of that time.

use super::verdict::State;
use tsdb::Timestamp;

/// The levels above `Ok`, rising.
const LEVELS: [State; 3] = [State::Unknown, State::Warning, State::Critical];

/// The course of one rule. Plain, because it is written down and read back when the program starts again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The state that counts.
    pub state: State,
    /// Since when it is this one.
    pub since: Timestamp,
    /// Since when each of unknown, warning and critical was reached without a break.
    pub reached: [Option<Timestamp>; 3],
    /// When it was last looked at.
    pub seen: Option<Timestamp>,
}

/// A state that became another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
}

impl Course {
    /// A rule that nobody has looked at yet.
    pub fn new(now: Timestamp) -> Course {
        Course { state: State::Ok, since: now, reached: [None; 3], seen: None }
    }

    /// Takes in how bad it is now.
    pub fn see(&mut self, observed: State, for_secs: i64, now: Timestamp) -> Option<Change> {
        // A clock that was set back must not make a moment last for ever.
        let since = |reached: Option<Timestamp>| reached.map_or(now, |at| if now < at { now } else { at });
        for (level, reached) in LEVELS.iter().zip(&mut self.reached) {
            *reached = (observed >= *level).then(|| since(*reached));
        }
        self.seen = Some(now);
        let counts = |reached: &Option<Timestamp>| reached.is_some_and(|at| now - at >= for_secs);
        let levels = LEVELS.iter().zip(&self.reached).rev();
        let state = levels.filter(|(_, reached)| counts(reached)).map(|(level, _)| *level).next().unwrap_or(State::Ok);
        // What counted before the rule's own time was set back still counts while it lasts.
        let state = state.max(self.state.min(observed));
        if state == self.state {
            return None;
        }
        let change = Change { from: self.state, to: state };
        (self.state, self.since) = (state, now);
        Some(change)
    }

    /// Goes on after a while in which nobody looked: what counted still counts, what was on its way begins anew unless the
    /// break was short.
    pub fn resume(mut self, now: Timestamp, unseen_secs_max: i64) -> Course {
        let unseen = self.seen.map_or(i64::MAX, |seen| now - seen);
        if !(0..=unseen_secs_max).contains(&unseen) {
            let state = self.state;
            for (level, reached) in LEVELS.iter().zip(&mut self.reached) {
                *reached = reached.filter(|_| *level <= state);
            }
        }
        self
    }

    /// A worse state that does not count yet, and since when it was reached.
    pub fn pending(&self) -> Option<(State, Timestamp)> {
        let levels = LEVELS.iter().zip(&self.reached).rev();
        levels.filter(|(level, _)| **level > self.state).find_map(|(level, reached)| Some((*level, (*reached)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Critical, Ok as Fine, Unknown, Warning};

    /// Looks every ten seconds; gives the state that counts after each look.
    fn course(for_secs: i64, seen: &[State]) -> Vec<State> {
        let mut course = Course::new(Timestamp(0));
        let look = |(n, state): (usize, &State)| {
            let before = course.state;
            let change = course.see(*state, for_secs, Timestamp(10 * n as i64));
            assert_eq!(
                change.map(|change| (change.from, change.to)),
                (before != course.state).then_some((before, course.state))
            );
            course.state
        };
        seen.iter().enumerate().map(look).collect()
    }

    #[test]
    fn a_state_counts_when_it_has_lasted() {
        assert_eq!(course(0, &[Fine, Critical, Fine]), [Fine, Critical, Fine]);
        assert_eq!(course(20, &[Warning, Warning, Warning, Fine]), [Fine, Fine, Warning, Fine]);
        assert_eq!(course(20, &[Warning, Fine, Warning, Warning]), [Fine; 4], "a break begins anew");
        assert_eq!(course(20, &[Critical, Warning, Critical, Critical]), [Fine, Fine, Warning, Warning]);
        assert_eq!(course(20, &[Critical, Critical, Critical, Warning]), [Fine, Fine, Critical, Warning]);
        assert_eq!(course(20, &[Unknown, Unknown, Unknown, Critical]), [Fine, Fine, Unknown, Unknown]);
    }

    #[test]
    fn what_is_on_its_way_can_be_seen() {
        let mut course = Course::new(Timestamp(0));
        course.see(Critical, 60, Timestamp(10));
        assert_eq!(course.pending(), Some((Critical, Timestamp(10))));
        course.see(Warning, 60, Timestamp(20));
        assert_eq!(course.pending(), Some((Warning, Timestamp(10))));
        course.see(Warning, 60, Timestamp(70));
        assert_eq!((course.state, course.since, course.pending()), (Warning, Timestamp(70), None));
    }

    #[test]
    fn a_restart_keeps_what_counted() {
        let mut before = Course::new(Timestamp(0));
        before.see(Warning, 60, Timestamp(0));
        before.see(Warning, 60, Timestamp(60));
        before.see(Critical, 60, Timestamp(70));
        let mut short = before.clone().resume(Timestamp(100), 60);
        assert_eq!(short.see(Critical, 60, Timestamp(130)), Some(Change { from: Warning, to: Critical }));
        let mut long = before.clone().resume(Timestamp(1000), 60);
        assert_eq!(long.see(Critical, 60, Timestamp(1000)), None, "critical begins anew");
        assert_eq!((long.state, long.since), (Warning, Timestamp(60)), "a warning it still is");
        let mut mended = before.resume(Timestamp(1000), 60);
        assert_eq!(mended.see(Fine, 60, Timestamp(1000)), Some(Change { from: Warning, to: Fine }));
    }

    #[test]
    fn a_clock_set_back_ends_nothing_and_begins_nothing() {
        let mut course = Course::new(Timestamp(1000));
        course.see(Critical, 60, Timestamp(1000));
        assert_eq!(course.see(Critical, 60, Timestamp(10)), None);
        assert_eq!(course.see(Critical, 60, Timestamp(70)), Some(Change { from: Fine, to: Critical }));
        assert_eq!(course.see(Critical, 60, Timestamp(5)), None, "it counts already");
    }
}
