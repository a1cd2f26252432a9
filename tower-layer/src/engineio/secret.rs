//! The id in the URL is between a session and its client.

use http::{Uri, uri::PathAndQuery};
use sockeye_core::{Text, engineio::Query};

/// A request's URI without the session's secret id; the other parameters stand as they were sent.
///
/// For adapters whose framework keeps a URI of its own in a request's extensions, where hooks see it.
#[must_use]
pub fn without_session_id(uri: &Uri) -> Uri {
    let query = Query::parse(Text::from(uri.query().unwrap_or_default()));
    let shown = query.without_session();
    if shown == query.as_str() {
        return uri.clone();
    }
    let target = match &*shown {
        "" => uri.path().to_owned(),
        shown => format!("{}?{shown}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    // A part of what was valid is.
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    Uri::from_parts(parts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_but_the_id() {
        #[rustfmt::skip]
        let cases = [
            ("/?EIO=4&sid=secret&t=1",               "/?EIO=4&t=1"),
            ("/engine.io/?sid=secret",               "/engine.io/"),
            ("/a%20b/?x=%26&%73id=secret",           "/a%20b/?x=%26"),
            ("https://example.com/?sid=secret&a=1",  "https://example.com/?a=1"),
            ("/sid=1?a=sid",                         "/sid=1?a=sid"),
            ("/?sid=a&sid=b",                        "/"),
            ("/",                                    "/"),
        ];
        for (uri, expected) in cases {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(without_session_id(&uri), expected, "{uri}");
        }
    }
}
