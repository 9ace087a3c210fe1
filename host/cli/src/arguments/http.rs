//! What is sent.

use clap::Args;
use fantail::Policy;

#[derive(Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct Http {
    /// The method of requests given as URLs [default: GET, POST with a body].
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A header for every request. A JSON line that has a header of this name keeps its own. With no value ('name:') a header that
    /// would be added by itself is left out, with a semicolon for the colon ('name;') it is sent empty.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// The user-agent of every request; an empty one is not sent.
    #[arg(short = 'A', long, value_name = "NAME", default_value = concat!("fantail/", env!("CARGO_PKG_VERSION")))]
    pub(crate) user_agent: String,
    /// Credentials for every request (Basic authentication, RFC 7617). They stay with the origin they are sent to when a redirect
    /// leads to another.
    #[arg(short = 'u', long, value_name = "USER:PASSWORD", hide_default_value = true)]
    pub(crate) user: Option<String>,
    /// The body of requests given as URLs, with the content-type of a form unless -H gives another: text, @FILE, or @- for
    /// standard input, as it is. If repeated, joined with &.
    #[arg(short = 'd', long = "data", value_name = "BODY|@FILE")]
    pub(crate) data: Vec<String>,
    /// The same with the content-type application/json, and accept likewise. If repeated, joined as it is.
    #[arg(long, value_name = "BODY|@FILE", conflicts_with = "data")]
    pub(crate) json: Vec<String>,
    /// Follows redirects: at most N for one request, 10 without a number. The same as --redirects.
    #[arg(
        short = 'L',
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10",
        conflicts_with = "redirects"
    )]
    pub(crate) location: Option<u32>,
}

impl Http {
    /// The policy with what these options change in it.
    pub(crate) fn over(&self, policy: Policy) -> Policy {
        Policy { redirects: self.location.or(policy.redirects), ..policy }
    }
}
