//! Graphite's appearance parameters as a [`Picture`], and ours beside them: `theme`, `scale`, `unit`,
//! `consolidation=graphite`.
//!
//! As in graphite-web an empty value and `default` count as absent. What it would crash on is refused here.

use crate::draw::pie::{PieStyle, SliceLabel};
use crate::draw::{AreaMode, Color, LineMode, Picture, Reduction, Side, Summary, Theme, Unit, is_time_format};
use crate::error::Error;
use crate::templates::GraphTemplates;

use super::params::{Params, invalid};
use super::times::Span;

/// Size of a picture when none is asked for: graphite-web's.
const WIDTH: u32 = 330;
const HEIGHT: u32 = 250;

/// Opacity of a template's grid: graphite-web's own templates have it brighter than the data.
const TEMPLATE_GRID: f32 = 0.3;

/// The longest format of moments.
const FORMAT_BYTES_MAX: usize = 100;

/// The most faint lines between two ticks.
const MINOR_LINES_MAX: usize = 100;

/// The longest unit of one's own.
const UNIT_CHARS_MAX: usize = 12;

/// Reads what a line graph needs.
///
/// # Errors
/// When a value is not of its kind; sizes are judged when the picture is drawn.
pub fn read(params: &Params, span: &Span, templates: &GraphTemplates) -> Result<Picture, Error> {
    let look = Look { params };
    let template = templates.of(look.text("template"));
    let own_lines = look.colors("colorList")?;
    let consolidates = look.text("consolidation") == Some("graphite") || look.text("minXStep").is_some();
    Ok(Picture {
        width: look.pixels("width", WIDTH)?,
        height: look.pixels("height", HEIGHT)?,
        scale: look.number("scale")?.map_or(1.0, |scale| scale as f32),
        theme: look.theme()?,
        title: look.owned("title"),
        vertical_title: look.owned("vtitle"),
        vertical_title_right: look.owned("vtitleRight"),
        zone: span.zone.clone(),
        window: span.window,
        margin: look.number("margin")?.map(|margin| margin as f32),
        time_format: look.time_format()?,
        y_min: look.limit(&["yMin", "yMinLeft", "min"])?,
        y_max: look.limit(&["yMax", "yMaxLeft", "max"])?,
        y_min_right: look.limit(&["yMinRight"])?,
        y_max_right: look.limit(&["yMaxRight"])?,
        y_limit: look.limit(&["yLimit", "yLimitLeft"])?,
        y_limit_right: look.limit(&["yLimitRight"])?,
        y_step: look.step(&["yStep", "yStepLeft"])?,
        y_step_right: look.step(&["yStepRight"])?,
        y_divisions: look.divisions()?,
        y_axis_on_right: look.word("yAxisSide", false, &[("left", false), ("right", true)])?,
        log_base: look.log_base()?,
        left: look.side(["leftColor", "leftWidth", "leftDashed"])?,
        right: look.side(["rightColor", "rightWidth", "rightDashed"])?,
        unit: look.unit(),
        hide_legend: look.flag("hideLegend"),
        hide_axes: look.flag("hideAxes"),
        hide_x_axis: look.flag("hideXAxis"),
        hide_y_axis: look.flag("hideYAxis"),
        hide_grid: look.flag("hideGrid"),
        graph_only: look.flag("graphOnly"),
        unique_legend: look.flag("uniqueLegend"),
        hide_null_from_legend: look.flag("hideNullFromLegend"),
        line_width: look.number("lineWidth")?.or(look.number("thickness")?).map(|width| width as f32),
        line_mode: look.word("lineMode", LineMode::Slope, &LINE_MODES)?,
        connected_limit: look.number("connectedLimit")?.map(|limit| limit as usize),
        area_mode: look.word("areaMode", AreaMode::None, &AREA_MODES)?,
        area_alpha: look.number("areaAlpha")?.map(|alpha| alpha as f32),
        draw_null_as_zero: look.flag("drawNullAsZero"),
        reduction: if consolidates { Reduction::Graphite } else { Reduction::Extremes },
        color_list: if own_lines.is_empty() { template.lines } else { own_lines },
        bgcolor: look.color("bgcolor")?.or(template.ground),
        fgcolor: look.color("fgcolor")?.or(template.ink),
        grid_color: look.color("majorGridLineColor")?.or(template.grid.map(|grid| grid.fade(TEMPLATE_GRID))),
        minor_lines: look.minor_lines()?,
        minor_grid_color: look.color("minorGridLineColor")?,
        ..Picture::default()
    })
}

/// Reads what a pie needs beside that. `pieLabels` is taken and has no effect: labels are horizontal.
///
/// # Errors
/// When a value is not of its kind.
pub fn read_pie(params: &Params) -> Result<Pie, Error> {
    let look = Look { params };
    look.word("pieLabels", (), &[("horizontal", ()), ("rotated", ())])?;
    let style = PieStyle {
        labels: look.word("valueLabels", SliceLabel::Percent, &SLICE_LABELS)?,
        labels_min: look.number("valueLabelsMin")?.unwrap_or(PieStyle::default().labels_min),
        labels_color: look.color("valueLabelsColor")?,
    };
    Ok(Pie { style, of: look.word("pieMode", PieMode::Average, &PIE_MODES)? })
}

/// A pie instead of lines.
#[derive(Clone, Copy, Debug)]
pub struct Pie {
    /// How it looks.
    pub style: PieStyle,
    /// What becomes a slice.
    pub of: PieMode,
}

/// What of a series is its slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieMode {
    /// The mean of its values.
    Average,
    /// The largest one.
    Maximum,
    /// The smallest one.
    Minimum,
}

impl PieMode {
    /// Of these values.
    pub fn of(self, summary: &Summary) -> f64 {
        match self {
            PieMode::Average => summary.avg,
            PieMode::Maximum => summary.max,
            PieMode::Minimum => summary.min,
        }
    }
}

const SLICE_LABELS: [(&str, SliceLabel); 4] = [
    ("percent", SliceLabel::Percent),
    ("number", SliceLabel::Number),
    ("numbers", SliceLabel::Number),
    ("none", SliceLabel::Hidden),
];
/// Also what `/functions?type=pie` lists.
pub const PIE_MODES: [(&str, PieMode); 3] =
    [("average", PieMode::Average), ("maximum", PieMode::Maximum), ("minimum", PieMode::Minimum)];
const LINE_MODES: [(&str, LineMode); 3] =
    [("slope", LineMode::Slope), ("staircase", LineMode::Staircase), ("connected", LineMode::Connected)];
const AREA_MODES: [(&str, AreaMode); 4] =
    [("none", AreaMode::None), ("first", AreaMode::First), ("all", AreaMode::All), ("stacked", AreaMode::Stacked)];

/// The parameters, read by kind.
struct Look<'a> {
    params: &'a Params,
}

impl<'a> Look<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.params.filled(name).filter(|value| !value.eq_ignore_ascii_case("default"))
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// Anything but `false` and `0` is true, as Python judges what graphite-web leaves a string.
    fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }

    fn number(&self, name: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let number = value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| invalid(name, value, "a number is needed"))
    }

    /// The first of the names that is given; `max` and `min` as values leave the axis to the data.
    fn limit(&self, names: &[&str]) -> Result<Option<f64>, Error> {
        for name in names {
            match self.text(name) {
                None | Some("max" | "min") => {}
                Some(_) => return self.number(name),
            }
        }
        Ok(None)
    }

    fn step(&self, names: &[&str]) -> Result<Option<f64>, Error> {
        let given = names.iter().find(|name| self.text(name).is_some());
        let Some(step) = given.map(|name| self.number(name)).transpose()?.flatten() else { return Ok(None) };
        match step > 0.0 {
            true => Ok(Some(step)),
            false => Err(invalid(names[0], &step.to_string(), "a number above 0 is needed")),
        }
    }

    /// `e`, or a number above 1.
    fn log_base(&self) -> Result<Option<f64>, Error> {
        match self.text("logBase") {
            Some("e") => Ok(Some(std::f64::consts::E)),
            Some(text) => {
                let base = self.number("logBase")?.filter(|base| (1.0001..=1e6).contains(base));
                base.map(Some).ok_or_else(|| invalid("logBase", text, "`e` or a number above 1 is needed"))
            }
            None => Ok(None),
        }
    }

    /// `xFormat`, as strftime has it.
    fn time_format(&self) -> Result<Option<String>, Error> {
        let Some(format) = self.text("xFormat") else { return Ok(None) };
        let is_one = format.len() <= FORMAT_BYTES_MAX && is_time_format(format);
        is_one
            .then(|| Some(format.to_owned()))
            .ok_or_else(|| invalid("xFormat", format, "a format of strftime is needed"))
    }

    /// The largest of `yDivisors`: Graphite takes one of them, whichever suits the data.
    fn divisions(&self) -> Result<Option<usize>, Error> {
        let Some(list) = self.text("yDivisors") else { return Ok(None) };
        let numbers = list.split(',').map(|number| number.trim().parse::<usize>().ok().filter(|number| *number > 0));
        let largest = numbers.reduce(|a, b| Some(a?.max(b?))).flatten();
        largest.map(Some).ok_or_else(|| invalid("yDivisors", list, "whole numbers above 0, with commas between"))
    }

    /// `minorY`; a colour for such lines alone asks for one. Graphite draws one always, which is more grid than graph.
    fn minor_lines(&self) -> Result<usize, Error> {
        let Some(value) = self.text("minorY") else {
            return Ok(usize::from(self.text("minorGridLineColor").is_some()));
        };
        value.trim().parse().ok().filter(|lines| *lines <= MINOR_LINES_MAX).ok_or_else(|| {
            invalid("minorY", value, format_args!("a number of lines up to {MINOR_LINES_MAX} is needed"))
        })
    }

    fn side(&self, [color, width, dashed]: [&str; 3]) -> Result<Side, Error> {
        let width = self.number(width)?.map(|width| (width as f32).clamp(0.0, 100.0));
        Ok(Side { color: self.color(color)?, width, dashed: self.flag(dashed) })
    }

    fn pixels(&self, name: &str, default: u32) -> Result<u32, Error> {
        let Some(value) = self.text(name) else { return Ok(default) };
        value.trim().parse().map_err(|_| invalid(name, value, "a number of pixels is needed"))
    }

    fn word<T: Copy>(&self, name: &str, default: T, words: &[(&str, T)]) -> Result<T, Error> {
        let Some(value) = self.text(name) else { return Ok(default) };
        let known = words.iter().find(|(word, _)| *word == value);
        known.map(|(_, meant)| *meant).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            invalid(name, value, format_args!("one of {} is needed", words.join(", ")))
        })
    }

    fn theme(&self) -> Result<Theme, Error> {
        self.word("theme", Theme::Light, &[("light", Theme::Light), ("dark", Theme::Dark)])
    }

    fn color(&self, name: &str) -> Result<Option<Color>, Error> {
        let Some(value) = self.text(name) else { return Ok(None) };
        parse_color(name, value).map(Some)
    }

    fn colors(&self, name: &str) -> Result<Vec<Color>, Error> {
        let Some(list) = self.text(name) else { return Ok(Vec::new()) };
        list.split(',').filter(|value| !value.trim().is_empty()).map(|value| parse_color(name, value)).collect()
    }

    /// `unit=` in words of ours or in any of one's own, or Graphite's `yUnitSystem`.
    fn unit(&self) -> Unit {
        match self.text("unit").or_else(|| self.text("yUnitSystem")) {
            None | Some("si") => Unit::Si,
            Some("none" | "plain") => Unit::Plain,
            Some("binary" | "B") => Unit::Binary,
            Some("sec" | "s") => Unit::Seconds,
            Some("msec" | "ms") => Unit::Milliseconds,
            Some("percent" | "%") => Unit::Percent,
            Some("/s") => Unit::PerSecond,
            Some(own) => Unit::Named(own.chars().take(UNIT_CHARS_MAX).collect()),
        }
    }
}

fn parse_color(name: &str, value: &str) -> Result<Color, Error> {
    Color::parse(value).ok_or_else(|| invalid(name, value, "a colour is rrggbb, rrggbbaa or one of Graphite's names"))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::draw::{AreaMode, Color, LineMode, Theme, Unit};
    use crate::http::params::Params;
    use crate::http::times::Span;
    use crate::templates::GraphTemplates;
    use jiff::tz::TimeZone;
    use tsdb::{Timestamp, Window};

    fn picture(query: &str) -> Result<crate::draw::Picture, String> {
        let window = Window { from: Timestamp(0), until: Timestamp(60) };
        let span = Span { window, now: Timestamp(60), zone: TimeZone::UTC };
        let templates = "[night]\nbackground = black\nlineColors = red,blue\n";
        let templates = GraphTemplates::parse(std::path::Path::new("conf"), templates).unwrap();
        read(&Params::parse(query, b"").unwrap(), &span, &templates).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_absent_is_graphites_default() {
        let picture = picture("width=&height=default&title=&hideLegend=false&hideAxes=0").unwrap();
        assert_eq!((picture.width, picture.height), (330, 250));
        assert!(picture.title.is_none() && !picture.hide_legend && !picture.hide_axes);
    }

    #[test]
    fn parameters_are_read() {
        let picture = picture(
            "width=800&lineMode=staircase&areaMode=stacked&hideGrid=1&graphOnly=True&colorList=red,00aaff,%23123456\
             &yMin=-5.5&yMax=max&theme=dark&scale=2&unit=bpm&thickness=3",
        )
        .unwrap();
        assert_eq!((picture.width, picture.scale), (800, 2.0));
        assert_eq!((picture.line_mode, picture.area_mode), (LineMode::Staircase, AreaMode::Stacked));
        assert!(picture.hide_grid && picture.graph_only);
        assert_eq!(picture.color_list.len(), 3);
        assert_eq!((picture.y_min, picture.y_max), (Some(-5.5), None));
        assert_eq!((picture.theme, picture.unit), (Theme::Dark, Unit::Named("bpm".to_owned())));
        assert_eq!(picture.line_width, Some(3.0));
    }

    #[test]
    fn axes_and_grid_are_as_asked_for() {
        let asked = picture(
            "margin=20&xFormat=%25H:%25M&yLimit=50&yLimitRight=9&yDivisors=3,%204&yAxisSide=right&minorY=3\
             &minorGridLineColor=red",
        )
        .unwrap();
        assert_eq!((asked.margin, asked.time_format.as_deref()), (Some(20.0), Some("%H:%M")));
        assert_eq!((asked.y_limit, asked.y_limit_right, asked.y_divisions), (Some(50.0), Some(9.0), Some(4)));
        assert!(asked.y_axis_on_right);
        assert_eq!((asked.minor_lines, asked.minor_grid_color), (3, Color::parse("red")));
        assert_eq!((picture("minorGridLineColor=red").unwrap().minor_lines, picture("").unwrap().minor_lines), (1, 0));
    }

    #[test]
    fn a_template_goes_where_the_request_says_nothing() {
        let night = picture("template=night&fgcolor=ffffff").unwrap();
        assert_eq!((night.bgcolor, night.color_list.len()), (Color::parse("black"), 2));
        assert_eq!(night.fgcolor, Color::parse("ffffff"));
        let own = picture("template=night&bgcolor=white&colorList=green").unwrap();
        assert_eq!((own.bgcolor, own.color_list.len()), (Color::parse("white"), 1));
        assert_eq!(picture("template=nosuch").unwrap().bgcolor, None);
    }

    #[test]
    fn what_is_no_value_is_refused_by_name() {
        for (query, expected) in [
            ("width=abc", "Invalid value 'abc' for param width: a number of pixels is needed"),
            (
                "lineMode=bogus",
                "Invalid value 'bogus' for param lineMode: one of slope, staircase, connected is needed",
            ),
            ("yStep=0", "Invalid value '0' for param yStep: a number above 0 is needed"),
            ("logBase=1", "Invalid value '1' for param logBase: `e` or a number above 1 is needed"),
            ("xFormat=%25", "Invalid value '%' for param xFormat: a format of strftime is needed"),
            ("yDivisors=4,,5", "Invalid value '4,,5' for param yDivisors: whole numbers above 0, with commas between"),
            ("minorY=100000", "Invalid value '100000' for param minorY: a number of lines up to 100 is needed"),
            ("yAxisSide=top", "Invalid value 'top' for param yAxisSide: one of left, right is needed"),
            ("yMin=x", "Invalid value 'x' for param yMin: a number is needed"),
            (
                "bgcolor=nocolor",
                "Invalid value 'nocolor' for param bgcolor: a colour is rrggbb, rrggbbaa or one of Graphite's names",
            ),
        ] {
            assert_eq!(picture(query).unwrap_err(), expected);
        }
    }
}
