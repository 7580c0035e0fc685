//! What can go wrong between a request and its answer. [`crate::http`] turns each into a status, once.

use crate::access::Refusal;
use query::SourceError;

/// Everything a handler may fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong; the text says which parameter and why.
    #[error("{0}")]
    BadRequest(String),
    /// A target could not be answered; shows the place in the target.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// A picture could not be drawn.
    #[error(transparent)]
    Draw(#[from] crate::draw::Error),
    /// The store could not list its names.
    #[error("read the names")]
    Names(#[source] SourceError),
    /// The events could not be read or written.
    #[error("the events")]
    Events(#[source] SourceError),
    /// There is no such event.
    #[error("there is no event {0:?}")]
    NoEvent(String),
    /// All workers are taken and the queue before them is full.
    #[error(
        "{running} requests are being answered and {waiting} are waiting, which is all that \
         concurrent_requests and waiting_requests allow; ask again in a moment"
    )]
    Busy {
        /// How many are answered at a time.
        running: usize,
        /// How many may wait.
        waiting: usize,
    },
    /// It took longer than a request may.
    #[error(
        "this took longer than the {secs} s that limits.query_secs allows; ask for less, such as fewer series or a shorter time"
    )]
    TooSlow {
        /// The limit.
        secs: u64,
    },
    /// The answer has more bytes than allowed.
    #[error(
        "the answer would have more bytes than limits.query_answer_bytes allows ({limit}); maxDataPoints makes it shorter"
    )]
    AnswerTooLong {
        /// The limit.
        limit: usize,
    },
    /// The body of a POST is longer than allowed.
    #[error("the body is longer than limits.http_body_bytes allows ({limit})")]
    BodyTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body of a POST did not arrive whole.
    #[error("the body did not arrive: {0}")]
    BodyCutOff(String),
    /// The body of a POST took longer than allowed.
    #[error("the body did not arrive within {secs} s, which is all that limits.http_body_secs allows")]
    BodyTooSlow {
        /// The limit.
        secs: u64,
    },
    /// The caller is not let in.
    #[error("{}", not_let_in(*.0))]
    Refused(Refusal),
    /// The caller is let in, but not for this.
    #[error("{0}")]
    Forbidden(String),
    /// A worker panicked or was stopped; the details are in the log.
    #[error("answer the request")]
    Worker(#[source] tokio::task::JoinError),
    /// No function of this name.
    #[error("Function not found: {0}")]
    NoFunction(String),
    /// No page or file of this name.
    #[error("there is nothing here")]
    NotFound,
}

fn not_let_in(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Missing => {
            "say who you are: a token as `Authorization: Bearer TOKEN`, or a name with its password or token as basic authentication"
        }
        Refusal::Wrong => "this token, or this name with its password, is not known here or has ended",
        Refusal::TooOften => "too many wrong passwords from this address; wait a minute",
        Refusal::NotLocal => {
            "this server knows no tokens and therefore answers its own machine only; add [[tokens]] to kymo.toml, or set \
             access.open_to_others to let everybody read"
        }
    }
}
