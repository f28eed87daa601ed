/** Who made a request, for the figures by consumer: the log names no consumer, and another sidecar may have decided. */
export interface ConsumersByRequest {
  /** Hot path. */
  remember(requestId: string, consumerId: string): void;
  /** Undefined: decided elsewhere, or forgotten. */
  find(requestId: string): string | undefined;
}

/** `max`: requests remembered at least, twice as many at most; some 150 bytes each. The oldest are forgotten. */
export function createConsumersByRequest({ max }: { readonly max: number }): ConsumersByRequest {
  let young = new Map<string, string>();
  let old = new Map<string, string>();
  return {
    remember(requestId, consumerId) {
      if (requestId === '') return;
      if (young.size >= max) {
        old = young;
        young = new Map();
      }
      young.set(requestId, consumerId);
    },
    find: (requestId) => young.get(requestId) ?? old.get(requestId),
  };
}
