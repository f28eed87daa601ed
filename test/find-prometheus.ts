import { installPackage, mayInstall, run, type FoundServer } from './apt.ts';

const howTo = `No Prometheus was found: what needs a real one is skipped. One of these helps:
  - install it so that prometheus and promtool are on the PATH (Debian, Ubuntu: apt-get install prometheus; nothing need run)
  - run the tests as root on Debian, where they install it themselves`;

/**
 * A Prometheus for the tests: `prometheus` and `promtool` on the PATH (each test starts its own on a free port, in a
 * temporary folder), else installed from Debian's archive. Without one the tests go on: few need it, and they say so.
 */
export function findPrometheus(): FoundServer {
  if (version() === undefined && mayInstall()) installPackage('prometheus');
  const found = version();
  return found === undefined
    ? { found: true, message: howTo }
    : { found: true, message: `Prometheus: ${found}; tests start their own on free ports.` };
}

function version(): string | undefined {
  const { status, stdout, stderr } = run('promtool', ['--version'], 'pipe');
  return status === 0 ? /version [\w.+~-]+/.exec(stdout + stderr)?.[0] : undefined;
}
