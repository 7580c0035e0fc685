//! docs/functions.md, made from the table of functions so that it cannot say otherwise.

use super::{FUNCTIONS, Function, Need, Param};
use std::fmt::Write;

/// The page, in Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# Functions\n\n\
         Made from the table in `query/src/functions`; a test compares the two. The answers are graphite-web 1.1.10's.\n\n\
         A target is a path (`servers.*.cpu.{user,idle}`), a call (`scale(servers.web01.load, 2)`) or a pipe\n\
         (`servers.web01.load|scale(2)`). Arguments go by position, then by keyword (`factor=2`). An unknown function or\n\
         an argument that does not fit answers 400 and points at the place.\n\n\
         `template(scale(servers.$host.load, $by), host=\"web01\", by=2)` replaces `$host` and `$by` in the paths inside before\n\
         anything is read; values without a name are `$1`, `$2`, …. A parameter of the request, `template[host]=db01`, goes\n\
         before what the target says. What is quoted stays as it is.\n\n\
         Wherever a function lets you choose how several values become one, `\"quantile:0.99\"` (any number from 0 to 1) goes\n\
         too: of leaves of sketches it is the quantile of all their samples, of other series that of the values. `quantile`,\n\
         `uniques`, `mergeSketches` and that word are ours; see [Sketches](sketches.md). `aliasByBase64`, `baseline`,\n\
         `baselineAberration`, `exponentialWeightedMovingAverage`, `heatMap`, `highestMin`, `integralWithReset`, `join`,\n\
         `lowestMax`, `lowestMin`, `medianSeries`, `pearson`, `pearsonClosest`, `polyfit`, `powSeriesLists`, `slo`,\n\
         `sloErrorBudget`, `tukeyAbove`, `tukeyBelow` and short names such as `ewma` are those that carbonapi adds.\n",
    );
    for group in groups() {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "\n## {group}");
        for function in functions_of(group) {
            describe(&mut page, function);
        }
    }
    page
}

fn groups() -> Vec<&'static str> {
    let mut titles: Vec<_> = FUNCTIONS.iter().copied().flatten().map(|function| function.group.title()).collect();
    titles.sort_unstable();
    titles.dedup();
    titles
}

fn functions_of(group: &str) -> Vec<&'static Function> {
    let all = FUNCTIONS.iter().copied().flatten();
    let mut functions: Vec<_> = all.filter(|function| function.group.title() == group).collect();
    functions.sort_unstable_by_key(|function| function.name);
    functions
}

fn describe(page: &mut String, function: &Function) {
    let params: Vec<String> = function.params.iter().map(signature).collect();
    let _ = writeln!(page, "\n### {}\n\n`{}({})`\n", function.name, function.name, params.join(", "));
    let _ = writeln!(page, "{}", function.sentence);
    if !function.aliases.is_empty() {
        let _ = writeln!(page, "Also called `{}`.", function.aliases.join("`, `"));
    }
    let literals: Vec<&Param> = function.params.iter().filter(|param| param.takes.phrase().is_some()).collect();
    if !literals.is_empty() {
        page.push('\n');
    }
    for param in literals {
        let phrase = param.takes.phrase().unwrap_or_default();
        let left_out = match param.need {
            Need::Required => String::new(),
            Need::Optional => "; may be left out".to_owned(),
            Need::Word(word) => format!("; `\"{word}\"` if left out"),
            Need::Flag(flag) => format!("; `{flag}` if left out"),
            Need::Integer(number) => format!("; {number} if left out"),
            Need::Number(number) => format!("; {number} if left out"),
        };
        let words = match param.takes.options() {
            [] => String::new(),
            words => format!(": `{}`", words.join("`, `")),
        };
        let _ = writeln!(page, "- `{}`: {phrase}{words}{left_out}", param.name);
    }
}

fn signature(param: &Param) -> String {
    let stars = if param.multiple { "*" } else { "" };
    match param.need {
        Need::Required => format!("{stars}{}", param.name),
        Need::Optional => format!("{stars}{}=none", param.name),
        Need::Word(word) => format!("{}=\"{word}\"", param.name),
        Need::Flag(flag) => format!("{}={flag}", param.name),
        Need::Integer(number) => format!("{}={number}", param.name),
        Need::Number(number) => format!("{}={number}", param.name),
    }
}
