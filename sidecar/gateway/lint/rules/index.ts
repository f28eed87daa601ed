import type { Rule } from '../rule.ts';
import { aiPath } from './ai-path.ts';
import { conditionNotPassed, questionBody } from './condition-reads.ts';
import { authPlainHttp, authUri, keepalivePool, poolFirstRoute, sslVerify, versionFloor } from './connection.ts';
import {
  authTimeout,
  clientHeadersRule,
  clientHeadersSecret,
  consumerAuth,
  degradation,
  doubleAuth,
  metaDisable,
  requestMethodPost,
  statusOnError,
} from './forward-auth-answer.ts';
import {
  requestHeadersForbidden,
  requestHeadersSlot,
  upstreamHeadersCase,
  upstreamHeadersForbidden,
  upstreamHeadersMarker,
  upstreamHeadersSlot,
  upstreamHeadersSteering,
} from './forward-auth-headers.ts';
import { accessLog, adcLabels, errorLogLevel, ingressAnnotations } from './gateway-config.ts';
import { cacheWithoutIdentity, forgeableKey, globalLimit, realIpTrust, staleVariable } from './identity.ts';
import { envReference, literalKey, rewriteToken, templateElsewhere } from './keys.ts';
import { proxyMirror, queryInjection, secretMetric, secretToPlugin, secretVariable } from './leaks.ts';
import {
  globalLoggerBeforeMask,
  logReceiver,
  loggerBody,
  loggerDefaultFormat,
  loggerPlainHttp,
  loggerSecretVariable,
} from './loggers.ts';
import { aiOneHeader, aiOwnAuth, metaErrorResponse, metaFilter, metaPreFunction, metaPriority } from './meta.ts';
import {
  gatewayKeyMissing,
  generatedRouteId,
  questionForgeable,
  rawUri,
  routeMissing,
  upstreamUri,
} from './question.ts';
import {
  droppedRoute,
  duplicateId,
  missingEnd,
  openFallback,
  pluginNotEnabled,
  routeDuplicate,
  routeShadowed,
} from './routing.ts';
import { passHost, unknownUpstream, upstreamPlainHttp, upstreamTls } from './upstreams.ts';

/** Every rule, in the order of docs/lint-rules.md. A new one is its rule and its line here. */
export const rules: readonly Rule[] = [
  // the gateway
  versionFloor,
  pluginNotEnabled,
  // the question
  authUri,
  authPlainHttp,
  sslVerify,
  authTimeout,
  keepalivePool,
  poolFirstRoute,
  requestMethodPost,
  questionBody,
  gatewayKeyMissing,
  literalKey,
  envReference,
  templateElsewhere,
  routeMissing,
  generatedRouteId,
  unknownUpstream,
  questionForgeable,
  rawUri,
  upstreamUri,
  requestHeadersSlot,
  requestHeadersForbidden,
  conditionNotPassed,
  rewriteToken,
  doubleAuth,
  consumerAuth,
  // the answer
  degradation,
  statusOnError,
  upstreamHeadersSlot,
  upstreamHeadersSteering,
  upstreamHeadersMarker,
  upstreamHeadersForbidden,
  upstreamHeadersCase,
  clientHeadersRule,
  clientHeadersSecret,
  // _meta
  metaDisable,
  metaFilter,
  metaPriority,
  metaErrorResponse,
  metaPreFunction,
  // logs
  loggerDefaultFormat,
  loggerSecretVariable,
  loggerBody,
  globalLoggerBeforeMask,
  loggerPlainHttp,
  logReceiver,
  accessLog,
  errorLogLevel,
  // other plugins
  proxyMirror,
  secretToPlugin,
  secretVariable,
  secretMetric,
  queryInjection,
  cacheWithoutIdentity,
  forgeableKey,
  globalLimit,
  staleVariable,
  realIpTrust,
  aiOneHeader,
  aiOwnAuth,
  aiPath,
  // upstreams
  upstreamPlainHttp,
  upstreamTls,
  passHost,
  // routes
  routeShadowed,
  openFallback,
  routeDuplicate,
  duplicateId,
  droppedRoute,
  missingEnd,
  // ways to deploy
  ingressAnnotations,
  adcLabels,
];
