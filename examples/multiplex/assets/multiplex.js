// Each channel looks like a connection of its own; on the wire they share one.

const socket = new SockJS('/multiplex');
const multiplexer = new WebSocketMultiplex(socket);

socket.addEventListener('open', () => tell(`Connected over ${socket.transport}`));
socket.addEventListener('close', ({ reason }) => tell(`Disconnected: ${reason || 'the connection was lost'}`));

for (const name of ['ann', 'bob', 'carl']) {
  const part = document.getElementById('channel').content.cloneNode(true);
  const [heading, list, form, input] = ['h2', 'ol', 'form', 'input'].map((tag) => part.querySelector(tag));
  heading.textContent = name;
  form.setAttribute('aria-label', name);
  document.getElementById('channels').append(part);

  const channel = multiplexer.channel(name);
  channel.onopen = () => show(list, 'open');
  channel.onmessage = ({ data }) => show(list, data);
  channel.onclose = () => show(list, 'closed');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    channel.send(input.value);
    input.value = '';
  });
}

function show(list, text) {
  const line = document.createElement('li');
  line.textContent = text;
  list.append(line);
  list.scrollTop = list.scrollHeight;
}

function tell(text) {
  document.getElementById('state').textContent = text;
}
