/** A real OpenID provider (oidc-provider) on a free port of loopback. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider, type Configuration } from 'oidc-provider';

export interface OidcProvider {
  readonly issuer: string;
  /** The private key (JWK) of {@link keyedClient}. */
  readonly clientKey: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** An access token (RFC 9068) for `audience`, by client credentials. */
  clientCredentials(audience?: string): Promise<string>;
  /** The same for a person, by authorization code with PKCE. */
  authorizationCode(audience?: string): Promise<string>;
  /** Signs with a new key from now on; the old ones stay published. `publishOld: false` takes them away. */
  rotate(options?: { readonly publishOld?: boolean }): Promise<void>;
  revoke(token: string): Promise<void>;
  /** Answers 503 from now on, or no more. */
  setDown(down: boolean): void;
  stop(): Promise<void>;
}

const redirectUri = 'https://client.example.test/callback';
export const client = { id: 'team', secret: 'client-secret-of-the-team' };
/** Shows who it is by private_key_jwt, and nothing else. */
export const keyedClient = 'sidecar';
const basic = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;

export async function startOidcProvider(): Promise<OidcProvider> {
  const asked: string[] = [];
  let isDown = false;
  let keys: JWK[] = [];
  let handle: ReturnType<Provider['callback']> | undefined;
  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    if (isDown || handle === undefined) res.writeHead(503).end();
    else void handle(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

  const clientPair = await generateKeyPair('ES256', { extractable: true });
  const clientJwk = await exportJWK(clientPair.publicKey);

  async function rotate({ publishOld = true } = {}): Promise<void> {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const key = {
      ...(await exportJWK(privateKey)),
      kid: `k${String(Date.now())}-${String(keys.length)}`,
      use: 'sig',
      alg: 'ES256',
    };
    // It signs with the first that fits.
    keys = [key, ...(publishOld ? keys : [])];
    handle = createProvider(issuer, keys, clientJwk).callback();
  }
  await rotate();

  async function tokenOf(fields: Readonly<Record<string, string>>): Promise<string> {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: basic },
      body: new URLSearchParams(fields),
    });
    const text = await response.text();
    const { access_token: token } = JSON.parse(text) as { readonly access_token?: string };
    if (token === undefined) throw new Error(`no token: ${text}`);
    return token;
  }

  return {
    issuer,
    clientKey: JSON.stringify(await exportJWK(clientPair.privateKey)),
    asked,
    clientCredentials: (audience = 'urn:api') =>
      tokenOf({ grant_type: 'client_credentials', resource: audience, scope: 'chat' }),
    async authorizationCode(audience = 'urn:api') {
      const verifier = 'v'.repeat(43);
      const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(verifier))).toString('base64url');
      const query = new URLSearchParams({
        client_id: client.id,
        response_type: 'code',
        redirect_uri: redirectUri,
        scope: 'openid chat',
        resource: audience,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      });
      const code = await followToCode(`${issuer}/auth?${String(query)}`);
      return tokenOf({ grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier, resource: audience }); // prettier-ignore
    },
    rotate,
    async revoke(token) {
      await fetch(`${issuer}/token/revocation`, {
        method: 'POST',
        headers: { authorization: basic },
        body: new URLSearchParams({ token }),
      });
    },
    setDown(down) {
      isDown = down;
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** As a browser would: redirects with cookies, the provider's own development form filled in. */
async function followToCode(start: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 12; step++) {
    const response = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { body: form }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) {
      form = undefined;
      url = new URL(location, url).href;
      const code = new URL(url).searchParams.get('code');
      if (code !== null) return code;
      continue;
    }
    const page = await response.text();
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    if (prompt === undefined || action === undefined)
      throw new Error(`no form: ${String(response.status)} ${page.slice(0, 500)}`);
    form = new URLSearchParams({ prompt, login: 'jane', password: 'any' });
    url = new URL(action, url).href;
  }
  throw new Error('no code after twelve steps');
}

function createProvider(issuer: string, keys: readonly JWK[], clientJwk: JWK): Provider {
  const configuration: Configuration = {
    jwks: { keys: [...keys] },
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        grant_types: ['client_credentials', 'authorization_code'],
        response_types: ['code'],
        redirect_uris: [redirectUri],
        introspection_signed_response_alg: 'ES256',
        id_token_signed_response_alg: 'ES256',
      },
      {
        client_id: keyedClient,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [clientJwk] },
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        introspection_signed_response_alg: 'ES256',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    scopes: ['openid', 'chat'],
    cookies: { keys: ['a-cookie-key-of-the-test'] },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'chat',
          audience: resource,
          accessTokenTTL: 600,
          accessTokenFormat: resource.startsWith('urn:opaque') ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
  return new Provider(issuer, configuration);
}
