// A form for the arguments of one operation, made from its schema, with a JSON editor behind it: both show the same.
import {h, prose} from './dom.js';
import {limitsText, typesOf, typeText} from './schema.js';

// {element, read(), showProblem(pointer, message), clear()}; read() throws an Error that says what cannot be read.
export function argumentForm(operation) {
  const properties = Object.entries(operation.args.properties ?? {});
  const required = new Set(operation.args.required ?? []);
  const start = operation.example && typeof operation.example === 'object' ? operation.example : {};
  const fields = properties.map(([name, schema]) => field(name, schema, required.has(name), start[name]));
  const editor = h('textarea.editor', {rows: 10, spellcheck: false, 'aria-label': 'Arguments as JSON'});
  const problem = h('p.problem', {role: 'alert', hidden: true});
  const fieldBox = h('div.fields', {}, fields.length ? fields.map((one) => one.element) : h('p.muted', {}, 'It takes no arguments.'));
  const editorBox = h('div', {hidden: true}, editor);
  let asJson = false;

  const say = (message) => {
    problem.textContent = message;
    problem.hidden = !message;
  };
  const fromFields = () => {
    const out = {};
    for (const one of fields) {
      const value = one.read();
      if (value !== undefined) out[one.name] = value;
    }
    return out;
  };
  const fromEditor = () => {
    try {
      return JSON.parse(editor.value.trim() || '{}');
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}`);
    }
  };
  const toggle = h('button.quiet', {type: 'button', onclick: () => {
    say('');
    try {
      if (asJson) {
        const value = fromEditor();
        const unknown = Object.keys(value).find((name) => !fields.some((one) => one.name === name));
        if (unknown) throw new Error(`The form has no field for "${unknown}"`);
        for (const one of fields) one.write(value[one.name]);
      } else {
        editor.value = JSON.stringify(fromFields(), null, 2);
      }
    } catch (error) {
      return say(error.message);
    }
    asJson = !asJson;
    fieldBox.hidden = asJson;
    editorBox.hidden = !asJson;
    toggle.textContent = asJson ? 'Edit as a form' : 'Edit as JSON';
    if (asJson) editor.focus();
  }}, 'Edit as JSON');

  return {
    element: h('div.arguments', {}, h('div.bar', {}, h('h3', {}, 'Arguments'), fields.length ? toggle : null), fieldBox, editorBox, problem),
    read: () => (asJson ? fromEditor() : fromFields()),
    clear() {
      say('');
      for (const one of fields) one.mark('');
    },
    showProblem(pointer, message) {
      const name = pointer.split('/')[1]?.replaceAll('~1', '/').replaceAll('~0', '~');
      const one = asJson ? undefined : fields.find((candidate) => candidate.name === name);
      if (one) one.mark(message);
      else say(message);
    },
  };
}

function field(name, schema, isRequired, startValue) {
  const id = `arg-${name}`;
  const kind = kindOf(schema);
  const input = makeInput(kind, schema, id, isRequired);
  const problem = h('p.problem', {id: `${id}-problem`, hidden: true});
  const hint = [typeText(schema), limitsText(schema)].filter(Boolean).join(', ');
  const element = h('div.field', {},
    h('label', {htmlFor: id}, h('code', {}, name), isRequired ? h('span.required', {}, 'required') : null, h('span.hint', {}, hint)),
    input.element,
    schema.description ? h('p.help', {}, prose(schema.description)) : null,
    problem);
  if (startValue !== undefined) input.write(startValue);
  return {
    name, element,
    write: (value) => input.write(value),
    read() {
      this.mark('');
      try {
        return input.read();
      } catch (error) {
        this.mark(error.message);
        throw new Error(`${name}: ${error.message}`);
      }
    },
    mark(message) {
      problem.textContent = message;
      problem.hidden = !message;
      input.element.setAttribute('aria-invalid', message ? 'true' : 'false');
      if (message) input.element.setAttribute('aria-describedby', problem.id);
      else input.element.removeAttribute('aria-describedby');
    },
  };
}

function kindOf(schema) {
  if (schema.enum) return 'choice';
  const types = typesOf(schema).filter((type) => type !== 'null');
  if (types.length !== 1) return types.length && types.every((type) => type === 'string') ? 'text' : 'json';
  return {string: 'text', integer: 'number', number: 'number', boolean: 'flag'}[types[0]] ?? 'json';
}

// Left empty, an argument is not sent; what must be sent may be an empty text.
function makeInput(kind, schema, id, isRequired) {
  const shown = schema.default === undefined || schema.default === null ? '' : JSON.stringify(schema.default);
  if (kind === 'choice' || kind === 'flag') {
    const values = kind === 'flag' ? [true, false] : schema.enum;
    const element = h('select', {id}, h('option', {value: ''}, isRequired ? 'choose' : shown ? `default: ${shown}` : 'not sent'),
      values.map((value, index) => h('option', {value: String(index)}, typeof value === 'string' ? value : JSON.stringify(value))));
    return {
      element,
      read: () => (element.value === '' ? undefined : values[Number(element.value)]),
      write(value) {
        const index = values.findIndex((one) => one === value);
        element.value = index < 0 ? '' : String(index);
      },
    };
  }
  if (kind === 'number') {
    const whole = typesOf(schema).includes('integer');
    const element = h('input', {id, type: 'text', inputMode: whole ? 'numeric' : 'decimal', placeholder: shown, autocomplete: 'off'});
    return {
      element,
      read() {
        const text = element.value.trim();
        if (text === '') return undefined;
        const value = Number(text);
        if (!Number.isFinite(value) || (whole && !Number.isInteger(value))) throw new Error(whole ? 'must be an integer' : 'must be a number');
        return value;
      },
      write: (value) => { element.value = value === undefined ? '' : String(value); },
    };
  }
  if (kind === 'text') {
    const isLong = (schema.maxLength ?? 0) > 500;
    const element = isLong ? h('textarea', {id, rows: 3, spellcheck: false, placeholder: shown && JSON.parse(shown)})
      : h('input', {id, type: 'text', placeholder: shown && JSON.parse(shown), autocomplete: 'off', spellcheck: false});
    return {
      element,
      read: () => (element.value === '' && !isRequired ? undefined : element.value),
      write: (value) => { element.value = value ?? ''; },
    };
  }
  const element = h('textarea.code', {id, rows: 4, spellcheck: false, placeholder: shown || 'JSON'});
  return {
    element,
    read() {
      const text = element.value.trim();
      if (text === '') return undefined;
      try {
        return JSON.parse(text);
      } catch (error) {
        // A plain word where a string would do is taken as one.
        if (typesOf(schema).includes('string') && !/^[[{"]/.test(text)) return text;
        throw new Error(`must be JSON: ${error.message}`);
      }
    },
    write: (value) => { element.value = value === undefined ? '' : JSON.stringify(value, null, 2); },
  };
}
