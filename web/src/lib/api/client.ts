/** One HTTP request to the API: the token, JSON or multipart bodies, waiting out rate limits. */
import { ApiError, toApiError } from './errors';

const BASE = '/api/v10';
const RETRIES_MAX = 4;
const RETRY_WAIT_MAX_S = 30;
const TIMEOUT_MS = 20_000;

export interface RequestOptions {
  body?: unknown;
  files?: File[];
  /** A list is given as the same name several times. */
  query?: Record<string, string | number | boolean | string[] | undefined>;
  /** Audit log reason. */
  reason?: string;
  signal?: AbortSignal;
  /** Called with 0 to 1 as files go out. */
  onProgress?: (fraction: number) => void;
  /** Whether the request may outlive the page. */
  keepalive?: boolean;
  /** Whether a failure of the network or the server may be repeated; reads always may. */
  idempotent?: boolean;
}

let token: string | null = null;
let onUnauthorized: () => void = () => {};

export function setToken(value: string | null): void {
  token = value;
}

/** Calls `handler` when the server no longer accepts the token. */
export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function buildUrl(path: string, query: RequestOptions['query']): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (Array.isArray(value)) value.forEach((one) => params.append(key, one));
    else if (value !== undefined) params.set(key, String(value));
  }
  const text = params.toString();
  return BASE + path + (text ? `?${text}` : '');
}

function buildBody(options: RequestOptions, headers: Record<string, string>): BodyInit | undefined {
  if (options.files?.length) {
    const form = new FormData();
    form.set('payload_json', new Blob([JSON.stringify(options.body ?? {})], { type: 'application/json' }));
    options.files.forEach((file, i) => form.set(`files[${i}]`, file, file.name));
    return form;
  }
  if (options.body === undefined) return undefined;
  headers['Content-Type'] = 'application/json';
  return JSON.stringify(options.body);
}

interface Answer {
  status: number;
  body: unknown;
}

async function sendFetch(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: BodyInit | undefined,
  { signal, keepalive }: RequestOptions,
): Promise<Answer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, {
    method,
    headers,
    body,
    keepalive,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  const json = response.status !== 204 && response.headers.get('content-type')?.includes('json');
  return { status: response.status, body: json ? await response.json() : null };
}

/** `fetch` cannot report upload progress, so files go through XMLHttpRequest. */
function sendUpload(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: XMLHttpRequestBodyInit,
  options: RequestOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    for (const [key, value] of Object.entries(headers)) xhr.setRequestHeader(key, value);
    xhr.upload.onprogress = (e) => e.lengthComputable && options.onProgress?.(e.loaded / e.total);
    xhr.onerror = () => reject(new TypeError('network error'));
    xhr.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    xhr.onload = () => {
      try {
        resolve({ status: xhr.status, body: xhr.responseText ? JSON.parse(xhr.responseText) : null });
      } catch {
        resolve({ status: xhr.status, body: null });
      }
    };
    options.signal?.addEventListener('abort', () => xhr.abort(), { once: true });
    xhr.send(body);
  });
}

async function attempt(method: string, path: string, options: RequestOptions): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (token) headers.Authorization = token;
  if (options.reason) headers['X-Audit-Log-Reason'] = encodeURIComponent(options.reason);
  const body = buildBody(options, headers);
  const url = buildUrl(path, options.query);
  try {
    if (options.onProgress && body instanceof FormData) return await sendUpload(method, url, headers, body, options);
    return await sendFetch(method, url, headers, body, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, 0, 'The server could not be reached');
  }
}

/**
 * Sends a request and gives its JSON body.
 *
 * A 429 is waited out; a lost or failed request is repeated only when that cannot do the thing twice.
 * Throws `ApiError`.
 */
export async function request<T = unknown>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const repeatable = options.idempotent ?? method === 'GET';
  for (let tries = 0; ; tries++) {
    const sentWith = token;
    let error: ApiError;
    try {
      const answer = await attempt(method, path, options);
      if (answer.status >= 200 && answer.status < 300) return answer.body as T;
      error = toApiError(answer.status, answer.body);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      error = e;
    }
    if (error.status === 401 && sentWith && sentWith === token && !path.startsWith('/auth/')) onUnauthorized();
    const limited = error.status === 429 && error.retryAfter <= RETRY_WAIT_MAX_S;
    if (tries >= RETRIES_MAX || !(limited || (repeatable && error.retryable && error.status !== 429))) throw error;
    await sleep(limited ? error.retryAfter * 1000 + 50 : Math.min(300 * 2 ** tries, 4000));
  }
}
