import { environmentPrefix, settings } from './settings.ts';
import type { Setting } from './settings.ts';

/** One row of docs/config.md. */
export interface ConfigRow {
  /** Dotted path in credentialflow.yaml; empty for what only the environment has. */
  readonly key: string;
  /** Full name of the variable. */
  readonly variable: string;
  /** Name of its `_FILE` twin; secrets have one. */
  readonly fileVariable: string | undefined;
  /** Markdown: type and bounds. */
  readonly type: string;
  /** Markdown. */
  readonly default: string;
  readonly description: string;
}

/** Every setting, in the order of the documentation. */
export function describeConfig(): readonly ConfigRow[] {
  const first: ConfigRow = {
    key: '',
    variable: `${environmentPrefix}CONFIG`,
    fileVariable: undefined,
    type: 'path',
    default: '`./credentialflow.yaml` where it exists',
    description: 'The configuration file.',
  };
  return [first, ...Object.values(settings).map(rowOf)];
}

function rowOf(setting: Setting): ConfigRow {
  const variable = environmentPrefix + setting.env;
  const { key, description } = setting;
  if ('secret' in setting) {
    const { name } = setting.secret;
    return { key, variable, fileVariable: `${variable}_FILE`, type: name, default: setting.defaultText, description };
  }
  const written = setting.default === undefined ? (setting.defaultText ?? '') : `\`${setting.default}\``;
  return { key, variable, fileVariable: undefined, type: setting.type.name, default: written, description };
}
