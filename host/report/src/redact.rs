//! Leaves out credentials: a report or HAR file is handed on.

use std::borrow::Cow;

/// In place of what is left out.
pub(crate) const LEFT_OUT: &str = "[left-out]";

/// Names of query parameters that carry credentials; in lower case, without dashes and underscores.
const SECRET_NAMES: [&str; 18] = [
    "auth",
    "authorization",
    "awsaccesskeyid",
    "code",
    "credential",
    "jwt",
    "key",
    "pass",
    "passwd",
    "pwd",
    "session",
    "sessionid",
    "sid",
    "sig",
    "assertion",
    "accesskey",
    "xamzcredential",
    "xgoogcredential",
];

/// Ends of further names that do.
const SECRET_ENDS: [&str; 6] = ["token", "secret", "password", "signature", "apikey", "privatekey"];

/// Header fields that carry credentials.
const SECRET_HEADERS: [&str; 12] = [
    "authentication-info",
    "authorization",
    "cookie",
    "cookie2",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
];

/// Whether the value of a header field is left out.
pub(crate) fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Whether the value of a query parameter is left out.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect();
    let plain = plain.to_ascii_lowercase();
    SECRET_NAMES.contains(&plain.as_str()) || SECRET_ENDS.iter().any(|end| plain.ends_with(end))
}

/// A URL, or a text with URLs, without credentials in queries, fragments and authorities.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    if !text.contains(['=', '@']) {
        return Cow::Borrowed(text);
    }
    let text = without_user(text);
    let mut result = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, delimiter, after)) = split(rest, |c| matches!(c, '?' | '&' | '#' | ';')) {
        result.push_str(before);
        result.push(delimiter);
        rest = after;
        let Some((name, '=', value)) = split(after, |c| c == '=' || ends_value(c)) else { continue };
        if is_secret_parameter(name) {
            result.push_str(name);
            result.push('=');
            result.push_str(LEFT_OUT);
            rest = value.find(ends_value).and_then(|end| value.get(end..)).unwrap_or_default();
        }
    }
    result.push_str(rest);
    Cow::Owned(result)
}

fn ends_value(c: char) -> bool {
    matches!(c, '&' | '#' | ';' | '"' | '\'' | '<' | '>') || c.is_whitespace()
}

/// The text before the first such character, that character, and the text after it.
fn split(text: &str, is_delimiter: impl Fn(char) -> bool) -> Option<(&str, char, &str)> {
    let (place, delimiter) = text.char_indices().find(|(_, c)| is_delimiter(*c))?;
    Some((text.get(..place)?, delimiter, text.get(place + delimiter.len_utf8()..)?))
}

/// Without user names and passwords in front of hosts.
fn without_user(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        result.push_str(before);
        result.push_str("://");
        let ends = |c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>') || c.is_whitespace();
        let authority = after.split(ends).next().unwrap_or_default();
        let user = authority.rfind('@').map_or(0, |place| place + 1);
        rest = after.get(user..).unwrap_or_default();
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_are_left_out_and_everything_else_stays() {
        let cases = [
            ("http://a.test/?q=1", "http://a.test/?q=1"),
            ("http://a.test/?token=abc&q=1", "http://a.test/?token=[left-out]&q=1"),
            (
                "http://a.test/?q=1&X-Amz-Signature=ab#access_token=x",
                "http://a.test/?q=1&X-Amz-Signature=[left-out]#access_token=[left-out]",
            ),
            ("http://me:word@a.test/@b?api_key=", "http://a.test/@b?api_key=[left-out]"),
            ("see \"http://me@a.test/?sig=é\" and x@y", "see \"http://a.test/?sig=[left-out]\" and x@y"),
            ("http://a.test/?a=b?token", "http://a.test/?a=b?token"),
            ("=@", "=@"),
        ];
        for (text, expected) in cases {
            assert_eq!(redacted(text), expected);
        }
    }
}
