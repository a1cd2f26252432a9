// The chat page: joins the parts. `?name=Ann` skips the question, `?protocol=socketio` chooses the other protocol,
// `?transport=xhr-polling` forces a transport.

import { Connection } from './connection.js';
import * as view from './view.js';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

const connection = new Connection();
const members = new Map();
const asked = new Map();
let me = null;
let name = '';
let opened = 0;
let nonce = 0;
let latestState = null;

// Known to this page and the server alone: with it the page gets its seat back when it reconnects. (randomUUID would be shorter,
// but is missing on pages that phones load from `http://192.168...`.)
const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('-');

// ---- what the room says

const heard = {
  welcome({ you, members: here, history }) {
    const isBack = me !== null;
    me = you;
    view.showState(latestState);
    members.clear();
    for (const member of here) members.set(member.id, member);
    view.clearLog();
    // Whoever was away too long comes back under another number, so in the history the name tells.
    const mine = members.get(me).name;
    for (const said of history) view.showSaid(said, said.name === mine);
    const others = here.length === 1 ? 'Nobody else is here yet.' : `Here with you: ${here.length - 1}.`;
    view.showNotice(`${isBack ? 'You are back' : 'You are in'} over ${view.wayOf(members.get(me))}. ${others}`);
    view.showPeople(members, me);
  },
  joined({ member, at }) {
    members.set(member.id, member);
    view.showNotice(`${member.name} joined over ${view.wayOf(member)}`, at);
    view.showPeople(members, me);
  },
  back({ member }) {
    members.set(member.id, member);
    view.showPeople(members, me);
  },
  left({ member, at }) {
    members.delete(member.id);
    view.showNotice(`${member.name} left`, at);
    view.showPeople(members, me);
  },
  said(said) {
    const isMine = said.from === me;
    if (isMine && asked.has(said.nonce)) {
      view.showRoundTrip(performance.now() - asked.get(said.nonce));
      asked.delete(said.nonce);
    }
    view.showSaid(said, isMine);
  },
  refused({ reason }) {
    view.showNotice(`Not done: ${reason}`);
  },
};

connection.addEventListener('message', ({ detail }) => heard[detail.type]?.(detail));
connection.addEventListener('state', ({ detail }) => {
  const wasIn = isIn();
  latestState = detail;
  if (detail.state === 'open') {
    // Shown as connected once the room has answered.
    connection.send({ type: 'join', name, key });
    view.showReconnects(opened);
    opened += 1;
    return;
  }
  asked.clear();
  view.showState(detail);
  if (detail.state === 'waiting' && wasIn) view.showNotice(`Disconnected: ${detail.reason}`);
});

connection.addEventListener('moved', ({ detail }) => {
  latestState = detail;
  view.showTransport(detail);
});

function isIn() {
  return me !== null && latestState?.state === 'open';
}

// ---- what the person does

$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value;
  if (!isIn() || !text.trim()) return;
  nonce += 1;
  asked.set(nonce, performance.now());
  connection.send({ type: 'say', text, nonce });
  $('text').value = '';
  fit();
  $('text').focus();
});

$('text').addEventListener('keydown', (event) => {
  // While a word is being composed (Japanese, for one) Enter ends the word, not the message.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('composer').requestSubmit();
});

$('text').addEventListener('input', fit);

function fit() {
  const field = $('text');
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight + 2}px`;
}

function choose(protocol, transport) {
  view.showChoice(protocol, transport);
  connection.choose(protocol, $('pick').value);
}

/** What is chosen stands in the address, for a reload or a second window. */
function keep() {
  const url = new URL(location);
  const { protocol } = $('protocol').elements;
  for (const [name, value] of [['protocol', protocol.value === 'sockjs' ? '' : protocol.value], ['transport', $('pick').value]]) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, '', url);
}

choose(query.get('protocol') === 'socketio' ? 'socketio' : 'sockjs', query.get('transport') ?? '');
$('protocol').addEventListener('change', () => {
  // The other protocol has other transports, so it begins with its best one.
  choose($('protocol').elements.protocol.value, '');
  keep();
});
$('pick').addEventListener('change', () => {
  choose($('protocol').elements.protocol.value, $('pick').value);
  keep();
});

$('retry').addEventListener('click', () => connection.connect());
$('jump').addEventListener('click', view.toEnd);

$('panel-toggle').addEventListener('click', () => {
  const isOpen = document.body.classList.toggle('panel-open');
  $('panel-toggle').setAttribute('aria-expanded', isOpen);
});

// ---- the name: one per window, so that two windows are two people

function start(chosen) {
  name = chosen;
  sessionStorage.setItem('name', name);
  localStorage.setItem('name', name);
  connection.connect();
  $('text').focus();
}

// Closing the dialog moves the focus, so what comes next waits for it.
$('join').addEventListener('close', () => start($('name').value.trim() || 'guest'));
$('join').addEventListener('cancel', (event) => event.preventDefault());

const known = query.get('name') ?? sessionStorage.getItem('name');
if (known) {
  start(known);
} else {
  $('name').value = localStorage.getItem('name') ?? '';
  $('join').showModal();
  $('name').select();
}
