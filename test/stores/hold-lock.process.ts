/** Holds a data directory until it is killed. */
import { lockDataDir } from '../../sidecar/stores/data-dir-lock.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const lock = lockDataDir(String(process.argv[2]), { command: 'held by a test' }, { clock: createFakeClock() });
lock.update({ listeners: { admin: 'http://127.0.0.1:9281' } });
process.stdout.write('held\n');
process.stdin.resume();
