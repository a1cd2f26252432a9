//! Binary packets: waiting for their attachments, and putting these into their places.
