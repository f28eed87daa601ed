import { parseClaimTemplate } from '../core/claims.ts';

/**
 * What is wrong with the template of a consumer's id. Between two claims there must be `__`, which no claim becomes:
 * else `a-b` and `c`, and `a` and `b-c`, would be the same consumer.
 */
export function consumerTemplateProblem(text: string): string | undefined {
  const template = parseClaimTemplate(text);
  if (template === undefined) return 'must be a template such as ci-${repository}';
  if (template.some((part) => typeof part === 'string' && !/^[a-z0-9._-]*$/.test(part)))
    return 'must hold only a-z, 0-9, ".", "_" and "-" beside its claims';
  for (const [i, part] of template.entries()) {
    const next = template[i + 1];
    const isBetween = i > 0 && next !== undefined && typeof part === 'string';
    const touches = typeof part !== 'string' && next !== undefined && typeof next !== 'string';
    if (touches || (isBetween && !part.includes('__')))
      return 'must have "__" between two claims, so that no two holders become one';
  }
  return undefined;
}

export function groupTemplateProblem(text: string): string | undefined {
  const template = parseClaimTemplate(text);
  if (template === undefined) return 'must be a template such as ${realm_access.roles}';
  if (template.every((part) => typeof part === 'string')) return 'names no claim: write ${path}';
  if (template.filter((part) => typeof part !== 'string').length > 1) return 'may name one claim only';
  return undefined;
}
