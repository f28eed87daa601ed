import { styleText } from 'node:util';
import { mask } from '../../test/gateway/stand-in/recording.ts';
import { curlLine } from './cases.ts';
import type { CaseResult } from './cases.ts';
import type { Demo } from './start-demo.ts';

type Style = Parameters<typeof styleText>[0];

/** `colours` false: plain text. */
export function createReport(colours: boolean) {
  const paint = (style: Style, text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const line = (label: string, text: string): string => `${paint('bold', label.padEnd(18))} ${text}`;
  const detail = (text: string): string => line('', text);

  return {
    /** What the client sent, what the gateway asked, what the provider received: ten lines. */
    flow(demo: Demo): string {
      const { question, received } = demo;
      const asked = (name: string): string =>
        question.headers.find(([given]) => given.toLowerCase() === name)?.[1] ?? '';
      const answered = (name: string): string => question.answer?.headers.find(([given]) => given === name)?.[1] ?? '';
      return [
        `${paint('bold', 'CredentialFlow demo')}: sidecar ${demo.sidecarUrl}, echo provider ${demo.providerUrl},`,
        `gateway ${demo.gatewayUrl} ${paint('yellow', '(a stand-in for Apache APISIX, not APISIX itself)')}`,
        line('client sent', `POST ${demo.gatewayUrl}/openai/v1/chat/completions   by ${demo.sentBy}`),
        detail(paint('cyan', `authorization: ${mask(`Bearer ${demo.token}`)}`)),
        line('gateway asked', `${question.method} ${demo.sidecarUrl}${question.path}   route ${asked('x-cf-route')}`),
        detail(
          `${asked('x-forwarded-method')} ${asked('x-cf-upstream-uri')}   ${paint('cyan', asked('authorization'))}`,
        ),
        line('sidecar answered', `${question.answer?.status ?? 0}   ${paint('green', answered('authorization'))}`),
        line('provider received', `${received.method} ${received.path}`),
        detail(paint('green', `authorization: ${mask(received.headers.authorization ?? '')}`)),
        line('client got', demo.content),
        '',
      ].join('\n');
    },

    /** The lines to paste. */
    toTry({ cases }: Demo): string {
      const lines = cases.flatMap((one) => [paint('bold', `# ${one.name}: ${one.expectedStatus}`), curlLine(one), '']);
      return [...lines, paint('dim', 'Ctrl-C ends the demo and removes what it made.'), ''].join('\n');
    },

    results(results: readonly CaseResult[]): string {
      return results
        .map(({ name, expected, got, ok }) => {
          const verdict = ok ? paint('green', 'ok    ') : paint('red', 'FAILED');
          return `${verdict} ${name.padEnd(16)} expected ${expected}, got ${got}\n`;
        })
        .join('');
    },
  };
}

/** The same for machines; secrets and tokens are masked. */
export function reportJson(demo: Demo, results: readonly CaseResult[]): string {
  const { question, received, cases } = demo;
  return JSON.stringify({
    ok: results.every(({ ok }) => ok),
    gateway: { url: demo.gatewayUrl, kind: 'stand-in' },
    sidecar: { url: demo.sidecarUrl },
    client: { sent_by: demo.sentBy, authorization: mask(`Bearer ${demo.token}`), got: demo.content },
    question,
    provider: {
      method: received.method,
      path: received.path,
      authorization: mask(received.headers.authorization ?? ''),
    },
    cases: results.length > 0 ? results : cases.map((one) => ({ name: one.name, expected: one.expectedStatus })),
  });
}
