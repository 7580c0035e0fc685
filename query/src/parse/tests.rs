//! What the grammar takes, as calls written out again with their kinds.

use super::*;

fn read(text: &str) -> String {
    match parse(text, &Limits::default()) {
        Ok(Parsed { expr: Some(expr), ignored }) => {
            let left = ignored.map(|ignored| format!(" … {} at {}", ignored.expected, ignored.span.offset));
            written(&expr) + &left.unwrap_or_default()
        }
        Ok(Parsed { expr: None, .. }) => "nothing".to_owned(),
        Err(misfit) => misfit.fault.to_string(),
    }
}

fn written(expr: &Expr) -> String {
    match &expr.kind {
        Kind::Path(path) => format!("<{path}>"),
        Kind::Int(number) => format!("{number}i"),
        Kind::Float(number) => format!("{number:?}f"),
        Kind::Text(text) => format!("{text:?}"),
        Kind::Bool(flag) => format!("{flag}?"),
        Kind::None => "none".to_owned(),
        Kind::Infinity => "inf".to_owned(),
        Kind::Call(call) => {
            let keyword = |keyword: &Keyword| format!("{}={}", keyword.name, written(&keyword.value));
            let parts = call.arguments.iter().map(written).chain(call.keywords.iter().map(keyword));
            format!("{}{}({})", call.name, if call.piped { "|" } else { "" }, parts.collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn reads_what_graphite_web_reads() {
    for (text, expected) in [
        ("a.b-c.*[0-9]?#$:=;", "<a.b-c.*[0-9]?#$:=;>"),
        (" \n a \t", "<a>"),
        ("", "nothing"),
        (" \n", "nothing"),
        ("a.{b,c*}d.{e}{f,g}", "<a.{b,c*}d.{e}{f,g}>"),
        (r"a.\(x\)\,\=\.\|", "<a.(x),=.|>"),
        ("météo.paris", "<météo.paris>"),
        ("f()", "f()"),
        ("f(a,g(b, 'x'))", r#"f(<a> g(<b> "x"))"#),
        ("f (a)", "f(<a>)"),
        ("f(1,-2,2.50,1e3,-2.5E-1)", "f(1i -2i 2.5f 1000.0f -0.25f)"),
        ("f(99999999999999999999)", "f(1e20f)"),
        ("f(1min.load,1e5.5,+5,a=b)", "f(<1min.load> <1e5.5> <+5> a=<b>)"),
        ("f(TRUE,False,None,INF,trueish)", "f(true? false? none inf <trueish>)"),
        (r#"f("a'b",'c"d',"e\"f","","g""h",'\x41')"#, r#"f("a'b" "c\"d" "e\\\"f" "" "g\"\"h" "\\x41")"#),
        ("f(a, k = 1 , l='x')", r#"f(<a> k=1i l="x")"#),
        ("f(a.b=c)", "f(<a.b=c>)"),
        ("a|f(1)|g()", "g|(f|(<a> 1i))"),
        ("f(a | g(), b)", "f(g|(<a>) <b>)"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn reads_as_far_as_it_makes_sense() {
    for (text, expected) in [
        ("a b", "<a> … the end of the target at 2"),
        ("f(a))", "f(<a>) … the end of the target at 4"),
        ("f(a", "<f> … `,` or `)` at 3"),
        ("f(a,)", "<f> … an argument at 4"),
        ("f(,a)", "<f> … an argument at 2"),
        ("f(k=1)", "<f> … a positional argument before keywords at 2"),
        ("f(a,k=1,b)", "<f> … a keyword argument: positional ones stand before at 8"),
        ("f(none.a)", "<f> … `,` or `)` at 6"),
        ("f(2.)", "<f> … `,` or `)` at 3"),
        ("f('a)", "<f> … an argument at 2"),
        ("a.{b", "<a> … the end of the target at 1"),
        ("a.{b,{c}}", "<a> … the end of the target at 1"),
        ("a.{ b }", "<a> … the end of the target at 1"),
        ("a..b", "<a> … the end of the target at 1"),
        (r"a\*", r"<a> … the end of the target at 1"),
        ("a|b", "<a> … the end of the target at 1"),
        ("(", "expected a path or a function call"),
        ("'a'", "expected a path or a function call"),
        (".a", "expected a path or a function call"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn spans_are_bytes_of_the_text() {
    let text = " scale( é.a , 'x' )|f(2)";
    let Ok(Parsed { expr: Some(expr), .. }) = parse(text, &Limits::default()) else { panic!("it parses") };
    let cut = |span: Span| &text[span.offset..span.end()];
    assert_eq!(cut(expr.span), &text[1..]);
    let Kind::Call(piped) = &expr.kind else { panic!("a call") };
    assert_eq!((cut(piped.name_span), cut(piped.arguments[1].span)), ("f", "2"));
    let Kind::Call(scale) = &piped.arguments[0].kind else { panic!("a call") };
    assert_eq!(cut(piped.arguments[0].span), "scale( é.a , 'x' )");
    assert_eq!(scale.arguments.iter().map(|argument| cut(argument.span)).collect::<Vec<_>>(), ["é.a", "'x'"]);
}
