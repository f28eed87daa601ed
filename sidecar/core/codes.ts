/**
 * Every answer that is not an allow, in one table: code → status, public text, and what the operator does about it.
 * The code is also the `reason` label of the metrics, the `code` of a denial's body and a row of docs/errors.md
 * (a test holds the three together). Public texts never contain anything the caller sent.
 */

export interface CodeRow {
  /** HTTP status of the answer. 401 token or gateway, 403 policy, 429 limit, 503 we could not know. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 422 | 429 | 500 | 503 | 507;
  /** What the caller reads. One sentence, safe to show to anybody. */
  readonly message: string;
  /** What the operator (or the client's developer) does about it; shown in docs/errors.md. */
  readonly fix: string;
}

export const denialTable = {
  gateway_key_missing: {
    status: 401,
    message: 'The caller did not prove that it is a gateway.',
    fix: 'Send X-CF-Gateway-Key (forward-auth: extra_headers). `credentialflow gateway env` prints the line.',
  },
  gateway_key_unresolved: {
    status: 401,
    message: 'The gateway sent an unresolved reference instead of its key.',
    fix: 'The key begins with "://": APISIX did not resolve $env://NAME (unset variable, or APISIX before 3.17). Use ${{NAME}} in apisix.yaml, or set the variable.',
  },
  gateway_key_unknown: {
    status: 401,
    message: 'The gateway key is not known.',
    fix: 'Compare the key of the gateway with `credentialflow gateway env`; it may have been rotated out.',
  },
  gateway_address_forbidden: {
    status: 401,
    message: 'This gateway may not ask from this address.',
    fix: "Add the gateway's address to `addresses` of the gateway resource.",
  },
  gateway_upstream_forbidden: {
    status: 401,
    message: 'This gateway may not ask for this upstream.',
    fix: 'Add the upstream to `upstreams` of the gateway resource.',
  },
  request_malformed: {
    status: 400,
    message: 'The gateway did not describe the request.',
    fix: 'forward-auth sends X-Forwarded-Method and X-Forwarded-Uri itself; something between it and the sidecar removed or doubled a header.',
  },
  path_ambiguous: {
    status: 400,
    message: 'The path can be read in more than one way.',
    fix: 'Send the path in its normal form: no dot segments, empty segments, backslashes, control characters, double encoding or encoded "?", "#" or "/". An upstream that needs encoded slashes sets `encoded_slashes: allow`.',
  },
  path_outside_upstream: {
    status: 400,
    message: "The path is outside the upstream's prefix.",
    fix: "The path the upstream would receive is not below the upstream's `prefix` (no rewrite) or the path of its `base_url` (rewrite): correct the route or the resource.",
  },
  upstream_unknown: {
    status: 403,
    message: 'No upstream is configured for this route.',
    fix: "Name the route's id in `routes` of an upstream, or ask /api/auth/<upstream>; extra_headers must carry X-CF-Route: $route_id.",
  },
  upstream_mismatch: {
    status: 403,
    message: 'The route belongs to another upstream.',
    fix: 'The uri of forward-auth names one upstream and the route id belongs to another: correct one of them.',
  },
  upstream_disabled: {
    status: 403,
    message: 'This upstream is disabled.',
    fix: '`credentialflow enable upstream <id>`.',
  },
  token_missing: {
    status: 401,
    message: 'No API key was sent.',
    fix: "Send the CredentialFlow token where the provider's SDK puts its API key.",
  },
  token_in_query: {
    status: 401,
    message: 'An API key in the query is refused: it would be written to logs. Send it in a header.',
    fix: 'Remove the key from the query and send it in a header; treat the key as leaked.',
  },
  token_conflict: {
    status: 401,
    message: 'Two different API keys were sent.',
    fix: 'Send one key; an SDK may add one from its environment (for example OPENAI_API_KEY) beside yours.',
  },
  token_malformed: {
    status: 401,
    message: 'The API key is not a CredentialFlow token.',
    fix: "Send the token that `credentialflow token issue` printed (it starts with cf_), not the provider's own key.",
  },
  token_unknown: {
    status: 401,
    message: 'The API key is not valid.',
    fix: 'The token was not issued by this store, or was deleted: issue another one.',
  },
  token_not_yet_valid: {
    status: 401,
    message: 'The API key is not valid yet.',
    fix: "Wait for the token's not_before, or compare the clocks (a JWT: `nbf` and `iat` may be ahead by the issuer's clock_tolerance).",
  },
  token_expired: {
    status: 401,
    message: 'The API key has expired.',
    fix: '`credentialflow token rotate <id>` gives a new one; a JWT: ask its issuer for a new one.',
  },
  token_revoked: {
    status: 401,
    message: 'The API key has been revoked.',
    fix: 'Issue another token if the consumer should still have access; a JWT: `credentialflow get revocations` says which one it is.',
  },
  token_too_large: {
    status: 401,
    message: 'The token is too large.',
    fix: 'A JWT may have 16 KiB; have its issuer put fewer claims (groups, for example) into it.',
  },
  token_header_refused: {
    status: 401,
    message: 'The header of the token asks for something that is not supported.',
    fix: 'The JWT names a critical extension (`crit`), has a payload that is not encoded (`b64`), or is encrypted.',
  },
  token_algorithm_refused: {
    status: 401,
    message: 'The token is not signed in a way that is accepted.',
    fix: "The JWT's `alg` is not among the issuer's `algorithms`; `none` never is, and HS* only where the issuer has a `secret`.",
  },
  token_type_refused: {
    status: 401,
    message: 'The token is of another type than the one expected.',
    fix: 'The issuer says `typ: at+jwt` (RFC 9068): send its access token, not an ID token.',
  },
  token_key_unknown: {
    status: 401,
    message: 'The token is signed with a key that its issuer does not publish.',
    fix: "The JWT's `kid` is not in the issuer's key set, which was read again at most ten seconds ago; `credentialflow status` says when.",
  },
  token_signature_invalid: {
    status: 401,
    message: 'The signature of the token is not valid.',
    fix: 'The JWT was changed, or signed by somebody else.',
  },
  token_audience_wrong: {
    status: 401,
    message: 'The token is meant for another audience.',
    fix: "Request the token for one of the issuer's `audience`s.",
  },
  token_too_old: {
    status: 401,
    message: 'The token was issued too long ago.',
    fix: "The JWT's `iat` is missing or older than the issuer's `max_age`: request a new one.",
  },
  token_claims_refused: {
    status: 401,
    message: 'The token lacks a claim, or has one that is not accepted.',
    fix: "The JWT needs `exp`, the issuer's `required_claims`, and the claims of its `consumer`; the log (debug) names the claim.",
  },
  token_inactive: {
    status: 401,
    message: 'The issuer of the token says that it is not active.',
    fix: 'It expired, was revoked, or is not known there (RFC 7662): request a new one.',
  },
  token_bound: {
    status: 401,
    message: 'The token is bound to a key of its owner, which cannot be checked here.',
    fix: 'It has `cnf`, or came as `Authorization: DPoP` (DPoP, RFC 9449, or mTLS, RFC 8705): request an unbound one, or set `bound_tokens: accept` on its issuer and send it as `Bearer`, which uses it without its proof.',
  },
  issuer_unknown: {
    status: 401,
    message: 'The issuer of the token is not trusted.',
    fix: "Add an issuer whose `issuer` is exactly the JWT's `iss` (a slash at the end counts); one that two resources claim is trusted for neither.",
  },
  issuer_disabled: {
    status: 401,
    message: 'The issuer of the token is disabled.',
    fix: '`credentialflow enable issuer <id>`.',
  },
  issuer_unavailable: {
    status: 503,
    message: 'The issuer of the token cannot be reached to verify it.',
    fix: 'The keys of the issuer could not be read: `credentialflow status` and the log (issuer_keys_unavailable) say why.',
  },
  consumer_unknown: {
    status: 401,
    message: 'The API key belongs to no known consumer.',
    fix: "The token's consumer was deleted: create it again or issue a token to another one.",
  },
  consumer_disabled: {
    status: 403,
    message: 'This consumer is disabled.',
    fix: '`credentialflow enable consumer <id>`.',
  },
  policy_denied: {
    status: 403,
    message: 'A policy denies this request.',
    fix: 'The audit names the policy; deny wins over every allow.',
  },
  policy_no_match: {
    status: 403,
    message: 'No policy allows this request.',
    fix: 'Add an allow policy for the consumer (or its group), this upstream, method and path.',
  },
  limit_exceeded: {
    status: 429,
    message: 'A limit for this request is used up.',
    fix: 'RateLimit-Policy names the limit, Retry-After says when there may be room; `requests` of the limit resource raises it.',
  },
  limit_unknown: {
    status: 503,
    message: 'The counters of a limit cannot be reached.',
    fix: 'Redis is away and the limit says `on_cache_loss: deny`: restore Redis, or let the limit go on with `local`.',
  },
  groups_unknown: {
    status: 503,
    message: "The groups of the API key's consumer are not known at the moment.",
    fix: 'A group that the consumer is in cannot be read, so a deny rule might be missed: `credentialflow status` names it.',
  },
  credential_missing: {
    status: 503,
    message: 'No credential is configured for this upstream.',
    fix: 'Add a credential for the upstream and store its secret with `credentialflow credential set`.',
  },
  credential_unavailable: {
    status: 503,
    message: "The upstream's credential cannot be used at the moment.",
    fix: 'The secret could not be read, is empty, or does not fit a header: `credentialflow status` says which and why.',
  },
  credential_dead: {
    status: 503,
    message: 'The upstream refuses every credential that is configured for it.',
    fix: 'Revoked, or out of credit: `credentialflow status` says which and since when. Store another secret with `credentialflow credential set`; one that works again comes back by itself.',
  },
  state_stale: {
    status: 503,
    message: 'The state of the sidecar is too old to decide.',
    fix: "The sidecar could not read changes from its store for longer than the upstream's `max_stale`: restore the store.",
  },
  store_unavailable: {
    status: 503,
    message: 'The credential store cannot be reached.',
    fix: '/readyz and `credentialflow status` say which dependency fails.',
  },
  overloaded: {
    status: 503,
    message: 'Too many requests wait for the credential store.',
    fix: 'More look-ups or signature checks than the cap were under way; look at the store’s latency, or add sidecars.',
  },
  deadline_exceeded: {
    status: 503,
    message: 'The decision took too long.',
    fix: 'A dependency is slow; the metrics of the tiers say which.',
  },
  audit_blocked: {
    status: 503,
    message: 'Decisions are paused until the audit log can be written.',
    fix: 'The audit buffer is full and `audit.on_full` is `block`: make room, or repair the sink.',
  },
  not_ready: {
    status: 503,
    message: 'The sidecar is starting.',
    fix: 'Wait for /readyz.',
  },
  internal_error: {
    status: 503,
    message: 'The decision failed.',
    fix: 'A defect: the log has the error under the decision’s id. Please report it.',
  },
} as const satisfies Record<string, CodeRow>;

/** Why a request was denied. Bounded: safe as a metric label. */
export type DenialCode = keyof typeof denialTable;

export const errorTable = {
  config_invalid: {
    status: 500,
    message: 'The configuration is not valid.',
    fix: '`credentialflow check` lists every problem with file, line and column.',
  },
  keys_missing: {
    status: 500,
    message: 'A key is missing.',
    fix: 'Set the variable that the message names, or its _FILE twin, or restore the keys of the data directory. A master key that is lost for good: `credentialflow keys recover`.',
  },
  key_mismatch: {
    status: 500,
    message: 'The master key does not open this store.',
    fix: 'Start with the master key that the store was made with. A new key gets a version of its own (k2:BASE64).',
  },
  key_in_use: {
    status: 409,
    message: 'The master key is in use.',
    fix: '`credentialflow keys rotate` makes another one current; `credentialflow keys rewrap` seals the rest with it.',
  },
  keys_shared: {
    status: 409,
    message: 'The master key is not kept by this sidecar alone.',
    fix: 'docs/operations.md, "Keys", has the order in which a key reaches every sidecar.',
  },
  data_dir_locked: {
    status: 500,
    message: 'Another process uses the data directory.',
    fix: 'Stop the process that the message names, or use another data directory.',
  },
  schema_newer: {
    status: 500,
    message: 'The store was written by a newer version.',
    fix: 'Upgrade CredentialFlow, or restore the copy that was made before the migration.',
  },
  store_not_empty: {
    status: 409,
    message: 'The store is not empty.',
    fix: 'Name a store that was never used (no sidecar may have started with it), or replace it knowingly: `restore --replace`.',
  },
  copy_newer: {
    status: 422,
    message: 'The copy was made by a newer version.',
    fix: 'Use the version that made it, or a newer one.',
  },
  copy_invalid: {
    status: 422,
    message: 'The copy is damaged, incomplete, or not of a store.',
    fix: 'Nothing was changed. Take another backup.',
  },
  unauthorized: {
    status: 401,
    message: 'The admin key is missing or wrong.',
    fix: 'Send Authorization: Bearer <admin key>; by default it is in <data dir>/keys/admin.key.',
  },
  log_key_invalid: {
    status: 401,
    message: 'The log key is missing or wrong.',
    fix: 'http-logger: set auth_header to the log key (`credentialflow gateway env` prints the line). The gateway key is not accepted here.',
  },
  bad_request: {
    status: 400,
    message: 'The request is not valid.',
    fix: 'The `errors` of the answer say what and where.',
  },
  resource_invalid: {
    status: 422,
    message: 'The resource is not valid.',
    fix: 'The `errors` of the answer say what and where.',
  },
  not_found: { status: 404, message: 'Not found.', fix: 'Look at the id and the kind of the resource.' },
  method_not_allowed: {
    status: 405,
    message: 'The method is not allowed here.',
    fix: 'The Allow header lists the methods.',
  },
  read_only: {
    status: 405,
    message: 'The resources come from a file and the store is in memory: writes are refused.',
    fix: 'Edit the resource file, or give the sidecar a database (CREDENTIALFLOW_STORE).',
  },
  resource_exists: { status: 409, message: 'The resource exists already.', fix: 'Use another id, or update it.' },
  resource_in_use: {
    status: 409,
    message: 'Another resource relies on what the change would take away.',
    fix: 'The `errors` of the answer name it: change or delete that one first.',
  },
  resource_owned_by_file: {
    status: 409,
    message: 'The resource is owned by a file.',
    fix: 'Edit the file; disable and revoke work here all the same.',
  },
  revision_conflict: {
    status: 409,
    message: 'The resource was changed in the meantime.',
    fix: 'Read it again, then repeat the change.',
  },
  prune_refused: {
    status: 409,
    message: 'The apply would delete more than a fifth of what this source owns, or all of it.',
    fix: 'Look at the list; if it is what you want, repeat with --allow-prune.',
  },
  payload_too_large: { status: 413, message: 'The body is too large.', fix: 'Send a smaller body.' },
  storage_full: {
    status: 507,
    message: 'The disk of the store is full.',
    fix: 'Make room; decisions go on, writes are refused until then.',
  },
  store_failed: {
    status: 503,
    message: 'The store could not do this.',
    fix: '/readyz and the log say why.',
  },
  cache_failed: {
    status: 503,
    message: 'The cache could not be reached.',
    fix: 'Decisions go on without it; look at the cache.',
  },
  secret_invalid: {
    status: 422,
    message: 'The secret cannot be used.',
    fix: 'The message says why: empty, missing, or with bytes that no header may carry.',
  },
  internal: { status: 500, message: 'Something failed inside.', fix: 'The log has the details.' },
} as const satisfies Record<string, CodeRow>;

/** Codes of thrown {@link CredentialFlowError}s. */
export type ErrorCode = keyof typeof errorTable;
