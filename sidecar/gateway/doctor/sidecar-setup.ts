import { Secret } from '../../core/secret.ts';
import type { DoctorNames } from './names.ts';
import type { SidecarAdmin } from './ports.ts';
import type { UndoList } from './undo.ts';

/** Whatever happens, nothing of it serves for longer. */
const lifeMs = 900_000;

/** Headers that choose who pays, somewhere; the doctor's upstream empties them all. */
export const steeringHeaders = ['openai-organization', 'openai-project', 'x-goog-user-project'] as const;

/** The upstream as a resource. `serverUrl`: where the gateway reaches the doctor's server. */
export function upstreamDocument(names: DoctorNames, serverUrl: string): Readonly<Record<string, unknown>> {
  return {
    id: names.id,
    preset: 'generic',
    base_url: `${serverUrl}${names.basePath}`,
    prefix: names.guarded.prefix,
    routes: [names.guarded.id],
    steering_headers: steeringHeaders,
  };
}

/**
 * Makes upstream, sealed credential, consumer, policy and token at the sidecar; the policy allows GET of `/open/**` and
 * nothing else. Everything is on the undo list before it is made.
 */
export async function setUpSidecar(
  options: {
    readonly names: DoctorNames;
    readonly upstream: Readonly<Record<string, unknown>>;
    readonly canary: Secret;
    readonly nowMs: number;
  },
  deps: { readonly admin: SidecarAdmin; readonly undo: UndoList },
): Promise<Secret> {
  const { names, upstream, canary, nowMs } = options;
  const { admin, undo } = deps;
  const { id } = names;
  const until = new Date(nowMs + lifeMs).toISOString();
  const put = async (collection: string, json: unknown, tail = ''): Promise<void> => {
    const path = `/${collection}/${id}`;
    undo.push(`${collection}/${id} at the sidecar`, () => removeIfThere(admin, path));
    await admin.call({ method: 'PUT', path: `${path}${tail}`, json });
  };
  await put('upstreams', upstream);
  await put('credentials', { upstream: id, secret: canary.reveal() }, '/secret');
  await put('consumers', { owner: 'credentialflow apisix doctor' });
  await put('policies', {
    effect: 'allow',
    consumers: [id],
    upstreams: [id],
    methods: ['GET'],
    paths: ['/open/**'],
    expires_at: until,
  });
  const issued = (await admin.call({
    method: 'POST',
    path: '/tokens',
    json: { consumer: id, expires_at: until, description: 'credentialflow apisix doctor' },
  })) as { readonly id: string; readonly token: string };
  undo.push(`token ${issued.id} at the sidecar`, () =>
    admin.call({ method: 'POST', path: `/tokens/${issued.id}/revoke` }),
  );
  return new Secret(issued.token);
}

/** What a step that failed never made is gone already. */
async function removeIfThere(admin: SidecarAdmin, path: string): Promise<void> {
  try {
    await admin.call({ method: 'DELETE', path });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'not_found')) throw error;
  }
}
