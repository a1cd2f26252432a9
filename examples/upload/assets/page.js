// Sends a file in chunks, a few at a time.

const CHUNK = 64 * 1024;
// More than one, so that the way there and back is not waited for each time; few, so that a slow server is felt at once.
const UNDER_WAY = 4;

const $ = (id) => document.getElementById(id);
const socket = io();
let stopped = false;
let most = 0;

socket.on('connect', () => show('connected'));
socket.on('disconnect', () => show('connecting'));

function show(state) {
  $('state').dataset.state = $('state').textContent = state;
  $('send').disabled = state !== 'connected';
}

/** Asks, and gives the number or text that comes back; a refusal is an error. */
async function ask(event, ...details) {
  // After a disconnection no answer comes: then the upload is over as well.
  const { written, done, refused } = await socket.timeout(30_000).emitWithAck(event, ...details);
  if (refused) throw new Error(refused);
  return done ?? written;
}

function showUnderWay(chunks) {
  most = Math.max(most, chunks);
  $('under-way').textContent = `${chunks} chunks`;
  $('most').textContent = `${most} chunks`;
}

async function upload(file) {
  await ask('begin', { size: file.size });
  const underWay = new Set();
  for (let at = 0; at < file.size; at += CHUNK) {
    if (stopped) throw new Error('stopped');
    const chunk = await file.slice(at, at + CHUNK).arrayBuffer();
    const answer = ask('chunk', chunk).then((written) => {
      underWay.delete(answer);
      showUnderWay(underWay.size);
      $('written').textContent = `${Math.round(written / 1024)} KiB`;
      $('progress').value = written / file.size;
    });
    // Whoever is waited for tells of a refusal; the others behind it only say the same again.
    answer.catch(() => {});
    underWay.add(answer);
    showUnderWay(underWay.size);
    // The whole of back-pressure on this side: no next chunk until one is answered.
    if (underWay.size >= UNDER_WAY) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  return ask('finish');
}

$('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const [file] = $('file').files;
  [stopped, most] = [false, 0];
  [$('send').disabled, $('stop').disabled] = [true, false];
  [$('progress').value, $('result').textContent] = [0, 'Uploading'];
  try {
    $('result').textContent = `Done. SHA-256 of what arrived: ${await upload(file)}`;
    $('progress').value = 1;
  } catch (error) {
    $('result').textContent = `Not uploaded: ${error.message}.`;
  }
  showUnderWay(0);
  [$('send').disabled, $('stop').disabled] = [!socket.connected, true];
});
$('stop').addEventListener('click', () => { stopped = true; });
