// The page /docs: the list of operations with its search, one operation at a time, the token and the theme.
// The address says which operation is shown: /docs#/system_health.
import {append, h, prose} from './dom.js';
import {argumentForm} from './form.js';
import {LoadError, load, search, token} from './model.js';
import {run} from './run.js';
import {schemaTable} from './schema.js';

const at = (id) => document.getElementById(id);
let operations = [];
let controller;
let shown = '';  // the operation on the page, as it was described

// --- theme and token

const themeKey = 'patchbay.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');
function showTheme() {
  const chosen = localStorage.getItem(themeKey);
  document.documentElement.dataset.theme = chosen ?? (dark.matches ? 'dark' : 'light');
}
at('theme-button').addEventListener('click', () => {
  localStorage.setItem(themeKey, document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  showTheme();
});
dark.addEventListener('change', showTheme);
showTheme();

function showTokenPanel(open) {
  at('token-panel').hidden = !open;
  at('token-button').setAttribute('aria-expanded', String(open));
  if (open) at('token').focus();
}
function showTokenState() {
  at('token-button').classList.toggle('held', Boolean(token.get()));
  at('token-button').querySelector('span').textContent = token.get() ? 'Token set' : 'Token';
}
at('token-button').addEventListener('click', () => showTokenPanel(at('token-panel').hidden));
at('token-panel').addEventListener('submit', (event) => {
  event.preventDefault();
  token.set(at('token').value.trim());
  at('token').value = '';
  showTokenState();
  showTokenPanel(false);
  start();
});
at('token-forget').addEventListener('click', () => {
  token.set('');
  showTokenState();
  showTokenPanel(false);
  start();
});
showTokenState();

// --- list

function showList() {
  const query = at('search').value;
  const found = search(operations, query);
  const list = at('list');
  list.replaceChildren();
  if (!found.length) {
    list.append(h('p.muted.pad', {}, operations.length ? `Nothing is called or described as "${query.trim()}".` : ''));
    return;
  }
  const isRanked = query.trim() !== '';
  if (isRanked) {
    list.append(h('p.count', {role: 'status'}, `${found.length} of ${operations.length}`), h('ul', {}, found.map(listEntry)));
  } else {
    const groups = Map.groupBy ? Map.groupBy(found, (one) => one.interface) : grouped(found);
    for (const [name, members] of groups) list.append(group(name, members));
  }
  markCurrent();
}

function grouped(list) {
  const out = new Map();
  for (const one of list) out.set(one.interface, [...(out.get(one.interface) ?? []), one]);
  return out;
}

function group(name, members) {
  const key = `patchbay.closed.${name}`;
  const box = h('details', {open: sessionStorage.getItem(key) === null, ontoggle: () => {
    if (box.open) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, '1');
  }});
  append(box, [h('summary', {}, h('span', {}, name.replaceAll('_', ' ')), h('span.number', {}, String(members.length)))]);
  let category = name;
  let list;
  for (const one of members) {
    if (!list || one.category !== category) {
      category = one.category;
      if (category !== name) box.append(h('h3', {}, category.replaceAll('_', ' ')));
      list = h('ul', {});
      box.append(list);
    }
    list.append(listEntry(one));
  }
  return box;
}

function listEntry(operation) {
  return h('li', {}, h('a', {href: `#/${operation.tool}`, title: operation.summary},
    h(`span.dot.${operation.effect}`, {title: operation.effect}), h('span.name', {}, operation.tool),
    operation.streaming ? h('span.mark', {title: 'streams events'}, '≋') : null));
}

function markCurrent() {
  for (const link of at('list').querySelectorAll('a')) {
    const current = link.hash === location.hash;
    if (current) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

// --- one operation

function badge(kind, text, title) {
  return h(`span.badge.${kind}`, {title}, text);
}

function showOperation(operation) {
  controller?.abort();
  const detail = at('detail');
  document.title = `${operation.tool} - Patchbay operations`;
  const form = argumentForm(operation);
  const box = h('div.result', {'aria-live': 'polite'});
  const label = operation.streaming ? 'Listen' : 'Run';
  const runButton = h('button.primary.run', {type: 'submit'}, label);
  const stopButton = h('button.stop', {type: 'button', hidden: true, onclick: () => controller?.abort()}, 'Stop');
  const isDangerous = operation.effect === 'destructive';
  let confirmed = false;
  if (isDangerous) runButton.classList.add('danger');

  const submit = async (event) => {
    event.preventDefault();
    form.clear();
    let args;
    try {
      args = form.read();
    } catch (error) {
      return form.showProblem('', error.message);
    }
    if (isDangerous && !confirmed) {
      confirmed = true;
      runButton.textContent = 'This destroys something: run it?';
      setTimeout(() => { confirmed = false; runButton.textContent = label; }, 5000);
      return;
    }
    confirmed = false;
    runButton.textContent = label;
    controller?.abort();
    const own = controller = new AbortController();
    runButton.disabled = true;
    stopButton.hidden = false;
    await run(operation, args, box, {signal: own.signal, onError: (error) => {
      if (error.pointer) form.showProblem(error.pointer, error.message);
      if (error.code === 'unauthenticated') showTokenPanel(true);
    }});
    runButton.disabled = false;
    stopButton.hidden = true;
  };

  detail.replaceChildren();
  append(detail, [
    h('a.back', {href: '#/'}, 'All operations'),
    h('p.crumb', {}, operation.interface.replaceAll('_', ' '), operation.category !== operation.interface ? ` / ${operation.category.replaceAll('_', ' ')}` : ''),
    h('h1', {}, operation.tool),
    h('p.badges', {},
      badge(operation.effect, operation.effect, 'What it does to the world'),
      badge('scope', operation.scope === 'public' ? 'public' : `scope ${operation.scope}`, 'What a token needs to call it'),
      operation.streaming ? badge('plain', 'streams events') : null,
      operation.idempotent && operation.effect !== 'read' ? badge('plain', 'safe to repeat') : null,
      operation.reachesOut ? badge('plain', 'reaches outside') : null,
      operation.audited ? badge('plain', 'audited') : null,
      operation.owner !== 'gateway' ? badge('plain', `plugin ${operation.owner}`) : null),
    h('p.summary', {}, prose(operation.summary)),
    h('form.try', {onsubmit: submit}, form.element, h('div.actions', {}, runButton, stopButton, h('span.hint', {}, 'Ctrl+Enter'))),
    box,
    h('section', {}, h('h2', {}, 'Arguments'), schemaTable(operation.args)),
    h('section', {}, h('h2', {}, operation.streaming ? 'Result at the end' : 'Result'), schemaTable(operation.result, {optionalWord: false})),
    h('section', {}, h('h2', {}, 'Facts'), h('dl.facts', {},
      fact('Address', h('code', {}, `POST /${operation.tool}`), operation.routes.map((route) => [h('br', {}), h('code', {}, route)])),
      fact('Command line', h('code', {}, `patchbay call ${operation.tool}`)),
      operation.streaming ? null : fact('Time limit', `${operation.timeoutMs / 1000} s`),
      operation.errors.length ? fact('Errors of its own', operation.errors.map((code) => [h('span.badge.plain', {}, code), ' '])) : null)),
  ]);
  detail.addEventListener('keydown', ctrlEnter);
  markCurrent();
  document.body.classList.add('showing');
  detail.focus({preventScroll: true});
  scrollTo(0, 0);
}

function ctrlEnter(event) {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) at('detail').querySelector('form.try')?.requestSubmit();
}

function fact(name, ...values) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, values));
}

function showWelcome() {
  controller?.abort();
  document.title = 'Patchbay operations';
  document.body.classList.remove('showing');
  const plugins = new Set(operations.filter((one) => one.owner !== 'gateway').map((one) => one.owner));
  at('detail').replaceChildren(
    h('h1', {}, 'Every operation, from one page'),
    h('p.summary', {}, `This gateway offers ${operations.length} operations`, plugins.size ? `, those of ${plugins.size} plugin${plugins.size > 1 ? 's' : ''} among them` : '',
      '. Choose one, fill in its arguments and run it; each is also a plain HTTP call, a command and a function.'),
    h('ul.legend', {},
      h('li', {}, h('span.dot.read', {}), ' reads'), h('li', {}, h('span.dot.write', {}), ' changes something'),
      h('li', {}, h('span.dot.destructive', {}), ' may destroy something'), h('li', {}, h('span.mark', {}, '≋'), ' streams events')),
    h('p', {}, 'For machines: ', h('a', {href: '/openapi.json'}, 'openapi.json'), ' (OpenAPI 3.1), ', h('a', {href: '/health'}, 'health'), ', ', h('a', {href: '/metrics'}, 'metrics'), '.'),
    h('p.muted', {}, 'Keys: ', h('kbd', {}, '/'), ' searches, ', h('kbd', {}, '↑'), h('kbd', {}, '↓'), ' move through the list, ', h('kbd', {}, 'Ctrl'), '+', h('kbd', {}, 'Enter'), ' runs.'));
  markCurrent();
}

function showRoute() {
  const tool = decodeURIComponent(location.hash.slice(2));
  const operation = operations.find((one) => one.tool === tool);
  const description = operation ? JSON.stringify(operation) : '';
  // After another token the same operation stays as it is, with what was typed and what came back.
  if (description && description === shown) return;
  shown = description;
  if (operation) return showOperation(operation);
  showWelcome();
  if (tool) at('detail').prepend(h('p.notice', {role: 'alert'}, `There is no operation ${tool} here.`));
}

// --- keys

document.addEventListener('keydown', (event) => {
  const isTyping = event.target.closest('input, textarea, select');
  if (event.key === '/' && !isTyping) {
    event.preventDefault();
    at('search').select();
  } else if (event.key === 'Escape' && event.target === at('search')) {
    at('search').value = '';
    showList();
  } else if (event.key === 'Enter' && event.target === at('search')) {
    const first = at('list').querySelector('a');
    if (first) location.hash = first.hash;
  } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && (event.target === at('search') || event.target.closest('#list'))) {
    const links = [...at('list').querySelectorAll('a')].filter((link) => link.offsetParent);
    const step = event.key === 'ArrowDown' ? 1 : -1;
    const next = links[links.indexOf(document.activeElement) + step];
    event.preventDefault();
    (next ?? (step < 0 ? at('search') : undefined))?.focus();
  }
});
at('search').addEventListener('input', showList);
addEventListener('hashchange', showRoute);

// --- start

async function start() {
  try {
    const loaded = await load();
    operations = loaded.operations;
    at('version').textContent = loaded.version;
  } catch (error) {
    operations = [];
    shown = '';
    showList();
    const needsToken = error instanceof LoadError && (error.status === 401 || error.status === 403);
    at('detail').replaceChildren(h('h1', {}, needsToken ? 'A token is needed' : 'The operations could not be read'), h('p.summary', {role: 'alert'}, error.message));
    if (needsToken) showTokenPanel(true);
    return;
  }
  showList();
  showRoute();
  document.body.dataset.ready = 'true';
}
start();
