//! What a compressing layer outside a mount has to know.

use http::{Extensions, HeaderMap, StatusCode, Version, header};

/// Whether a response may be compressed: false when its `Cache-Control` says `no-transform`, which
/// every answer of a session does.
///
/// tower-http's `CompressionLayer` spares `text/event-stream` by itself, but not the other
/// transports, and does not look at `no-transform`. It would keep an encoder in memory for each open
/// stream, and with an older async-compression than 0.4.40 beneath it frames may be held back until
/// many have been collected. It takes this function as a predicate.
///
/// # Example
///
/// ```
/// use sockeye_tower::may_compress;
/// use tower_http::compression::{CompressionLayer, DefaultPredicate, Predicate};
///
/// let layer = CompressionLayer::new().compress_when(DefaultPredicate::new().and(may_compress));
/// # let _ = layer;
/// ```
pub fn may_compress(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn no_transform_is_found_wherever_it_stands() {
        #[rustfmt::skip]
        let cases: [(&[&str], bool); 8] = [
            (&[],                                      true),
            (&[""],                                    true),
            (&["public, max-age=31536000"],            true),
            (&["no-transform-ever, x=no-transform"],   true),
            (&["no-transform"],                        false),
            (&["no-store,No-Transform ,max-age=0"],    false),
            (&["public", "no-transform"],              false),
            (&["max-age=0,\tno-transform"],            false),
        ];
        for (values, expected) in cases {
            let headers = values
                .iter()
                .map(|value| (header::CACHE_CONTROL, HeaderValue::from_static(value)))
                .collect::<HeaderMap>();
            let may = may_compress(
                StatusCode::OK,
                Version::HTTP_11,
                &headers,
                &Extensions::new(),
            );
            assert_eq!(may, expected, "{values:?}");
        }
    }
}
