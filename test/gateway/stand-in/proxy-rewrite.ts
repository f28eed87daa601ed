import type { ProxyRewrite } from './configuration.ts';
import type { Exchange } from './exchange.ts';
import { escapeUri } from './nginx-uri.ts';

/** What `$upstream_uri` becomes: path and query that the upstream will get. */
export function rewriteUri(conf: ProxyRewrite, { target }: Exchange): string {
  if (conf.use_real_request_uri_unsafe) return substitute(conf, target.raw);
  const path = conf.uri ?? substitute(conf, target.uri);
  const question = conf.uri?.indexOf('?') ?? -1;
  // A question mark that came out of the client's %3F is escaped again; one that the operator wrote separates.
  const encoded = question < 0 ? escapeUri(path) : escapeUri(path.slice(0, question)) + path.slice(question);
  if (target.args === undefined) return encoded;
  return `${encoded}${question < 0 ? '?' : '&'}${target.args}`;
}

/** A pattern that does not match leaves the path as it is. */
function substitute(conf: ProxyRewrite, path: string): string {
  if (conf.regex_uri === undefined) return path;
  const [pattern, template] = conf.regex_uri;
  return path.replace(new RegExp(pattern), (...found: unknown[]) =>
    template.replaceAll(/\$(\d)/g, (_, group: string) => {
      const value = found[Number(group)];
      return typeof value === 'string' ? value : '';
    }),
  );
}
