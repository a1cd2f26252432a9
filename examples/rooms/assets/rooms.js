// One member of the room over each transport, side by side.

const AGAIN = 500; // milliseconds; an EventSource comes back by itself, the others are brought back

const panes = Object.fromEntries([...document.querySelectorAll('section')].map((pane) => [pane.dataset.kind, pane]));
const open = {}; // kind -> the open connection that can speak

function setState(kind, state) {
  panes[kind].dataset.state = state;
  panes[kind].querySelector('.state').textContent = state;
}

/** What the server tells everyone: who is here, or what was said. */
function hear(kind, data) {
  const { here, said } = JSON.parse(data);
  if (here) {
    for (const [each, pane] of Object.entries(panes)) pane.querySelector('.members').textContent = `${here[each]} in the room`;
  }
  if (said) {
    const list = panes[kind].querySelector('ol');
    const line = document.createElement('li');
    line.dataset.number = said.number;
    const by = document.createElement('span');
    by.className = 'said-by';
    by.textContent = `${said.number} by ${said.by === 'events' ? 'EventSource' : said.by}`;
    const text = document.createElement('span');
    text.className = 'said-text';
    text.textContent = said.text;
    line.append(by, text);
    const follows = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    list.append(line);
    if (follows) list.scrollTop = list.scrollHeight;
  }
}

function connect(kind, make) {
  setState(kind, 'connecting');
  const socket = make();
  socket.onopen = () => { open[kind] = socket; setState(kind, 'open'); };
  socket.onmessage = ({ data }) => hear(kind, data);
  socket.onclose = () => {
    delete open[kind];
    setState(kind, 'waiting');
    setTimeout(() => connect(kind, make), AGAIN);
  };
}

connect('sockjs', () => new SockJS('/sockjs'));
connect('websocket', () => new WebSocket(new URL('/websocket', location.href.replace(/^http/, 'ws'))));

function stream() {
  const events = new EventSource('/events');
  events.onopen = () => setState('events', 'open');
  for (const name of ['said', 'here']) events.addEventListener(name, ({ data }) => hear('events', data));
  events.onerror = () => {
    setState('events', 'waiting');
    // It gives up for good when it is answered another status than 200, by a server that is just going away, say.
    if (events.readyState === EventSource.CLOSED) setTimeout(stream, AGAIN);
  };
}
stream();

const post = (path, fields) => fetch(path, { method: 'POST', body: new URLSearchParams(fields) });

for (const [kind, pane] of Object.entries(panes)) {
  pane.querySelector('button').onclick = () => post('/end', { transport: kind });
}

const form = document.querySelector('form');
form.onsubmit = (event) => {
  event.preventDefault();
  const text = form.elements.text.value;
  const way = form.elements.way.value;
  if (way === 'post') post('/say', { text });
  else if (open[way]) open[way].send(text);
  else return; // it is on its way back; what was written stays
  form.elements.text.value = '';
  form.elements.text.focus();
};
