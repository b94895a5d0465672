// The page /static/websocket_test.html: every control is one message of the hub's protocol. The endpoint stands in the
// address (#/ws/channel/missions), the token is the one of /docs and stays in this tab.
import {h} from '/docs/dom.js';
import {headers, token} from '/docs/model.js';
import {Link, dialectOf, milliseconds} from './websocket_link.js';
import {Log} from './websocket_log.js';

const at = (id) => document.getElementById(id);

// --- theme, as on /docs

const themeKey = 'patchbay.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');
function showTheme() {
  document.documentElement.dataset.theme = localStorage.getItem(themeKey) ?? (dark.matches ? 'dark' : 'light');
}
at('theme-button').addEventListener('click', () => {
  localStorage.setItem(themeKey, document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  showTheme();
});
dark.addEventListener('change', showTheme);
showTheme();

// --- log and connection

const log = new Log({list: at('log'), empty: at('empty'), counts: at('counts'), pause: at('pause')});
const positions = new Map();  // channel -> {epoch, offset} of the last event seen
const subscribed = new Set();
const latencies = [];
let running;  // id of the call that may be cancelled

const link = new Link({onState: showState, onEntry});

function showState(state, why = '') {
  const [text, look] = {connecting: ['Connecting', 'idle'], open: ['Connected', 'live'], closed: ['Not connected', 'idle']}[state];
  at('state').textContent = text;
  at('state').className = `status ${look}`;
  document.body.dataset.state = state;
  for (const button of document.querySelectorAll('.needs-open')) button.disabled = state !== 'open';
  at('disconnect').disabled = state === 'closed';
  at('measure').disabled = state !== 'open';
  if (state === 'closed') {
    subscribed.clear();
    setRunning(undefined);
    latencies.length = 0;
    at('facts').textContent = why;
  } else {
    at('facts').textContent = '';
  }
  showSubscriptions();
}

function onEntry(entry) {
  log.add(entry);
  if (entry.direction !== 'in') return;
  if (entry.took !== undefined && entry.type !== 'stream') showLatency(entry.took);
  const message = entry.json;
  if (!message) return;
  if (message.type === 'connected' || message.type === 'connection_ack') {
    at('facts').title = message.connection_id ?? message.data?.connection_id ?? '';
  }
  if (message.type === 'subscribed' || message.type === 'unsubscribed') {
    if (message.type === 'subscribed') subscribed.add(message.channel);
    else subscribed.delete(message.channel);
    showSubscriptions();
  }
  if (message.channel && message.epoch !== undefined) positions.set(message.channel, {epoch: message.epoch, offset: message.offset ?? 0});
  else if (entry.isEvent && message.offset !== undefined && positions.has(message.channel)) {
    positions.get(message.channel).offset = message.offset;
  }
}

function showLatency(took) {
  latencies.push(took);
  if (latencies.length > 200) latencies.shift();
  const sorted = [...latencies].sort((a, b) => a - b);
  at('facts').textContent = `last ${milliseconds(took)}, median ${milliseconds(sorted[Math.floor(sorted.length / 2)])}`;
}

function showSubscriptions() {
  at('subscriptions').replaceChildren(...[...subscribed].sort().map((channel) => h('li', {}, h('span', {}, channel),
    h('button', {type: 'button', ariaLabel: `Unsubscribe ${channel}`, onclick: () => link.request({type: 'unsubscribe', channel})}, '×'))));
}

// --- connection

const endpointInTheAddress = () => decodeURIComponent(location.hash.slice(1));
if (endpointInTheAddress().startsWith('/')) at('endpoint').value = endpointInTheAddress();
at('token').value = token.get();

at('connect-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const endpoint = at('endpoint').value.trim();
  token.set(at('token').value.trim());
  history.replaceState(null, '', `#${endpoint}`);
  link.open(endpoint, {token: at('token').value.trim(), way: at('token-way').value});
  loadInfo();
  if (dialectOf(endpoint) === 'channel') loadOperations();
});
at('disconnect').addEventListener('click', () => link.close());
at('measure').addEventListener('click', () => link.measure());
at('pong').addEventListener('change', () => { link.answersPings = at('pong').checked; });

// --- channel

const channel = () => at('channel').value.trim();
at('channel-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const recover = at('recover').checked ? positions.get(channel()) : undefined;
  link.request({type: 'subscribe', channel: channel(), ...(recover ? {recover} : {})});
});
at('unsubscribe').addEventListener('click', () => link.request({type: 'unsubscribe', channel: channel()}));
at('history').addEventListener('click', () => link.request({type: 'history', channel: channel(), limit: 50}));
at('presence').addEventListener('click', () => link.request({type: 'presence', channel: channel()}));

// The value of a JSON field, or undefined with the reason under the form.
function jsonOf(id, problem) {
  at(problem).textContent = '';
  try {
    return JSON.parse(at(id).value.trim() || '{}');
  } catch (error) {
    at(problem).textContent = `This is not JSON: ${error.message}`;
    at(id).focus();
    return undefined;
  }
}

at('publish-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const data = jsonOf('data', 'publish-problem');
  if (data === undefined) return;
  link.request({type: 'publish', channel: channel(), event: at('event').value.trim(), data});
});

// --- operations

function setRunning(id) {
  running = id;
  at('cancel').disabled = id === undefined;
}

at('call-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const args = jsonOf('arguments', 'call-problem');
  if (args === undefined) return;
  const id = link.request({type: 'call', operation: at('operation').value.trim(), arguments: args}, (reply) => {
    if (reply.type !== 'stream' && running === id) setRunning(undefined);
  });
  setRunning(id);
});
at('cancel').addEventListener('click', () => link.send(JSON.stringify({type: 'cancel', id: running})));

let operationsLoaded = false;
async function loadOperations() {
  if (operationsLoaded) return;
  operationsLoaded = true;
  try {
    const response = await fetch('/system_operations', {
      method: 'POST', headers: headers({'content-type': 'application/json'}), body: '{"names_only":true}',
    });
    const reply = await response.json();
    const names = reply.data?.operations?.map((one) => (typeof one === 'string' ? one : one.tool ?? one.name)) ?? [];
    at('operations').replaceChildren(...names.map((name) => h('option', {value: name})));
  } catch {
    operationsLoaded = false;  // only suggestions: the next connection asks again
  }
}

// What the server says of itself; without rights for it the page works all the same.
async function loadInfo() {
  try {
    const response = await fetch('/api/ws/info', {headers: headers()});
    if (!response.ok) return;
    const info = await response.json();
    at('server').textContent = `${info.name} ${info.version}, heartbeat every ${info.heartbeat_interval} s`;
    at('channels').replaceChildren(...(info.channels ?? []).map((one) => h('option', {value: typeof one === 'string' ? one : one.channel ?? one.name})));
  } catch {
    at('server').textContent = '';
  }
}

// --- raw, and the log's own controls

at('raw-form').addEventListener('submit', (event) => {
  event.preventDefault();
  link.send(at('raw').value);
});
for (const area of document.querySelectorAll('textarea')) {
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && link.isOpen) area.form.requestSubmit();
  });
}

const refilter = () => log.filter(at('filter').value, at('direction').value, at('heartbeats').checked);
at('filter').addEventListener('input', refilter);
at('direction').addEventListener('change', refilter);
at('heartbeats').addEventListener('change', refilter);
at('pause').addEventListener('click', () => log.setPaused(!log.paused));
at('clear').addEventListener('click', () => log.clear());
at('save').addEventListener('click', () => {
  const url = URL.createObjectURL(new Blob([log.text()], {type: 'application/x-ndjson'}));
  h('a', {href: url, download: `websocket-${new Date().toISOString().replaceAll(':', '-')}.ndjson`}).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
});

showState('closed');
document.body.dataset.ready = 'true';
