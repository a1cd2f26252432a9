//! The configurations that `docs/deploy.md` shows, so that what users read is what ran here.

use std::{net::SocketAddr, path::Path};

/// The fenced blocks of a language, in the order of the page.
fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy.md");
    let page = std::fs::read_to_string(&page)
        .unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// The `n`th block of a language.
///
/// # Panics
///
/// When the page has no such block.
pub(crate) fn block(language: &str, n: usize) -> String {
    let blocks = blocks(language);
    let block = blocks.get(n).cloned();
    block.unwrap_or_else(|| panic!("docs/deploy.md has {} {language} blocks", blocks.len()))
}

/// A block with the addresses of these nodes in it.
///
/// # Panics
///
/// When there is no such block, or it does not name both nodes.
pub(crate) fn block_for(language: &str, n: usize, nodes: [SocketAddr; 2]) -> String {
    // By way of words that are no addresses: a node may well have the other's documented port.
    let block = replaced(&block(language, n), "127.0.0.1:9001", "NODE-ONE");
    let block = replaced(&block, "127.0.0.1:9002", "NODE-TWO");
    let [one, two] = nodes.map(|node| node.to_string());
    replaced(&replaced(&block, "NODE-ONE", &one), "NODE-TWO", &two)
}

/// `text` with every `from` replaced.
///
/// # Panics
///
/// When there is none: then the test would run something else than it says.
#[track_caller]
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from:?} in\n{text}");
    text.replace(from, to)
}
