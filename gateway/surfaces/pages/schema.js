// Schemas as tables that people read: one row a member, nested ones behind a dotted name.
import {h, prose} from './dom.js';

export function typesOf(schema) {
  if (!schema || schema.type === undefined) return [];
  return [schema.type].flat();
}

export function typeText(schema) {
  if (schema?.const !== undefined) return JSON.stringify(schema.const);
  const types = typesOf(schema);
  if (!types.length) return 'any JSON';
  return types.map((type) => {
    if (type !== 'array') return type;
    const items = schema.items ? typeText(schema.items) : 'any JSON';
    return `array of ${items}`;
  }).join(' or ');
}

export function limitsText(schema) {
  const out = [];
  const range = (low, high, unit) => {
    if (low !== undefined && low > 0 && high !== undefined) out.push(`${low} to ${high} ${unit}`);
    else if (high !== undefined) out.push(`at most ${high} ${unit}`);
    else if (low !== undefined && low > 0) out.push(low === 1 ? 'not empty' : `at least ${low} ${unit}`);
  };
  const telling = (value) => value !== undefined && Math.abs(value) < 2147483647;
  if (telling(schema.minimum) && telling(schema.maximum)) out.push(`from ${schema.minimum} to ${schema.maximum}`);
  else if (telling(schema.minimum)) out.push(`at least ${schema.minimum}`);
  else if (telling(schema.maximum)) out.push(`at most ${schema.maximum}`);
  range(schema.minLength, schema.maxLength, 'bytes');
  range(schema.minItems, schema.maxItems, 'items');
  return out.join(', ');
}

function* rowsOf(schema, prefix, depth) {
  const required = new Set(schema.required ?? []);
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    yield {name: prefix + name, member, required: required.has(name), depth};
    if (depth > 5) continue;
    if (member.properties) yield* rowsOf(member, `${prefix}${name}.`, depth + 1);
    else if (member.items?.properties) yield* rowsOf(member.items, `${prefix}${name}[].`, depth + 1);
    else if (member.additionalProperties?.properties) yield* rowsOf(member.additionalProperties, `${prefix}${name}.*.`, depth + 1);
  }
}

export function schemaTable(schema, {optionalWord = true} = {}) {
  if (!schema) return h('p.muted', {}, 'Not described.');
  const rows = [...rowsOf(schema, '', 0)];
  if (!rows.length) {
    const types = typesOf(schema);
    const none = types.length === 1 && types[0] === 'object' && schema.additionalProperties === false;
    return h('p.muted', {}, none ? 'None.' : typeText(schema));
  }
  const oneOf = schema['x-required-one-of'];
  return h('div', {},
    h('div.scroll', {tabIndex: 0, role: 'region', 'aria-label': 'Schema'}, h('table.schema', {},
      h('thead', {}, h('tr', {}, h('th', {scope: 'col'}, 'Name'), h('th', {scope: 'col'}, 'Type'), h('th', {scope: 'col'}, 'Meaning'))),
      h('tbody', {}, rows.map(({name, member, required, depth}) => h(`tr.depth-${depth}`, {},
        h('th', {scope: 'row'}, h('code', {}, name), optionalWord && required ? h('span.required', {}, 'required') : null),
        h('td', {}, typeText(member)),
        h('td', {}, meaning(member))))))),
    oneOf ? h('p.muted', {}, 'One of these is required: ', oneOf.map((name, index) => [index ? ', ' : '', h('code', {}, name)])) : null);
}

function meaning(member) {
  const facts = [];
  const fact = (label, ...values) => facts.push(h('span.fact', {}, `${label} `, values));
  if (member.enum) fact('one of', member.enum.map((value, index) => [index ? ', ' : '', h('code', {}, JSON.stringify(value))]));
  const limits = limitsText(member);
  if (limits) facts.push(h('span.fact', {}, limits));
  if (member.default !== undefined && member.default !== null) fact('default', h('code', {}, JSON.stringify(member.default)));
  if (member.examples?.length) fact('such as', h('code', {}, JSON.stringify(member.examples[0])));
  if (member['x-aliases']?.length) fact('also', member['x-aliases'].map((name, index) => [index ? ', ' : '', h('code', {}, name)]));
  return [member.description ? h('p', {}, prose(member.description)) : null, facts.length ? h('p.facts', {}, facts) : null];
}
