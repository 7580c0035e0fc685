//! Who is let in, as kymo.toml writes it: `[access]`, `[[tokens]]`, `[[users]]`, and the two files of TLS.

use super::kymo_toml::read_bounded;
use anyhow::{Context, Result, bail, ensure};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use render::access::{Grants, Known, Network, Token, User};
use render::http::Tls;
use serde::Deserialize;
use std::collections::HashSet;
use std::path::PathBuf;
use tsdb::Timestamp;

/// The table `[access]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessTable {
    /// Whether other machines may read while nobody is known.
    #[serde(default)]
    pub open_to_others: bool,
    /// Addresses and blocks of addresses.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// The name of a header.
    pub user_header: Option<String>,
    /// For people whom a proxy names and no `[[users]]` does.
    #[serde(default)]
    pub proxied_scopes: Vec<String>,
}

/// One of `[[tokens]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenTable {
    /// Whose it is.
    pub name: String,
    /// `sha256:` and hex.
    pub hash: String,
    /// Such as `read` and `write:deploys`.
    pub scopes: Vec<String>,
    /// The first day on which it no longer holds.
    pub expires: Option<String>,
}

/// One of `[[users]]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserTable {
    /// As typed, or as the proxy says.
    pub name: String,
    /// `$argon2id$…`.
    pub password: Option<String>,
    /// As for tokens.
    pub scopes: Vec<String>,
}

/// The files that TLS needs.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain of certificates.
    pub certificate: PathBuf,
    /// The key of the first.
    pub key: PathBuf,
}

/// Who is known; every mistake names the entry.
pub fn known(access: &AccessTable, tokens: &[TokenTable], users: &[UserTable]) -> Result<Known> {
    let mut names = HashSet::new();
    for name in tokens.iter().map(|token| &token.name).chain(users.iter().map(|user| &user.name)) {
        ensure!(!name.is_empty() && !name.contains(':'), "{name:?} is no name for a token or a user");
        ensure!(names.insert(name), "two tokens or users are called {name:?}");
    }
    let header = access.user_header.clone().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ensure!(header.bytes().all(plain), "access.user_header {header:?} is no name of a header");
    let proxies: Result<Vec<Network>, _> = access.trusted_proxies.iter().map(|text| text.parse()).collect();
    let proxies = proxies.context("access.trusted_proxies")?;
    let proxied = Grants::parse(&access.proxied_scopes).context("access.proxied_scopes")?;
    if proxies.is_empty() && (proxied != Grants::nothing() || access.user_header.is_some()) {
        bail!("access.proxied_scopes and access.user_header mean nothing without access.trusted_proxies");
    }
    Ok(Known {
        tokens: tokens.iter().map(token).collect::<Result<_>>()?,
        users: users.iter().map(user).collect::<Result<_>>()?,
        proxies,
        proxied,
        user_header: header.to_ascii_lowercase(),
        open_to_others: access.open_to_others,
    })
}

fn token(table: &TokenTable) -> Result<Token> {
    let named = || format!("the token {:?}", table.name);
    let grants = Grants::parse(&table.scopes).with_context(named)?;
    let expires = table.expires.as_deref().map(day).transpose().with_context(named)?;
    Ok(Token { name: table.name.clone(), digest: table.hash.parse().with_context(named)?, grants, expires })
}

fn user(table: &UserTable) -> Result<User> {
    let named = || format!("the user {:?}", table.name);
    let grants = Grants::parse(&table.scopes).with_context(named)?;
    User::new(table.name.clone(), table.password.clone(), grants).with_context(named)
}

/// The moment at which a day begins, in UTC.
pub fn day(text: &str) -> Result<Timestamp> {
    let date: Date = text.parse().with_context(|| format!("{text:?} is no day such as 2027-01-31"))?;
    Ok(Timestamp(TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0))?.as_second()))
}

impl TlsFiles {
    /// Both or none.
    pub fn of(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>> {
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            _ => bail!("tls_certificate and tls_key are needed together"),
        }
    }

    /// What both hold now.
    pub fn read(&self) -> Result<(String, String)> {
        Ok((read_bounded(&self.certificate)?, read_bounded(&self.key)?))
    }

    /// The certificate to show.
    pub fn tls(&self) -> Result<Tls> {
        let (certificate, key) = self.read()?;
        Tls::new(certificate.as_bytes(), key.as_bytes()).with_context(|| self.to_string())
    }
}

impl std::fmt::Display for TlsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {}", self.certificate.display(), self.key.display())
    }
}

/// A text as TOML writes it.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A list of texts as TOML writes it.
pub fn quoted_list(texts: &[String]) -> String {
    toml::Value::Array(texts.iter().map(|text| toml::Value::String(text.clone())).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kymo_toml::KymoToml;

    fn read(text: &str) -> Result<Known> {
        let file = KymoToml::parse(text)?;
        known(&file.access, &file.tokens, &file.users)
    }

    #[test]
    fn mistakes_name_their_entry() {
        let hash = format!("hash = \"sha256:{}\"", "0".repeat(64));
        let token = |more: &str| format!("[[tokens]]\nname = \"a\"\n{hash}\n{more}");
        assert_eq!(read(&token("scopes = [\"read:web\"]\nexpires = \"2027-01-31\"")).unwrap().tokens.len(), 1);
        for (text, told) in [
            (token("scopes = [\"all\"]"), "the token \"a\""),
            (token("scopes = []\nexpires = \"soon\""), "the token \"a\""),
            (token("scopes = []\nhsah = 1"), "hsah"),
            (format!("{}\n{}", token("scopes = []"), token("scopes = []")), "two tokens or users are called \"a\""),
            ("[[tokens]]\nname = \"b\"\nhash = \"secret\"\nscopes = []".to_owned(), "the token \"b\""),
            ("[[users]]\nname = \"c\"\npassword = \"secret\"\nscopes = []".to_owned(), "the user \"c\""),
            ("[access]\ntrusted_proxies = [\"nobody\"]".to_owned(), "access.trusted_proxies"),
            ("[access]\nproxied_scopes = [\"read\"]".to_owned(), "without access.trusted_proxies"),
        ] {
            let error = format!("{:#}", read(&text).map(|_| ()).unwrap_err());
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
