import type { IssuerPreset } from '../../core/issuer-preset.ts';

const account = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * ServiceAccount tokens of the cluster that the sidecar runs in, projected for an audience of their own. The key set is
 * asked for with the sidecar's own account (ClusterRole `system:service-account-issuer-discovery`). Kubernetes,
 * "Managing Service Accounts" and "Service account issuer discovery".
 */
export const kubernetes: IssuerPreset = {
  id: 'kubernetes',
  title: 'Kubernetes',
  issuer: 'https://kubernetes.default.svc.cluster.local',
  jwksUrl: 'https://kubernetes.default.svc/openid/v1/jwks',
  consumer: '${kubernetes\\.io.namespace}__${kubernetes\\.io.serviceaccount.name}',
  groups: ['k8s:${kubernetes\\.io.namespace}'],
  pinOneOf: [],
  caFile: `${account}/ca.crt`,
  bearer: { from: 'file', path: `${account}/token` },
  allowPrivate: true,
};
