// Subscribes to topics, and shows what they bring.

const $ = (id) => document.getElementById(id);
const boxes = [...$('topics').querySelectorAll('input')];
const socket = io();

function show(state) {
  $('state').dataset.state = $('state').textContent = state;
  for (const box of boxes) box.disabled = state !== 'connected';
}

/** Asks for a topic, or takes it back; the server's answer says how it is now. */
async function choose(box) {
  const done = await socket.emitWithAck(box.checked ? 'subscribe' : 'unsubscribe', box.value);
  if (!done) box.checked = false;
}

socket.on('connect', async () => {
  // Its rooms went with the old connection: whoever comes back subscribes again.
  await Promise.all(boxes.filter((box) => box.checked).map(choose));
  show('connected');
});
socket.on('disconnect', () => show('connecting'));

socket.on('notification', ({ topic, text }) => {
  const line = document.createElement('li');
  for (const [className, content] of [['topic', topic], ['text', text]]) {
    line.append(Object.assign(document.createElement('span'), { className, textContent: content }));
  }
  $('heard').prepend(line);
  while ($('heard').children.length > 100) $('heard').lastChild.remove();
});

for (const box of boxes) box.addEventListener('change', () => choose(box));

const { topic, text } = $('post').elements;
const body = () => JSON.stringify({ text: text.value });

function showCurl() {
  const quoted = body().replaceAll("'", "'\\''");
  $('curl').textContent = `curl -H 'content-type: application/json' -d '${quoted}' ${location.origin}/notify/${topic.value}`;
}
$('post').addEventListener('input', showCurl);
showCurl();

$('post').addEventListener('submit', async (event) => {
  event.preventDefault();
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`/notify/${topic.value}`, { method: 'POST', headers, body: body() });
  $('told').textContent = response.ok ? `It reached ${(await response.json()).reached}.` : `It was refused: ${response.status}.`;
  if (response.ok) text.value = '';
  showCurl();
});
