import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rules } from '../../../sidecar/gateway/lint/rules/index.ts';
import { formatHuman } from '../../../sidecar/gateway/lint/report/human.ts';
import { formatJunit } from '../../../sidecar/gateway/lint/report/junit.ts';
import { formatSarif } from '../../../sidecar/gateway/lint/report/sarif.ts';
import { lintFiles, readEntry } from './corpus.ts';

const { findings } = lintFiles(readEntry('bad', 'adc-by-hand.yaml'));

describe('the reports', () => {
  it('for people name file, place, why and fix', () => {
    const text = formatHuman(findings, (_style, part) => part);
    const [first] = findings;
    assert.ok(first !== undefined);
    assert.match(text, /^adc-by-hand\.yaml\n/);
    assert.ok(text.includes(`${first.line ?? 0}:${first.column ?? 0} ${first.severity} ${first.title}`));
    assert.ok(text.includes(first.why) && text.includes(first.fix));
    assert.equal(text.split('\n').filter((line) => line === 'adc-by-hand.yaml').length, 1);
  });

  it('as SARIF 2.1.0 refer to a described rule and a region', () => {
    const log = JSON.parse(formatSarif(findings, '1.2.3')) as {
      version: string;
      runs: {
        tool: { driver: { version: string; rules: { id: string; help: { text: string } }[] } };
        results: {
          ruleId: string;
          ruleIndex: number;
          level: string;
          message: { text: string };
          locations: {
            physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number; startColumn: number } };
          }[];
        }[];
      }[];
    };
    assert.equal(log.version, '2.1.0');
    const [run] = log.runs;
    assert.ok(run !== undefined);
    assert.equal(run.tool.driver.rules.length, rules.length);
    assert.equal(run.results.length, findings.length);
    for (const [index, result] of run.results.entries()) {
      assert.equal(run.tool.driver.rules[result.ruleIndex]?.id, result.ruleId);
      assert.match(result.level, /^(?:error|warning|note)$/);
      const place = result.locations[0]?.physicalLocation;
      assert.equal(place?.artifactLocation.uri, 'adc-by-hand.yaml');
      assert.equal(place.region.startLine, findings[index]?.line);
      assert.ok(place.region.startColumn >= 1);
    }
  });

  it('as JUnit count failures, and a file without findings as a passed case', () => {
    const text = formatJunit(findings, ['adc-by-hand.yaml', 'clean & "tidy".yaml']);
    const failures = findings.filter(({ severity }) => severity !== 'info').length;
    assert.ok(failures < findings.length, 'an info is no failure');
    assert.match(
      text,
      new RegExp(`^<\\?xml .*\\n<testsuites [^>]*tests="${findings.length + 1}" failures="${failures}"`),
    );
    assert.equal(text.match(/<failure /g)?.length, failures);
    assert.match(text, /<testcase classname="clean &amp; &quot;tidy&quot;\.yaml" name="no findings"\/>/);
    assert.doesNotMatch(text, /&(?!amp;|lt;|gt;|quot;)/);
  });
});
