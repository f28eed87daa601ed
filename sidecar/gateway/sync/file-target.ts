import { parse } from 'yaml';
import { readIfThere, replaceFile } from '../replace-file.ts';
import { apisixRoute } from '../render/formats/apisix-route.ts';
import { standalone } from '../render/formats/standalone.ts';
import type { FormatOptions } from '../render/formats/format.ts';
import type { RouteDocument } from './compare-routes.ts';
import type { Plan } from './plan.ts';
import { idOf, isManaged, planRoutes } from './plan.ts';
import type { SyncTarget } from './target.ts';

/**
 * apisix.yaml of a standalone gateway. It is replaced as a whole, so it must be ours as a whole: a file that holds
 * anything without our label is refused.
 */
export function createFileTarget(options: {
  readonly name: string;
  readonly path: string;
  readonly format: FormatOptions;
}): SyncTarget {
  const { name, path, format } = options;
  const readStored = () => {
    const text = readIfThere(path);
    return text === undefined ? { routes: [], refusals: [] } : readFileRoutes(text);
  };
  return {
    name,
    wiring: standalone.wiring,
    plan({ routes }) {
      const wanted = routes.map(apisixRoute);
      const stored = readStored();
      const plan = planRoutes(wanted, stored.routes);
      return Promise.resolve<Plan>({ ...plan, refusals: [...new Set([...plan.refusals, ...stored.refusals])] });
    },
    apply(_, configuration) {
      // Between plan and step somebody else may have been there.
      const [reason] = readStored().refusals;
      if (reason !== undefined) {
        return Promise.resolve({ done: false, reason, failed: undefined, rolledBack: [], left: [] });
      }
      replaceFile(path, standalone.write(configuration, format));
      return Promise.resolve({ done: true });
    },
  };
}

function readFileRoutes(text: string): {
  readonly routes: readonly RouteDocument[];
  readonly refusals: readonly string[];
} {
  const document = parseSafely(text);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return text.trim() === ''
      ? { routes: [], refusals: [] }
      : { routes: [], refusals: ['the file is no apisix.yaml, so it is not replaced'] };
  }
  const { routes, ...others } = document as Readonly<Record<string, unknown>>;
  const list = Array.isArray(routes) ? (routes as readonly RouteDocument[]) : [];
  const foreign = list.filter((route) => !isManaged(route)).map((route) => `the route ${idOf(route)}`);
  const held = [...foreign, ...Object.keys(others)];
  if (held.length === 0) return { routes: list, refusals: [] };
  return {
    routes: list,
    refusals: [
      `the file holds ${held.join(', ')}, which is not ours (no label managed-by=credentialflow) and would be lost`,
    ],
  };
}

function parseSafely(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return undefined;
  }
}
