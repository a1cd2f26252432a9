//! Compression of polling answers.

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use http::{HeaderMap, HeaderValue, header};

/// How an answer is compressed: gzip before deflate, which is zlib's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    /// What the client takes, if anything.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let told = |name: &str| {
            let values = headers.get_all(header::ACCEPT_ENCODING).iter();
            values
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .find_map(|coding| is_accepted(coding, name))
        };
        // What is not named goes by the asterisk.
        let accepts = |name: &str| told(name).or_else(|| told("*")) == Some(true);
        match () {
            () if accepts("gzip") => Some(Self::Gzip),
            () if accepts("deflate") => Some(Self::Deflate),
            () => None,
        }
    }

    pub(crate) fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }

    /// The body in this coding.
    pub(crate) fn encode(self, body: &[u8]) -> Vec<u8> {
        let out = Vec::with_capacity(body.len() / 4);
        let level = Compression::fast();
        let encoded = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, level);
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, level);
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
        };
        encoded.expect("writing to memory does not fail")
    }
}

/// RFC 9110 section 12.5.3: a name, perhaps with a weight, which refuses it by being zero. `None` where
/// another is named.
fn is_accepted(coding: &str, name: &str) -> Option<bool> {
    let mut parts = coding.split(';');
    let found = parts.next()?.trim();
    if !found.eq_ignore_ascii_case(name) {
        return None;
    }
    let is_refused = parts.any(|weight| {
        let weight = weight.trim().strip_prefix("q=");
        weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32))
    });
    Some(!is_refused)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn prefers_gzip_and_heeds_weights() {
        #[rustfmt::skip]
        let cases = [
            ("",                          None),
            ("br",                        None),
            ("gzip",                      Some(Coding::Gzip)),
            ("deflate, GZIP",             Some(Coding::Gzip)),
            ("deflate;q=0.5",             Some(Coding::Deflate)),
            ("gzip;q=0, deflate",         Some(Coding::Deflate)),
            ("gzip; q=0.000",             None),
            ("xgzip",                     None),
            ("*",                         Some(Coding::Gzip)),
            ("br, *;q=0.1",               Some(Coding::Gzip)),
            ("gzip;q=0, *",               Some(Coding::Deflate)),
            ("*, gzip;q=0, deflate;q=0",  None),
            ("*;q=0",                     None),
            ("*;q=0, deflate",            Some(Coding::Deflate)),
        ];
        for (accepted, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(Coding::accepted(&headers), expected, "{accepted}");
        }
    }

    #[test]
    fn what_is_encoded_reads_back() {
        let body = "4hello".repeat(1000);
        let mut text = String::new();
        let gzip = Coding::Gzip.encode(body.as_bytes());
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, body);
        text.clear();
        let deflate = Coding::Deflate.encode(body.as_bytes());
        flate2::read::ZlibDecoder::new(&deflate[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, body);
    }
}
