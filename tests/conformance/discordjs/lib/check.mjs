// Runs checks one after another and prints a line for each: `ok|FAIL|skip AREA.CHECK detail`.
const CHECK_MS = Number(process.env.CHECK_MS ?? 30_000);
const EVENT_MS = Number(process.env.EVENT_MS ?? 12_000);
const only = process.env.ONLY ? new RegExp(process.env.ONLY) : null;

export let failures = 0;

/** Runs one check; what it returns is its detail. */
export async function check(name, body) {
  if (only && !only.test(name)) return;
  try {
    const detail = await within(CHECK_MS, 'the check', body());
    console.log(`ok ${name}${detail === undefined ? '' : ` ${detail}`}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name} ${oneLine(error)}`);
    if (process.env.TRACE) console.error(error);
  }
}

/** The next event of a client that fits; ask for it before doing what causes it. */
export function next(emitter, event, fits = () => true) {
  let listener;
  const seen = new Promise((resolve) => {
    listener = (...args) => {
      if (fits(...args)) resolve(args.length > 1 ? args : args[0]);
    };
    emitter.on(event, listener);
  });
  const bounded = within(EVENT_MS, event, seen).finally(() => emitter.off(event, listener));
  // a check that fails earlier never awaits it
  bounded.catch(() => {});
  return bounded;
}

/** Collects what `event` brings while `body` runs. */
export async function during(emitter, event, body) {
  const seen = [];
  const listener = (value) => seen.push(value);
  emitter.on(event, listener);
  try {
    await body();
  } finally {
    emitter.off(event, listener);
  }
  return seen;
}

/** Fails when `actual` is not `expected`; both are compared as JSON. */
export function same(actual, expected, what = 'value') {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what} is ${left}, expected ${right}`);
}

/** Fails when `value` does not hold. */
export function holds(value, what) {
  if (!value) throw new Error(`not so: ${what}`);
  return value;
}

/** Fails unless `promise` is refused by the API with this code and status. */
export async function refused(promise, code, status) {
  try {
    await promise;
  } catch (error) {
    same([error.code, error.status], [code, status], 'code and status');
    return error;
  }
  throw new Error(`was not refused, expected ${code}`);
}

function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function oneLine(error) {
  return String(error?.message ?? error).replaceAll(/\s+/g, ' ').slice(0, 300);
}
