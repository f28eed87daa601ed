import type { Plain } from '../render/gateway-configuration.ts';
import { managedLabel } from '../render/gateway-configuration.ts';
import { differencesOf } from './compare-routes.ts';
import type { RouteDocument } from './compare-routes.ts';

export type Step =
  | { readonly action: 'add'; readonly id: string; readonly route: RouteDocument }
  | {
      readonly action: 'change';
      readonly id: string;
      readonly route: RouteDocument;
      /** As the gateway has it. */
      readonly before: RouteDocument;
      /** Where they differ; never a value. */
      readonly differences: readonly string[];
    }
  | { readonly action: 'remove'; readonly id: string; readonly before: RouteDocument };

export interface Plan {
  /** In the order in which they are done: what is added, what is changed, then what goes. */
  readonly steps: readonly Step[];
  /** Ids that are as they should be. */
  readonly inStep: readonly string[];
  /** Why nothing may be done. */
  readonly refusals: readonly string[];
  /** What the operator should know, and may want. */
  readonly warnings: readonly string[];
}

const [labelName, labelValue] = Object.entries(managedLabel)[0] ?? ['', ''];

/** What would make the gateway's routes the wanted ones. Routes without our label are left alone, whatever they are. */
export function planRoutes(wanted: readonly RouteDocument[], stored: readonly RouteDocument[]): Plan {
  const storedById = new Map(stored.map((route) => [idOf(route), route]));
  const wantedIds = new Set(wanted.map(idOf));
  const added: Step[] = [];
  const changed: Step[] = [];
  const inStep: string[] = [];
  const refusals: string[] = [];
  for (const route of wanted) {
    const id = idOf(route);
    const before = storedById.get(id);
    if (before === undefined) {
      added.push({ action: 'add', id, route });
    } else if (!isManaged(before)) {
      refusals.push(
        `the gateway's route ${id} is not ours (no label ${labelName}=${labelValue}), so it is not overwritten`,
      );
    } else {
      const differences = differencesOf(route, before);
      if (differences.length === 0) inStep.push(id);
      else changed.push({ action: 'change', id, route, before, differences });
    }
  }
  const removed = stored
    .filter((route) => isManaged(route) && !wantedIds.has(idOf(route)))
    .map((before): Step => ({ action: 'remove', id: idOf(before), before }));
  return { steps: [...added, ...changed, ...removed], inStep, refusals, warnings: rivals(wanted, stored) };
}

export function isManaged({ labels }: RouteDocument): boolean {
  if (typeof labels !== 'object' || Array.isArray(labels)) return false;
  return (labels as { readonly [name: string]: Plain })[labelName] === labelValue;
}

export function idOf({ id }: RouteDocument): string {
  return typeof id === 'string' || typeof id === 'number' ? String(id) : '';
}

/** Two routes of one path: which of them the gateway takes is its own affair, and one of them may ask nobody. */
function rivals(wanted: readonly RouteDocument[], stored: readonly RouteDocument[]): readonly string[] {
  const ours = new Map(wanted.map((route) => [JSON.stringify(route['uri']), idOf(route)]));
  return stored.flatMap((route) => {
    if (isManaged(route)) return [];
    const list = Array.isArray(route['uris']) ? (route['uris'] as readonly Plain[]) : [route['uri'] ?? ''];
    const rival = list.map((uri) => ours.get(JSON.stringify(uri))).find((id) => id !== undefined && id !== idOf(route));
    return rival === undefined
      ? []
      : [`the gateway's route ${idOf(route)}, which is not ours, has the path of ${rival}`];
  });
}
