import { initial } from './0001-initial.ts';
import type { Migration } from './migration.ts';

/** In order. A new step is one file and one line here; a step that was released is never edited. */
export const migrations: readonly Migration[] = [initial];
