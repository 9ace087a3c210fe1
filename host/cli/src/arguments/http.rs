//! What is sent.

use clap::Args;

#[derive(Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct Http {
    /// The method of requests given as URLs [default: GET, POST with -d].
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A header for requests given as URLs.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// The body of requests given as URLs.
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    pub(crate) data: Option<String>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
