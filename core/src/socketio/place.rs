//! Where a client's socket is kept.

/// The place of one namespace that a client joined.
///
/// The index is small and used again, so that sockets can be kept in a `Vec`. A place that was left
/// is never equal to the one that has its index next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub(super) index: u32,
    pub(super) turn: u32,
}

impl Place {
    /// The index: below the number of namespaces that a client may have joined.
    pub fn index(self) -> usize {
        self.index as usize
    }
}
