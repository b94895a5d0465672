// What the page knows: the operations of /openapi.json, and the token that calls are made with.

const tokenKey = 'patchbay.token';

export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? '',
  set: (value) => (value ? sessionStorage.setItem(tokenKey, value) : sessionStorage.removeItem(tokenKey)),
};

export function headers(more = {}) {
  const value = token.get();
  return value ? {...more, authorization: `Bearer ${value}`} : more;
}

export class LoadError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// {version, operations: [...]}; one entry a tool, its own routes listed with it.
export async function load() {
  const response = await fetch('/openapi.json', {headers: headers()});
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw new LoadError(response.status, body?.error?.message ?? `the gateway answered ${response.status}`);
  }
  const document = await response.json();
  const operations = new Map();
  const routes = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, entry] of Object.entries(methods)) {
      const name = entry['x-patchbay-operation'];
      if (method === 'post' && path === `/${entry.operationId}`) operations.set(name, operationOf(entry));
      else routes.push([name, `${method.toUpperCase()} ${path}`]);
    }
  }
  for (const [name, route] of routes) operations.get(name)?.routes.push(route);
  const list = [...operations.values()].sort((a, b) => a.interface.localeCompare(b.interface) ||
    a.category.localeCompare(b.category) || a.tool.localeCompare(b.tool));
  return {version: document.info.version, operations: list};
}

function operationOf(entry) {
  const body = entry.requestBody?.content?.['application/json'];
  const answer = entry.responses['200']?.content?.['application/json']?.schema;
  return {
    tool: entry.operationId,
    summary: entry.summary,
    interface: entry['x-patchbay-interface'],
    category: entry.tags?.[0] ?? entry['x-patchbay-interface'],
    owner: entry['x-patchbay-owner'],
    effect: entry['x-patchbay-effect'],
    scope: entry['x-patchbay-scope'],
    idempotent: entry['x-patchbay-idempotent'],
    streaming: entry['x-patchbay-streaming'],
    reachesOut: entry['x-patchbay-reaches-out'],
    audited: entry['x-patchbay-audited'],
    timeoutMs: entry['x-patchbay-timeout-ms'],
    errors: entry['x-patchbay-errors'] ?? [],
    routes: [],
    args: body?.schema ?? {type: 'object', properties: {}},
    example: body?.example,
    result: answer?.properties?.data ?? entry['x-patchbay-result'],
  };
}

// All words of the query must occur somewhere; a hit in the name comes before one in the text.
export function search(operations, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return operations;
  const ranked = [];
  for (const operation of operations) {
    const name = operation.tool.toLowerCase();
    const spaced = name.replaceAll('_', ' ');
    const text = `${name} ${spaced} ${operation.summary} ${operation.interface} ${operation.category} ${operation.scope} ${operation.effect}`.toLowerCase();
    if (words.every((word) => text.includes(word))) {
      ranked.push([words.filter((word) => name.includes(word)).length, operation]);
    }
  }
  return ranked.sort((a, b) => b[0] - a[0]).map(([, operation]) => operation);
}
