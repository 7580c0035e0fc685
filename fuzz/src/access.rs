//! What a stranger shows to be let in, and what scopes reach: nothing but the token opens, and nothing beyond a prefix is seen.
//! Line by line: `Authorization`, `X-Forwarded-For`, a scope, a name, a threshold range.

use render::access::{Access, Grants, Identity, Known, Refusal, Scope, Shown, Token, digest_of};
use render::alert::Range;
use tsdb::name::canonical;

use super::NOW;

const TOKEN: &str = "kymo_fuzzed";

/// Reads the lines as each.
pub fn run(bytes: &[u8]) {
    let mut lines = bytes.splitn(5, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let authorization = line();
    let [forwarded, scope, name, range] = [(); 4].map(|()| String::from_utf8_lossy(line()).into_owned());
    stranger(authorization, &forwarded);
    reach(&scope, &name);
    if let Ok(read) = range.parse::<Range>() {
        assert_eq!(read.to_string().parse::<Range>().as_ref(), Ok(&read));
    }
}

fn stranger(authorization: &[u8], forwarded: &str) {
    let proxies = vec!["10.0.0.0/8".parse().expect("a block")];
    let grants = Grants::parse(["read"]).expect("a scope");
    let token = Token { name: "name".to_owned(), digest: digest_of(TOKEN), grants, expires: None };
    let [peer, proxy] = ["192.0.2.1", "10.0.0.1"].map(|text| text.parse().expect("an address"));
    let forwarded = [forwarded];

    let access = Access::new(Known { tokens: vec![token], proxies: proxies.clone(), ..Known::default() }, [0; 32]);
    let shown = Shown {
        peer,
        authorization: Some(authorization),
        forwarded: &forwarded,
        user: Some("root"),
        under_another_name: false,
    };
    if let Ok(Identity::Caller(_)) = access.identify(&shown, NOW) {
        let text = String::from_utf8_lossy(authorization);
        let basic = text.to_ascii_lowercase().starts_with("basic ");
        assert!(basic || text.ends_with(TOKEN) || text.trim_end().ends_with(TOKEN), "{text:?} was let in");
    }

    // Where nobody is known, only a client on this machine is; behind a proxy that is the last address that it tells.
    let open = Access::new(Known { proxies, ..Known::default() }, [0; 32]);
    let by = |peer| {
        open.identify(
            &Shown { peer, authorization: None, forwarded: &forwarded, user: None, under_another_name: false },
            NOW,
        )
    };
    assert!(matches!(by(peer), Err(Refusal::NotLocal)));
    if by(proxy).is_ok() {
        let last = forwarded[0].rsplit(',').map(str::trim).find(|hop| !hop.starts_with("10."));
        assert!(last.is_some_and(|hop| hop.starts_with("127.") || hop.contains(':')), "{forwarded:?}");
    }
}

fn reach(scope: &str, name: &str) {
    let Ok(grants) = Grants::parse([scope]) else { return };
    assert!(!(grants.to_read().allow(Scope::Write, name) || grants.to_read().allow(Scope::Erase, name)));
    let Some(prefix) = scope.strip_prefix("read:") else { return };
    assert!(!grants.allow(Scope::Write, name));
    if !grants.allow(Scope::Read, name) || name.starts_with("_tagged.") {
        return;
    }
    let (prefix, name) = (canonical(prefix).expect("checked"), canonical(name).expect("a name that is reached"));
    let rest = name.strip_prefix(&*prefix).unwrap_or_else(|| panic!("{prefix} reaches {name}"));
    assert!(rest.is_empty() || rest.starts_with(['.', ';']), "{prefix} reaches {name}");
}
