import { checkSingleOption, requireUsable, type SecretManagerKind } from './secret-manager-kind.ts';

/** A JWE in compact form: five parts, of which the second may be empty (RFC 7516, section 7.1). */
const compactJwe = /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+$/;

/** `{ from: sealed, value: … }`: opens with the master key, and only for the credential it was sealed for. */
export const sealed: SecretManagerKind = {
  kind: 'sealed',
  check: (reference) =>
    checkSingleOption(reference, 'value', (value) => compactJwe.test(value), 'what `credentialflow seal` printed'),
  create: (deps) => ({
    kind: 'sealed',
    check: (reference) => sealed.check(reference),
    async resolve(reference, binding) {
      const secret = await deps.open(String(reference.value), binding);
      return requireUsable(secret.reveal(), `the sealed value for ${binding}`);
    },
  }),
};
