/** Forms that applications show: what is in their fields, whether it may be sent, and how (Discord developer docs, "Modals"). */
import { ComponentType, type Component } from './types';

export type FieldValue = string | string[] | boolean | File[];

/** The fields of a form, wherever they nest. */
export function fieldsOf(components: Component[]): Component[] {
  return components
    .flatMap((c) => [
      ...(c.component ? [c.component] : []),
      ...(c.type === ComponentType.row ? (c.components ?? []) : []),
    ])
    .filter((c) => c.custom_id);
}

/** What a field begins with. */
export function initialValue(field: Component): FieldValue {
  switch (field.type) {
    case ComponentType.textInput:
      return field.value ?? '';
    case ComponentType.radios:
      return field.options?.find((o) => o.default)?.value ?? '';
    case ComponentType.checkbox:
      return field.default ?? false;
    case ComponentType.fileUpload:
      return [];
    default:
      return (field.options ?? [])
        .filter((o) => o.default)
        .map((o) => o.value)
        .concat((field.default_values ?? []).map((v) => v.id));
  }
}

/** What is wrong with a field; null when nothing is. A field is needed unless it says otherwise. */
export function fieldError(field: Component, value: FieldValue): string | null {
  const required = field.required ?? true;
  if (typeof value === 'boolean') return null;
  if (!value.length) return required && field.min_values !== 0 ? 'This is needed' : null;
  if (field.type === ComponentType.textInput) {
    if (value.length < (field.min_length ?? 0)) return `At least ${field.min_length} characters`;
    return value.length > (field.max_length ?? 4000) ? `At most ${field.max_length} characters` : null;
  }
  if (Array.isArray(value)) {
    if (value.length < (field.min_values ?? 1)) return `Choose at least ${field.min_values ?? 1}`;
    if (value.length > (field.max_values ?? Math.max(1, value.length))) return `Choose at most ${field.max_values}`;
  }
  return null;
}

function sent(field: Component, value: FieldValue, files: File[]): Record<string, unknown> {
  const base = { type: field.type, id: field.id, custom_id: field.custom_id };
  if (field.type === ComponentType.fileUpload) {
    const ids = (value as File[]).map((file) => String(files.push(file) - 1));
    return { ...base, values: ids };
  }
  return Array.isArray(value)
    ? { ...base, values: value }
    : { ...base, value: field.type === ComponentType.radios && value === '' ? null : value };
}

/** The components of a filled form, and the files that go with it. */
export function submission(
  components: Component[],
  values: Record<string, FieldValue>,
): { components: Record<string, unknown>[]; files: File[] } {
  const files: File[] = [];
  const out = components.flatMap((c): Record<string, unknown>[] => {
    if (c.type === ComponentType.row)
      return [
        { type: c.type, id: c.id, components: (c.components ?? []).map((f) => sent(f, values[f.custom_id!]!, files)) },
      ];
    if (c.type === ComponentType.label && c.component)
      return [{ type: c.type, id: c.id, component: sent(c.component, values[c.component.custom_id!]!, files) }];
    return [];
  });
  return { components: out, files };
}
