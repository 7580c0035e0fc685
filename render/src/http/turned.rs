//! What was turned away before a handler saw it, counted by reason: nobody is refused without a number that says so. What was
//! answered without any work is counted too.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a request or a connection was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// 401: no credentials.
    CredentialsMissing,
    /// 401: wrong ones.
    CredentialsWrong,
    /// 429: wrong ones too often.
    CredentialsTooOften,
    /// 403: another machine, where nobody is known.
    NotLocal,
    /// 403: not within the caller's scopes.
    Scope,
    /// 413.
    BodyTooLong,
    /// 408: the body.
    BodyTooSlow,
    /// 408: the head.
    HeadTooSlow,
    /// 431 or 414.
    HeadTooLong,
    /// Closed: took nothing of its answer.
    AnswerTooSlow,
    /// 503: as many connections as there may be.
    Connections,
    /// 503: as many connections of one address as there may be.
    ConnectionsOfAddress,
    /// Closed: no TLS handshake.
    Handshake,
}

impl Reason {
    /// All, in order.
    pub const ALL: [Reason; 13] = [
        Reason::CredentialsMissing,
        Reason::CredentialsWrong,
        Reason::CredentialsTooOften,
        Reason::NotLocal,
        Reason::Scope,
        Reason::BodyTooLong,
        Reason::BodyTooSlow,
        Reason::HeadTooSlow,
        Reason::HeadTooLong,
        Reason::AnswerTooSlow,
        Reason::Connections,
        Reason::ConnectionsOfAddress,
        Reason::Handshake,
    ];

    /// As series spell it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::CredentialsMissing => "credentials_missing",
            Reason::CredentialsWrong => "credentials_wrong",
            Reason::CredentialsTooOften => "credentials_too_often",
            Reason::NotLocal => "not_local",
            Reason::Scope => "scope",
            Reason::BodyTooLong => "body_too_long",
            Reason::BodyTooSlow => "body_too_slow",
            Reason::HeadTooSlow => "head_too_slow",
            Reason::HeadTooLong => "head_too_long",
            Reason::AnswerTooSlow => "answer_too_slow",
            Reason::Connections => "connections",
            Reason::ConnectionsOfAddress => "connections_of_address",
            Reason::Handshake => "handshake",
        }
    }
}

/// The counts.
#[derive(Debug, Default)]
pub struct Turned {
    requests: AtomicU64,
    given_again: AtomicU64,
    away: [AtomicU64; Reason::ALL.len()],
}

impl Turned {
    /// Requests that came, whatever became of them.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Answers of `/render` that had been given before and still counted.
    pub fn given_again(&self) -> u64 {
        self.given_again.load(Ordering::Relaxed)
    }

    /// How often it happened.
    pub fn away(&self, reason: Reason) -> u64 {
        self.away[reason as usize].load(Ordering::Relaxed)
    }

    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn again(&self) {
        self.given_again.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self, reason: Reason) {
        self.away[reason as usize].fetch_add(1, Ordering::Relaxed);
    }
}
