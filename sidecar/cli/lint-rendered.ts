import type { Problem } from '../core/error.ts';
import type { GatewayConfiguration } from '../gateway/render/gateway-configuration.ts';

/** What `apisix lint` says of a configuration that is about to be applied. */
export async function lintRendered(
  configuration: GatewayConfiguration,
  options: { readonly minimumVersion: string; readonly files: readonly string[] },
): Promise<readonly Problem[]> {
  const { lint } = await import('../gateway/lint/lint.ts');
  const { standalone } = await import('../gateway/render/formats/standalone.ts');
  const { readYaml } = await import('../config/yaml-documents.ts');
  const { presets } = await import('../presets/index.ts');
  const { readKnownUpstreams } = await import('./lint-known.ts');
  const { minimumVersion, files } = options;
  const known = await readKnownUpstreams(files, '/');
  const format = { minimumVersion, namespace: undefined, ingressClass: '', gatewayName: '' };
  const text = standalone.write(configuration, format);
  const { findings } = lint(
    [{ file: 'the routes to apply', text }],
    {},
    { presets, known, readDocuments: (yaml, file) => readYaml(yaml, file, { mergeKeys: true }) },
  );
  return findings.map(({ rule, severity, message, fix, path }) => ({
    severity: severity === 'error' ? 'error' : 'warning',
    message: `${path}: ${message} (${rule})`,
    fix,
  }));
}
