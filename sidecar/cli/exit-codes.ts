/** What a command's exit code says. Part of the interface: docs/cli.md lists them. */
export const exitCodes = {
  ok: 0,
  /** The sidecar refused, or it could not be done. */
  failed: 1,
  /** The command was not written as it must be. */
  usage: 2,
  /** The sidecar did not answer. */
  unreachable: 3,
  /** The configuration, a resource or a secret is not valid. */
  invalid: 4,
  /** `apisix diff`: the gateway is not as the resources say. */
  differs: 5,
  /** `apisix doctor`: a check failed. */
  findings: 6,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `
Exit codes:
  0  done
  1  refused, or failed
  2  wrong usage
  3  the sidecar cannot be reached
  4  validation problems
  5  apisix diff: the gateway differs
  6  apisix doctor: a check failed

Environment: CREDENTIALFLOW_ADMIN_URL, CREDENTIALFLOW_ADMIN_KEY (or _FILE), CREDENTIALFLOW_CONFIG,
CREDENTIALFLOW_DATA_DIR, NO_COLOR, CREDENTIALFLOW_DEBUG=1 (shows stacks). Reference: docs/cli.md.`;
