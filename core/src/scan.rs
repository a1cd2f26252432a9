//! Finding the next byte that needs attention, many bytes at a time.

/// How many bytes are judged at once: two SSE2 registers or one of AVX2.
pub(crate) const CHUNK: usize = 32;

/// The same near the end: one general register.
const SMALL_CHUNK: usize = 8;

/// How many bytes at the start of `bytes` may be passed over a whole chunk at a time, because no
/// byte of those chunks is `marked`.
///
/// The fold has no early exit on purpose: only so does the compiler turn it into vector code.
#[inline(always)]
pub(crate) fn clean_chunks(bytes: &[u8], marked: impl Fn(u8) -> bool) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<CHUNK>() {
        if chunk.iter().fold(false, |any, &byte| any | marked(byte)) {
            return at;
        }
        at += CHUNK;
    }
    while let Some(chunk) = bytes[at..].first_chunk::<SMALL_CHUNK>() {
        if chunk.iter().fold(false, |any, &byte| any | marked(byte)) {
            return at;
        }
        at += SMALL_CHUNK;
    }
    at
}

/// Where the first `marked` byte is, or the length of `bytes` if there is none.
#[inline(always)]
pub(crate) fn find(bytes: &[u8], marked: impl Fn(u8) -> bool) -> usize {
    let at = clean_chunks(bytes, &marked);
    let rest = &bytes[at..];
    at + rest
        .iter()
        .position(|&byte| marked(byte))
        .unwrap_or(rest.len())
}

/// As [`find`], quicker where the mark is likely to be among the next few bytes.
#[inline(always)]
pub(crate) fn find_near(bytes: &[u8], marked: impl Fn(u8) -> bool) -> usize {
    let near = &bytes[..bytes.len().min(SMALL_CHUNK)];
    match near.iter().position(|&byte| marked(byte)) {
        Some(at) => at,
        None => near.len() + find(&bytes[near.len()..], marked),
    }
}

/// Whether a byte may not stand in a JSON string as it is.
///
/// Without `||`, whose branches the compiler does not turn into vector code.
#[inline(always)]
pub(crate) fn is_escaped_in_json(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_mark_at_every_place_around_the_chunk_size() {
        for length in 0..3 * CHUNK + 2 {
            let mut bytes = vec![b'.'; length];
            assert_eq!(find(&bytes, |byte| byte == b'!'), length);
            assert_eq!(find_near(&bytes, |byte| byte == b'!'), length);
            for place in 0..length {
                bytes[place] = b'!';
                assert_eq!(find(&bytes, |byte| byte == b'!'), place, "of {length}");
                assert_eq!(find_near(&bytes, |byte| byte == b'!'), place, "of {length}");
                let clean = clean_chunks(&bytes, |byte| byte == b'!');
                assert!(
                    clean <= place && place < clean + CHUNK,
                    "{place} of {length}"
                );
                bytes[place] = b'.';
            }
        }
    }
}
