//! `kymo token`: makes a token, or the hash of a password, and prints what kymo.toml needs. The token itself is shown once and
//! kept nowhere.

use crate::cli::TokenArgs;
use crate::config::access::{day, quoted, quoted_list};
use anyhow::{Context, Result, anyhow, ensure};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use render::access::{Grants, digest_of, token_of};
use std::io::stdin;
use std::process::ExitCode;

/// Fewer characters are guessed.
const PASSWORD_CHARS_MIN: usize = 8;

/// Prints the entry on standard output, from where a file may take it after whatever stands in it, and the token beside it.
pub fn run(args: &TokenArgs) -> Result<ExitCode> {
    Grants::parse(&args.scopes)?;
    if let Some(expires) = &args.expires {
        day(expires)?;
    }
    ensure!(!args.name.is_empty() && !args.name.contains(':'), "{:?} is no name for a token or a user", args.name);
    let (name, scopes) = (quoted(&args.name), quoted_list(&args.scopes));
    if args.password {
        eprintln!("the password, then Enter (it is shown as it is typed):");
        let mut password = String::new();
        stdin().read_line(&mut password).context("read the password from standard input")?;
        let hash = hash(password.trim_end_matches(['\r', '\n']))?;
        println!("\n[[users]]\nname = {name}\npassword = {}\nscopes = {scopes}", quoted(&hash));
        return Ok(ExitCode::SUCCESS);
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| anyhow!("ask the system for random bytes: {error}"))?;
    let token = token_of(&random);
    let digest = digest_of(&token).to_string();
    println!("\n[[tokens]]\nname = {name}\nhash = {}\nscopes = {scopes}", quoted(&digest));
    if let Some(expires) = &args.expires {
        println!("expires = {}", quoted(expires));
    }
    eprintln!("\nthe token, which is shown this once:\n{token}");
    Ok(ExitCode::SUCCESS)
}

fn hash(password: &str) -> Result<String> {
    ensure!(password.chars().count() >= PASSWORD_CHARS_MIN, "a password has at least {PASSWORD_CHARS_MIN} characters");
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow!("ask the system for random bytes: {error}"))?;
    let salt = SaltString::encode_b64(&random).map_err(|error| anyhow!("make a salt: {error}"))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| anyhow!("hash the password: {error}"))?.to_string())
}
