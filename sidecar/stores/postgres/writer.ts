import type { Actor, ApplyChunk, ApplyOptions, Mutation } from '../../core/ports.ts';
import { joined, sliceLength } from '../apply-source.ts';
import { beginDeclaration, type Applied, type OwnedName } from '../mutations/declaration.ts';
import { createRules } from '../mutations/mutate.ts';
import { beginLedger, type Committed, type Ledger, type LedgerOptions } from './ledger.ts';
import type { ConnectionPool, Session } from './pool.ts';
import { inTransaction, type TransactionTimes } from './transaction.ts';
import { createWorkingSet, wantedBy, wantedByName } from './working-set.ts';

/** Mutations of a source between two questions to the server, which waits with its lock held; some milliseconds of work. */
const appliedAtOnce = 100;

/** Logical writes: each one transaction, one revision. */
export interface Writer {
  write(mutations: readonly Mutation[], actor: Actor, nowMs: number): Promise<Committed>;
  apply(chunks: readonly ApplyChunk[], options: ApplyOptions, nowMs: number): Promise<Applied>;
}

export interface WriterOptions extends LedgerOptions {
  readonly times: TransactionTimes;
}

export function createWriter(options: WriterOptions, pool: ConnectionPool): Writer {
  const { sql, times } = options;

  return {
    write: (mutations, actor, nowMs) =>
      inTransaction(pool, times, async (session) => {
        const ledger = await beginLedger(session, options, actor, nowMs);
        const { rules, slice } = open(session, ledger);
        for (let at = 0; at < mutations.length; at += sliceLength) {
          const some = mutations.slice(at, at + sliceLength);
          await slice(wantedBy(some), () => {
            for (const mutation of some) rules.mutate(mutation, ledger.entry);
          });
        }
        return { result: await ledger.finish() };
      }),

    apply: (chunks, applyOptions, nowMs) =>
      inTransaction(pool, times, async (session) => {
        const ledger = await beginLedger(session, options, applyOptions.actor, nowMs);
        const { rules, slice } = open(session, ledger);
        const ownedBefore = applyOptions.prune ? (await owned(session, applyOptions)).length : 0;
        const declaration = beginDeclaration({ rules, entry: ledger.entry, ownedBefore }, applyOptions);
        for (const some of joined(chunks, appliedAtOnce)) {
          await slice(wantedBy(some), () => declaration.add(some));
        }
        declaration.check();
        if (applyOptions.prune) {
          const doomed = declaration.doomed(await owned(session, applyOptions));
          for (let at = 0; at < doomed.length; at += sliceLength) {
            const some = doomed.slice(at, at + sliceLength);
            await slice(wantedByName(some), () => declaration.remove(some));
          }
        }
        const report = declaration.report();
        if (applyOptions.dryRun) {
          return { result: { ...report, revision: ledger.before.revision, committed: false }, undo: true };
        }
        const { identity, changed: committed } = await ledger.finish();
        return { result: { ...report, revision: identity.revision, committed } };
      }),
  };

  function open(session: Session, ledger: Ledger) {
    const set = createWorkingSet(session, sql);
    return {
      rules: createRules(set),
      async slice(wanted: Parameters<typeof set.fetch>[0], work: () => void): Promise<void> {
        await set.fetch(wanted);
        work();
        await set.flush();
        await ledger.flush();
      },
    };
  }

  function owned(session: Session, { owner }: ApplyOptions): Promise<readonly OwnedName[]> {
    return session.query<OwnedName>(
      `SELECT kind, id FROM ${sql.t}resources WHERE owner = $1 UNION ALL SELECT 'token', id FROM ${sql.t}tokens WHERE owner = $1
       ORDER BY kind, id`,
      [owner],
    );
  }
}
