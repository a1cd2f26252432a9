// A session on each of three transports, what comes back on them, and what the server says of their requests.

const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource'];

const sessions = TRANSPORTS.map((transport) => {
  const section = document.createElement('section');
  const heading = document.createElement('h2');
  heading.textContent = transport;
  const list = document.createElement('ol');
  section.append(heading, list);
  section.dataset.transport = transport;
  document.getElementById('sessions').append(section);

  // By default the client gives up on a transport after a few hundred milliseconds; here it has no other.
  const socket = new SockJS('/echo', null, { transports: [transport], timeout: 10_000 });
  socket.onopen = () => { section.dataset.state = 'open'; show(list, 'open'); tell(); };
  socket.onmessage = ({ data }) => { show(list, data); tell(); };
  socket.onclose = ({ code, reason }) => { section.dataset.state = 'closed'; show(list, `closed: ${code} ${reason}`); };
  return socket;
});

document.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = document.querySelector('input');
  for (const socket of sessions) if (socket.readyState === SockJS.OPEN) socket.send(input.value);
  input.value = '';
});

function show(list, text) {
  const line = document.createElement('li');
  line.textContent = text;
  list.append(line);
  list.scrollTop = list.scrollHeight;
}

async function tell() {
  const requests = await (await fetch('/requests')).json();
  document.getElementById('requests').replaceChildren(...requests.map(({ version, method, protocol, path, peer }) => {
    const row = document.createElement('tr');
    for (const text of [version, protocol ? `${method} ${protocol}` : method, path, peer]) {
      const cell = document.createElement('td');
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }));
  const connections = new Set(requests.map(({ peer }) => peer)).size;
  const open = sessions.filter(({ readyState }) => readyState === SockJS.OPEN).length;
  document.getElementById('state').textContent = `${open} sessions; the latest requests came over ${connections} connection${connections === 1 ? '' : 's'}`;
}
