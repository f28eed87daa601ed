import { environmentPrefix, settings } from './settings.ts';
import type { Setting } from './settings.ts';

/**
 * The text of a new credentialflow.yaml: every setting with its default, commented out, but the resource files.
 * It loads as it stands.
 */
export function configTemplate(options: { readonly resourceFile?: string } = {}): string {
  const resourceFile = options.resourceFile ?? './resources.yaml';
  const lines = [
    '# CredentialFlow. Every key is optional; a variable (in brackets) wins over the file.',
    '# docs/config.md is the reference.',
  ];
  let section = '';
  for (const setting of Object.values(settings)) {
    const [head = '', leaf] = setting.key.split('.');
    if (leaf === undefined) {
      section = '';
      lines.push('', ...comment(setting, ''), `# ${head}: ${valueOf(setting)}`);
      continue;
    }
    // A section whose keys are all comments would be null, which a map of settings may be.
    if (section !== head) lines.push('', `${head}:`);
    section = head;
    const value = setting === settings.resourceFiles ? `[${JSON.stringify(resourceFile)}]` : undefined;
    lines.push(
      ...comment(setting, '  '),
      value === undefined ? `  # ${leaf}: ${valueOf(setting)}` : `  ${leaf}: ${value}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function comment(setting: Setting, indent: string): readonly string[] {
  const text = setting.description.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  return [`${indent}# ${text} [${environmentPrefix}${setting.env}]`];
}

function valueOf(setting: Setting): string {
  if ('secret' in setting) {
    return setting.secret.mayBeLiteral('')
      ? plainDefault(setting.defaultText)
      : `{ from: env, name: ${environmentPrefix}${setting.env} }`;
  }
  return setting.default ?? plainDefault(setting.defaultText ?? '');
}

function plainDefault(text: string): string {
  return /^`([^`]*)`/.exec(text)?.[1]?.replace('<data_dir>', './data') ?? '';
}
