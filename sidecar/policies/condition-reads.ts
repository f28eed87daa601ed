import type { ASTNode } from '@marcbachmann/cel-js';
import type { ConditionReads } from '../core/condition-reads.ts';
import { childrenOf } from './condition-rules.ts';

/** Headers and body fields that a checked expression names; their names are written out there. */
export function readsOf(ast: ASTNode): ConditionReads {
  const headers = new Set<string>();
  const args = new Set<string>();
  const visit = (node: ASTNode): void => {
    // `.model` of what is itself a field is a key of a map: consumer.labels.model, request.query.model.
    if (node.op === '.' && node.args[1] === 'model' && node.args[0].op !== '.') args.add('model');
    if (node.op === 'rcall') {
      const [method, , [first]] = node.args;
      const name = first?.op === 'value' && typeof first.args === 'string' ? first.args : undefined;
      if (name !== undefined && method === 'header') headers.add(name);
      if (name !== undefined && method === 'arg') args.add(name);
    }
    for (const child of childrenOf(node.args)) visit(child);
  };
  visit(ast);
  return { headers: [...headers], args: [...args] };
}
