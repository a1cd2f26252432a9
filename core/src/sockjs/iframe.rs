//! The helper page that old browsers load in a hidden iframe to reach another domain.

use std::fmt;

/// The iframe page, which loads the client's script from `sockjs_url`.
///
/// Characters with a meaning in HTML are escaped, so the address can hold a query.
///
/// # Errors
///
/// When `sockjs_url` starts neither with `/` nor with `http`: relative to the page it would lead
/// back into the mount.
pub fn iframe_page(sockjs_url: &str) -> Result<String, SockjsUrlError> {
    if !sockjs_url.starts_with('/') && !sockjs_url.starts_with("http") {
        return Err(SockjsUrlError);
    }
    let mut page = String::with_capacity(BEFORE_URL.len() + sockjs_url.len() + AFTER_URL.len());
    page.push_str(BEFORE_URL);
    for character in sockjs_url.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '"' => page.push_str("&quot;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            _ => page.push(character),
        }
    }
    page.push_str(AFTER_URL);
    Ok(page)
}

/// The address of the client's script starts neither with `/` nor with `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SockjsUrlError;

impl fmt::Display for SockjsUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address of the sockjs-client script must start with `/` or `http`")
    }
}

impl std::error::Error for SockjsUrlError {}

const BEFORE_URL: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src=""#;

const AFTER_URL: &str = r#""></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_reference_servers_size() {
        for url in [
            "/sockjs.js",
            "http://cdn.example/sockjs.min.js",
            "https://x/",
        ] {
            let page = iframe_page(url).unwrap();
            assert_eq!(page.len(), 409 + url.len());
            assert!(
                page.contains(&format!("  <script src=\"{url}\"></script>\n")),
                "{page}"
            );
            assert!(
                page.starts_with("<!DOCTYPE html>\n<html>\n<head>\n") && page.ends_with("</html>")
            );
        }
    }

    #[test]
    fn an_address_cannot_leave_its_attribute() {
        let page = iframe_page(r#"/s.js?a=1&b="><script>"#).unwrap();
        assert!(
            page.contains(r#"src="/s.js?a=1&amp;b=&quot;&gt;&lt;script&gt;"></script>"#),
            "{page}"
        );
    }

    #[test]
    fn other_addresses_are_refused() {
        for url in [
            "",
            "sockjs.js",
            "javascript:alert(1)",
            "ftp://x/",
            " /sockjs.js",
        ] {
            assert_eq!(iframe_page(url), Err(SockjsUrlError), "{url}");
        }
    }
}
