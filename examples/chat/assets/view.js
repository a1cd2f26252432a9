// What is on the page. Everything people wrote is set as text, never as markup.

const $ = (id) => document.getElementById(id);

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

// What a protocol's transports are, best first in each group.
const TRANSPORTS = {
  sockjs: {
    Streaming: ['websocket', 'xhr-streaming', 'eventsource', 'iframe-eventsource', 'htmlfile', 'iframe-htmlfile'],
    Polling: ['xhr-polling', 'iframe-xhr-polling', 'jsonp-polling'],
  },
  socketio: { Streaming: ['websocket'], Polling: ['polling'] },
};

const ABOUT = {
  'websocket': 'One connection, both ways.',
  'polling': 'A request that waits for the next packets, requests up.',
  'xhr-streaming': 'One long response down, a request for each batch up.',
  'eventsource': 'Server-sent events down, requests up.',
  'htmlfile': 'An endless page in a hidden frame down, requests up.',
  'xhr-polling': 'A request that waits for the next messages, requests up.',
  'jsonp-polling': 'Script tags down, a form in a hidden frame up. Works nearly anywhere.',
  'iframe-eventsource': 'Server-sent events inside a helper frame.',
  'iframe-htmlfile': 'An endless page inside a helper frame.',
  'iframe-xhr-polling': 'Polling inside a helper frame.',
};

/** An element with classes, text and children. */
function element(tag, { text, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

// ---- the conversation

let lastAuthor = null;

export function clearLog() {
  $('log').replaceChildren();
  lastAuthor = null;
}

export function showSaid({ from, name, text, at }, isMine) {
  const line = element('li', { className: isMine ? 'said mine' : 'said' });
  line.style.setProperty('--hue', hueOf(name));
  if (lastAuthor === from) {
    line.classList.add('more');
  } else {
    line.append(element('p', { className: 'by' },
      element('span', { className: 'avatar', text: initialOf(name), ariaHidden: 'true' }),
      element('span', { className: 'name', text: isMine ? `${name} (you)` : name }),
      time(at)));
  }
  line.append(element('p', { className: 'text', text, title: clock.format(at) }));
  lastAuthor = from;
  append(line);
}

export function showNotice(text, at = Date.now()) {
  lastAuthor = null;
  append(element('li', { className: 'notice' }, element('span', { text }), ' ', time(at)));
}

function time(at) {
  return element('time', { text: clock.format(at), dateTime: new Date(at).toISOString() });
}

function append(line) {
  const log = $('log');
  const reading = log.scrollHeight - log.scrollTop - log.clientHeight > 80;
  log.append(line);
  // Whoever scrolled up to read is not torn away from it.
  if (reading && !line.classList.contains('mine')) $('jump').hidden = false;
  else toEnd();
}

export function toEnd() {
  $('jump').hidden = true;
  $('log').scrollTop = $('log').scrollHeight;
}

/** The colour of a name: the same for everyone who looks. */
function hueOf(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 3600;
  return hash % 360;
}

function initialOf(name) {
  return [...name][0].toUpperCase();
}

// ---- people

export function showPeople(members, me) {
  for (const count of document.querySelectorAll('[data-count]')) count.textContent = members.size;
  $('people').replaceChildren(...[...members.values()].map((member) => {
    const line = element('li', {},
      element('span', { className: 'avatar', text: initialOf(member.name), ariaHidden: 'true' }),
      element('span', { className: 'who' },
        element('span', { className: 'name', text: member.id === me ? `${member.name} (you)` : member.name }),
        element('span', { className: 'way', text: wayOf(member) })));
    line.style.setProperty('--hue', hueOf(member.name));
    return line;
  }));
}

/** How a member is connected: `SockJS (xhr-polling)`. */
export function wayOf({ protocol, transport }) {
  return `${protocol} (${transport})`;
}

// ---- the connection

let countdown = 0;

/** What is chosen, and what can be: '' is the transport that the client finds best. */
export function showChoice(protocol, transport) {
  $('protocol').elements.protocol.value = protocol;
  const groups = Object.entries(TRANSPORTS[protocol]).map(([label, names]) =>
    element('optgroup', { label }, ...names.map((text) => element('option', { text }))));
  $('pick').replaceChildren(element('option', { value: '', text: 'automatic' }), ...groups);
  $('pick').value = transport;
  if ($('pick').selectedIndex < 0) $('pick').value = '';
}

export function showTransport({ protocol, transport }) {
  const pill = $('state');
  pill.dataset.protocol = protocol;
  pill.dataset.transport = transport;
  $('transport').textContent = transport || 'none';
  $('about-transport').textContent = ABOUT[transport] ?? '';
  if (transport) $('state-text').textContent = `Connected: ${transport}`;
}

export function showState({ state, protocol, transport, retryAt, reason }) {
  clearInterval(countdown);
  $('state').dataset.state = state;
  showTransport({ protocol, transport: state === 'open' ? transport : '' });
  $('send').disabled = state !== 'open';
  $('retry').hidden = state !== 'waiting';
  $('round-trip').textContent = 'say something';

  if (state === 'open') {
    $('since').textContent = clock.format(Date.now());
  } else if (state === 'connecting') {
    $('state-text').textContent = transport ? `Connecting: ${transport}` : 'Connecting';
    $('about-transport').textContent = 'Trying to reach the server.';
  } else {
    $('about-transport').textContent = `Not connected: ${reason}.`;
    $('since').textContent = 'not now';
    // Screen readers hear of it once; the seconds are for the eye.
    $('state-text').textContent = 'Reconnecting';
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      $('retry').textContent = `Reconnect now (else in ${seconds} s)`;
    };
    tick();
    countdown = setInterval(tick, 1000);
  }
}

export function showReconnects(count) {
  $('reconnects').textContent = count;
}

export function showRoundTrip(milliseconds) {
  $('round-trip').textContent = `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}
