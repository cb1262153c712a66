import { Type } from 'typebox'

/** What of the `serving:` block says where the traffic of the models is kept. */
export const trafficSettings = {
  traffic_url: Type.Optional(
    Type.String({
      title: 'sqlite:FILE, redis://HOST:PORT or rediss://HOST:PORT',
      pattern: '^(sqlite:.+|rediss?://.+)$',
      description:
        'Where revisions and their shares of the traffic are kept, for all gateways and the command line: sqlite:FILE (relative to the configuration ' +
        'file; gateways on one machine) or redis://HOST:PORT. Left out: the Redis of queue.url where that is one, else sqlite:traffic.db.',
    }),
  ),
}

/** Where traffic is kept unless `traffic_url` says so. @param queueUrl - `queue.url`. */
export function defaultTrafficUrl(queueUrl: string | undefined): string {
  return queueUrl !== undefined && /^rediss?:\/\//.test(queueUrl) ? queueUrl : 'sqlite:traffic.db'
}
