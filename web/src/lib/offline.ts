/** What the page needs to open without a network: the service worker, and the last READY of the gateway. */

const DATABASE = 'consort';
const STORE = 'kept';
const KEY = 'ready';
/** READY is written when the page has had time to draw. */
const KEEP_AFTER_MS = 2_000;

/** Lets the browser keep the page. Where it cannot (no HTTPS, private windows) everything else works as before. */
export function register(): void {
  if (import.meta.env.PROD && 'serviceWorker' in navigator) navigator.serviceWorker.register('/sw.js').catch(() => {});
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function ask<T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const request = run(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Keeps the payload of a READY on this device. */
export function keepReady(payload: unknown): void {
  clearTimeout(timer);
  timer = setTimeout(() => void ask('readwrite', (store) => store.put(payload, KEY)).catch(() => {}), KEEP_AFTER_MS);
}

/** The READY that was kept last, if there is one. */
export const recallReady = (): Promise<unknown> => ask('readonly', (store) => store.get(KEY)).catch(() => undefined);

/** Forgets it, as at logout. */
export function forgetReady(): void {
  clearTimeout(timer);
  void ask('readwrite', (store) => store.delete(KEY)).catch(() => {});
}
