//! Scopes and how far they reach: `read`, `write`, `erase` over all names or below some prefixes, and `admin`, which is all of it.
//!
//! A prefix is whole nodes: `a.b` reaches `a.b`, `a.b.c` and `a.b;tag=value`, and not `a.bc`. Tagged series are judged by
//! their metric's name.

use query::SourceError;
use std::borrow::Cow;
use tsdb::name;

/// What can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To see names and values.
    Read,
    /// To add: events, tags.
    Write,
    /// To take away.
    Erase,
}

impl Scope {
    /// As configurations spell it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Erase => "erase",
        }
    }
}

/// Which names a scope reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reach {
    /// None.
    #[default]
    Nothing,
    /// Those below one of these prefixes, which are sorted, canonical and not empty.
    Below(Vec<String>),
    /// All.
    Everything,
}

/// What a caller may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Grants {
    read: Reach,
    write: Reach,
    erase: Reach,
    admin: bool,
}

/// Why a text is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// No such scope.
    #[error("{0:?} is no scope: read, write, erase, each with or without `:prefix`, or admin")]
    Unknown(String),
    /// Nothing has a name that begins so.
    #[error("{0:?} is no scope: its prefix is no beginning of a name")]
    Prefix(String),
}

impl Grants {
    /// From the texts of a configuration.
    ///
    /// # Errors
    /// One of them is no scope.
    pub fn parse<T: AsRef<str>>(scopes: impl IntoIterator<Item = T>) -> Result<Grants, ScopeError> {
        let mut grants = Grants::default();
        for scope in scopes {
            grants.add(scope.as_ref())?;
        }
        Ok(grants)
    }

    fn add(&mut self, scope: &str) -> Result<(), ScopeError> {
        let unknown = || ScopeError::Unknown(scope.to_owned());
        let (word, prefix) = match scope.split_once(':') {
            Some((word, prefix)) => (word, Some(prefix)),
            None => (scope, None),
        };
        let reach = match word {
            "read" => &mut self.read,
            "write" => &mut self.write,
            "erase" => &mut self.erase,
            "admin" if prefix.is_none() => {
                *self = Grants::everything();
                return Ok(());
            }
            _ => return Err(unknown()),
        };
        match prefix {
            None => *reach = Reach::Everything,
            Some(prefix) => {
                let whole = name::canonical(prefix).ok().filter(|name| !name.contains([';', '*', '{', '[', '?']));
                reach.extend(whole.ok_or_else(|| ScopeError::Prefix(scope.to_owned()))?.into_owned());
            }
        }
        Ok(())
    }

    /// Every right.
    pub fn everything() -> Grants {
        let all = || Reach::Everything;
        Grants { read: all(), write: all(), erase: all(), admin: true }
    }

    /// No right at all.
    pub fn nothing() -> Grants {
        Grants::default()
    }

    /// The same without the rights to change anything.
    pub fn to_read(&self) -> Grants {
        Grants { read: self.read.clone(), admin: self.admin, ..Grants::default() }
    }

    /// How far a scope reaches.
    pub fn reach(&self, scope: Scope) -> &Reach {
        match scope {
            Scope::Read => &self.read,
            Scope::Write => &self.write,
            Scope::Erase => &self.erase,
        }
    }

    /// Whether a scope reaches this name.
    pub fn allow(&self, scope: Scope, name: &str) -> bool {
        self.reach(scope).holds(name)
    }

    /// Refuses what a scope does not reach, in words for the caller: what a view of a store does before it changes something.
    ///
    /// # Errors
    /// The scope does not reach the name.
    pub fn require(&self, scope: Scope, name: &str) -> Result<(), SourceError> {
        match self.reach(scope) {
            reach if reach.holds(name) => Ok(()),
            Reach::Nothing => Err(SourceError::Forbidden(format!("the scope `{}` is needed for this", scope.name()))),
            _ => Err(SourceError::Forbidden(format!("the scope `{}` does not reach this name", scope.name()))),
        }
    }

    /// Refuses whom a scope does not reach all names.
    ///
    /// # Errors
    /// It reaches some names or none.
    pub fn require_everywhere(&self, scope: Scope) -> Result<(), SourceError> {
        match self.reach(scope) {
            Reach::Everything => Ok(()),
            _ => {
                Err(SourceError::Forbidden(format!("the scope `{}`, over all names, is needed for this", scope.name())))
            }
        }
    }

    /// Whether the server itself may be asked and told, beyond any name.
    pub fn is_admin(&self) -> bool {
        self.admin
    }
}

impl Reach {
    fn extend(&mut self, prefix: String) {
        match self {
            Reach::Everything => {}
            Reach::Nothing => *self = Reach::Below(vec![prefix]),
            Reach::Below(prefixes) => {
                if let Err(at) = prefixes.binary_search(&prefix) {
                    prefixes.insert(at, prefix);
                }
            }
        }
    }

    /// Whether it reaches a series of this name.
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Reach::Nothing => false,
            Reach::Everything => true,
            Reach::Below(prefixes) => {
                metric_of(name).is_some_and(|metric| prefixes.iter().any(|prefix| is_below(&metric, prefix)))
            }
        }
    }

    /// Whether this branch leads to names that it reaches.
    pub fn leads_through(&self, branch: &str) -> bool {
        match self {
            Reach::Nothing => false,
            Reach::Everything => true,
            Reach::Below(prefixes) => {
                prefixes.iter().any(|prefix| is_below(branch, prefix) || is_below(prefix, branch))
            }
        }
    }
}

fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The name of a series without its tags; `None` where it cannot be told, as for a path that is a hash of its tags.
fn metric_of(name: &str) -> Option<Cow<'_, str>> {
    if let Some(path) = name.strip_prefix("_tagged.") {
        let leaf = path.splitn(3, '.').nth(2)?;
        return leaf.split_once(';').map(|(metric, _)| Cow::Owned(metric.replace("_DOT_", ".")));
    }
    let canonical = name::canonical(name).ok()?;
    Some(match canonical.find(';') {
        None => canonical,
        Some(end) => Cow::Owned(canonical[..end].to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_whole_nodes() {
        let grants = Grants::parse(["read:a.b", "write:a.b.", "read:z"]).unwrap();
        for (name, readable) in [
            ("a.b", true),
            ("a.b.c", true),
            ("a.b;t=1", true),
            ("a.b.c;t=1", true),
            ("z.x", true),
            ("a..b..c", true),
            ("~a.b;t=1", true),
            ("a.bc", false),
            ("a", false),
            ("a.c", false),
            ("x.a.b", false),
            ("b;metric=a.b", false),
            ("a/b", false),
            ("", false),
            ("_tagged.160.29e.a_DOT_b_DOT_c;t=1", true),
            ("_tagged.160.29e.x;t=1", false),
            ("_tagged.160.29e.6af7949c48ea", false),
            ("_tagged.a.b", false),
        ] {
            assert_eq!(grants.allow(Scope::Read, name), readable, "{name}");
        }
        assert!(grants.require(Scope::Write, "a.b.c").is_ok() && grants.require(Scope::Write, "z").is_err());
        let refused = grants.require(Scope::Erase, "a.b").unwrap_err().to_string();
        assert_eq!(refused, "the scope `erase` is needed for this");
        assert!(grants.allow(Scope::Write, "a.b.c") && !grants.allow(Scope::Write, "z"));
        assert!(!grants.allow(Scope::Erase, "a.b") && !grants.is_admin());
    }

    #[test]
    fn branches_lead_to_what_may_be_read() {
        let grants = Grants::parse(["read:a.b.c"]).unwrap();
        let reach = grants.reach(Scope::Read);
        assert!(["a", "a.b", "a.b.c", "a.b.c.d"].iter().all(|branch| reach.leads_through(branch)));
        assert!(["b", "a.x", "a.b.cd", "_tagged"].iter().all(|branch| !reach.leads_through(branch)));
    }

    #[test]
    fn scopes_are_words() {
        assert_eq!(Grants::parse(["admin"]).unwrap(), Grants::everything());
        assert_eq!(Grants::parse(["read:a", "read"]).unwrap().reach(Scope::Read), &Reach::Everything);
        assert_eq!(Grants::parse([""; 0]).unwrap(), Grants::nothing());
        for bad in ["", "all", "Read", "admin:a", "read:", "read:.", "read:a.*", "read:a/b", "write:a;b=c"] {
            assert!(Grants::parse([bad]).is_err(), "{bad:?}");
        }
        let lowered = Grants::everything().to_read();
        assert!(lowered.allow(Scope::Read, "a") && !lowered.allow(Scope::Write, "a"));
        assert!(!lowered.allow(Scope::Erase, "a"));
    }
}
