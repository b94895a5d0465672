// Runs one operation and shows what comes back: a reply, or the events of a stream as they arrive.
import {append, copyButton, h, jsonView, pretty} from './dom.js';
import {headers} from './model.js';

const mostEvents = 500;

export function curlText(operation, args) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl ${operation.streaming ? '-N ' : ''}-X POST ${quoted(`${location.origin}/${operation.tool}`)}`,
    `-H ${quoted('Content-Type: application/json')}`];
  if (operation.streaming) parts.push(`-H ${quoted('Accept: text/event-stream')}`);
  if (operation.scope !== 'public' && headers().authorization) parts.push('-H "Authorization: Bearer $PATCHBAY_TOKEN"');
  parts.push(`-d ${quoted(JSON.stringify(args))}`);
  return parts.join(' \\\n  ');
}

// Shows the outcome in `box`; `onError` gets the error of the reply, if there is one.
export async function run(operation, args, box, {signal, onError}) {
  const begun = performance.now();
  const curl = curlText(operation, args);
  box.replaceChildren(h('p.working', {role: 'status'}, operation.streaming ? 'Listening…' : 'Running…'));
  let response;
  try {
    response = await fetch(`/${operation.tool}`, {
      method: 'POST',
      headers: headers({'content-type': 'application/json', ...(operation.streaming ? {accept: 'text/event-stream'} : {})}),
      body: JSON.stringify(args),
      signal,
    });
    if ((response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
      return await showStream(response, box, begun, curl);
    }
    const text = await response.text();
    showReply(response, text, performance.now() - begun, box, curl, onError);
  } catch (error) {
    const stopped = error.name === 'AbortError';
    box.replaceChildren(h('p.outcome', {role: 'status'}, h(`span.status.${stopped ? 'idle' : 'bad'}`, {}, stopped ? 'Stopped' : 'No answer'),
      stopped ? '' : ' The gateway could not be reached. Is it still running?'), curlBox(curl));
  }
}

function showReply(response, text, took, box, curl, onError) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const shown = pretty(text);
  const error = body?.status === 'error' ? body.error : undefined;
  if (error) onError?.(error);
  box.replaceChildren();
  append(box, [
    h('p.outcome', {role: 'status'}, h(`span.status.${response.ok ? 'good' : 'bad'}`, {}, `${response.status} ${response.statusText}`.trim()),
      h('span.measure', {}, milliseconds(took)), h('span.measure', {}, bytes(new Blob([text]).size)), copyButton(() => shown, 'Copy reply')),
    error ? h('div.error', {}, h('strong', {}, error.code), ' ', error.message,
      error.pointer ? h('div', {}, 'at ', h('code', {}, error.pointer)) : null,
      error.retry_after_ms ? h('div', {}, `Try again in ${milliseconds(error.retry_after_ms)}.`) : null,
      h('div.trace', {}, 'trace ', h('code', {}, error.trace))) : null,
    body?.message ? h('p.message', {}, body.message) : null,
    jsonView(shown),
    curlBox(curl),
  ]);
}

async function showStream(response, box, begun, curl) {
  const count = h('span.measure', {}, '0 events');
  const state = h('span.status.live', {}, 'Live');
  const events = h('ol.events', {});
  box.replaceChildren(h('p.outcome', {role: 'status'}, state, count), events, curlBox(curl));
  let total = 0;
  const add = ({event, data, id}) => {
    if (event === 'end') {
      const envelope = JSON.parse(data);
      const good = envelope.status === 'success';
      state.className = `status ${good ? 'idle' : 'bad'}`;
      state.textContent = good ? 'Ended' : `Ended: ${envelope.error.code}`;
      events.prepend(h('li.end', {}, h('span.event-name', {}, 'end'), jsonView(pretty(data))));
      return;
    }
    total += 1;
    count.textContent = `${total} event${total === 1 ? '' : 's'}`;
    events.prepend(h('li', {}, h('span.event-name', {}, event), h('span.event-id', {}, `#${id} after ${milliseconds(performance.now() - begun)}`), jsonView(pretty(data))));
    if (events.childElementCount > mostEvents) events.lastElementChild.remove();
  };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) break;
      rest += value;
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        const event = eventOf(rest.slice(0, end));
        rest = rest.slice(end + 2);
        if (event) add(event);
      }
    }
    if (state.classList.contains('live')) {
      state.className = 'status bad';
      state.textContent = 'Broken off';
    }
  } catch (error) {
    state.className = `status ${error.name === 'AbortError' ? 'idle' : 'bad'}`;
    state.textContent = error.name === 'AbortError' ? 'Stopped' : 'Broken off';
  }
}

function eventOf(block) {
  const out = {event: 'message', data: '', id: ''};
  let any = false;
  for (const line of block.split('\n')) {
    if (line.startsWith(':') || !line) continue;
    const colon = line.indexOf(': ');
    const name = line.slice(0, colon);
    if (name in out) {
      out[name] = line.slice(colon + 2);
      any = true;
    }
  }
  return any ? out : undefined;
}

function curlBox(text) {
  return h('details.curl', {}, h('summary', {}, 'The same as a command'), h('div.bar', {}, copyButton(() => text, 'Copy command')), h('pre', {tabIndex: 0}, text));
}

function milliseconds(value) {
  if (value < 10) return `${value.toFixed(1)} ms`;
  return value < 10000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}
function bytes(value) {
  return value < 10000 ? `${value} B` : `${(value / 1000).toFixed(value < 100000 ? 1 : 0)} kB`;
}
