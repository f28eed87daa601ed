import { isMap, isSeq, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { readIfThere, replaceFile } from '../replace-file.ts';
import { writeYaml } from '../render/yaml-text.ts';
import type { RouteDocument } from '../sync/compare-routes.ts';
import { idOf } from '../sync/plan.ts';
import type { RoutePlace } from './ports.ts';

/** In apisix.yaml of a standalone gateway, beside what is there; afterwards the file is byte for byte as it was. */
export function createFileRoutes(options: { readonly path: string }): RoutePlace {
  const { path } = options;
  let state: { readonly before: string; readonly written: string; readonly ids: readonly string[] } | undefined;
  return {
    read(id) {
      const list = parsed(readIfThere(path) ?? '').get('routes');
      const items = isSeq(list) ? (list.toJSON() as readonly RouteDocument[]) : [];
      return Promise.resolve(items.find((route) => idOf(route) === id));
    },
    add(routes) {
      const before = readIfThere(path);
      if (before === undefined) throw new RangeError('there is no such file: which one does the gateway read?');
      const document = parsed(before);
      const ours = parseDocument(writeYaml({ routes })).get('routes');
      const list = document.get('routes');
      if (!isSeq(ours)) throw new RangeError('the routes cannot be written');
      if (isSeq(list)) list.items.push(...ours.items);
      else document.set('routes', ours);
      const written = textOf(document);
      state = { before, written, ids: routes.map(idOf) };
      replaceFile(path, written);
      return Promise.resolve();
    },
    remove() {
      if (state === undefined) return Promise.resolve();
      const { before, written, ids } = state;
      const now = readIfThere(path);
      if (now === written) replaceFile(path, before);
      // Somebody else wrote it meanwhile: only what is ours goes.
      else if (now !== undefined && ids.some((id) => now.includes(id))) replaceFile(path, without(now, ids));
      state = undefined;
      return Promise.resolve();
    },
  };
}

function parsed(text: string): Document {
  const document = parseDocument(text);
  if (document.errors.length > 0 || (document.contents !== null && !isMap(document.contents))) {
    throw new RangeError('the file is no apisix.yaml');
  }
  return document;
}

function without(text: string, ids: readonly string[]): string {
  const document = parsed(text);
  const list = document.get('routes');
  if (isSeq(list)) list.items = list.items.filter((item) => !(isMap(item) && ids.includes(String(item.get('id')))));
  return textOf(document);
}

/** Without this last line APISIX ignores the file. */
function textOf(document: Document): string {
  return `${document
    .toString({ lineWidth: 0 })
    .replace(/^#END *$/gm, '')
    .trimEnd()}\n#END\n`;
}
