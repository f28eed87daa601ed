import type { PathMode } from '../gateway/stand-in/variant.ts';

/**
 * A raw path, and what becomes of it in each mode: the status of a refusal, or the bytes that the provider gets.
 * `/generic` refuses encoded slashes, `/cohere` allows them, `/ollama` has a base URL with the path `/v2`.
 */
export interface PathCase extends Readonly<Record<PathMode, string | number>> {
  readonly raw: string;
  /** The glob for exactly this path, where it is not the decoded path itself. */
  readonly glob?: Readonly<Record<PathMode, string>>;
}

/** The same path below the prefix in every mode. */
const unchanged = (path: string, prefix = '/generic'): PathCase => ({
  raw: prefix + path,
  'as-configured': path,
  'no-rewrite': prefix + path,
  'raw-path': path,
});

const refused = (raw: string, status = 400): PathCase => ({
  raw,
  'as-configured': status,
  'no-rewrite': status,
  'raw-path': status,
});

/** The rewriting gateway normalises it; where it goes on raw it is refused. */
const normalised = (raw: string, path: string): PathCase => ({
  raw,
  'as-configured': path,
  'no-rewrite': 400,
  'raw-path': 400,
});

export const pathCorpus: readonly PathCase[] = [
  unchanged('/v1beta/models/x:generateContent'),
  unchanged('/v1beta/models/x:streamGenerateContent?alt=sse'),
  unchanged('/openai/deployments/gpt%204/chat/completions?api-version=2024-10-21'),
  unchanged("/a@b,c=d+e$f&g'h(i)!k~l"),
  unchanged('/things;v=1/all'),
  unchanged('/%C3%A4/x'),
  unchanged('/100%25'),
  unchanged('/folder/'),
  unchanged('/v1/files?path=%2e%2e/%2e%2e/etc'),

  normalised('/generic/models/org%2Fmodel', '/models/org/model'),
  {
    raw: '/cohere/models/org%2Fmodel',
    'as-configured': '/models/org/model',
    'no-rewrite': '/cohere/models/org%2Fmodel',
    'raw-path': '/models/org%2Fmodel',
    glob: { 'as-configured': '/models/org/model', 'no-rewrite': '/models/org*model', 'raw-path': '/models/org*model' },
  },
  normalised('/cohere/a%2F..%2Fb', '/b'),
  normalised('/cohere/a%2F%2Fb', '/a/b'),

  normalised('/generic/a/%2e%2e/b', '/b'),
  normalised('/generic/a/../b', '/b'),
  normalised('/generic/a/./b', '/a/b'),
  normalised('/generic/a//b', '/a/b'),
  normalised('/generic//admin', '/admin'),
  normalised('/generic/x/..%2F..%2Fgeneric/admin', '/admin'),

  refused('/generic/a%3Fadmin=1'),
  refused('/generic/a%23admin'),
  refused('/generic/a/..;/b'),
  refused('/generic/a/%2e%2e;/b'),
  refused('/generic/a/.;x/b'),
  refused('/generic/a%5cb'),
  refused('/generic/a%5c..%5cb'),
  refused('/generic/a%252e%252e/b'),
  refused('/generic/a%252Fb'),
  refused('/generic/a%09b'),
  refused('/generic/%ff'),

  // Refused by the gateway itself: nginx, and a question that it cannot put into headers.
  refused('/generic/a%00b'),
  refused('/generic/a%zz'),
  refused('/generic/a%0d%0aX-CF-Route:%20openai', 503),
  refused('/generic/../nowhere', 404),

  // An encoded prefix is still the prefix where something decodes it; else it stays a part of the path.
  {
    raw: '/%67eneric/v1/x',
    'as-configured': '/v1/x',
    'no-rewrite': '/%67eneric/v1/x',
    'raw-path': '/%67eneric/v1/x',
  },
  {
    raw: 'http://elsewhere.example/generic/v1/x',
    'as-configured': '/v1/x',
    'no-rewrite': '/generic/v1/x',
    'raw-path': '/v1/x',
  },

  {
    raw: '/ollama/things/1?a=b',
    'as-configured': '/v2/things/1?a=b',
    'no-rewrite': '/ollama/things/1?a=b',
    'raw-path': '/v2/things/1?a=b',
  },
  normalised('/ollama/a/%2e%2e/b', '/v2/b'),
];
