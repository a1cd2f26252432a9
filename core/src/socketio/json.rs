//! What has to be known of JSON before anyone asks for a type.
