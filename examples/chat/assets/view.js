// What is on the page. Everything people wrote is set as text, never as markup.

const $ = (id) => document.getElementById(id);

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

const ABOUT = {
  'websocket': 'One connection, both ways.',
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
      element('span', { className: 'name', text: member.id === me ? `${member.name} (you)` : member.name }),
      element('span', { className: 'badge', text: member.transport }));
    line.style.setProperty('--hue', hueOf(member.name));
    return line;
  }));
}

// ---- the connection

let countdown = 0;

export function showState({ state, transport, retryAt, reason }) {
  clearInterval(countdown);
  const pill = $('state');
  pill.dataset.state = state;
  pill.dataset.transport = state === 'open' ? transport : '';
  $('transport').textContent = state === 'open' ? transport : 'none';
  $('send').disabled = state !== 'open';
  $('retry').hidden = state !== 'waiting';
  $('round-trip').textContent = 'say something';

  if (state === 'open') {
    $('state-text').textContent = `Connected: ${transport}`;
    $('about-transport').textContent = ABOUT[transport] ?? '';
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
