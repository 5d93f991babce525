const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });
const short = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

const startOfDay = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();

export const formatClock = (at: Date) => clock.format(at);
export const formatDay = (at: Date) => day.format(at);
export const formatShort = (at: Date) => short.format(at);
export const formatFull = (at: Date) => full.format(at);
export const sameDay = (a: Date, b: Date) => startOfDay(a) === startOfDay(b);

/** When a message was written, as shown next to its author. */
export function formatStamp(at: Date, now = new Date()): string {
  const days = Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);
  if (days === 0) return formatClock(at);
  if (days === 1) return `Yesterday, ${formatClock(at)}`;
  return `${formatShort(at)}, ${formatClock(at)}`;
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

export function formatRelative(at: Date, now = Date.now()): string {
  const seconds = (at.getTime() - now) / 1000;
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  return relative.format(Math.round(seconds), 'second');
}

/** A `<t:unix:style>` timestamp (Discord developer docs, "Timestamp Styles"). */
export function formatStyled(unix: number, style: string): string {
  const at = new Date(unix * 1000);
  if (Number.isNaN(at.getTime())) return 'Invalid date';
  switch (style) {
    case 't':
      return clock.format(at);
    case 'T':
      return at.toLocaleTimeString();
    case 'd':
      return at.toLocaleDateString();
    case 'D':
      return at.toLocaleDateString(undefined, { dateStyle: 'long' });
    case 'F':
      return full.format(at);
    case 'R':
      return formatRelative(at);
    default:
      return at.toLocaleString(undefined, { dateStyle: 'long', timeStyle: 'short' });
  }
}

/** `1 message`, `2 messages`. */
export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** How long something was, to the minute. */
export function formatLength(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return 'less than a minute';
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours && plural(hours, 'hour'), rest && plural(rest, 'minute')].filter(Boolean).join(' and ');
}

export function formatBytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const units = ['KB', 'MB', 'GB'];
  let value = size / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
