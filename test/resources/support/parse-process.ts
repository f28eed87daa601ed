import { serveParse } from '../../../sidecar/resources/serve-parse.ts';
import { deps } from './deps.ts';

serveParse(process, deps);
