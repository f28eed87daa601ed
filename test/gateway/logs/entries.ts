/** Entries as the shipped `log_format` makes them. */
export interface Entry {
  readonly [field: string]: unknown;
}

export const loggedAt = Date.UTC(2026, 0, 1) - 500;

let count = 0;

export function entry(changes: Entry = {}): Entry {
  count++;
  return {
    ts: (loggedAt / 1_000).toFixed(3),
    request_id: count.toString(16).padStart(32, '0'),
    credential: 'cv_1',
    method: 'POST',
    status: 200,
    request_time: 0.25,
    request_length: 300,
    bytes_sent: 700,
    upstream: { addr: '192.0.2.1:443', status: '200', response_time: 0.24, header_time: 0.1 },
    limits: { 'retry-after': '2', 'x-ratelimit-remaining-requests': '59' },
    route_id: 'api',
    service_id: '',
    ...changes,
  };
}
