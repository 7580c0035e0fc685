//! Secrets as they are kept and compared. A token is 256 random bits, so one SHA-256 of it is enough; a password is what a person
//! chose, so its hash must cost memory and time (Argon2id). Comparing takes the same time whatever is equal.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq;
use tsdb::Timestamp;

/// What tokens begin with, so that people and scanners of source code know one when they see it.
const TOKEN_PREFIX: &str = "kymo_";
/// What the hash of a token begins with.
const DIGEST_PREFIX: &str = "sha256:";
/// How long a password that was right is not computed again.
const VERIFIED_SECS: i64 = 300;
/// How many are remembered.
const VERIFIED_MAX: usize = 256;

/// The hash of a token.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

/// Why a text is no hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Of a token.
    #[error("the hash of a token is `sha256:` and 64 hex digits, as `kymo token` prints it")]
    Token,
    /// Of a password.
    #[error("the hash of a password begins with `$argon2id$`, as `kymo token --password` prints it")]
    Password,
}

impl Digest {
    /// Whether both are of the same token.
    pub fn is(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl FromStr for Digest {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Digest, SecretError> {
        let hex = text.strip_prefix(DIGEST_PREFIX).filter(|hex| hex.len() == 64 && hex.is_ascii());
        let hex = hex.ok_or(SecretError::Token)?;
        let mut digest = [0; 32];
        for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| SecretError::Token)?;
        }
        Ok(Digest(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIGEST_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:…")
    }
}

/// The token that these random bytes make.
pub fn token_of(random: &[u8; 32]) -> String {
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{TOKEN_PREFIX}{hex}")
}

/// The hash that a token is kept as.
pub fn digest_of(token: &str) -> Digest {
    Digest(Sha256::digest(token.as_bytes()).into())
}

/// Whether this is the password of the hash. Takes tens of milliseconds and 19 MiB, on purpose.
pub fn password_is(password: &str, hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    parsed.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Checks a hash of a password without having one.
pub(super) fn check_password_hash(hash: &str) -> Result<(), SecretError> {
    match PasswordHash::new(hash) {
        Ok(parsed) if parsed.algorithm.as_str() == "argon2id" && parsed.hash.is_some() => Ok(()),
        _ => Err(SecretError::Password),
    }
}

/// Passwords that were right a moment ago, as hashes that are worth nothing outside this process.
pub struct Verified {
    salt: [u8; 32],
    kept: Mutex<Vec<(Digest, Timestamp)>>,
}

impl Verified {
    /// With a salt that nobody else knows.
    pub fn new(salt: [u8; 32]) -> Verified {
        // Locked for a walk over a few hundred hashes.
        Verified { salt, kept: Mutex::default() }
    }

    /// Both parts and their border are hashed: no other name and password give the same.
    pub(super) fn digest(&self, user: &str, hash: &str, password: &str) -> Digest {
        let mut sha = Sha256::new();
        sha.update(self.salt);
        for part in [user, hash, password] {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part.as_bytes());
        }
        Digest(sha.finalize().into())
    }

    pub(super) fn knows(&self, digest: &Digest, now: Timestamp) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().any(|(known, at)| known.is(digest) && (0..VERIFIED_SECS).contains(&(now - *at)))
    }

    pub(super) fn keep(&self, digest: Digest, now: Timestamp) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, at)| (0..VERIFIED_SECS).contains(&(now - *at)));
        if kept.len() == VERIFIED_MAX {
            kept.remove(0);
        }
        kept.push((digest, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_kept_as_hashes() {
        let token = token_of(&[0xab; 32]);
        assert!(token.starts_with("kymo_abab") && token.len() == 69);
        let digest = digest_of(&token);
        let read: Digest = digest.to_string().parse().unwrap();
        assert!(read.is(&digest) && !read.is(&digest_of("kymo_other")));
        assert_eq!(format!("{digest:?}"), "sha256:…");
        let long = format!("sha256:{}", "0".repeat(63) + "é");
        for bad in ["", "sha256:", "sha256:00", "md5:00", &long, &format!("sha256:{}", "g".repeat(64))] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_right_is_remembered_for_a_while() {
        let verified = Verified::new([7; 32]);
        let digest = verified.digest("anna", "$hash", "secret");
        assert!(!verified.knows(&digest, Timestamp(0)));
        verified.keep(digest, Timestamp(0));
        assert!(verified.knows(&digest, Timestamp(299)) && !verified.knows(&digest, Timestamp(300)));
        assert!(!verified.knows(&digest, Timestamp(-1)), "a clock set back ends it");
        // The border between the parts counts.
        assert!(!verified.knows(&verified.digest("annas", "$hash", "ecret"), Timestamp(1)));
        assert!(!verified.knows(&verified.digest("anna", "$other", "secret"), Timestamp(1)));
        for n in 0..1000 {
            verified.keep(verified.digest(&n.to_string(), "", ""), Timestamp(1));
        }
        assert_eq!(verified.kept.lock().unwrap().len(), VERIFIED_MAX);
    }
}
