/**
 * Ranged member lists as the gateway sends them (GUILD_MEMBER_LIST_UPDATE; userdoccers, "Gateway Events").
 *
 * A list is a sequence of group headings and members of which only subscribed ranges are known.
 */
import type { Id, Member, Presence, User } from '../types';

export interface ListGroup {
  /** Role id, `online` or `offline`. */
  id: string;
  count: number;
}

export type ListRow = { kind: 'group'; id: string; count: number } | { kind: 'member'; userId: Id };

export interface WireListItem {
  group?: ListGroup;
  member?: Member & { user: User; presence?: Presence };
}

export type WireListOp =
  | { op: 'SYNC'; range: [number, number]; items: WireListItem[] }
  | { op: 'INSERT'; index: number; item: WireListItem }
  | { op: 'UPDATE'; index: number; item: WireListItem }
  | { op: 'DELETE'; index: number }
  | { op: 'INVALIDATE'; range: [number, number] };

const ROWS_MAX = 1_000_000;

export class RangedList {
  /** Channels that the same people can see share a list of this id. */
  readonly id: string;
  /** Rows by index; holes are rows not known. */
  rows = $state.raw<(ListRow | undefined)[]>([]);
  groups = $state.raw<ListGroup[]>([]);
  memberCount = $state(0);
  onlineCount = $state(0);

  constructor(id = 'everyone') {
    this.id = id;
  }

  /** Rows in all: the shown members and a heading per group that has any. */
  get length(): number {
    return this.groups.reduce((sum, g) => sum + (g.count > 0 ? g.count + 1 : 0), 0);
  }

  apply(ops: WireListOp[], groups: ListGroup[] | undefined): void {
    const rows = [...this.rows];
    for (const op of ops) applyOp(rows, op);
    this.rows = rows;
    if (groups) this.groups = groups;
  }
}

function toRow(item: WireListItem): ListRow | undefined {
  if (item.group) return { kind: 'group', id: item.group.id, count: item.group.count };
  const id = item.member?.user?.id;
  return id ? { kind: 'member', userId: id } : undefined;
}

export function applyOp(rows: (ListRow | undefined)[], op: WireListOp): void {
  switch (op.op) {
    case 'SYNC': {
      const start = op.range[0];
      if (start < 0 || start > ROWS_MAX) return;
      op.items.forEach((item, i) => (rows[start + i] = toRow(item)));
      break;
    }
    case 'INSERT':
      if (op.index >= 0 && op.index <= ROWS_MAX) {
        while (rows.length < op.index) rows.push(undefined);
        rows.splice(op.index, 0, toRow(op.item));
      }
      break;
    case 'UPDATE':
      if (op.index >= 0 && op.index <= ROWS_MAX) rows[op.index] = toRow(op.item);
      break;
    case 'DELETE':
      if (op.index >= 0 && op.index < rows.length) rows.splice(op.index, 1);
      break;
    case 'INVALIDATE':
      for (let i = Math.max(0, op.range[0]); i <= op.range[1] && i < rows.length; i++) rows[i] = undefined;
      break;
  }
}
