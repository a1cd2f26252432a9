// Signs in, and shows one conversation at a time.

const $ = (id) => document.getElementById(id);
const socket = io({ autoConnect: false, auth: (answer) => answer({ secret: localStorage.getItem('secret') ?? undefined, name }) });

let name;
let me = null;
let other = null; // whose conversation is shown
const people = new Map(); // id -> {id, name, isOnline}
const talks = new Map(); // id -> {messages, unread}

const talk = (id) => talks.get(id) ?? talks.set(id, { messages: [], unread: 0 }).get(id);

function show(state) {
  $('state').dataset.state = state;
  $('state').textContent = state === 'connected' ? `${me.name}, online` : state;
  const isReady = state === 'connected' && other !== null;
  for (const control of $('write').elements) control.disabled = !isReady;
}

function showPeople() {
  $('people').replaceChildren(...[...people.values()].filter(({ id }) => id !== me.id).map(({ id, name, isOnline }) => {
    const button = Object.assign(document.createElement('button'), { type: 'button', className: isOnline ? 'online' : '' });
    button.setAttribute('aria-pressed', id === other);
    button.title = isOnline ? `${name} is here` : `${name} is away, and reads it later`;
    button.append(Object.assign(document.createElement('span'), { className: 'name', textContent: name }));
    const { unread } = talk(id);
    if (unread > 0) button.append(Object.assign(document.createElement('span'), { className: 'unread', textContent: unread }));
    button.onclick = () => choose(id);
    const line = document.createElement('li');
    line.append(button);
    return line;
  }));
}

function choose(id) {
  other = id;
  talk(id).unread = 0;
  $('with').textContent = people.get(id).name;
  $('messages').replaceChildren(...talk(id).messages.map(line));
  $('messages').scrollTop = $('messages').scrollHeight;
  showPeople();
  show(socket.connected ? 'connected' : 'connecting');
  $('write').elements.text.focus();
}

const line = ({ from, text }) => Object.assign(document.createElement('li'), { className: from === me.id ? 'mine' : '', textContent: text });

/** Takes a message in, mine or another's. */
function note(message) {
  const id = message.from === me.id ? message.to : message.from;
  talk(id).messages.push(message);
  if (id === other) {
    $('messages').append(line(message));
    $('messages').scrollTop = $('messages').scrollHeight;
  } else if (message.from !== me.id) {
    talk(id).unread += 1;
    showPeople();
  }
}

socket.on('welcome', ({ secret, people: known, messages, ...self }) => {
  localStorage.setItem('secret', secret);
  me = self;
  people.clear();
  for (const person of known) people.set(person.id, person);
  // All of it comes again after a disconnection; what was unread is read as far as it is looked at.
  talks.clear();
  for (const message of messages) talk(message.from === me.id ? message.to : message.from).messages.push(message);
  [$('sign-in').hidden, $('inside').hidden] = [true, false];
  if (people.has(other)) choose(other);
  showPeople();
  show('connected');
});

socket.on('presence', (person) => {
  people.set(person.id, person);
  if (me) showPeople();
});
socket.on('message', note);
socket.on('disconnect', () => show('connecting'));

socket.on('connect_error', ({ message }) => {
  if (socket.active) return show('connecting'); // the network; it tries again by itself
  // The server's word: it does not know the secret, or will not have the name.
  localStorage.removeItem('secret');
  if (name) $('problem').textContent = `Not signed in: ${message}.`;
  [$('sign-in').hidden, $('inside').hidden] = [false, true];
  $('sign-in').elements[0].focus();
});

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  name = $('sign-in').elements.name.value;
  socket.connect();
});

$('sign-out').addEventListener('click', () => {
  localStorage.removeItem('secret');
  location.reload();
});

$('write').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text } = $('write').elements;
  const { sent, refused } = await socket.emitWithAck('message', { to: other, text: text.value });
  if (refused) return void ($('state').textContent = refused);
  note(sent);
  text.value = '';
});

if (localStorage.getItem('secret')) socket.connect();
else $('sign-in').hidden = false;
