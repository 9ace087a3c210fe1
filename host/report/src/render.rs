//! Fills the templates.

use crate::view::Page;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};

/// A template cannot be filled: a mistake in this crate.
#[derive(Debug, thiserror::Error)]
#[error("the report cannot be written: {0}")]
pub struct RenderError(#[from] minijinja::Error);

/// Everything that is put into them is escaped, because their names end in `.html`.
const TEMPLATES: [(&str, &str); 5] = [
    ("report.html", include_str!("../templates/report.html")),
    ("chart.html", include_str!("../templates/chart.html")),
    ("waterfall.html", include_str!("../templates/waterfall.html")),
    ("table.html", include_str!("../templates/table.html")),
    ("facts.html", include_str!("../templates/facts.html")),
];

/// Fills the templates.
pub(crate) fn render(page: &Page) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    let own = |text: &str| Value::from_safe_string(text.to_owned());
    let style = own(include_str!("../templates/report.css"));
    let script = own(include_str!("../templates/report.js"));
    Ok(environment.get_template("report.html")?.render(context! { page => Serde(page), style, script })?)
}
