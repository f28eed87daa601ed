/** A real OpenID provider (oidc-provider) on a free port of loopback. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { Provider, type Configuration, type ResourceServer } from 'oidc-provider';

/** How the provider is to make one access token; by default by ES256, for ten minutes, with nothing added. */
export interface TokenWishes {
  readonly algorithm?: 'ES256' | 'RS256' | 'PS256' | 'EdDSA';
  readonly ttlSeconds?: number;
  /** Beside those of the provider, or instead; undefined leaves one out. The provider signs them. */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Signed with a secret, or encrypted. */
  readonly jwt?: ResourceServer['jwt'];
}

export interface OidcProvider {
  readonly issuer: string;
  /** The private key (JWK) of {@link keyedClient}. */
  readonly clientKey: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** An access token (RFC 9068) for `audience`, by client credentials. */
  clientCredentials(audience?: string, wishes?: TokenWishes): Promise<string>;
  /** The same for a person, by authorization code with PKCE. */
  authorizationCode(audience?: string, wishes?: TokenWishes): Promise<string>;
  /** The ID token that comes with it, for the client. */
  idToken(): Promise<string>;
  /** An access token that is bound to a key of its client (RFC 9449), or to its certificate (PEM; RFC 8705). */
  boundToken(by: 'dpop' | { readonly certificate: string }, audience?: string): Promise<string>;
  /** The private keys that it signs with; the one of ES256 first. */
  signingKeys(): readonly JWK[];
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
/** Gets tokens that are bound to its certificate only. */
const certifiedClient = 'certified';
const certificateHeader = 'x-client-certificate';
const basicOf = (id: string): string => `Basic ${Buffer.from(`${id}:${client.secret}`).toString('base64')}`;
const basic = basicOf(client.id);

export async function startOidcProvider(): Promise<OidcProvider> {
  const asked: string[] = [];
  let isDown = false;
  const wanted = new Map<string, TokenWishes>();
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
    keys = [key, ...(publishOld ? keys : others)];
    handle = createProvider(issuer, keys, clientJwk, wanted).callback();
  }
  const others = await Promise.all([otherKey('RS256', 'rs'), otherKey('EdDSA', 'ed')]);
  keys = others;
  await rotate();

  interface Tokens {
    readonly access_token?: string;
    readonly id_token?: string;
  }

  async function tokensOf(
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Tokens> {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: basic, ...headers },
      body: new URLSearchParams(fields),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`no token: ${text}`);
    return JSON.parse(text) as Tokens;
  }

  /** The resource that stands for an audience and wishes. */
  function resourceOf(audience: string, wishes: TokenWishes | undefined): string {
    if (wishes === undefined) return audience;
    const resource = `${audience}?wish=${String(wanted.size)}`;
    wanted.set(resource, wishes);
    return resource;
  }

  async function byClientCredentials(
    resource: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { access_token: token } = await tokensOf(
      { grant_type: 'client_credentials', resource, scope: 'chat' },
      headers,
    );
    return token ?? '';
  }

  async function byAuthorizationCode(resource: string): Promise<Tokens> {
    const verifier = 'v'.repeat(43);
    const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(verifier))).toString('base64url');
    const query = new URLSearchParams({
      client_id: client.id,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid chat',
      resource,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    });
    const code = await followToCode(`${issuer}/auth?${String(query)}`);
    return tokensOf({ grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier, resource }); // prettier-ignore
  }

  /** RFC 9449, section 4. */
  async function dpopProof(): Promise<string> {
    const pair = await generateKeyPair('ES256', { extractable: true });
    return new SignJWT({ htm: 'POST', htu: `${issuer}/token`, jti: crypto.randomUUID() })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await exportJWK(pair.publicKey) })
      .setIssuedAt()
      .sign(pair.privateKey);
  }

  return {
    issuer,
    clientKey: JSON.stringify(await exportJWK(clientPair.privateKey)),
    asked,
    clientCredentials: (audience = 'urn:api', wishes) => byClientCredentials(resourceOf(audience, wishes)),
    authorizationCode: async (audience = 'urn:api', wishes) =>
      (await byAuthorizationCode(resourceOf(audience, wishes))).access_token ?? '',
    idToken: async () => (await byAuthorizationCode('urn:api')).id_token ?? '',
    async boundToken(by, audience = 'urn:api') {
      if (by === 'dpop') return byClientCredentials(audience, { dpop: await dpopProof() });
      const certificate = Buffer.from(by.certificate).toString('base64');
      return byClientCredentials(audience, {
        authorization: basicOf(certifiedClient),
        [certificateHeader]: certificate,
      });
    },
    signingKeys: () => keys,
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

async function otherKey(algorithm: string, kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: 'sig' };
}

function createProvider(
  issuer: string,
  keys: readonly JWK[],
  clientJwk: JWK,
  wanted: ReadonlyMap<string, TokenWishes>,
): Provider {
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
        client_id: certifiedClient,
        client_secret: client.secret,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        tls_client_certificate_bound_access_tokens: true,
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
        getResourceServerInfo(_ctx, resource) {
          const { algorithm = 'ES256', ttlSeconds = 600, jwt } = wanted.get(resource) ?? {};
          return {
            scope: 'chat',
            audience: resource.replace(/\?wish=\d+$/, ''),
            accessTokenTTL: ttlSeconds,
            accessTokenFormat: resource.startsWith('urn:opaque') ? 'opaque' : 'jwt',
            jwt: jwt ?? { sign: { alg: algorithm } },
          };
        },
      },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (ctx) => Buffer.from(ctx.get(certificateHeader), 'base64').toString(),
      },
    },
    formats: {
      customizers: {
        jwt(_ctx, token, parts) {
          const { header, claims } = wanted.get(token.resourceServer?.identifier() ?? '') ?? {};
          parts.header = { ...parts.header, ...header };
          Object.assign(parts.payload, claims);
        },
      },
    },
  };
  return new Provider(issuer, configuration);
}
