//! A page under construction. Markup can only come from literals in this program; everything else is text and escaped,
//! so a metric named `<img onerror=…>` stays a name.

/// HTML that grows. Whatever is not a literal goes through [`Html::text`].
#[derive(Default)]
pub struct Html {
    out: String,
}

impl Html {
    /// An empty page.
    pub fn new() -> Html {
        Html::default()
    }

    /// Markup, which only a literal can be.
    pub fn raw(&mut self, markup: &'static str) -> &mut Html {
        self.out.push_str(markup);
        self
    }

    /// Text or the value of a quoted attribute, escaped for both.
    pub fn text(&mut self, text: &str) -> &mut Html {
        escape(&mut self.out, text);
        self
    }

    /// A whole number.
    pub fn number(&mut self, number: i64) -> &mut Html {
        self.out.push_str(&number.to_string());
        self
    }

    /// A picture by our own drawing code, which has escaped the names in it.
    pub fn picture(&mut self, svg: &Svg) -> &mut Html {
        self.out.push_str(&svg.0);
        self
    }

    /// A part that was built by itself.
    pub fn part(&mut self, part: &Html) -> &mut Html {
        self.out.push_str(&part.out);
        self
    }

    /// The page as it stands.
    pub fn finish(self) -> String {
        self.out
    }
}

/// An SVG element that is safe to stand inside a page. Only [`super::graph`] makes them.
#[derive(Clone, Debug)]
pub struct Svg(pub(super) String);

/// Escapes for text and for attribute values in either kind of quotes.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A page may not hold these; a name may.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn names_stay_names() {
        let mut html = Html::new();
        html.raw("<b title=\"").text("\"><img src=x onerror='alert(1)'>").raw("\">").text("a&b\u{0}").raw("</b>");
        assert_eq!(
            html.finish(),
            "<b title=\"&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;\">a&amp;b\u{fffd}</b>"
        );
    }
}
