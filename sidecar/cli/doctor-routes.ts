import { resolve } from 'node:path';
import type { RoutePlace } from '../gateway/doctor/ports.ts';
import type { Wiring } from '../gateway/render/wiring.ts';
import { withTarget } from './apisix-target.ts';
import type { TargetOptions } from './apisix-target.ts';
import type { Cli } from './cli.ts';
import { usageFailure } from './failure.ts';

/** Calls `use` with the place of the gateway's routes, and how a route there gets the gateway's key. */
export async function withDoctorRoutes<T>(
  options: TargetOptions,
  cli: Cli,
  use: (routes: { readonly place: RoutePlace; readonly wiring: Wiring }) => Promise<T>,
): Promise<T> {
  if (options.file !== undefined) {
    if (options.admin !== undefined) throw usageFailure('--admin and --file are two gateways', 'name one of them');
    const { createFileRoutes } = await import('../gateway/doctor/file-routes.ts');
    const { fileWiring } = await import('../gateway/render/wiring.ts');
    return use({ place: createFileRoutes({ path: resolve(cli.terminal.cwd, options.file) }), wiring: fileWiring });
  }
  const { createAdminRoutes } = await import('../gateway/doctor/admin-routes.ts');
  return withTarget({ ...options, minimumVersion: '3.17' }, cli, (target) =>
    use({ place: createAdminRoutes(target), wiring: target.wiring }),
  );
}
