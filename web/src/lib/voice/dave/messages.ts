/** What the page and the thread that encrypts say to each other. */
import type { DaveOutput, DaveStatus, Kind } from './core';

export type ToWorker =
  | { type: 'begin'; user: string; channel: string }
  | { type: 'described'; version: number; again: boolean }
  | { type: 'said'; op: number; d: Record<string, unknown> }
  | { type: 'heard'; op: number; bytes: Uint8Array }
  | { type: 'came'; users: string[] }
  | { type: 'went'; user: string }
  | { type: 'code'; user: string };

export type FromWorker =
  | DaveOutput
  | { type: 'loaded' }
  | { type: 'failed'; why: string }
  | { type: 'status'; status: DaveStatus }
  | { type: 'code'; user: string; code: string };

/** Whose frames a transform works on; null for one's own. */
export interface TransformOptions {
  kind: Kind;
  user: string | null;
}
