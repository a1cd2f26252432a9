//! Whose pages may come: one policy for polls, POSTs, handshakes and upgrades.
//!
//! CVE-2019-13611 (python-engineio #128) and engine.io 6.6.7: transports past which the check of origins,
//! or a middleware, did not come. CVE-2020-28481: every page may, unless told otherwise.

use sockeye_tower::{Limit, Origins};

use crate::support::Server;

/// What a browser says of a page, and whether each policy lets it in.
#[rustfmt::skip]
const PAGES: [(&str, [bool; 3]); 14] = [
    // headers                                                                     own    list   any
    ("",                                                                          [true,  true,  true]),
    ("Origin: http://a\r\n",                                                      [true,  true,  true]),
    // Without trusted proxies the scheme is not known.
    ("Origin: https://a\r\n",                                                     [true,  true,  true]),
    ("Origin: http://a:81\r\n",                                                   [false, false, true]),
    ("Origin: http://b\r\n",                                                      [false, false, true]),
    ("Origin: http://a.b\r\n",                                                    [false, false, true]),
    ("Origin: https://listed.test\r\n",                                           [false, true,  true]),
    ("Origin: https://listed.test.evil\r\n",                                      [false, false, true]),
    ("Origin: null\r\n",                                                          [false, false, true]),
    ("Origin: http://a\r\nOrigin: http://b\r\n",                                  [false, false, true]),
    ("Sec-Fetch-Site: same-origin\r\n",                                           [true,  true,  true]),
    ("Sec-Fetch-Site: none\r\n",                                                  [true,  true,  true]),
    ("Sec-Fetch-Site: cross-site\r\nReferer: https://listed.test/page\r\n",       [false, true,  true]),
    ("Sec-Fetch-Site: same-site\r\nReferer: http://b/\r\n",                       [false, false, true]),
];

#[tokio::test(start_paused = true)]
async fn each_page_is_judged_alike_on_every_transport() {
    for (policy, index) in [("own", 0), ("list", 1), ("any", 2)] {
        let (server, mut sessions) = Server::handing_over(|mount| match policy {
            "own" => mount,
            "list" => mount.allowed_origins(["https://listed.test"]),
            _ => mount.allowed_origins(Origins::Any),
        });
        let mut refused = 0;
        for (page, admitted) in PAGES {
            let is_in = admitted[index];
            let client = server.open().await;
            let session = sessions.recv().await.unwrap();
            session.try_send("private").unwrap();
            let before = server.handle.sessions();
            let mut seen = Vec::new();
            for (method, query, body) in [
                ("GET", "EIO=4&transport=polling", ""),
                ("POST", &client.query, "4hello"),
                ("GET", &client.query, ""),
            ] {
                let answer = server.ask_with(method, query, page, body.as_bytes()).await;
                assert!(answer.all("access-control-allow-origin").is_empty());
                assert!(answer.all("access-control-allow-credentials").is_empty());
                seen.push(answer.status);
            }
            let mut held = Vec::new();
            for query in ["EIO=4&transport=websocket", &client.upgrade_query()] {
                let (answer, connection) = server.handshake_with(query, page).await;
                seen.push(answer.status);
                held.push(connection);
            }
            let expected = match is_in {
                true => [200, 200, 200, 101, 101],
                false => [403; 5],
            };
            assert_eq!(*seen, expected, "{policy} {page:?}");
            refused += 5 * u64::from(!is_in);
            assert_eq!(server.handle.limit_hits(Limit::Origin), refused);
            assert_eq!(session.close_reason(), None);
            if !is_in {
                assert_eq!(server.handle.sessions(), before, "{policy} {page:?}");
                assert_eq!(client.poll_text().await, "4private");
            }
            while sessions.try_recv().is_ok() {}
        }
        assert_eq!(refused == 0, policy == "any");
    }
}
