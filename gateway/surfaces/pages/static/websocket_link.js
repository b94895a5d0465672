// One connection to the hub: opens it with a token in one of three ways, answers pings, gives requests an id and finds
// out how long their replies took. Knows nothing of the page.
//
//   const link = new Link({onState, onEntry});
//   link.open('/ws/connect', {token, way: 'subprotocol'});
//   link.request({type: 'subscribe', channel: 'missions'}, (reply) => ...);

// Every message that passes, as the log shows it.
function entry(direction, text, more = {}) {
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const value = json !== null && typeof json === 'object' && !Array.isArray(json) ? json : undefined;
  return {at: Date.now(), direction, text, json: value, type: value?.type ?? '', channel: value?.channel ?? '', ...more};
}

export class Link {
  constructor({onState, onEntry}) {
    this.onState = onState;
    this.onEntry = onEntry;
    this.answersPings = true;
    this.reset();
  }

  reset() {
    this.socket = undefined;
    this.dialect = '';
    this.waiting = new Map();  // id -> {begun, done}
    this.probe = undefined;    // when a plain ping was sent
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open(endpoint, {token, way}) {
    this.close();
    this.reset();
    const address = new URL(endpoint, location.href.replace(/^http/, 'ws'));
    const protocols = token && way === 'subprotocol' ? ['patchbay', `bearer.${token}`] : ['patchbay'];
    const shown = `${address.pathname}${address.search}`;
    if (token && way === 'query') address.searchParams.set('token', token);
    this.dialect = dialectOf(address.pathname);
    const begun = performance.now();
    let socket;
    try {
      socket = new WebSocket(address, protocols);
    } catch (error) {
      this.note(`${shown}: ${error.message}`, true);
      this.onState('closed');
      return;
    }
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    this.onState('connecting');
    this.note(`connecting to ${shown}${token ? `, the token ${ways[way]}` : ''}`);
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.note(`open after ${milliseconds(performance.now() - begun)}`);
      this.onState('open');
      if (token && way === 'message') this.send(JSON.stringify({type: 'auth', token}), JSON.stringify({type: 'auth', token: '***'}));
    };
    socket.onmessage = (event) => socket === this.socket && this.receive(event.data);
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      const why = [event.code, event.reason || closeCodes[event.code]].filter(Boolean).join(' ');
      this.note(`closed: ${why}`, event.code !== 1000);
      this.reset();
      this.onState('closed', why);
    };
  }

  close() {
    this.socket?.close(1000);
  }

  // Sends a text; `shown` stands in the log instead of it.
  send(text, shown = text) {
    if (!this.isOpen) return false;
    this.socket.send(text);
    this.onEntry(entry('out', shown, {bytes: new Blob([text]).size}));
    return true;
  }

  // Sends a message with an id of its own; `done` gets the reply.
  request(message, done) {
    const id = nextId++;
    this.waiting.set(id, {begun: performance.now(), done});
    this.send(JSON.stringify({id, ...message}));
    return id;
  }

  // There and back once.
  measure() {
    if (this.dialect === 'channel') {
      this.request({type: 'call', operation: 'system_info', arguments: {}});
    } else {
      this.probe = performance.now();
      this.send(this.dialect === 'echo' ? 'ping' : JSON.stringify({type: 'ping'}));
    }
  }

  receive(data) {
    const now = performance.now();
    if (data instanceof ArrayBuffer) {
      const begin = [...new Uint8Array(data, 0, Math.min(data.byteLength, 64))].map((byte) => byte.toString(16).padStart(2, '0'));
      this.onEntry(entry('in', begin.join(' '), {type: 'binary', bytes: data.byteLength}));
      return;
    }
    const one = entry('in', data, {bytes: new Blob([data]).size});
    const message = one.json;
    const asked = message && this.waiting.get(message.id);
    if (asked) {
      one.took = now - asked.begun;
      // A stream goes on until its result.
      if (message.type !== 'stream') this.waiting.delete(message.id);
      asked.done?.(message);
    } else if (this.probe && (message?.type === 'pong' || this.dialect === 'echo')) {
      one.took = now - this.probe;
      this.probe = undefined;
    } else if (message?.timestamp) {
      const sent = typeof message.timestamp === 'number' ? message.timestamp * 1000 : Date.parse(message.timestamp);
      if (Number.isFinite(sent)) one.age = Date.now() - sent;
    }
    one.isEvent = Boolean(message && this.dialect === 'channel' && message.channel && 'data' in message && !asked);
    this.onEntry(one);
    if (message?.type === 'ping' && this.answersPings) this.send('{"type":"pong"}');
    if (message?.ack && message.message_id) this.send(JSON.stringify({type: 'ack', message_id: message.message_id}));
  }

  note(text, bad = false) {
    this.onEntry({at: Date.now(), direction: 'note', text, type: '', channel: '', bad});
  }
}

let nextId = 1;

const ways = {subprotocol: 'as subprotocol', query: 'in the address', message: 'in the first message'};

const closeCodes = {
  1000: 'normal', 1001: 'going away', 1002: 'protocol error', 1003: 'a kind of data that is not taken', 1005: 'no code given',
  1006: 'lost, or refused before it was open: see the Network panel for the answer', 1007: 'text that is not right',
  1008: 'against the rules', 1009: 'too large', 1011: 'an error of the server', 1012: 'the server restarts', 1013: 'try again later',
  3000: 'not authenticated', 3003: 'not allowed', 3008: 'no answer in time',
};

export function dialectOf(path) {
  const [, ws, first, ...rest] = path.split('/');
  if (ws !== 'ws') return 'other';
  if (first === 'connect' || first === 'channel') return 'channel';
  if (first === 'notifications') return 'user';
  if (first === 'echo') return 'echo';
  return rest.length === 3 ? 'chat' : 'other';
}

export function milliseconds(value) {
  return value < 10 ? `${value.toFixed(1)} ms` : value < 10000 ? `${Math.round(value)} ms` : `${Math.round(value / 1000)} s`;
}
