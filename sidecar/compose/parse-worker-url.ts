import { extname } from 'node:path';

/** The module of the parsing thread: `.ts` from source, `.js` from dist/. */
export const parseWorkerUrl = new URL(`../parse-worker${extname(import.meta.url)}`, import.meta.url);
