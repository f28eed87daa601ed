import { extname } from 'node:path';

/** The module of the parsing process: `.ts` from source, `.js` from dist/. */
export const parseProcessUrl = new URL(`../parse-process${extname(import.meta.url)}`, import.meta.url);
