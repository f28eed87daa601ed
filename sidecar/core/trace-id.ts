// W3C Trace Context, section 3.2.2; all-zero ids are invalid, version ff is forbidden.
const traceparentPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;

/** The trace id of a `traceparent` header; undefined where it is missing or not valid. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  if (traceparent === undefined || traceparent.length < 55 || traceparent.length > 512) return undefined;
  return traceparentPattern.exec(traceparent)?.[1];
}
