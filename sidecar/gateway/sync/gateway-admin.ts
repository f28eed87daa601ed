import type { Secret } from '../../core/secret.ts';
import type { RouteDocument } from './compare-routes.ts';
import { withoutBookkeeping } from './compare-routes.ts';

/** What the Admin API is asked through; rejects where no answer came. */
export interface GatewayHttp {
  request(request: {
    readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly json?: unknown;
  }): Promise<{ readonly status: number; readonly text: string; readonly json: unknown }>;
}

/** The gateway said no; `message` is its own text, shortened. */
export class GatewayRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'GatewayRefusal';
    this.status = status;
  }
}

/** Routes through the Admin API of APISIX. Each call rejects with a {@link GatewayRefusal}, or as the client does. */
export interface GatewayAdmin {
  list(): Promise<readonly RouteDocument[]>;
  /** Undefined: there is none. */
  read(id: string): Promise<RouteDocument | undefined>;
  /** Asks whether the gateway would take the route, without storing it. */
  check(route: RouteDocument): Promise<void>;
  put(id: string, route: RouteDocument): Promise<void>;
  remove(id: string): Promise<void>;
}

const longestMessage = 500;

/** `url`: origin of the Admin API, `http://127.0.0.1:9180`. */
export function createGatewayAdmin(
  options: { readonly url: string; readonly key: Secret },
  deps: { readonly http: GatewayHttp },
): GatewayAdmin {
  const base = `${options.url}/apisix/admin`;
  const routeUrl = (id: string): string => `${base}/routes/${encodeURIComponent(id)}`;
  const ask = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    json?: unknown,
  ): Promise<{ readonly status: number; readonly json: unknown }> => {
    const headers = { 'x-api-key': options.key.reveal() };
    const answer = await deps.http.request({ method, url, headers, ...(json === undefined ? {} : { json }) });
    if (answer.status >= 200 && answer.status <= 299) return answer;
    throw new GatewayRefusal(answer.status, reasonOf(answer));
  };

  return {
    async list() {
      const { json } = await ask('GET', `${base}/routes`);
      const list = (json as { readonly list?: unknown } | undefined)?.list;
      // Lua writes an empty list as {}.
      if (typeof list !== 'object' || list === null)
        throw new GatewayRefusal(200, 'it does not answer as an Admin API does');
      return Object.values(list).map((item) => withoutBookkeeping((item as { readonly value: RouteDocument }).value));
    },
    async read(id) {
      try {
        const { json } = await ask('GET', routeUrl(id));
        return withoutBookkeeping((json as { readonly value: RouteDocument }).value);
      } catch (error) {
        if (error instanceof GatewayRefusal && error.status === 404) return undefined;
        throw error;
      }
    },
    async check(route) {
      await ask('POST', `${base}/schema/validate/routes`, route);
    },
    async put(id, route) {
      await ask('PUT', routeUrl(id), route);
    },
    async remove(id) {
      await ask('DELETE', routeUrl(id));
    },
  };
}

/** 401 has a page of HTML where a proxy answers. */
function reasonOf({
  status,
  text,
  json,
}: {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
}): string {
  const said = (json as { readonly error_msg?: unknown } | undefined)?.error_msg;
  const message = typeof said === 'string' ? said : text.trim().startsWith('<') ? '' : text;
  return `${status}${message === '' ? '' : `: ${message.trim().slice(0, longestMessage)}`}`;
}
