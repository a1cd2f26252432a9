//! A reader of event streams, word for word after the HTML Living Standard, section 9.2.6.

/// What a browser would know after a stream: the events it dispatched, and its reconnection time.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) events: Vec<Dispatched>,
    pub(crate) retry: Option<u64>,
    pub(crate) comments: usize,
    line: Vec<u8>,
    is_after_cr: bool,
    has_begun: bool,
    data: String,
    event_type: String,
    last_event_id: String,
}

/// One event as a listener sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dispatched {
    pub(crate) event_type: String,
    pub(crate) data: String,
    pub(crate) last_event_id: String,
}

impl Reader {
    /// The next bytes of the stream, however it was cut.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let is_pair = std::mem::replace(&mut self.is_after_cr, byte == b'\r') && byte == b'\n';
            match byte {
                b'\n' if is_pair => {}
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    self.line_ended(&line);
                }
                other => self.line.push(other),
            }
        }
    }

    /// Whether the stream ends between two events, as ours always do.
    pub(crate) fn is_between_events(&self) -> bool {
        self.line.is_empty() && self.data.is_empty() && self.event_type.is_empty()
    }

    fn line_ended(&mut self, line: &[u8]) {
        let line = std::str::from_utf8(line).expect("a stream is UTF-8, and no character is cut");
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = match line.strip_prefix('\u{feff}') {
            Some(rest) if is_first => rest,
            _ => line,
        };
        match line.split_once(':') {
            None if line.is_empty() => self.dispatch(),
            None => self.field(line, ""),
            Some(("", _)) => self.comments += 1,
            Some((name, value)) => self.field(name, value.strip_prefix(' ').unwrap_or(value)),
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "event" => self.event_type = value.into(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.last_event_id = value.into(),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => panic!("a browser ignores this field: {name:?} {value:?}"),
        }
    }

    fn dispatch(&mut self) {
        let mut data = std::mem::take(&mut self.data);
        let event_type = std::mem::take(&mut self.event_type);
        if data.is_empty() {
            return;
        }
        data.pop();
        self.events.push(Dispatched {
            event_type: if event_type.is_empty() {
                "message".into()
            } else {
                event_type
            },
            data,
            last_event_id: self.last_event_id.clone(),
        });
    }
}

/// What a listener has to see of an event, if the id before it was `last_event_id`.
pub(crate) fn expected(
    data: &str,
    name: Option<&str>,
    id: Option<&str>,
    last_event_id: &str,
) -> Dispatched {
    let in_a_line = |text: &str| text.replace(['\r', '\n', '\0'], "");
    let name = name.map(in_a_line).filter(|name| !name.is_empty());
    Dispatched {
        event_type: name.unwrap_or_else(|| "message".into()),
        data: data.replace("\r\n", "\n").replace('\r', "\n"),
        last_event_id: id.map_or_else(|| last_event_id.into(), in_a_line),
    }
}
