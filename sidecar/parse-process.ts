/** The process that parses resource files. */
import { resourceDeps } from './resource-deps.ts';
import { serveParse } from './resources/serve-parse.ts';

serveParse(process, resourceDeps);
