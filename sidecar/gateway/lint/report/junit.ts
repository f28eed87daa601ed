import type { Finding } from '../rule.ts';

/** JUnit XML: a suite for each file, a failed case for each finding, a passed one where a file has none. */
export function formatJunit(findings: readonly Finding[], checked: readonly string[]): string {
  const files = [...new Set([...checked, ...findings.map(({ file }) => file)])];
  const failed = findings.filter(({ severity }) => severity !== 'info').length;
  const suites = files.map((file) => {
    const own = findings.filter((finding) => finding.file === file);
    const failures = own.filter(({ severity }) => severity !== 'info').length;
    const cases = own.length === 0 ? [`    <testcase classname="${xml(file)}" name="no findings"/>`] : own.map(caseOf);
    return [
      `  <testsuite name="${xml(file)}" tests="${cases.length}" failures="${failures}" errors="0">`,
      ...cases,
      '  </testsuite>',
    ].join('\n');
  });
  const tests = files.reduce((sum, file) => sum + Math.max(1, findings.filter((one) => one.file === file).length), 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="credentialflow apisix lint" tests="${tests}" failures="${failed}" errors="0">`,
    ...suites,
    '</testsuites>',
  ].join('\n');
}

function caseOf({ rule, severity, title, message, why, fix, file, line, column, path }: Finding): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const head = `    <testcase classname="${xml(file)}" name="${xml(`${rule} ${place}`)}"`;
  const text = xml([`${place} ${path}`, `why: ${why}`, `fix: ${fix}`].join('\n'));
  // An info is no failure.
  if (severity === 'info') return `${head}>\n      <system-out>${text}</system-out>\n    </testcase>`;
  return `${head}>\n      <failure type="${severity}" message="${xml(`${title}: ${message}`)}">${text}</failure>\n    </testcase>`;
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[^\t\n\r\u0020-\uFFFD]/g, '');
}
