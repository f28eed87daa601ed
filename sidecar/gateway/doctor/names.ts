/** What the doctor makes is called so, everywhere: whatever is left of it can be found. */
export interface DoctorNames {
  /** Id of the upstream, credential, consumer, policy and main route. */
  readonly id: string;
  /** The route that the sidecar guards. */
  readonly guarded: DoctorRoute;
  /** The same, but nobody answers its question. */
  readonly orphaned: DoctorRoute;
  /** The same, but the doctor itself answers its question, and sees it. */
  readonly watched: DoctorRoute;
  /** Path of the doctor's server where the gateway's log goes. */
  readonly logPath: string;
  /** Path of the doctor's server where the questions of the watched route go. */
  readonly questionPath: string;
  /** Path of the doctor's server that is the upstream; the prefix itself where the route does not rewrite. */
  readonly basePath: string;
}

export interface DoctorRoute {
  readonly id: string;
  readonly prefix: string;
}

export const doctorLabel = { 'managed-by': 'credentialflow-doctor' } as const;

/** `suffix`: lower-case letters and digits, by chance. */
export function namesFor(suffix: string, { rewrites }: { readonly rewrites: boolean }): DoctorNames {
  const id = `cf-doctor-${suffix}`;
  const route = (name: string): DoctorRoute => ({ id: `${id}${name}`, prefix: `/${id}${name}` });
  return {
    id,
    guarded: route(''),
    orphaned: route('-orphaned'),
    watched: route('-watched'),
    logPath: `/logs-${suffix}`,
    questionPath: `/questions-${suffix}`,
    basePath: rewrites ? '/upstream' : `/${id}`,
  };
}
