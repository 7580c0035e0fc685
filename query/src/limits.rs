//! How much one query may ask for. Every bound of the crate is a field here, and an error names the field.

/// The bounds of one request. The defaults let a dashboard through and stop what would fill the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one target; Grafana expands variables into long `{a,b,…}` lists, so this is generous.
    pub target_bytes: usize,
    /// Calls inside calls, pipes included. graphite-web ends in a RecursionError near 200.
    pub depth: u32,
    /// Distinct path expressions of a request; each is a search in the store.
    pub finds: usize,
    /// Series that all path expressions of a request may name together.
    pub series: usize,
    /// Points that may be read, copied and computed for a request; 8 bytes each, so the default is 400 MB at the worst.
    pub points: u64,
    /// Bytes of all names that functions compose; a nested aliasSub can double a name at every call.
    pub name_bytes: usize,
    /// Backtracking steps of one regular expression over one name.
    pub regex_steps: usize,
    /// Bytes that a compiled regular expression may take.
    pub regex_bytes: usize,
    /// Threads that read at once for one request.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            target_bytes: 64 << 10,
            depth: 100,
            finds: 2_000,
            series: 10_000,
            points: 50_000_000,
            name_bytes: 32 << 20,
            regex_steps: 100_000,
            regex_bytes: 1 << 20,
            threads: 2,
        }
    }
}
