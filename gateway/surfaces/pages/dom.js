// Small helpers over the DOM. Text only ever becomes text nodes: nothing that came from the gateway is read as markup.

// h('button.primary', {type: 'button', onclick}, 'Run')
export function h(what, props, ...children) {
  const [tag, ...classes] = what.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== 'list') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child);
  }
  return element;
}

// Text with `code` in it, as summaries and descriptions have.
export function prose(text) {
  return text.split('`').map((part, index) => (index % 2 ? h('code', {}, part) : part));
}

export function copyButton(text, label = 'Copy') {
  const button = h('button.quiet', {type: 'button', onclick: async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select and copy by hand';
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  }}, label);
  return button;
}

// Indented JSON with its parts coloured. Very long text stays plain: colour costs an element for each part.
export function jsonView(text) {
  const box = h('pre.json', {tabIndex: 0});
  if (text.length > 150000) {
    box.textContent = text;
    return box;
  }
  const parts = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  let last = 0;
  for (const match of text.matchAll(parts)) {
    box.append(text.slice(last, match.index));
    const kind = match[1] ? (match[2] ? 'key' : 'string') : match[3] ? 'word' : 'number';
    box.append(h(`span.${kind}`, {}, match[1] ?? match[0]));
    if (match[2]) box.append(match[2]);
    last = match.index + match[0].length;
  }
  box.append(text.slice(last));
  return box;
}

export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
