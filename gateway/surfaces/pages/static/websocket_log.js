// The log of the page: newest below, filtered, paused, bounded. A row shows one line and opens to the whole message.
import {h, jsonView, pretty} from '/docs/dom.js';
import {milliseconds} from './websocket_link.js';

const mostRows = 2000;
const mostChars = 400;  // of the one line

const isHeartbeat = (entry) => entry.type === 'ping' || entry.type === 'pong';
const isError = (entry) => Boolean(entry.bad) || entry.type === 'error' || entry.json?.status === 'error';

export class Log {
  constructor({list, empty, counts, pause}) {
    Object.assign(this, {list, empty, counts, pause});
    this.entries = [];
    this.held = [];  // what came while paused
    this.paused = false;
    this.show = {words: [], direction: 'all', heartbeats: true};
    this.clear();
  }

  clear() {
    this.entries = [];
    this.held = [];
    this.total = {in: 0, out: 0, inBytes: 0, outBytes: 0, dropped: 0};
    this.list.replaceChildren();
    this.count();
  }

  add(entry) {
    if (entry.direction !== 'note') {
      this.total[entry.direction] += 1;
      this.total[`${entry.direction}Bytes`] += entry.bytes ?? 0;
    }
    if (this.paused) {
      this.held.push(entry);
      if (this.held.length > mostRows) this.total.dropped += this.held.splice(0, this.held.length - mostRows).length;
    } else {
      this.append([entry]);
    }
    this.count();
  }

  setPaused(paused) {
    this.paused = paused;
    if (!paused) this.append(this.held.splice(0));
    this.count();
  }

  // `text`: words that must all stand in a message; those with - in front must not.
  filter(text, direction, heartbeats) {
    const words = text.toLowerCase().split(/\s+/).filter((word) => word && word !== '-');
    this.show = {words, direction, heartbeats};
    const rows = this.entries.filter((entry) => this.fits(entry)).map((entry) => this.row(entry));
    this.list.replaceChildren(...rows);
    this.list.scrollTop = this.list.scrollHeight;
    this.count();
  }

  fits(entry) {
    const {words, direction, heartbeats} = this.show;
    if (!heartbeats && isHeartbeat(entry)) return false;
    if ((direction === 'in' || direction === 'out') && entry.direction !== direction) return false;
    if (direction === 'event' && !entry.isEvent) return false;
    if (direction === 'error' && !isError(entry)) return false;
    const text = entry.text.toLowerCase();
    return words.every((word) => (word.startsWith('-') ? !text.includes(word.slice(1)) : text.includes(word)));
  }

  append(entries) {
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    this.entries.push(...entries);
    if (this.entries.length > mostRows) this.total.dropped += this.entries.splice(0, this.entries.length - mostRows).length;
    this.list.append(...entries.filter((entry) => this.fits(entry)).map((entry) => this.row(entry)));
    while (this.list.childElementCount > mostRows) this.list.firstElementChild.remove();
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  row(entry) {
    const time = new Date(entry.at);
    const clock = `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`;
    const took = entry.took !== undefined ? `${milliseconds(entry.took)} ${entry.type === 'stream' ? 'after the call' : 'there and back'}`
      : entry.age !== undefined ? `${milliseconds(Math.max(0, entry.age))} old` : '';
    const classes = [entry.direction, isError(entry) ? 'bad' : ''].filter(Boolean).join('.');
    const row = h(`li.${classes}`);
    const line = h('div.line', {tabIndex: 0, role: 'button', ariaExpanded: 'false'},
      h('span.way', {ariaLabel: {in: 'received', out: 'sent', note: 'note'}[entry.direction]}, {in: '↓', out: '↑', note: '·'}[entry.direction]),
      h('time', {dateTime: time.toISOString()}, clock),
      entry.type ? h('span.kind', {}, String(entry.type)) : null,
      entry.channel ? h('span.where', {}, String(entry.channel)) : null,
      took ? h('span.took', {}, took) : null,
      h('span.text', {}, entry.text.slice(0, mostChars)));
    const toggle = () => {
      const open = row.querySelector('pre');
      line.ariaExpanded = String(!open);
      if (open) open.remove();
      else row.append(jsonView(pretty(entry.text)));
    };
    line.addEventListener('click', toggle);
    line.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      toggle();
    });
    row.append(line);
    return row;
  }

  count() {
    const {total} = this;
    const parts = [`${total.in} received (${bytes(total.inBytes)})`, `${total.out} sent (${bytes(total.outBytes)})`];
    const shown = this.list.childElementCount;
    if (shown !== this.entries.length) parts.push(`${shown} shown`);
    if (total.dropped) parts.push(`${total.dropped} older ones gone`);
    this.counts.textContent = parts.join(' · ');
    this.empty.hidden = this.entries.length > 0;
    this.pause.textContent = this.paused ? `Go on (${this.held.length} new)` : 'Pause';
    this.pause.setAttribute('aria-pressed', String(this.paused));
  }

  // One JSON object a line.
  text() {
    return this.entries.map((entry) => JSON.stringify({
      at: new Date(entry.at).toISOString(), direction: entry.direction, took_ms: entry.took, message: entry.json ?? entry.text,
    })).join('\n');
  }
}

function bytes(count) {
  return count < 1024 ? `${count} B` : count < 1048576 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1048576).toFixed(1)} MiB`;
}
