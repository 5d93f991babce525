/**
 * Ranged member lists as the gateway sends them (GUILD_MEMBER_LIST_UPDATE; userdoccers, "Gateway Events").
 *
 * A list is a sequence of group headings and members of which only subscribed ranges are known. It may have hundreds of
 * thousands of rows; what is held is what was asked for lately.
 */
import type { Id, Member, Presence, User } from '../types';

export interface ListGroup {
  /** Role id, `online` or `offline`. */
  id: string;
  count: number;
}

export type ListMember = Member & { user: User; presence?: Presence };

/** A row shows a member that the store may not hold: people who were merely scrolled past are not remembered. */
export type ListRow =
  { kind: 'group'; id: string; count: number } | { kind: 'member'; userId: Id; member?: ListMember };

export interface WireListItem {
  group?: ListGroup;
  member?: ListMember;
}

export type WireListOp =
  | { op: 'SYNC'; range: [number, number]; items: WireListItem[] }
  | { op: 'INSERT'; index: number; item: WireListItem }
  | { op: 'UPDATE'; index: number; item: WireListItem }
  | { op: 'DELETE'; index: number }
  | { op: 'INVALIDATE'; range: [number, number] };

const ROWS_MAX = 1_000_000;
/** Rows held; beyond it those farthest from what was synchronised last are let go. */
const KNOWN_MAX = 2_000;

/** Rows that can be shown, by index; `undefined` where it is not known what a row shows. */
export interface Rows {
  readonly length: number;
  at(index: number): ListRow | undefined;
}

/** Rows that are all known. */
export function allRows(rows: ListRow[]): Rows {
  return { length: rows.length, at: (index) => rows[index] };
}

export class RangedList implements Rows {
  /** Channels that the same people can see share a list of this id. */
  readonly id: string;
  groups = $state.raw<ListGroup[]>([]);
  memberCount = $state(0);
  onlineCount = $state(0);
  #rows = new Map<number, ListRow>();
  /** Counts changes of the rows, which are changed in place. */
  #version = $state(0);

  constructor(id = 'everyone') {
    this.id = id;
  }

  /** Rows in all: the shown members and a heading per group that has any. */
  get length(): number {
    return this.groups.reduce((sum, g) => sum + (g.count > 0 ? g.count + 1 : 0), 0);
  }

  /** How many rows are held. */
  get known(): number {
    return this.#rows.size;
  }

  at(index: number): ListRow | undefined {
    void this.#version;
    return this.#rows.get(index) ?? this.#heading(index);
  }

  /** Headings can be told from the groups alone. */
  #heading(index: number): ListRow | undefined {
    let start = 0;
    for (const group of this.groups) {
      if (group.count <= 0) continue;
      if (index <= start) return index === start ? { kind: 'group', ...group } : undefined;
      start += group.count + 1;
    }
    return undefined;
  }

  apply(ops: WireListOp[], groups: ListGroup[] | undefined): void {
    for (const op of ops) this.#rows = applyOp(this.#rows, op);
    if (groups) this.groups = groups;
    const synced = ops.findLast((op) => op.op === 'SYNC');
    if (this.#rows.size > KNOWN_MAX) this.#letGo(synced ? synced.range[0] : 0);
    this.#version += 1;
  }

  #letGo(near: number): void {
    const byDistance = [...this.#rows.keys()].sort((a, b) => Math.abs(a - near) - Math.abs(b - near));
    // By half, so that it is not done again at once.
    for (const index of byDistance.slice(KNOWN_MAX / 2)) this.#rows.delete(index);
  }
}

function toRow(item: WireListItem): ListRow | undefined {
  if (item.group) return { kind: 'group', id: item.group.id, count: item.group.count };
  const id = item.member?.user?.id;
  return id ? { kind: 'member', userId: id, member: item.member } : undefined;
}

function put(rows: Map<number, ListRow>, index: number, row: ListRow | undefined): void {
  if (row) rows.set(index, row);
  else rows.delete(index);
}

/** The rows with those from `index` on moved by one; `by` -1 takes the row at `index` out. */
function shifted(rows: Map<number, ListRow>, index: number, by: 1 | -1): Map<number, ListRow> {
  const next = new Map<number, ListRow>();
  for (const [at, row] of rows) {
    if (at < index) next.set(at, row);
    else if (by > 0 || at > index) next.set(at + by, row);
  }
  return next;
}

/** Applies one change and gives the rows, which may be another map. */
export function applyOp(rows: Map<number, ListRow>, op: WireListOp): Map<number, ListRow> {
  const within = (index: number) => index >= 0 && index <= ROWS_MAX;
  switch (op.op) {
    case 'SYNC': {
      const [start, end] = op.range;
      if (!within(start) || end - start > KNOWN_MAX) return rows;
      for (let i = start; i <= end; i++) rows.delete(i);
      op.items.forEach((item, i) => put(rows, start + i, toRow(item)));
      return rows;
    }
    case 'INSERT': {
      if (!within(op.index)) return rows;
      const next = shifted(rows, op.index, 1);
      put(next, op.index, toRow(op.item));
      return next;
    }
    case 'UPDATE':
      if (within(op.index)) put(rows, op.index, toRow(op.item));
      return rows;
    case 'DELETE':
      return within(op.index) ? shifted(rows, op.index, -1) : rows;
    case 'INVALIDATE':
      for (const at of [...rows.keys()]) if (at >= op.range[0] && at <= op.range[1]) rows.delete(at);
      return rows;
  }
}
