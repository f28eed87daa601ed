/** RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037, section 2. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** What is wrong with a JWK as the public key of an issuer; must not repeat it. */
export function publicKeyProblem(key: Readonly<Record<string, unknown>>): string | undefined {
  if (key['kty'] === 'oct' || 'k' in key) return 'is a secret, not a public key: give a reference as `secret`';
  if (privateMembers.some((member) => member in key)) return 'is a private key: only the public part may be here';
  if (key['kty'] === 'RSA') {
    const { n } = key;
    // 2048 bits are 342 characters of base64url (RFC 7518, section 3.3).
    return typeof n !== 'string' || n.length < 342 ? 'must be an RSA key of at least 2048 bits' : undefined;
  }
  return key['kty'] === 'EC' || key['kty'] === 'OKP' ? undefined : 'must be of type RSA, EC or OKP';
}

/** OpenID Connect Discovery 1.0, section 4. */
export function wellKnownUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}
