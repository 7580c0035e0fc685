//! Who a caller is, by what the request shows: a token, a name and password, a trusted proxy's word, or only an address.

use super::attempts::Attempts;
use super::grants::Grants;
use super::network::Network;
use super::secret::{Digest, SecretError, Verified, check_password_hash, digest_of, password_is};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tsdb::Timestamp;

/// Longest name and password that are looked at.
const SHOWN_BYTES_MAX: usize = 1024;

/// The header in which a proxy names a person, where the configuration names none.
const USER_HEADER: &str = "x-remote-user";

/// A token that is let in.
#[derive(Clone, Debug)]
pub struct Token {
    /// Whose it is; basic authentication takes it as the user's name.
    pub name: String,
    /// All that is kept of it.
    pub digest: Digest,
    /// What it allows.
    pub grants: Grants,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// A person: let in by a password, or by a trusted proxy that names them.
#[derive(Clone)]
pub struct User {
    /// As typed, or as the proxy says.
    pub name: String,
    /// The hash of the password; without one only a proxy can name them.
    password: Option<String>,
    /// What they may.
    pub grants: Grants,
}

impl User {
    /// A person and the Argon2 hash of their password.
    ///
    /// # Errors
    /// The text is no such hash.
    pub fn new(name: String, password: Option<String>, grants: Grants) -> Result<User, SecretError> {
        password.as_deref().map_or(Ok(()), check_password_hash)?;
        Ok(User { name, password, grants })
    }
}

/// Everybody who is known, and how far an address alone is believed.
#[derive(Clone, Default)]
pub struct Known {
    /// Tokens.
    pub tokens: Vec<Token>,
    /// People.
    pub users: Vec<User>,
    /// Proxies whose headers are believed.
    pub proxies: Vec<Network>,
    /// What people may whom a proxy names and no entry of `users` does.
    pub proxied: Grants,
    /// The header in which a proxy names a person; empty is the usual one.
    pub user_header: String,
    /// Where nobody is known: whether other machines may read.
    pub open_to_others: bool,
}

impl Known {
    fn knows_anybody(&self) -> bool {
        !(self.tokens.is_empty() && self.users.is_empty()) || self.proxied != Grants::nothing()
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.holds(peer))
    }

    /// The last address on the way here that is no proxy of ours, or the first of all; those before it could be anybody's
    /// invention.
    fn client(&self, forwarded: &[&str]) -> Option<IpAddr> {
        let mut client = None;
        for hop in forwarded.iter().rev().flat_map(|list| list.split(',').rev()) {
            let address: IpAddr = hop.trim().parse().ok()?;
            client = Some(address.to_canonical());
            if !self.is_proxy(address) {
                break;
            }
        }
        client
    }

    fn by_address(&self, client: Option<IpAddr>) -> Result<Caller, Refusal> {
        if client.is_some_and(|client| client.is_loopback()) {
            // Whoever is on this machine can send points anyway; what takes away needs a token.
            let grants = Grants::parse(["read", "write"]).unwrap_or_default();
            return Ok(Caller { grants, is_ambient: true });
        }
        if self.open_to_others {
            return Ok(Caller { grants: Grants::everything().to_read(), is_ambient: true });
        }
        Err(Refusal::NotLocal)
    }

    fn token(&self, token: &str, now: Timestamp) -> Option<&Token> {
        let digest = digest_of(token);
        // All are compared, so that the time does not tell which one was near.
        let mut found = None;
        for token in &self.tokens {
            if token.digest.is(&digest) {
                found = Some(token);
            }
        }
        found.filter(|token| token.expires.is_none_or(|end| now < end))
    }
}

/// Lets callers in, or says why not.
pub struct Access {
    /// Locked to clone or replace a pointer.
    known: RwLock<Arc<Known>>,
    verified: Verified,
    attempts: Attempts,
}

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// `X-Forwarded-For`, all of them in order.
    pub forwarded: &'a [&'a str],
    /// The header in which a proxy names a person.
    pub user: Option<&'a str>,
    /// Whether a browser asks under a name that is not this machine's: a page from elsewhere whose name was made to mean
    /// this machine, or a proxy that nobody listed.
    pub under_another_name: bool,
}

/// Someone who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What they may.
    pub grants: Grants,
    /// Whether a browser would show the same by itself, on behalf of any page.
    pub is_ambient: bool,
}

/// A name and password that still have to be compared, which takes long enough to be done elsewhere.
pub struct Claim {
    person: Option<Caller>,
    hash: String,
    password: String,
    digest: Digest,
    client: IpAddr,
}

/// Who it is.
pub enum Identity {
    /// Let in.
    Caller(Caller),
    /// [`Access::prove`] will tell.
    Claim(Box<Claim>),
}

/// Why someone is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing was shown, and something has to be.
    Missing,
    /// What was shown is not known, is wrong or has ended. One answer for all of it.
    Wrong,
    /// The same, too often in a minute.
    TooOften,
    /// Nobody is known here, and the caller is on another machine.
    NotLocal,
}

impl Access {
    /// Lets in who is known. The salt is random and not told to anybody.
    pub fn new(known: Known, salt: [u8; 32]) -> Access {
        Access { known: RwLock::new(Arc::new(known)), verified: Verified::new(salt), attempts: Attempts::default() }
    }

    /// Lets these in from now on.
    pub fn replace(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether everybody may read, from wherever they come.
    pub fn is_open_to_others(&self) -> bool {
        let known = self.known();
        known.open_to_others && !known.knows_anybody()
    }

    /// Whether anybody is known: then everybody has to say who they are.
    pub fn knows_anybody(&self) -> bool {
        self.known().knows_anybody()
    }

    /// Whether a proxy at this address is believed.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        self.known().is_proxy(peer)
    }

    /// The header in which a proxy names a person.
    pub fn user_header(&self) -> String {
        let known = self.known();
        if known.user_header.is_empty() { USER_HEADER.to_owned() } else { known.user_header.clone() }
    }

    /// Who sent the request.
    ///
    /// # Errors
    /// They are not let in.
    pub fn identify(&self, shown: &Shown<'_>, now: Timestamp) -> Result<Identity, Refusal> {
        let known = self.known();
        let by_proxy = known.is_proxy(shown.peer);
        let client = if by_proxy { known.client(shown.forwarded) } else { Some(shown.peer.to_canonical()) };
        if !known.knows_anybody() {
            let client = client.filter(|_| by_proxy || !shown.under_another_name);
            return known.by_address(client).map(Identity::Caller);
        }
        if let Some(name) = shown.user.filter(|user| by_proxy && !user.is_empty()) {
            // Before what the person showed to the proxy, which may be passed on and is not ours to know.
            let user = known.users.iter().find(|user| user.name == name);
            let grants = user.map_or(&known.proxied, |user| &user.grants).clone();
            return Ok(Identity::Caller(Caller { grants, is_ambient: true }));
        }
        let authorization = shown.authorization.ok_or(Refusal::Missing)?;
        // A client that its proxy does not tell shares the proxy's account.
        self.by_credentials(&known, authorization, client.unwrap_or(shown.peer), now)
    }

    fn by_credentials(&self, known: &Known, shown: &[u8], client: IpAddr, now: Timestamp) -> Result<Identity, Refusal> {
        let wrong = || self.wrong(client, now);
        let text = std::str::from_utf8(shown).map_err(|_| wrong())?;
        let (scheme, value) = text.split_once(' ').ok_or_else(wrong)?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            let token = known.token(value, now).ok_or_else(wrong)?;
            return Ok(Identity::Caller(Caller { grants: token.grants.clone(), is_ambient: false }));
        }
        if !scheme.eq_ignore_ascii_case("basic") || value.len() > 2 * SHOWN_BYTES_MAX {
            return Err(wrong());
        }
        let decoded = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        let (name, password) = decoded.split_once(':').ok_or_else(wrong)?;
        if name.len().max(password.len()) > SHOWN_BYTES_MAX {
            return Err(wrong());
        }
        if let Some(token) = known.token(password, now).filter(|token| token.name == name) {
            return Ok(Identity::Caller(Caller { grants: token.grants.clone(), is_ambient: true }));
        }
        self.by_password(known, (name, password), client, now)
    }

    fn by_password(
        &self,
        known: &Known,
        shown: (&str, &str),
        client: IpAddr,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        let (name, password) = shown;
        let with_password = |user: &User| user.password.clone();
        let user = known.users.iter().find(|user| user.name == name && user.password.is_some());
        // A name that is not known costs as much as one that is.
        let hash = match user {
            Some(user) => with_password(user),
            None => known.users.iter().find_map(with_password),
        };
        let hash = hash.ok_or_else(|| self.wrong(client, now))?;
        let digest = self.verified.digest(name, &hash, password);
        let person = user.map(|user| Caller { grants: user.grants.clone(), is_ambient: true });
        if let Some(person) = person.clone().filter(|_| self.verified.knows(&digest, now)) {
            return Ok(Identity::Caller(person));
        }
        if self.attempts.are_used_up(client, now) {
            return Err(Refusal::TooOften);
        }
        let password = password.to_owned();
        Ok(Identity::Claim(Box::new(Claim { person, hash, password, digest, client })))
    }

    /// Compares a password; takes tens of milliseconds.
    ///
    /// # Errors
    /// It is wrong.
    pub fn prove(&self, claim: &Claim, now: Timestamp) -> Result<Caller, Refusal> {
        if self.attempts.are_used_up(claim.client, now) {
            // Many may have come at once.
            return Err(Refusal::TooOften);
        }
        let right = password_is(&claim.password, &claim.hash);
        match claim.person.clone().filter(|_| right) {
            Some(person) => {
                self.verified.keep(claim.digest, now);
                Ok(person)
            }
            None => Err(self.wrong(claim.client, now)),
        }
    }

    fn wrong(&self, client: IpAddr, now: Timestamp) -> Refusal {
        let too_often = self.attempts.are_used_up(client, now);
        self.attempts.fail(client, now);
        if too_often { Refusal::TooOften } else { Refusal::Wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::Argon2;
    use argon2::password_hash::{PasswordHasher, SaltString};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn grants(scopes: &[&str]) -> Grants {
        Grants::parse(scopes).unwrap()
    }

    fn known() -> Known {
        let token = |name: &str, secret: &str, scopes: &[&str], expires| Token {
            name: name.to_owned(),
            digest: digest_of(secret),
            grants: grants(scopes),
            expires,
        };
        // Cheap on purpose: what is tested is who may, not how long a hash takes.
        let cheap = Argon2::from(argon2::Params::new(8, 1, 1, None).unwrap());
        let salt = SaltString::from_b64("c2FsdHNhbHQ").unwrap();
        let hash = cheap.hash_password(b"secret: word", &salt).unwrap().to_string();
        Known {
            tokens: vec![
                token("reader", "kymo_r", &["read:a"], None),
                token("old", "kymo_o", &["admin"], Some(NOW)),
                token("new", "kymo_n", &["admin"], Some(NOW + 1)),
            ],
            users: vec![
                User::new("anna".to_owned(), Some(hash), grants(&["read", "write:b"])).unwrap(),
                User::new("ben".to_owned(), None, grants(&["read:c"])).unwrap(),
            ],
            proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Known::default()
        }
    }

    fn access(known: Known) -> Access {
        Access::new(known, [1; 32])
    }

    fn asked(
        access: &Access,
        peer: &str,
        authorization: &str,
        forwarded: &[&str],
        user: &str,
    ) -> Result<Caller, Refusal> {
        let authorization = Some(authorization.as_bytes()).filter(|text| !text.is_empty());
        let user = Some(user).filter(|user| !user.is_empty());
        let peer = peer.parse().unwrap();
        let shown = Shown { peer, authorization, forwarded, user, under_another_name: false };
        match access.identify(&shown, NOW)? {
            Identity::Caller(caller) => Ok(caller),
            Identity::Claim(claim) => access.prove(&claim, NOW),
        }
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn what_is_shown_decides() {
        let access = access(known());
        let ask = |authorization: &str| asked(&access, "192.168.0.1", authorization, &[], "");
        let reader = Caller { grants: grants(&["read:a"]), is_ambient: false };
        assert_eq!(ask("Bearer kymo_r"), Ok(reader.clone()));
        assert_eq!(ask("bearer  kymo_r "), Ok(reader));
        assert_eq!(ask("Bearer kymo_n").unwrap().grants, Grants::everything());
        assert_eq!(ask(&basic("reader:kymo_r")).unwrap().grants, grants(&["read:a"]));
        let anna = Caller { grants: grants(&["read", "write:b"]), is_ambient: true };
        assert_eq!(ask(&basic("anna:secret: word")), Ok(anna.clone()));
        assert_eq!(ask(&basic("anna:secret: word")), Ok(anna), "now out of memory");
        assert_eq!(ask(""), Err(Refusal::Missing));
        for wrong in ["Bearer kymo_o", "Bearer ", "Bearer kymo_", "kymo_r", "Digest x", "Basic !", &basic("anna")] {
            assert_eq!(ask(wrong), Err(Refusal::Wrong), "{wrong}");
        }
    }

    #[test]
    fn wrong_passwords_use_up_a_minute_and_right_ones_do_not() {
        let access = access(known());
        let ask = |pair: &str| asked(&access, "192.168.0.1", &basic(pair), &[], "");
        let right = ask("anna:secret: word");
        for wrong in ["anna:", "anna:secret", "nobody:secret: word", "ben:", "ben:secret: word", "other:kymo_r"] {
            assert_eq!(ask(wrong), Err(Refusal::Wrong), "{wrong}");
        }
        for _ in 0..4 {
            assert_eq!(ask("anna:guess"), Err(Refusal::Wrong));
        }
        assert_eq!(ask("anna:guess"), Err(Refusal::TooOften));
        assert_eq!(ask("anna:secret: word"), right, "remembered");
        assert!(ask("reader:kymo_r").is_ok(), "a token costs nothing to compare");
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        let access = access(known());
        assert_eq!(asked(&access, "10.1.1.1", "", &["1.2.3.4"], "ben").unwrap().grants, grants(&["read:c"]));
        let passed_on = asked(&access, "10.1.1.1", &basic("ben:for the proxy"), &[], "ben");
        assert_eq!(passed_on.unwrap().grants, grants(&["read:c"]));
        assert_eq!(asked(&access, "10.1.1.1", "Bearer kymo_r", &[], "").unwrap().grants, grants(&["read:a"]));
        assert_eq!(asked(&access, "10.1.1.1", "", &[], "stranger").unwrap().grants, Grants::nothing());
        assert_eq!(asked(&access, "192.168.0.1", "", &["10.1.1.1"], "ben"), Err(Refusal::Missing));
        assert_eq!(asked(&access, "127.0.0.1", "", &[], "ben"), Err(Refusal::Missing));
    }

    #[test]
    fn where_nobody_is_known_the_address_decides() {
        let local = access(Known { proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Known::default() });
        let ask = |peer: &str, forwarded: &[&str]| asked(&local, peer, "Bearer any", forwarded, "ben");
        let open = grants(&["read", "write"]);
        for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(ask(peer, &[]).unwrap().grants, open, "{peer}");
        }
        assert_eq!(ask("192.168.0.1", &["127.0.0.1"]), Err(Refusal::NotLocal));
        // Behind a proxy the client counts, and one that is not told is nobody near.
        assert_eq!(ask("10.0.0.1", &["127.0.0.1"]).unwrap().grants, open);
        for forwarded in
            [&["1.2.3.4"][..], &["127.0.0.1, 1.2.3.4", "10.9.9.9"], &[], &["127.0.0.1", "what"], &["10.2.2.2"]]
        {
            assert_eq!(ask("10.0.0.1", forwarded), Err(Refusal::NotLocal), "{forwarded:?}");
        }
        let opened = access(Known { open_to_others: true, ..Known::default() });
        let shown = asked(&opened, "192.168.0.1", "", &[], "").unwrap();
        assert_eq!(shown.grants, Grants::everything().to_read());
    }

    #[test]
    fn hashes_of_passwords_are_checked_when_read() {
        for bad in
            ["", "secret", "$argon2id$", "$2b$12$abc", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"]
        {
            assert!(User::new("a".to_owned(), Some(bad.to_owned()), Grants::nothing()).is_err(), "{bad}");
        }
    }
}
