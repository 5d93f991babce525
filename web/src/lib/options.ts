/** Values of a command's options, as they are typed, checked against what the application declared. */
import type { CommandOption } from './api';

/** Types of options (Discord developer docs, "Application Command Option Type"). */
export const OptionType = {
  string: 3,
  integer: 4,
  boolean: 5,
  user: 6,
  channel: 7,
  role: 8,
  mentionable: 9,
  number: 10,
  attachment: 11,
} as const;

export type OptionValue = string | number | boolean | File;

/** What is wrong with a value, in words; null when nothing is. */
export function optionError(option: CommandOption, value: OptionValue | undefined): string | null {
  if (value === undefined || value === '') return option.required ? 'This is needed' : null;
  if (option.type === OptionType.string && typeof value === 'string') {
    if (option.min_length !== undefined && value.length < option.min_length)
      return `At least ${option.min_length} characters`;
    if (option.max_length !== undefined && value.length > option.max_length)
      return `At most ${option.max_length} characters`;
  }
  if (option.type === OptionType.integer || option.type === OptionType.number) {
    const number = Number(value);
    if (!Number.isFinite(number)) return 'This is not a number';
    if (option.type === OptionType.integer && !Number.isSafeInteger(number)) return 'This is not a whole number';
    if (option.min_value !== undefined && number < option.min_value) return `At least ${option.min_value}`;
    if (option.max_value !== undefined && number > option.max_value) return `At most ${option.max_value}`;
  }
  return null;
}

/** A typed value as it is sent. */
export function wireValue(option: CommandOption, value: OptionValue): unknown {
  return option.type === OptionType.integer || option.type === OptionType.number ? Number(value) : value;
}

/** The options of a request: those that have a value. Files are named by their index among `files`. */
export function wireOptions(
  options: CommandOption[],
  values: Record<string, OptionValue | undefined>,
): { options: Record<string, unknown>[]; files: File[] } {
  const files: File[] = [];
  const out = options.flatMap((option) => {
    const value = values[option.name];
    if (value === undefined || value === '') return [];
    if (value instanceof File) {
      files.push(value);
      return [{ type: option.type, name: option.name, value: String(files.length - 1) }];
    }
    return [{ type: option.type, name: option.name, value: wireValue(option, value) }];
  });
  return { options: out, files };
}
