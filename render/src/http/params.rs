//! A request's parameters: the query string, then the form body. Where a name occurs more than once the last one
//! counts, so a form wins over the query string, except where a list is asked for (`target`).

use crate::error::Error;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, header};
use std::sync::Arc;

use super::Serving;

/// The most parameters a request may carry; graphite-web stops at 1000.
const PARAMETERS_MAX: usize = 4096;

/// Names and values, decoded, in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads a query string and a form body, either of which may be empty.
    ///
    /// # Errors
    /// When there are more than [`PARAMETERS_MAX`].
    pub fn parse(query: &str, form: &[u8]) -> Result<Params, Error> {
        let both = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        let mut pairs = Vec::new();
        for (name, value) in both {
            if pairs.len() == PARAMETERS_MAX {
                return Err(Error::BadRequest(format!("more than {PARAMETERS_MAX} parameters")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Params { pairs })
    }

    /// The value that counts, `None` when the name does not occur.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// The value that counts, unless it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.last(name).filter(|value| !value.is_empty())
    }

    /// Every value of the name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the name occurs, even without a value.
    pub fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// The targets.
    pub fn targets(&self) -> Vec<String> {
        self.list("target")
    }

    /// Every value of a name, or else of `name[]`, as jQuery and PHP spell a list.
    pub fn list(&self, name: &str) -> Vec<String> {
        let bracketed = format!("{name}[]");
        self.all(if self.has(name) { name } else { &bracketed }).map(str::to_owned).collect()
    }

    /// What stands in brackets behind a name, with its value: `name[key]=value`.
    pub fn keyed(&self, name: &str) -> Vec<(String, String)> {
        let key = |full: &str| Some(full.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
        self.pairs.iter().filter_map(|(full, value)| Some((key(full)?, value.clone()))).collect()
    }

    /// All of them as one text, but those that begin with `_`: clients put numbers there that defeat caches.
    pub fn told(&self) -> String {
        let told = self.pairs.iter().filter(|(name, _)| !name.starts_with('_'));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(told).finish()
    }

    /// A whole number, or `default` when the name does not occur.
    ///
    /// # Errors
    /// When the value is no whole number.
    pub fn integer(&self, name: &str, default: i64) -> Result<i64, Error> {
        let Some(value) = self.last(name) else { return Ok(default) };
        value.trim().parse().map_err(|_| invalid(name, value, "a whole number is needed"))
    }
}

/// The error for a value that a parameter does not take.
pub fn invalid(name: &str, value: &str, why: impl std::fmt::Display) -> Error {
    Error::BadRequest(format!("Invalid value '{value}' for param {name}: {why}"))
}

impl FromRequest<Arc<Serving>> for Params {
    type Rejection = Error;

    async fn from_request(request: Request, serving: &Arc<Serving>) -> Result<Params, Error> {
        let query = request.uri().query().unwrap_or("").to_owned();
        if request.method() != Method::POST || !is_form(&request) {
            return Params::parse(&query, b"");
        }
        let limit = serving.app.limits.body_bytes;
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        if announced.is_some_and(|bytes: usize| bytes > limit) {
            return Err(Error::BodyTooLong { limit });
        }
        match to_bytes(request.into_body(), limit).await {
            Ok(form) => Params::parse(&query, &form),
            Err(error) if is_length_limit(&error) => Err(Error::BodyTooLong { limit }),
            Err(error) => Err(Error::BodyCutOff(error.to_string())),
        }
    }
}

/// graphite-web reads a form only where the body says it is one; a body without a type is taken for one here.
fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or(""));
    kind.is_none_or(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// Whether a body was refused for its length.
pub fn is_length_limit(error: &axum::Error) -> bool {
    use std::error::Error as _;
    error.source().is_some_and(|source| source.to_string().contains("length limit"))
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn the_form_wins_and_lists_stay_whole() {
        let params = Params::parse("target=a&format=png&x=1%2B1+2&empty", b"target=b&format=json&target=c").unwrap();
        assert_eq!(params.last("format"), Some("json"));
        assert_eq!(params.targets(), ["a", "b", "c"]);
        assert_eq!(params.last("x"), Some("1+1 2"));
        assert!(params.has("empty") && params.filled("empty").is_none());
        assert_eq!(Params::parse("target[]=a&target%5B%5D=b", b"").unwrap().targets(), ["a", "b"]);
    }

    #[test]
    fn parameters_are_bounded_and_numbers_checked() {
        assert!(Params::parse(&"a&".repeat(5000), b"").is_err());
        let params = Params::parse("n=7&m=x", b"").unwrap();
        assert_eq!(params.integer("n", 0).unwrap(), 7);
        assert_eq!(params.integer("absent", -1).unwrap(), -1);
        assert_eq!(
            params.integer("m", 0).unwrap_err().to_string(),
            "Invalid value 'x' for param m: a whole number is needed"
        );
    }
}
