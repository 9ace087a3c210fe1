//! The page, and the style and the script that it loads: files of `page/`, put together when this is built.

/// The page may load nothing but its own style and script, and speak to nobody but this application.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = include_str!("page/page.html");

const STYLE: &str = concat!(include_str!("page/page.css"), include_str!("page/outcomes.css"));

/// One module: each file uses what those before it declare.
const SCRIPT: &str = concat!(
    include_str!("page/received.js"),
    include_str!("page/rows.js"),
    include_str!("page/view.js"),
    include_str!("page/list.js"),
    include_str!("page/hints.js"),
    include_str!("page/panels.js"),
    include_str!("page/main.js"),
);

/// The content type and the text of what is at a path.
pub(crate) fn file(path: &str) -> Option<(&'static str, &'static str)> {
    match path {
        "/" => Some(("text/html; charset=utf-8", HTML)),
        "/page.css" => Some(("text/css; charset=utf-8", STYLE)),
        "/page.js" => Some(("text/javascript; charset=utf-8", SCRIPT)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::Cause;

    #[test]
    fn hints_are_for_causes_that_exist() {
        let hints = include_str!("page/hints.js").split_once("};").unwrap().0;
        let causes: Vec<&str> =
            hints.lines().filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once("\": \"")?.0)).collect();
        assert!(causes.len() > 30, "{causes:?}");
        for cause in causes {
            assert!(Cause::ALL.iter().any(|known| known.name() == cause), "{cause}");
        }
    }

    /// Text from a server would be run if it became markup.
    #[test]
    fn no_data_becomes_markup() {
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"] {
            assert!(!SCRIPT.contains(markup), "{markup}");
        }
        assert!(!HTML.contains("style=") && !HTML.contains("<script>"), "the policy forbids inline styles and scripts");
    }
}
