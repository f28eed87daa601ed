import type { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError } from '../../core/error.ts';
import type { Actor, ApplyChunk, ApplyOptions, Mutation, StoreIdentity } from '../../core/ports.ts';
import type { CopyPart } from '../../core/store-copy.ts';
import type { CopyHead } from '../copy-intake.ts';
import type { Migration } from '../migrations/migration.ts';
import type { Applied } from '../mutations/declaration.ts';
import { createRules } from '../mutations/mutate.ts';
import { unpack } from '../mutations/unpack.ts';
import { inMemory, openForWriting } from './connection.ts';
import { createDumps, type Dumps } from './dump.ts';
import { beginIntake, type Intake } from './intake.ts';
import { createLedger, type Committed } from './ledger.ts';
import { migrate, type Migrated } from './migrate.ts';
import { beginSource, type Source } from './source.ts';
import { createTables } from './tables.ts';
import { inTransaction } from './transaction.ts';

/** Plain data: it crosses to the writer's thread. */
export interface WriterOptions {
  readonly location: string;
  readonly migrations: readonly Migration[];
  readonly changeLogRows: number;
  readonly nowMs: number;
}

/** What the writer does, call by call. Synchronous; everything in and out is plain data. */
export interface Writer {
  write(mutations: readonly Mutation[], actor: Actor, nowMs: number): Committed;
  beginApply(options: ApplyOptions, nowMs: number): void;
  applyChunk(chunk: ApplyChunk): void;
  commitApply(): Applied;
  /** The three steps in one: nobody can look in between. */
  applyWhole(chunks: readonly ApplyChunk[], options: ApplyOptions, nowMs: number): Applied;
  /** Does nothing when no apply is under way. */
  abortApply(): void;
  /** Copies are read through connections of their own, so these three may come between the steps of an apply. */
  beginDump: Dumps['begin'];
  dumpPart: Dumps['next'];
  endDump: Dumps['end'];
  beginLoad(head: CopyHead, aboveEpoch: number | undefined): void;
  loadPart(part: CopyPart): void;
  commitLoad(): StoreIdentity;
  loadWhole(head: CopyHead, parts: readonly CopyPart[], aboveEpoch: number | undefined): StoreIdentity;
  /** Does nothing when no load is under way. */
  abortLoad(): void;
  recordTokenUse(uses: readonly (readonly [id: string, atMs: number])[]): void;
  setMeta(key: string, value: string, by?: { readonly actor: Actor; readonly nowMs: number }): void;
  close(): void;
}

export interface OpenedWriter {
  readonly writer: Writer;
  readonly db: DatabaseSync;
  readonly migrated: Migrated;
}

export function openWriter(options: WriterOptions): OpenedWriter {
  const db = openForWriting(options.location);
  try {
    const migrated = migrate(db, options);
    return { db, migrated, writer: createWriter(db, options) };
  } catch (error) {
    db.close();
    throw error;
  }
}

function createWriter(db: DatabaseSync, options: WriterOptions): Writer {
  const ledger = createLedger(db, options);
  const rules = createRules(createTables(db));
  const recordUse = db.prepare(
    'UPDATE tokens SET last_used_at = ?1 WHERE id = ?2 AND (last_used_at IS NULL OR last_used_at < ?1)',
  );
  const putMeta = db.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const dumps = createDumps(options.location);
  let source: Source | undefined;
  let intake: Intake | undefined;

  /** A failed step leaves nothing behind. */
  function step<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      source = undefined;
      intake = undefined;
      ledger.rollBack();
      throw error;
    }
  }

  function underWay(): Source {
    if (source === undefined) throw new CredentialFlowError('internal', 'no apply is under way');
    return source;
  }

  function loading(): Intake {
    if (intake === undefined) throw new CredentialFlowError('internal', 'no load is under way');
    return intake;
  }

  return {
    write: (mutations, actor, nowMs) =>
      step(() => {
        const entry = ledger.begin(actor, nowMs);
        for (const mutation of mutations) rules.mutate(mutation, entry);
        return ledger.commit();
      }),
    beginApply(applyOptions, nowMs) {
      step(() => {
        source = beginSource({ db, ledger, rules }, applyOptions, nowMs);
      });
    },
    applyChunk: (chunk) => step(() => underWay().add(unpack(chunk))),
    commitApply: () =>
      step(() => {
        const applied = underWay().commit();
        source = undefined;
        return applied;
      }),
    applyWhole: (chunks, applyOptions, nowMs) =>
      step(() => {
        const whole = beginSource({ db, ledger, rules }, applyOptions, nowMs);
        for (const chunk of chunks) whole.add(unpack(chunk));
        return whole.commit();
      }),
    abortApply() {
      source = undefined;
      ledger.rollBack();
    },
    beginDump: dumps.begin,
    dumpPart: dumps.next,
    endDump: dumps.end,
    beginLoad(head, aboveEpoch) {
      step(() => {
        intake = beginIntake(db, head, aboveEpoch);
      });
    },
    loadPart: (part) => step(() => loading().add(part)),
    commitLoad: () =>
      step(() => {
        const identity = loading().commit();
        intake = undefined;
        return identity;
      }),
    loadWhole: (head, parts, aboveEpoch) =>
      step(() => {
        const whole = beginIntake(db, head, aboveEpoch);
        for (const part of parts) whole.add(part);
        return whole.commit();
      }),
    abortLoad() {
      intake = undefined;
      ledger.rollBack();
    },
    recordTokenUse(uses) {
      inTransaction(db, () => {
        for (const [id, atMs] of uses) recordUse.run(atMs, id);
      });
    },
    setMeta(key, value, by) {
      inTransaction(db, () => {
        putMeta.run(key, value);
        if (by !== undefined) ledger.audit(by.actor, by.nowMs, key);
      });
    },
    close() {
      dumps.endAll();
      ledger.rollBack();
      if (options.location !== inMemory) db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      db.close();
    },
  };
}
