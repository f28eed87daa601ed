import { installPackage, mayInstall, run, type FoundServer } from './apt.ts';
import { postgresBin } from './support/postgres.ts';

const howTo = `The tests need a real PostgreSQL, and none was found. One of these helps:
  - install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql), 13 or newer; nothing need run
  - run the tests as root on Debian, where they install it themselves
  - name a server where the user may create databases: TEST_POSTGRES_URL=postgres://user:password@127.0.0.1/postgres`;

/** Debian would make a cluster and start it with every boot; the tests make their own. */
const noCluster = {
  '/etc/postgresql-common/createcluster.d/credentialflow-tests.conf': 'create_main_cluster = false\n',
};

/**
 * A PostgreSQL for the tests: the programs of this machine (each test file starts its own server on a free port, in a
 * temporary folder), else installed from Debian's archive, else the server of TEST_POSTGRES_URL.
 */
export function findPostgres(url: string | undefined): FoundServer {
  if (postgresBin() === undefined && mayInstall()) installPackage('postgresql', noCluster);
  const bin = postgresBin();
  if (bin !== undefined) {
    const version = run(`${bin}/postgres`, ['--version'], 'pipe').stdout.trim();
    return { found: true, message: `PostgreSQL: ${version}; tests start their own on free ports.` };
  }
  if (url !== undefined && url !== '') return { found: true, message: 'PostgreSQL: the server of TEST_POSTGRES_URL.' };
  return { found: false, message: howTo };
}
