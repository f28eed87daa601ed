import type { JsonTemplate } from '../core/preset.ts';

export interface TemplateValues {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Fills `{status}`, `{code}` and `{message}`; a string that is exactly `{status}` becomes a number. Keys stay as they are. */
export function renderTemplate(template: JsonTemplate, values: TemplateValues): JsonTemplate {
  if (typeof template === 'string') return fill(template, values);
  if (template === null || typeof template !== 'object') return template;
  if (isList(template)) return template.map((item) => renderTemplate(item, values));
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, renderTemplate(value, values)]));
}

function fill(text: string, values: TemplateValues): string | number {
  if (text === '{status}') return values.status;
  return text.replaceAll(/\{(status|code|message)\}/g, (_, name: keyof TemplateValues) => String(values[name]));
}

function isList(template: object): template is readonly JsonTemplate[] {
  return Array.isArray(template);
}
