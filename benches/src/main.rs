//! `cargo run --release -p benches [WORKLOAD…]` prints one line a measurement: `bench NAME VALUE UNIT`.

use benches::{Size, WORKLOADS};

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    for (name, run) in WORKLOADS {
        if chosen.is_empty() || chosen.iter().any(|one| one == name) {
            for measured in run(Size::FULL) {
                println!("{measured}");
            }
        }
    }
}
