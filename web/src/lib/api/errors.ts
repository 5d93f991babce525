/** The error body of the API: `{message, code, errors?}` where `errors` is a tree ending in `_errors` lists. */

export interface FieldError {
  /** Dotted path of the field; empty for the body itself. */
  path: string;
  code: string;
  message: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    readonly fields: FieldError[] = [],
    /** Seconds to wait, on 429. */
    readonly retryAfter = 0,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** Whether the same request may succeed a little later. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** One sentence for people. */
  get summary(): string {
    const first = this.fields[0];
    if (!first) return this.message;
    const name = first.path
      .split('.')
      .filter((part) => !/^\d+$/.test(part))
      .pop();
    return name ? `${name.replaceAll('_', ' ')}: ${first.message}` : first.message;
  }

  field(name: string): string | undefined {
    return this.fields.find((f) => f.path === name || f.path.startsWith(`${name}.`))?.message;
  }
}

/** Flattens the error tree, depth first. */
export function flattenErrors(tree: unknown, path: string[] = [], out: FieldError[] = []): FieldError[] {
  if (!tree || typeof tree !== 'object' || path.length > 16) return out;
  for (const [key, value] of Object.entries(tree)) {
    if (key === '_errors' && Array.isArray(value)) {
      for (const leaf of value) {
        out.push({
          path: path.join('.'),
          code: String(leaf?.code ?? ''),
          message: String(leaf?.message ?? 'Invalid value'),
        });
      }
    } else {
      flattenErrors(value, [...path, key], out);
    }
  }
  return out;
}

export function toApiError(status: number, body: unknown): ApiError {
  const b = (body && typeof body === 'object' ? body : {}) as Record<string, unknown>;
  const message = typeof b.message === 'string' && b.message ? b.message : `The request failed (${status})`;
  const code = typeof b.code === 'number' ? b.code : 0;
  const retry = typeof b.retry_after === 'number' ? b.retry_after : 0;
  return new ApiError(status, code, message, flattenErrors(b.errors), retry);
}

/** Words for any error, for a toast or a form. */
export function describe(error: unknown): string {
  if (error instanceof ApiError) return error.summary;
  return error instanceof Error ? error.message : String(error);
}
