//! The legend: a real table with the figures of every series, in the order of the answer. The script makes its names
//! into switches.

use super::graph::themed_color;
use super::html::Html;
use crate::draw::LegendRow;

/// Writes the table. `data-i` ties a row to the group of the same number in the picture.
pub fn write(page: &mut Html, rows: &[LegendRow]) {
    page.raw(
        "<table class=\"legend\"><caption class=\"unseen\">Series and their figures</caption><thead><tr>\
         <th scope=\"col\">Series</th><th scope=\"col\" class=\"at\" hidden></th>\
         <th scope=\"col\" class=\"last\">last</th><th scope=\"col\" class=\"min\">min</th>\
         <th scope=\"col\" class=\"avg\">avg</th><th scope=\"col\" class=\"max\">max</th>\
         </tr></thead><tbody>",
    );
    for row in rows {
        page.raw("<tr data-i=\"").number(row.index as i64).raw("\" data-name=\"").text(&row.name);
        page.raw("\"><th scope=\"row\"><button type=\"button\" class=\"name\" aria-pressed=\"true\">");
        swatch(page, row);
        page.raw("<span>").text(&row.name).raw("</span></button>");
        page.raw("<button type=\"button\" class=\"only scripted\" aria-pressed=\"false\">only</button></th>");
        page.raw("<td class=\"at\" hidden></td>");
        for (class, label) in ["last", "min", "avg", "max"].into_iter().zip(&row.labels) {
            page.raw("<td class=\"").raw(class).raw("\">").text(label).raw("</td>");
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
}

/// A piece of the line. Its colour is an attribute of SVG: the page's policy allows no style in markup.
pub fn swatch(page: &mut Html, row: &LegendRow) {
    page.raw("<svg class=\"swatch\" width=\"18\" height=\"10\" aria-hidden=\"true\"><path d=\"M1 5h16\" stroke=\"");
    page.text(&themed_color(row.color)).raw("\" stroke-width=\"4\"");
    page.raw(if row.dashed { " stroke-dasharray=\"5 3\"/></svg>" } else { "/></svg>" });
}
