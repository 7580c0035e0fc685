//! The legend: a real table with the figures of every series, in the order of the answer. The script makes its names
//! into switches.

use super::html::Html;
use super::number::figure;
use query::Series;

/// One series in figures.
#[derive(Clone, Debug)]
pub struct Row {
    /// The series' name.
    pub name: String,
    /// Its colour in the picture, as an SVG attribute takes it.
    pub color: String,
    /// Whether its line is dashed: colour is never the only sign.
    pub dashed: bool,
    /// The last value present.
    pub last: f64,
    /// The smallest.
    pub min: f64,
    /// The mean of the values present.
    pub mean: f64,
    /// The largest.
    pub max: f64,
}

impl Row {
    /// The figures of a series; NaN where it has no value.
    pub fn of(series: &Series, color: String, dashed: bool) -> Row {
        let present = || series.values.iter().copied().filter(|value| !value.is_nan());
        let count = present().count();
        let mean = if count == 0 { f64::NAN } else { present().sum::<f64>() / count as f64 };
        Row {
            name: series.name.clone(),
            color,
            dashed,
            last: present().next_back().unwrap_or(f64::NAN),
            min: present().fold(f64::NAN, f64::min),
            mean,
            max: present().fold(f64::NAN, f64::max),
        }
    }
}

/// Writes the table. `data-i` ties a row to the group of the same number in the picture.
pub fn write(page: &mut Html, rows: &[Row]) {
    page.raw(
        "<table class=\"legend\"><caption class=\"unseen\">Series and their figures</caption><thead><tr>\
         <th scope=\"col\">Series</th><th scope=\"col\" class=\"at\" hidden>at the line</th>\
         <th scope=\"col\">last</th><th scope=\"col\">min</th><th scope=\"col\">avg</th><th scope=\"col\">max</th>\
         </tr></thead><tbody>",
    );
    for (row, i) in rows.iter().zip(0i64..) {
        page.raw("<tr data-i=\"").number(i).raw("\" data-name=\"").text(&row.name);
        page.raw("\"><th scope=\"row\"><button type=\"button\" class=\"name\" aria-pressed=\"true\">");
        swatch(page, row);
        page.raw("<span>").text(&row.name).raw("</span></button>");
        page.raw("<button type=\"button\" class=\"only scripted\" aria-pressed=\"false\">only</button></th>");
        page.raw("<td class=\"at\" hidden></td>");
        for (class, value) in [("last", row.last), ("min", row.min), ("avg", row.mean), ("max", row.max)] {
            page.raw("<td class=\"").text(class).raw("\">").text(&figure(value)).raw("</td>");
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
}

fn swatch(page: &mut Html, row: &Row) {
    page.raw("<svg class=\"swatch\" width=\"18\" height=\"10\" aria-hidden=\"true\"><path d=\"M1 5h16\" stroke=\"");
    page.text(&row.color).raw("\" stroke-width=\"4\"");
    page.raw(if row.dashed { " stroke-dasharray=\"5 3\"/></svg>" } else { "/></svg>" });
}

#[cfg(test)]
mod tests {
    use super::Row;
    use query::{Consolidation, Series, Style};
    use tsdb::{GAP, Step, Timestamp};

    #[test]
    fn figures_pass_over_gaps() {
        let series = |values: &[f64]| Series {
            name: "a".to_owned(),
            path_expression: "a".to_owned(),
            tags: Default::default(),
            start: Timestamp(0),
            end: Timestamp(50),
            step: Step::new(10).unwrap(),
            values: values.to_vec(),
            consolidation: Consolidation::Average,
            x_files_factor: 0.0,
            style: Style::default(),
        };
        let row = Row::of(&series(&[GAP, 4.0, GAP, 2.0, GAP]), String::new(), false);
        assert_eq!((row.last, row.min, row.mean, row.max), (2.0, 2.0, 3.0, 4.0));
        let empty = Row::of(&series(&[GAP]), String::new(), false);
        assert!(empty.last.is_nan() && empty.mean.is_nan() && empty.max.is_nan());
    }
}
