// The page of the login example: ordinary requests for the login, SockJS for the rest.

const LOGGED_OUT = 4001;
const EXPIRED = 4401;

const at = (id) => document.getElementById(id);
let until = 0;
let socket = null;
let retry = 0;

const ask = (path, body) => fetch(`/api/${path}`, { method: 'POST', body });

function show(me) {
  until = me ? me.until : 0;
  at('login').hidden = Boolean(me);
  at('inside').hidden = !me;
  at('name').textContent = me ? me.name : '';
  tick();
}

function tell(text, isOpen = false) {
  at('state').textContent = text;
  at('state').toggleAttribute('data-open', isOpen);
}

function log(text) {
  const line = document.createElement('li');
  line.textContent = text;
  at('log').append(line);
  at('log').scrollTop = at('log').scrollHeight;
}

function tick() {
  const seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
  at('left').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function leave() {
  clearTimeout(retry);
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
  socket = null;
}

// The cookie goes along by itself, on every transport: it is the browser's, and the page never sees it.
function connect() {
  leave();
  tell('Connecting');
  const chosen = at('transport').value;
  const next = new SockJS('/live', null, chosen ? { transports: [chosen] } : {});
  socket = next;
  next.onopen = () => tell(`Connected over ${next.transport}`, true);
  next.onmessage = (event) => log(event.data);
  next.onclose = (event) => {
    socket = null;
    if (event.code === LOGGED_OUT || event.code === EXPIRED) {
      tell(event.reason);
      show(null);
    } else {
      tell('Connection lost');
      // Whether the login still holds is the server's to say: a refused session looks like a lost one.
      retry = setTimeout(start, 1000 + Math.random() * 1000);
    }
  };
}

async function start() {
  const answer = await fetch('/api/me').catch(() => null);
  if (!answer) {
    retry = setTimeout(start, 2000 + Math.random() * 2000);
    return;
  }
  show(answer.ok ? await answer.json() : null);
  if (answer.ok) connect();
  else tell('Not connected');
}

at('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await ask('login', new URLSearchParams(new FormData(event.target)));
  at('problem').textContent = answer.ok ? '' : 'That is not a name and its password.';
  if (!answer.ok) return;
  event.target.reset();
  at('log').replaceChildren();
  show(await answer.json());
  connect();
});

at('say').addEventListener('submit', (event) => {
  event.preventDefault();
  socket?.send(at('text').value);
  at('text').value = '';
});

at('refresh').addEventListener('click', async () => {
  const answer = await ask('refresh');
  if (answer.ok) show(await answer.json());
});
at('logout').addEventListener('click', async () => {
  await ask('logout');
  // A live session hears of it by its close; a page without one, here.
  if (!socket) start();
});
at('transport').addEventListener('change', connect);

setInterval(tick, 1000);
start();
