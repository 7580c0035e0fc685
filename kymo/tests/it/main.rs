//! What the whole program promises, checked from outside: one integration binary.

mod browser;
mod tidy;
