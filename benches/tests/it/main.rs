//! Every workload runs, tiny, and prints what a reader of the benches expects.

use benches::{Size, WORKLOADS};

#[test]
fn every_workload_runs() {
    for (name, run) in WORKLOADS {
        let measured = run(Size::TINY);
        assert!(!measured.is_empty(), "{name} measures nothing");
        for one in measured {
            assert!(one.least.is_finite() && one.least >= 0.0, "{one}");
            assert!(one.to_string().starts_with("bench "), "{one}");
        }
    }
}
